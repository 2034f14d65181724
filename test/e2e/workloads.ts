/** Workloads of tests, as YAML, and the pods that come of them. */
import type { ClusterAccess } from "../../tools/cluster.ts";
import type { Mesh } from "../../tools/demo/mesh.ts";

/** A namespace whose pods get sidecars, or one like any other. */
export const namespaceYaml = (name: string, inject: boolean): string =>
  `apiVersion: v1
kind: Namespace
metadata: {name: ${name}${inject ? ", labels: {heddle.dev/inject: enabled}" : ""}}
---
`;

/** A container of the demo's application, as one line; `name` is what it calls itself in its answers. */
export const appYaml = (args: string, name = "app"): string =>
  `{name: app, image: "heddle-demo-app:dev", args: [${args}], env: [{name: APP_NAME, value: ${name}}]}`;

/** The same as an HTTP server that is Ready when it listens, so that none of its Service's callers comes too early. */
export const serverYaml = (name = "app"): string =>
  appYaml('serve, "8080"', name).replace(
    /}$/,
    ", readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1, timeoutSeconds: 5}}",
  );

/** A Deployment with one container, given as one line; its pods run as `serviceAccount`. */
export const deploymentYaml = (
  namespace: string,
  name: string,
  container: string,
  replicas = 1,
  serviceAccount = "default",
): string =>
  `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec: {serviceAccountName: ${serviceAccount}, containers: [${container}]}
---
`;

/** A ServiceAccount. */
export const serviceAccountYaml = (namespace: string, name: string): string =>
  `apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}, namespace: ${namespace}}
---
`;

/** The Service of the pods with the label `app`, from port 80 to the one that is given. */
export const serviceYaml = (namespace: string, name: string, port = 8080): string =>
  `apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 80, targetPort: ${port}}]}
---
`;

/** A policy that concerns every pod of the namespace, and denies a path. */
export const denyYaml = (namespace: string, name: string, path: string): string =>
  `apiVersion: heddle.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec: {action: DENY, rules: [{to: [{operation: {paths: [${path}]}}]}]}
`;

interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state: { readonly terminated?: { readonly exitCode: number } };
}

/** As the API server has it, as far as tests look. */
export interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly initContainers?: readonly { readonly name: string; readonly image: string }[] };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

/** The pods of a label that nobody deletes. */
export async function podsOf(mesh: Mesh<ClusterAccess>, namespace: string, label: string): Promise<readonly Pod[]> {
  const text = await mesh.kubectl("get", "pods", "-n", namespace, "-l", label, "-o", "json");
  const { items } = JSON.parse(text) as { items: readonly Pod[] };
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** Names of the init containers of a pod, in order. */
export const initContainersOf = (pod: Pod): readonly string[] =>
  (pod.spec.initContainers ?? []).map(({ name }) => name);

/** Whether all containers of a pod are Ready. */
export const isReady = ({ status }: Pod): boolean =>
  status.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false;

/** What the kubelet says of the sidecar of a pod. */
export function sidecarOf(pod: Pod): ContainerStatus {
  const status = pod.status.initContainerStatuses?.find(({ name }) => name === "heddle-proxy");
  if (status === undefined) throw new Error(`pod ${pod.metadata.name} has no sidecar`);
  return status;
}
