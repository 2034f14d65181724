/**
 * A cluster with Heddle in it, and the words in which scenes and data-plane tests speak of it: apply, wait, call.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseAllDocuments } from "yaml";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";
import { isApiError } from "../../src/kube/error.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import type { Cluster, ClusterAccess, Running } from "../cluster.ts";
import type { CallReport, CallSettings } from "./app.ts";
import { type Callers, createCallers } from "./callers.ts";
import { endpointsWritten } from "./endpoints.ts";

/** Root of the repository. */
export const repository = resolve(import.meta.dirname, "../..");

/** How to call from a pod. */
export type CallOptions = Omit<CallSettings, "url">;

/** A load that runs until it is told to end. */
export interface Load {
  /** Ends it and tells what came back. */
  finish(): Promise<CallReport>;
}

/** One object as `kubectl get -o json` prints it, as far as scenes look. */
export interface StatusView {
  readonly metadata: { readonly generation?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
      readonly lastTransitionTime?: string;
      readonly observedGeneration?: number;
    }[];
    readonly proxies?: { readonly summary?: string };
    readonly findings?: readonly { readonly code: string }[];
  };
}

type OwnKind = "TrafficSplit" | "AuthorizationPolicy" | "MeshTLS";

/** How a {@link Mesh} writes. */
export interface MeshSettings {
  /**
   * Whether objects of ours are applied without kubectl, as kubectl would on the server's side. A run of it costs more
   * than all that follows from what it applies.
   */
  readonly appliesItself?: boolean;
}

/** Applies, waits and calls. Most of it needs no more of its cluster than what any user has. */
export class Mesh<Access extends ClusterAccess = Cluster> {
  readonly cluster: Access;
  readonly #settings: MeshSettings;
  readonly #client: KubeClient;
  readonly #callers: Callers;
  #settled = 0;

  constructor(cluster: Access, settings: MeshSettings = {}) {
    this.cluster = cluster;
    this.#settings = settings;
    this.#client = createKubeClient({ kubeconfig: cluster.kubeconfig });
    this.#callers = createCallers(cluster);
  }

  /** What kubectl prints. Throws its message. */
  kubectl(...args: readonly string[]): Promise<string> {
    return this.#kubectl(args);
  }

