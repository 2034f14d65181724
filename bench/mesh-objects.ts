/** The objects of a mesh of any size, as the API server has them. */
import { kinds } from "../src/api/kinds.ts";
import type { KubernetesObject } from "../src/api/kubernetes.ts";
import { containers, keys, volumes } from "../src/model/sidecar.ts";

/** How many there are of each. Services, policies and the rest are spread evenly over the namespaces. */
export interface MeshSize {
  readonly namespaces: number;
  readonly services: number;
  readonly pods: number;
  readonly policies: number;
  readonly splits: number;
  readonly meshTLS: number;
}

const created = "2026-01-01T00:00:00Z";
const own = kinds.TrafficSplit.apiVersion;
const ipv4 = (network: number, index: number): string =>
  `10.${network + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;

let version = 0;
/** Metadata of a version that nobody has seen before. */
export function metadataOf(namespace: string, name: string, more: Partial<KubernetesObject["metadata"]> = {}) {
  version += 1;
  return {
    ...{ namespace, name, uid: `${namespace}-${name}`, creationTimestamp: created, generation: version },
    ...{ resourceVersion: String(version), ...more },
  };
}

/** Where the service of an index is. */
export const placeOf = (size: MeshSize, service: number): { readonly namespace: string; readonly name: string } => ({
  namespace: `ns-${service % size.namespaces}`,
  name: `app-${service}`,
});

/** A Ready pod with a sidecar, of the workload behind the service of this index. */
export function podOf(size: MeshSize, service: number, pod: number, status = "True"): KubernetesObject {
  const { namespace, name } = placeOf(size, service);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: metadataOf(namespace, `${name}-${pod}`, { labels: { app: name, "pod-template-hash": "5d8f7c6b9" } }),
    spec: {
      serviceAccountName: name,
      containers: [{ name: "app", ports: [{ name: "http", containerPort: 8080 }] }],
      initContainers: [{ name: containers.proxy, restartPolicy: "Always" }],
      volumes: [{ name: volumes.configuration }],
    },
    status: { phase: "Running", podIPs: [{ ip: ipv4(64, pod) }], conditions: [{ type: "Ready", status }] },
  } as KubernetesObject;
}

/** The endpoints of a service: these pods. */
export function sliceOf(size: MeshSize, service: number, pods: readonly number[]): KubernetesObject {
  const { namespace, name } = placeOf(size, service);
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: metadataOf(namespace, `${name}-x`, { labels: { "kubernetes.io/service-name": name } }),
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    endpoints: pods.map((pod) => ({
      addresses: [ipv4(64, pod)],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: "Pod", namespace, name: `${name}-${pod}`, uid: `${namespace}-${name}-${pod}` },
    })),
  } as KubernetesObject;
}

/** A policy of one workload, or of what `where` says. */
export function policyOf(
  namespace: string,
  name: string,
  selector: string | undefined,
  callers: readonly string[],
): KubernetesObject {
  return {
    ...{ apiVersion: own, kind: "AuthorizationPolicy", metadata: metadataOf(namespace, name) },
    spec: {
      ...(selector === undefined ? {} : { selector: { matchLabels: { app: selector } } }),
      action: "ALLOW",
      rules: [
        {
          from: [{ source: { serviceAccounts: callers } }],
          to: [{ operation: { methods: ["GET"], paths: ["/api/*"] } }],
        },
      ],
    },
  } as KubernetesObject;
}

/** A split of the service of this index over itself and the next one of its namespace. */
export function splitOf(size: MeshSize, service: number, weight: number): KubernetesObject {
  const { namespace, name } = placeOf(size, service);
  const other = placeOf(size, service + size.namespaces < size.services ? service + size.namespaces : service).name;
  const backends = [
    ...new Map([
      [name, 100 - weight],
      [other, weight],
    ]),
  ].map(([service, share]) => ({
    service,
    weight: share,
  }));
  return {
    ...{ apiVersion: own, kind: "TrafficSplit", metadata: metadataOf(namespace, `split-${service}`) },
    spec: { service: name, backends },
  } as KubernetesObject;
}

/** A MeshTLS of a namespace. */
export function tlsOf(namespace: string, mode: string): KubernetesObject {
  return {
    ...{ apiVersion: own, kind: "MeshTLS", metadata: metadataOf(namespace, "tls") },
    spec: { mode },
  } as KubernetesObject;
}

/** The service of this index. */
export function serviceOf(size: MeshSize, service: number): KubernetesObject {
  const { namespace, name } = placeOf(size, service);
  const address = ipv4(96, service);
  return {
    ...{ apiVersion: "v1", kind: "Service", metadata: metadataOf(namespace, name) },
    spec: {
      ...{ clusterIP: address, clusterIPs: [address], selector: { app: name }, type: "ClusterIP" },
      ports: [{ name: "http", port: 80, targetPort: 8080, protocol: "TCP" }],
    },
  } as KubernetesObject;
}

/** Pods behind the service of this index. */
export const podsOf = (size: MeshSize, service: number): readonly number[] =>
  Array.from({ length: Math.ceil((size.pods - service) / size.services) }, (_, turn) => service + turn * size.services);

/** What an application's container has beside its ports, so that a pod is not smaller than pods are. */
export const application = {
  image: "registry.example/app:1",
  env: Array.from({ length: 20 }, (_, index) => ({ name: `NAME_${index}`, value: "a value" })),
  readinessProbe: { httpGet: { path: "/ready", port: "http" } },
};

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

/** All of them. Three policies of four are of one workload, the others of a namespace. */
export function meshObjects(size: MeshSize): readonly KubernetesObject[] {
  return [
    ...upTo(size.namespaces).map((index) => ({
      ...{ apiVersion: "v1", kind: "Namespace" },
      metadata: { name: `ns-${index}`, uid: `ns-${index}`, resourceVersion: "1", labels: { [keys.inject]: "enabled" } },
    })),
    ...upTo(size.services).flatMap((service) => [
      serviceOf(size, service),
      sliceOf(size, service, podsOf(size, service)),
      ...podsOf(size, service).map((pod) => podOf(size, service, pod)),
    ]),
    ...upTo(size.policies).map((index) => {
      const { namespace, name } = placeOf(size, index);
      const selector = index % 4 === 3 ? undefined : name;
      return policyOf(namespace, `policy-${index}`, selector, [`${namespace}/app-${index + 1}`]);
    }),
    ...upTo(size.splits).map((index) => splitOf(size, index, 10)),
    ...upTo(size.meshTLS).map((index) => tlsOf(`ns-${index % size.namespaces}`, "Strict")),
  ];
}
