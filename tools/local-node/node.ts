/**
 * The local node: a small stand-in for kubelet, network plugin and kube-proxy, for demos and tests on one machine. It
 * takes pods from a real API server and runs each in a network namespace of its own, as processes of this machine. It is
 * a development tool: no images, no isolation to rely on, no resource limits, IPv4 only, and `kubectl logs` and
 * `kubectl exec` do not reach it. What must hold in production is proven on kind.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import type { ConfigMap, EndpointSlice, KubernetesObject, Secret, Service } from "../../src/api/kubernetes.ts";
import { createClient } from "../../src/kube/client.ts";
import { createConnectionSource } from "../../src/kube/config.ts";
import { isApiError } from "../../src/kube/error.ts";
import type { ObjectOf } from "../../src/kube/objects.ts";
import { pathOf } from "../../src/kube/path.ts";
import { createReflector, type Reflector } from "../../src/kube/reflector.ts";
import { createStore, type Store } from "../../src/kube/store.ts";
import { createTransport, type HttpRequest } from "../../src/kube/transport.ts";
import { systemClock } from "../../src/ops/clock.ts";
import { type Running, run, start } from "../processes.ts";
import { nodeAddress } from "./network.ts";
import { PodRunner } from "./pod.ts";
import { hostsFile, serviceRules } from "./services.ts";
import type { Image, NodePod } from "./types.ts";

/** How to start a node. */
export interface LocalNodeOptions {
  readonly kubeconfig: string;
  /** What each image name stands for; a container of any other waits. */
  readonly images: ReadonlyMap<string, Image>;
  /** Where the logs of containers go. */
  readonly logDirectory: string;
  readonly serviceCIDR: string;
  /** Told of what fails and is tried again or given up. */
  readonly onError?: (error: unknown) => void;
}

/** A node that runs pods. Pods are named `namespace/name`. */
export interface LocalNode {
  /**
   * Starts a program in a container, or in the pod's network with the file system of this machine when none is named.
   * Fails when that does not run.
   */
  start(pod: string, container: string | undefined, command: readonly string[], timeout?: number): Running;
  /** All that a container has written, restarts included. Empty when it has not run. */
  logs(pod: string, container: string): string;
  /** Ends all pods at once, and leaves their objects. */
  stop(): Promise<void>;
}

const nodeName = "local";
const nodeKind: Kind = { apiVersion: "v1", kind: "Node", plural: "nodes", namespaced: false };
const serviceAccountKind: Kind = {
  apiVersion: "v1",
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  namespaced: true,
};

