/** A real API server that asks the webhook's own server and keeps the policies, by the configuration that is shipped. */
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { json } from "node:stream/consumers";
import { kinds } from "../../src/api/kinds.ts";
import type { Container, KubernetesObject, Pod, Volume } from "../../src/api/kubernetes.ts";
import { createRoot, openAuthority } from "../../src/identity/authority.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { keys } from "../../src/model/sidecar.ts";
import { isInjected } from "../../src/model/workload.ts";
import { createLogger } from "../../src/ops/logger.ts";
import { type AdmissionHandler, createInjectionHandlers } from "../../src/webhook/handler.ts";
import { createWebhookServer } from "../../src/webhook/server.ts";
import { defaultInjectionSettings } from "../../src/webhook/settings.ts";
import { kubectlOf } from "../../tools/kubectl.ts";
import { until } from "../../tools/processes.ts";
import { startApiServer } from "../support/api-server.ts";
import { serviceAccount } from "../support/kinds.ts";
import { shippedObject } from "../support/manifests.ts";
import { createPolicies } from "./policy-support.ts";

interface ShippedConfiguration extends KubernetesObject {
  readonly webhooks: readonly { readonly clientConfig: { readonly service: { readonly path: string } } }[];
}

/** A pod with what tests look at. */
export interface PodDetails extends Pod {
  readonly spec: Omit<Pod["spec"], "volumes"> & {
    readonly containers: readonly (Container & { readonly readinessProbe?: object })[];
    readonly volumes?: readonly (Volume & { readonly secret?: { secretName: string } })[];
  };
}

/** What of a pod a test chooses. */
export interface PodChanges {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: object;
}

/** An API server with the webhook. */
export interface Admission {
  readonly client: KubeClient;
  /** How many reviews the webhook was asked for. */
  asked(): number;
  create(namespace: string, name: string, changes?: PodChanges): Promise<PodDetails>;
  /** What is said of such a pod: `taken`, or why not. Nothing is stored. */
  judge(namespace: string, name: string, changes?: PodChanges): Promise<string>;
  /** Adds an ephemeral container to a pod. @returns `taken`, or why not; of a dry run nothing is stored */
  debug(namespace: string, name: string, container: object, options?: { readonly dryRun?: boolean }): Promise<string>;
  stop(): Promise<void>;
}

/** The pod that {@link Admission.create} asks for. */
export function podToWrite(
  namespace: string,
  name: string,
  { labels, annotations, spec }: PodChanges = {},
): ObjectToWrite {
  return {
    metadata: { name, namespace, labels: { app: "cart", ...labels }, ...(annotations ? { annotations } : {}) },
    spec: { containers: [{ name: "app", image: "app", ports: [{ name: "http", containerPort: 8080 }] }], ...spec },
  } as ObjectToWrite;
}

/** A webhook server that an API server can reach, and trusts by this configuration. */
interface ServedWebhook {
  clientConfig(path: string): object;
  close(): Promise<void>;
}

/** Serves the handlers on the loopback address. */
export async function serveWebhook(handlers: ReadonlyMap<string, AdmissionHandler>): Promise<ServedWebhook> {
  const now = Date.now();
  const validity = { notBefore: now - 60_000, notAfter: now + 3_600_000 };
  const root = await createRoot("test", validity);
  const authority = await openAuthority(root);
  const webhook = createWebhookServer({ handlers, logger: createLogger("error"), onReview: () => {} });
  webhook.setCertificate(await authority.issue({ dns: ["localhost"] }, validity));
  await webhook.listen(0, "127.0.0.1");
  const caBundle = Buffer.from(root.certificate).toString("base64");
  return {
    clientConfig: (path) => ({ url: `https://localhost:${webhook.address().port}${path}`, caBundle }),
    close: () => webhook.close(),
  };
}

/** A webhook configuration as it is shipped, but that no Service leads to the webhook. */
export function shippedConfiguration(
  kind: "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration",
  clientConfig: ServedWebhook["clientConfig"],
): KubernetesObject {
  const shipped: ShippedConfiguration = shippedObject(kind);
  const webhooks = shipped.webhooks.map((each) => {
    return { ...each, clientConfig: clientConfig(each.clientConfig.service.path) };
  });
  return { ...shipped, webhooks } as KubernetesObject;
}

/**
 * Starts both, with namespaces `shop` (enabled), `strict` (enforced) and `outside`. `others` are webhooks of others: for
 * creations of pods, by the name of their configuration, by whose order the API server asks.
 */
