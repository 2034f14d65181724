/**
 * Kubernetes objects for tests: written short, and completed as the API server, the webhook and the endpoint-slice
 * controller would.
 */
import type { AuthorizationPolicy, AuthorizationPolicySpec } from "../../src/api/generated/AuthorizationPolicy.ts";
import type { MeshTLS, MeshTLSSpec } from "../../src/api/generated/MeshTLS.ts";
import type { TrafficSplit, TrafficSplitSpec } from "../../src/api/generated/TrafficSplit.ts";
import type {
  ContainerPort,
  EndpointSlice,
  KubernetesObject,
  Namespace,
  ObjectMeta,
  Pod,
  Secret,
  Service,
  ServicePort,
} from "../../src/api/kubernetes.ts";
import { readAuthorityRecord } from "../../src/identity/authority-secret.ts";
import { type ObjectKey, objectKey } from "../../src/model/object-key.ts";
import { configMapOfClass, containers, keys, volumes } from "../../src/model/sidecar.ts";
import type { MeshSettings, Snapshot } from "../../src/model/snapshot.ts";
import { shortHash, workloadClassId, workloadTraits } from "../../src/model/workload.ts";

/** The installation that tests compile for. */
export const testSettings: MeshSettings = {
  rootNamespace: "heddle-system",
  trustDomain: "cluster.local",
  clusterDomain: "cluster.local",
  xdsAddress: { host: "heddle.heddle-system.svc", port: 15010 },
  operatorServiceAccount: "heddle",
  accessLog: "errors",
};

/** Any object, as a YAML file may have it. */
export type GivenObject = KubernetesObject;

const firstMoment = "2026-01-01T00:00:00Z";

/** A Namespace, in the mesh unless told otherwise. */
export function namespace(name: string, inject: string | undefined = "enabled"): Namespace {
  const labels = inject === undefined ? {} : { labels: { [keys.inject]: inject } };
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, ...labels } };
}

/** A Service; `key` is `namespace/name`. */
export function service(
  key: ObjectKey,
  options: {
    readonly addresses?: readonly string[];
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly ServicePort[];
    readonly metadata?: Partial<ObjectMeta>;
    readonly type?: string;
  } = {},
): Service {
  const { addresses = ["10.96.0.1"], selector, ports = [{ name: "http", port: 80, targetPort: 8080 }], type } = options;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadataOf(key, options.metadata),
    spec: {
      clusterIP: addresses[0] ?? "None",
      clusterIPs: addresses,
      ports,
      ...(selector === undefined ? {} : { selector }),
      ...(type === undefined ? {} : { type }),
    },
  };
}

/** A pod with a sidecar unless told otherwise; Ready when it has an address. */
export function pod(
  key: ObjectKey,
  options: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly serviceAccount?: string;
    readonly addresses?: readonly string[];
    readonly ports?: readonly ContainerPort[];
    readonly injected?: boolean;
    readonly metadata?: Partial<ObjectMeta>;
    readonly spec?: Partial<Pod["spec"]>;
    readonly status?: NonNullable<Pod["status"]>;
  } = {},
): Pod {
  const { labels = {}, serviceAccount = "default", addresses = [], injected = true } = options;
  const { ports = [{ name: "http", containerPort: 8080 }] } = options;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: metadataOf(key, { labels, ...options.metadata }),
    spec: {
      serviceAccountName: serviceAccount,
      ...(injected ? { initContainers: [{ name: containers.proxy, restartPolicy: "Always" }] } : {}),
      containers: [{ name: "app", ports }],
      ...options.spec,
    },
    status: options.status ?? { podIPs: addresses.map((ip) => ({ ip })) },
  };
}

/** A TrafficSplit. */
export function trafficSplit(key: ObjectKey, spec: TrafficSplitSpec, metadata?: Partial<ObjectMeta>): TrafficSplit {
  return { apiVersion: "heddle.dev/v1alpha1", kind: "TrafficSplit", metadata: metadataOf(key, metadata), spec };
}

/** An AuthorizationPolicy. */
export function authorizationPolicy(
  key: ObjectKey,
  spec: AuthorizationPolicySpec,
  metadata?: Partial<ObjectMeta>,
): AuthorizationPolicy {
  return { apiVersion: "heddle.dev/v1alpha1", kind: "AuthorizationPolicy", metadata: metadataOf(key, metadata), spec };
}

/** A MeshTLS. */
export function meshTLS(key: ObjectKey, spec: MeshTLSSpec, metadata?: Partial<ObjectMeta>): MeshTLS {
  return { apiVersion: "heddle.dev/v1alpha1", kind: "MeshTLS", metadata: metadataOf(key, metadata), spec };
}

function metadataOf(key: ObjectKey, more: Partial<ObjectMeta> = {}): ObjectMeta {
  const [itsNamespace = "", name = ""] = key.split("/");
  return { namespace: itsNamespace, name, ...more };
}

/** The objects as a cluster would have them, in a snapshot. Objects of other kinds are refused. */
export function clusterOf(given: readonly GivenObject[]): Snapshot {
  const objects = given.map(completed);
  return snapshotOf([...objects, ...endpointSlices(objects)]);
}

/** The volume that the webhook adds to a pod of this class. */
export const mountOf = (classId: string) => ({
  name: volumes.configuration,
  configMap: { name: configMapOfClass(classId) },
});