  async #kubectl(args: readonly string[], input?: string): Promise<string> {
    const { status, stdout, stderr } = await this.cluster.kubectl(args, input);
    if (status !== 0) throw new Error(stderr.trim());
    return stdout;
  }

  /** `kubectl apply -f` of a file of the repository, or of YAML text. Throws kubectl's message. */
  async apply(fileOrText: string): Promise<void> {
    const text = fileOrText.includes("\n") ? fileOrText : readFileSync(join(repository, fileOrText), "utf8");
    const objects = parseAllDocuments(text)
      .map((document) => document.toJS() as (ObjectToWrite & { kind: string }) | null)
      .filter((object) => object !== null);
    const own = objects.flatMap((object) => {
      const kind = ownKind(object.kind);
      return kind === undefined ? [] : [{ kind, object }];
    });
    if (this.#settings.appliesItself === true && own.length === objects.length)
      for (const { kind, object } of own) await this.#client.apply(kind, object, { fieldManager: "user" });
    else await this.#kubectl(["apply", "-f", "-"], text);
  }

  /** `kubectl delete`, and waits until it is gone. */
  async remove(kind: string, namespace: string, name: string): Promise<void> {
    const own = ownKind(kind);
    if (own !== undefined)
      return this.#client.delete(own, { namespace, name }).catch((error: unknown) => {
        if (!isApiError(error, "notFound")) throw error;
      });
    await this.kubectl("delete", kind, "-n", namespace, name, "--ignore-not-found", "--timeout=30s");
  }

  /** `kubectl delete namespace`, which goes on by itself: emptying one takes the namespace controller half a minute. */
  async removeNamespace(...names: readonly string[]): Promise<void> {
    await this.kubectl("delete", "namespace", ...names, "--ignore-not-found", "--wait=false");
  }

  /** One object. */
  async get<T = StatusView>(kind: string, namespace: string, name: string): Promise<T> {
    const own = ownKind(kind);
    if (own !== undefined) return (await this.#client.get(own, { namespace, name })) as T;
    return JSON.parse(await this.kubectl("get", kind, "-n", namespace, name, "-o", "json")) as T;
  }

  /**
   * Applies one object and waits until its `Programmed` is True for the generation that was applied.
   * @returns milliseconds from before `kubectl apply` to that moment, and from after it.
   */
  async applyAndWait(fileOrText: string, seconds = 30): Promise<{ fromStart: number; fromApplied: number }> {
    const text = fileOrText.includes("\n") ? fileOrText : readFileSync(join(repository, fileOrText), "utf8");
    const objects = parseAllDocuments(text).map(
      (document) => document.toJS() as { kind: OwnKind; metadata: { name: string; namespace: string } },
    );
    const start = performance.now();
    await this.apply(text);
    const applied = performance.now();
    for (const { kind, metadata } of objects) {
      await this.waitProgrammed(kinds[kind], metadata.namespace, metadata.name, seconds);
    }
    return { fromStart: performance.now() - start, fromApplied: performance.now() - applied };
  }

  /** Waits until the object's `Programmed` is True for its present generation. */
  async waitProgrammed(kind: Kind, namespace: string, name: string, seconds = 30): Promise<StatusView> {
    const one = { namespace, fieldSelector: `metadata.name=${name}` };
    const deadline = Date.now() + seconds * 1000;
    let seen: StatusView | undefined;
    // Watched, since a run of kubectl takes longer than what is measured, and asking often keeps the API server busy.
    while (Date.now() < deadline) {
      const { items, resourceVersion } = await this.#client.list(kind, one);
      seen = items[0] as StatusView | undefined;
      if (isProgrammed(seen)) return seen;
      const over = new AbortController();
      const timer = setTimeout(() => over.abort(), deadline - Date.now());
      const look = ({ object }: { readonly object?: unknown }): void => {
        seen = object as StatusView;
        if (isProgrammed(seen)) over.abort();
      };
      const watch = { ...one, resourceVersion, timeoutSeconds: seconds, idle: seconds * 1000, signal: over.signal };
      // However it ends: what the object says now is what counts.
      await this.#client.watch(kind, watch, look).catch(() => delay(over.signal.aborted ? 0 : 50));
      clearTimeout(timer);
      if (isProgrammed(seen)) return seen;
    }
    throw new Error(
      `${kind.kind} ${namespace}/${name} is not programmed after ${seconds} s: ${JSON.stringify(seen?.status?.conditions)}`,
    );
  }

  /** Waits until a condition of the object has this status. */
  async waitCondition(
    kind: string,
    namespace: string,
    name: string,
    type: string,
    status: string,
    seconds = 30,
  ): Promise<void> {
    const result = await this.cluster.kubectl([
      "wait",
      kind,
      "-n",
      namespace,
      name,
      `--for=condition=${type}=${status}`,
      `--timeout=${seconds}s`,
    ]);
    if (result.status !== 0)
      throw new Error(`${result.stderr}\n${JSON.stringify((await this.get(kind, namespace, name)).status)}`);
  }

  /**
   * Waits until Services have the endpoints that they are to have, and every sidecar has acknowledged what the API server
   * holds then: a mesh-wide policy that is only counted, of a port on which nobody listens, is changed, and is programmed
   * only with all that came before it. Nobody is denied anything by it, so that no connection has to end.
   */
  async settle(): Promise<void> {
    await endpointsWritten(this.#client);
    this.#settled += 1;
    await this.applyAndWait(
      `apiVersion: heddle.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: settle, namespace: heddle-system}\nspec: {action: DENY, enforcement: DryRun, rules: [{to: [{operation: {ports: ["${60000 + this.#settled}"]}}]}]}\n`,
    );
  }

  /** Address of the pod of a Deployment. */
  async addressOf(namespace: string, deployment: string): Promise<string> {
    const pod = await this.get<{ status: { podIP: string } }>(
      "pod",
      namespace,
      await this.podOf(namespace, deployment),
    );
    return pod.status.podIP;
  }

  /** Waits until every Deployment of a namespace has its pods Ready. */
  async waitDeployments(namespace: string, seconds = 120): Promise<void> {
    const result = await this.cluster.kubectl([
      "wait",
      "deployment",
      "--all",
      "-n",
      namespace,
      "--for=condition=Available",
      `--timeout=${seconds}s`,
    ]);
    if (result.status !== 0)
      throw new Error(`${result.stderr}\n${(await this.cluster.kubectl(["get", "pods", "-A", "-o", "wide"])).stdout}`);
  }

  /** Name of the one Ready pod of a Deployment. */
  async podOf(namespace: string, deployment: string): Promise<string> {
    const { items } = await this.#client.list(kinds.Pod, { namespace });
    const pod = items.find(
      ({ metadata, status }) =>
        metadata?.name?.startsWith(`${deployment}-`) &&
        metadata.deletionTimestamp === undefined &&
        /^[^-]+-[^-]+$/.test(metadata.name.slice(deployment.length + 1)) &&
        status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True"),
    );
    if (pod?.metadata?.name === undefined) throw new Error(`no Ready pod of Deployment ${namespace}/${deployment}`);
    return pod.metadata.name;
  }

  /** Calls a URL from the application container of a Deployment's pod. */
  async call(namespace: string, deployment: string, url: string, options: CallOptions = {}): Promise<CallReport> {
    return this.callFrom(namespace, await this.podOf(namespace, deployment), url, options);
  }

  /** Calls a URL from the application container of a pod. */
  async callFrom(namespace: string, pod: string, url: string, options: CallOptions = {}): Promise<CallReport> {
    return this.#callers.call(namespace, pod, { url, ...options });
  }

  /** Starts a steady load from a pod; resolves when its first answer has come. */
  async load(namespace: string, deployment: string, url: string, options: CallOptions = {}): Promise<Load> {
    return this.loadFrom(namespace, await this.podOf(namespace, deployment), url, options);
  }

  /** The same from a pod. */
  async loadFrom(namespace: string, pod: string, url: string, options: CallOptions = {}): Promise<Load> {
    const running: Running = this.cluster.start(namespace, pod, "app", [
      "node",
      "/app/tools/demo/app.ts",
      "watch",
      url,
      ...flags(options),
    ]);
    await running.firstNote;
    return {
      finish: async () => {
        running.endInput();
        const result = await running.result;
        if (result.status !== 0) throw new Error(`the client in ${namespace}/${pod} failed: ${result.stderr}`);
        return JSON.parse(result.stdout) as CallReport;
      },
    };
  }
}

/** A kind of Heddle's, by its name or by the one that kubectl is given (`trafficsplits.heddle.dev`). */
const ownKind = (name: string): Kind | undefined =>
  [kinds.TrafficSplit, kinds.AuthorizationPolicy, kinds.MeshTLS].find(({ kind, plural }) =>
    [kind, `${plural}.heddle.dev`].includes(name),
  );

/** A condition of an object; undefined where it has none of that type. */
export const conditionOf = (object: StatusView | undefined, type: string) =>
  object?.status?.conditions?.find((condition) => condition.type === type);

/** Whether its `Programmed` is True for its present generation. */
function isProgrammed(object: StatusView | undefined): object is StatusView {
  const programmed = conditionOf(object, "Programmed");
  return programmed?.status === "True" && programmed.observedGeneration === object?.metadata.generation;
}

function flags(options: CallOptions): string[] {
  return [
    ...(options.count === undefined ? [] : ["--count", String(options.count)]),
    ...(options.method === undefined ? [] : ["--method", options.method]),
    ...(options.rate === undefined ? [] : ["--rate", String(options.rate)]),
    ...(options.fresh === true ? ["--fresh"] : []),
    ...(options.each === true ? ["--each"] : []),
    ...(options.returnCookies === true ? ["--return-cookies"] : []),
    ...Object.entries(options.headers ?? {}).flatMap(([name, values]) =>
      [values].flat().flatMap((value) => ["--header", `${name}:${value}`]),
    ),
  ];
}