export async function startAdmission(
  options: {
    readonly namespaceAnnotations?: ReadonlyMap<string, Readonly<Record<string, string>>>;
    readonly others?: Readonly<Record<string, AdmissionHandler>>;
  } = {},
): Promise<Admission> {
  // With controllers: a pod needs the default ServiceAccount of its namespace.
  const server = await startApiServer({ controllers: true });
  const client = createKubeClient({ kubeconfig: server.kubeconfig });
  const kubectl = kubectlOf(server.kubeconfig);
  let asked = 0;
  const injection = createInjectionHandlers(
    defaultInjectionSettings("heddle-proxy:test"),
    (namespace) => options.namespaceAnnotations?.get(namespace) ?? {},
  );
  const counting = [...injection].map(([path, handler]): [string, AdmissionHandler] => [
    path,
    (request) => {
      asked += 1;
      return handler(request);
    },
  ]);
  const others = Object.entries(options.others ?? {});
  const webhook = await serveWebhook(
    new Map([...counting, ...others.map(([name, handler]) => [`/${name}`, handler] as const)]),
  );
  const { clientConfig } = webhook;
  for (const [name, inject] of [
    ["shop", "enabled"],
    ["strict", "enforced"],
    ["outside", undefined],
  ] as const) {
    const labels = inject === undefined ? {} : { labels: { [keys.inject]: inject } };
    await client.create(kinds.Namespace, { metadata: { name, ...labels } });
    const find = () => client.get(serviceAccount, { namespace: name, name: "default" });
    await until(`the default ServiceAccount of ${name}`, find, { timeout: 60_000 });
  }
  const create: Admission["create"] = (namespace, name, changes) =>
    client.create(kinds.Pod, podToWrite(namespace, name, changes)) as Promise<PodDetails>;
  await createPolicies(client);
  const isRefused = () =>
    create("shop", `before-${Date.now()}`).then(
      () => false,
      (error: unknown) => String(error).includes("heddle-injected"),
    );
  await until("the policies to be kept", isRefused, { timeout: 60_000 });
  const another = { spec: { volumes: [{ name: "v", secret: { secretName: "heddle-identity-another" } }] } };
  const isKept = () =>
    create("outside", `before-${Date.now()}`, another).then(
      () => false,
      (error: unknown) => String(error).includes("heddle-identities"),
    );
  await until("identities to be kept", isKept, { timeout: 60_000 });
  for (const [name] of others) {
    const rules = [{ apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"] }];
    const namespaceSelector = { matchExpressions: [{ key: keys.inject, operator: "Exists" }] };
    const common = { sideEffects: "None", admissionReviewVersions: ["v1"], rules, namespaceSelector };
    await client.create(kinds.MutatingWebhookConfiguration, {
      metadata: { name },
      webhooks: [{ name: `${name}.example.com`, clientConfig: clientConfig(`/${name}`), ...common }],
    } as ObjectToWrite);
  }
  await client.create(
    kinds.MutatingWebhookConfiguration,
    shippedConfiguration("MutatingWebhookConfiguration", clientConfig) as ObjectToWrite,
  );

  // The API server takes a new configuration within a second or so.
  const first = async () => isInjected(await create("shop", `first-${Date.now()}`));
  await until("the webhook to be asked", first, { timeout: 60_000 });
  return {
    client,
    asked: () => asked,
    create,
    judge: (namespace, name, changes) =>
      client.apply(kinds.Pod, podToWrite(namespace, name, changes), { dryRun: true }).then(() => "taken", String),
    debug: async (namespace, name, container, { dryRun = false } = {}) => {
      const pod = await client.get(kinds.Pod, { namespace, name });
      const ephemeral = { name: "debug", image: "tools", terminationMessagePolicy: "File", ...container };
      const object = { ...pod, apiVersion: "v1", kind: "Pod", spec: { ...pod.spec, ephemeralContainers: [ephemeral] } };
      const path = `/api/v1/namespaces/${namespace}/pods/${name}/ephemeralcontainers${dryRun ? "?dryRun=All" : ""}`;
      const { status, stderr } = await kubectl(["replace", "--raw", path, "-f", "-"], JSON.stringify(object));
      return status === 0 ? "taken" : stderr;
    },
    stop: async () => {
      await webhook.close();
      await server.stop();
    },
  };
}

/** What an operator's webhook has answered. */
export interface WebhookAnswer {
  /** Of HTTP. */
  readonly status: number;
  /** Whether this pod is, as far as the status is 200 and the answer is to this review. */
  readonly allowed: boolean;
  /** The JSON Patch in base64. */
  readonly patch: string | undefined;
  /** Whether the connection ends with the answer. */
  readonly close: boolean;
}

/**
 * Asks an operator's webhook about the creation of a pod in namespace `shop`, as the API server does: by its Service's
 * name, trusting `ca` (PEM). Fails when the connection does.
 */
export async function askWebhook(options: {
  readonly port: number;
  readonly ca: string;
  readonly agent?: Agent;
  readonly uid?: string;
  /** Of the pod. */
  readonly annotations?: Readonly<Record<string, string>>;
}): Promise<WebhookAnswer> {
  const { port, ca, agent = new Agent(), uid = "1", annotations = {} } = options;
  const body = {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid,
      kind: { group: "", version: "v1", kind: "Pod" },
      resource: { group: "", version: "v1", resource: "pods" },
      namespace: "shop",
      operation: "CREATE",
      userInfo: {},
      object: {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "p", annotations },
        spec: { containers: [{ name: "a", image: "a" }] },
      },
    },
  };
  const target = { host: "127.0.0.1", port, servername: "heddle.heddle-system.svc", path: "/inject", method: "POST" };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request({ ...target, ca, agent, headers: { "content-type": "application/json" } }, resolve);
    call.on("error", reject);
    call.end(JSON.stringify(body));
  });
  const status = answer.statusCode ?? 0;
  const close = answer.headers.connection === "close";
  if (status !== 200) {
    answer.resume();
    return { status, allowed: false, patch: undefined, close };
  }
  const { response } = (await json(answer)) as {
    readonly response: { readonly uid: string; readonly allowed: boolean; readonly patch?: string };
  };
  return { status, allowed: response.allowed && response.uid === uid, patch: response.patch, close };
}