/** What the API server and the webhook add: identity, times, what an injected pod mounts, its readiness. */
function completed(object: GivenObject): GivenObject {
  const metadata: ObjectMeta = {
    uid: `uid-${object.kind}-${objectKey(object)}`,
    creationTimestamp: firstMoment,
    generation: 1,
    ...object.metadata,
  };
  if (object.kind !== "Pod") return { ...object, metadata };
  const pod = { ...(object as Pod), metadata };
  const isInjected = (pod.spec.initContainers ?? []).some(({ name }) => name === containers.proxy);
  const { podIP, podIPs, conditions } = pod.status ?? {};
  const hasAddress = podIP !== undefined || (podIPs ?? []).length > 0;
  const classId = workloadClassId(workloadTraits(pod, metadata.namespace ?? ""));
  return {
    ...pod,
    spec: isInjected && pod.spec.volumes === undefined ? { ...pod.spec, volumes: [mountOf(classId)] } : pod.spec,
    status: {
      ...pod.status,
      conditions: conditions ?? [{ type: "Ready", status: hasAddress ? "True" : "False" }],
    },
  } as Pod;
}

/** What the endpoint-slice controller makes of Services with a selector, unless slices of theirs are given. */
function endpointSlices(objects: readonly GivenObject[]): readonly EndpointSlice[] {
  const serviceLabel = "kubernetes.io/service-name";
  const given = new Set(
    objects
      .filter(({ kind }) => kind === "EndpointSlice")
      .map(({ metadata }) => `${metadata.namespace}/${metadata.labels?.[serviceLabel]}`),
  );
  const services = objects.filter((object): object is Service => object.kind === "Service");
  const pods = objects.filter((object): object is Pod => object.kind === "Pod");
  return services.flatMap((owner) => {
    const { selector, ports = [] } = owner.spec ?? {};
    if (selector === undefined || given.has(objectKey(owner))) return [];
    const selected = pods.filter(
      (candidate) =>
        candidate.metadata.namespace === owner.metadata.namespace &&
        Object.entries(selector).every(([name, value]) => candidate.metadata.labels?.[name] === value),
    );
    return selected.flatMap((target) =>
      (["IPv4", "IPv6"] as const).flatMap((addressType): EndpointSlice[] => {
        const addresses = addressesOf(target).filter((ip) => ip.includes(":") === (addressType === "IPv6"));
        if (addresses.length === 0) return [];
        const ready =
          target.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
        const name = `${owner.metadata.name}-${shortHash([addressType, target.metadata.name])}`;
        return [
          {
            apiVersion: "discovery.k8s.io/v1",
            kind: "EndpointSlice",
            metadata: {
              name,
              ...(owner.metadata.namespace === undefined ? {} : { namespace: owner.metadata.namespace }),
              labels: { [serviceLabel]: owner.metadata.name },
            },
            addressType,
            endpoints: [{ addresses, conditions: { ready, serving: ready }, targetRef: referenceTo(target) }],
            ports: ports.flatMap((port) => {
              const number = targetPort(port, target);
              return number === undefined
                ? []
                : [{ name: port.name ?? "", port: number, protocol: port.protocol ?? "TCP" }];
            }),
          },
        ];
      }),
    );
  });
}

const addressesOf = ({ status }: Pod): readonly string[] =>
  status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP === undefined ? [] : [status.podIP]);

function referenceTo({ metadata: { namespace: of, name, uid } }: Pod) {
  return { kind: "Pod", name, ...(of === undefined ? {} : { namespace: of }), ...(uid === undefined ? {} : { uid }) };
}

function targetPort({ targetPort: target, port }: ServicePort, owner: Pod): number | undefined {
  if (typeof target !== "string") return target ?? port;
  const declared = owner.spec.containers.flatMap(({ ports = [] }) => ports);
  return declared.find(({ name }) => name === target)?.containerPort;
}

/** Objects as they are, by kind. */
export function snapshotOf(objects: readonly GivenObject[]): Snapshot {
  const known = new Set([
    "Namespace",
    "Service",
    "EndpointSlice",
    "Pod",
    "TrafficSplit",
    "AuthorizationPolicy",
    "MeshTLS",
    // Of the operator's own: what is recorded with the authority.
    "Secret",
  ]);
  const stranger = objects.find(({ kind }) => !known.has(kind));
  if (stranger !== undefined) throw new Error(`no test knows what to do with a ${stranger.kind}`);
  const of = <T extends GivenObject>(kind: string): ReadonlyMap<ObjectKey, T> =>
    new Map(objects.filter((object) => object.kind === kind).map((object) => [objectKey(object), object as T]));
  const authority = readAuthorityRecord(of<Secret>("Secret"), testSettings.rootNamespace);
  return {
    ...(authority === undefined ? {} : { authority }),
    namespaces: of<Namespace>("Namespace"),
    services: of<Service>("Service"),
    endpointSlices: of<EndpointSlice>("EndpointSlice"),
    pods: of<Pod>("Pod"),
    trafficSplits: of<TrafficSplit>("TrafficSplit"),
    authorizationPolicies: of<AuthorizationPolicy>("AuthorizationPolicy"),
    meshTLS: of<MeshTLS>("MeshTLS"),
  };
}