/** Starts the node; resolves once it is registered and takes pods. The network must be prepared (network.ts). */
export async function startLocalNode(options: LocalNodeOptions): Promise<LocalNode> {
  const onError = options.onError ?? ((error) => console.error("local node:", error));
  const transport = createTransport(createConnectionSource(options.kubeconfig, systemClock), systemClock);
  const client = createClient(transport, systemClock);
  const send = (
    method: HttpRequest["method"],
    path: string,
    body: unknown,
    contentType = "application/json",
  ): Promise<unknown> =>
    transport.request({
      method,
      path,
      object: `${method} ${path}`,
      body: JSON.stringify(body),
      contentType,
      timeout: 10_000,
      maxBytes: 1 << 24,
    });
  const patch = (path: string, body: unknown): Promise<unknown> =>
    send("PATCH", path, body, "application/strategic-merge-patch+json");

  const reflectors: Reflector[] = [];
  const watch = <K extends Kind>(kind: K): Store<ObjectOf<K> & KubernetesObject> => {
    const sink = createStore<ObjectOf<K> & KubernetesObject>();
    const reflector = createReflector({ client, kind, sink: sink as Store<ObjectOf<K>>, onError });
    reflectors.push(reflector);
    return sink;
  };
  const pods = watch(kinds.Pod) as Store<NodePod>;
  const services: Store<Service> = watch(kinds.Service);
  const slices: Store<EndpointSlice> = watch(kinds.EndpointSlice);
  const configMaps: Store<ConfigMap> = watch(kinds.ConfigMap);
  const secrets: Store<Secret> = watch(kinds.Secret);

  mkdirSync(options.logDirectory, { recursive: true });
  const memory = mkdtempSync("/run/local-node-");
  const logFile = (pod: string, container: string): string =>
    join(options.logDirectory, `${pod.replace("/", "_")}_${container}.log`);
  const runners = new Map<string, PodRunner>();
  let count = 0;
  let closed = false;

  const podPath = (pod: NodePod, subresource = ""): string => pathOf(kinds.Pod, pod.metadata, subresource);
  const create = (pod: NodePod): PodRunner => {
    const { namespace = "", name } = pod.metadata;
    count += 1;
    return new PodRunner(pod, {
      number: count,
      directory: join(memory, String(count)),
      images: options.images,
      onError,
      logFile: (container) => logFile(`${namespace}/${name}`, container),
      configuration: { configMap: (key) => configMaps.get(key), secret: (key) => secrets.get(key) },
      kubernetesService: () => services.get("default/kubernetes")?.spec?.clusterIP ?? "",
      hosts: (of, address) =>
        hostsFile(
          { name: of.metadata.name, namespace, address },
          services.entries().values(),
          slices.entries().values(),
        ),
      token: async ({ metadata, spec }, audience, expirationSeconds) => {
        const boundObjectRef = { apiVersion: "v1", kind: "Pod", name: metadata.name, uid: metadata.uid };
        const audiences = audience === undefined ? {} : { audiences: [audience] };
        const path = pathOf(serviceAccountKind, { name: spec.serviceAccountName ?? "default", namespace }, "/token");
        const request = {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          spec: { ...audiences, expirationSeconds, boundObjectRef },
        };
        return ((await send("POST", path, request)) as { readonly status: { readonly token: string } }).status.token;
      },
      tell: (of, status) =>
        patch(podPath(of, "/status"), { metadata: { uid: of.metadata.uid }, status }).then(() => {}, unlessGone),
      remove: (of) =>
        send("DELETE", podPath(of), { gracePeriodSeconds: 0, preconditions: { uid: of.metadata.uid } }).then(
          () => {},
          unlessGone,
        ),
    });
  };
  const take = (pod: NodePod): void => {
    const { uid = "", deletionTimestamp } = pod.metadata;
    const { nodeName: assigned, schedulingGates = [] } = pod.spec;
    if (assigned === undefined && deletionTimestamp === undefined && schedulingGates.length === 0) {
      const binding = {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name: pod.metadata.name },
        target: { kind: "Node", name: nodeName },
      };
      send("POST", podPath(pod, "/binding"), binding).catch(
        (error: unknown) => isApiError(error, "conflict") || onError(error),
      );
    }
    if (assigned !== nodeName) return;
    const runner = runners.get(uid) ?? create(pod);
    runners.set(uid, runner);
    runner.update(pod);
  };

  let rules = "";
  const applyServices = coalesced(async () => {
    const next = serviceRules(services.entries().values(), slices.entries().values(), options.serviceCIDR, nodeAddress);
    if (next === rules) return;
    await run("iptables-restore", [], { input: next });
    rules = next;
    for (const runner of runners.values()) runner.refresh();
  }, onError);
  const refreshVolumes = coalesced(async () => {
    for (const runner of runners.values()) runner.refresh();
  }, onError);

  for (const reflector of reflectors) reflector.start();
  await Promise.all(reflectors.map((each) => each.whenSynced()));
  await register(send, patch);
  for (const store of [services, slices]) store.listen(() => applyServices());
  for (const store of [configMaps, secrets]) store.listen(() => refreshVolumes());
  const renewal = setInterval(refreshVolumes, 60_000);
  await applyServices();
  const takeAll = (
    changes: readonly { readonly before: NodePod | undefined; readonly after: NodePod | undefined }[],
  ): void => {
    if (closed) return;
    for (const { before, after } of changes) {
      const gone = before?.metadata.uid === after?.metadata.uid ? undefined : before?.metadata.uid;
      const runner = runners.get(gone ?? "");
      runner?.kill();
      // Until then it is known, so that late news of the object does not start it again.
      void runner?.ended.then(() => runners.delete(gone ?? ""));
      if (after !== undefined) take(after);
    }
  };
  pods.listen(takeAll);
  takeAll([...pods.entries().values()].map((after) => ({ before: undefined, after })));

  const runnerOf = (pod: string): PodRunner => {
    const runner = runners.get(pods.get(pod)?.metadata.uid ?? "");
    if (runner === undefined) throw new Error(`pod ${pod} does not run here`);
    return runner;
  };
  return {
    start(pod, container, command, timeout) {
      const runner = runnerOf(pod);
      if (container === undefined) {
        return start(
          "nsenter",
          [`--net=/run/netns/${runner.network}`, ...command],
          timeout === undefined ? {} : { timeout },
        );
      }
      const running = runner.container(container);
      if (running === undefined) throw new Error(`container ${container} of pod ${pod} does not run`);
      return running.start(command, timeout);
    },
    logs(pod, container) {
      try {
        return readFileSync(logFile(pod, container), "utf8");
      } catch {
        return "";
      }
    },
    async stop() {
      closed = true;
      clearInterval(renewal);
      await Promise.all(reflectors.map((each) => each.stop()));
      const all = [...runners.values()];
      for (const runner of all) runner.kill();
      await Promise.all(all.map((each) => each.ended));
      client.close();
      rmSync(memory, { recursive: true, force: true });
    },
  };
}

/** Registers the node, ready and without the taint that new nodes get: no node controller watches over it. */
async function register(
  send: (method: "POST", path: string, body: unknown) => Promise<unknown>,
  patch: (path: string, body: unknown) => Promise<unknown>,
): Promise<void> {
  const labels = {
    "kubernetes.io/hostname": nodeName,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": process.arch === "x64" ? "amd64" : process.arch,
  };
  const path = pathOf(nodeKind, { name: nodeName });
  const node = { apiVersion: "v1", kind: "Node", metadata: { name: nodeName, labels } };
  await send("POST", pathOf(nodeKind, {}), node).catch((error: unknown) => {
    if (!isApiError(error, "conflict")) throw error;
  });
  await patch(path, { spec: { taints: null } });
  const capacity = { cpu: String(cpus().length), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: "250" };
  const now = new Date().toISOString();
  const ready = {
    type: "Ready",
    status: "True",
    reason: "LocalNode",
    message: "runs",
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
  const addresses = [
    { type: "InternalIP", address: nodeAddress },
    { type: "Hostname", address: nodeName },
  ];
  await patch(`${path}/status`, { status: { capacity, allocatable: capacity, conditions: [ready], addresses } });
}

/** Runs an action soon after it is asked for, and never twice at once; what is asked for meanwhile is one more run. */
function coalesced(action: () => Promise<void>, onError: (error: unknown) => void): () => Promise<void> {
  let next: Promise<void> | undefined;
  let current: Promise<void> = Promise.resolve();
  return () => {
    next ??= current.then(async () => {
      // Objects come in crowds: a Service and its slices, a Deployment's pods.
      await new Promise((resolve) => setTimeout(resolve, 10));
      next = undefined;
      current = action().catch(onError);
      await current;
    });
    return next;
  };
}

/** An object that is gone, or that is another one by now, needs nothing any more. */
function unlessGone(error: unknown): void {
  if (!isApiError(error, "notFound") && !isApiError(error, "conflict")) throw error;
}
