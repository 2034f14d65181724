/**
 * What is watched, what is kept of it, and which changes a compile can see. A change that no compile reads (a label of a
 * Service, an annotation, status, managedFields) wakes nobody.
 */
import type { KindName } from "../api/kinds.ts";
import type {
  ConfigMap,
  EndpointSlice,
  KubernetesObject,
  Namespace,
  ObjectMeta,
  Pod,
  Secret,
  Service,
} from "../api/kubernetes.ts";
import { isRecord } from "../identity/authority-secret.ts";
import { namespaceBoundKeys } from "../model/annotations.ts";
import { drainArguments } from "../model/drain.ts";
import { exemptingParts } from "../model/exemptions.ts";
import { recordVariable } from "../model/injection-record.ts";
import { containers, keys, manager, volumes } from "../model/sidecar.ts";
import { seenRecord } from "./record-difference.ts";
import { webhookConfiguration, webhookConfigurationKinds } from "./webhook-bundle.ts";

/** One watched kind. */
export interface Watch {
  readonly kind: KindName;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Whether it is seen in some namespaces only, where the operator has no rights to it elsewhere. */
  readonly byNamespace?: boolean;
  /** Whether a CustomResourceDefinition brings it: its objects stay in force while that is deleted or missing. */
  readonly custom?: boolean;
  /** Whether it runs only once somebody asks for it, since the kind may well not exist. */
  readonly onDemand?: boolean;
  /** Objects per page of a list, where they are large; absent: as many as the client asks for by itself. */
  readonly limit?: number;
  /** What is kept in memory. */
  readonly trim: (object: KubernetesObject) => KubernetesObject;
  /**
   * What a compile reads: equal JSON before and after means that nothing is to be compiled. Undefined: no compile reads it.
   * Of an object that no compile reads it gives undefined.
   */
  readonly compiled?: (object: KubernetesObject) => unknown;
}

function trimMeta(meta: ObjectMeta, keep: { labels?: boolean; annotations?: readonly string[] | "all" }): ObjectMeta {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp } = meta;
  const annotations =
    keep.annotations === "all"
      ? meta.annotations
      : Object.fromEntries(Object.entries(meta.annotations ?? {}).filter(([key]) => keep.annotations?.includes(key)));
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(generation === undefined ? {} : { generation }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(keep.labels && meta.labels !== undefined ? { labels: meta.labels } : {}),
    ...(annotations !== undefined && Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
}

const identityOf = ({ metadata }: KubernetesObject): unknown => [
  metadata.uid,
  metadata.generation,
  metadata.creationTimestamp,
  metadata.deletionTimestamp,
];

/** Our own kinds: spec, identity and age; the status is kept for the status writer. */
function ownKind(kind: "TrafficSplit" | "AuthorizationPolicy" | "MeshTLS"): Watch {
  return {
    kind,
    custom: true,
    trim: (object) => ({ ...object, metadata: trimMeta(object.metadata, {}) }),
    compiled: (object) => [identityOf(object), (object as { spec?: unknown }).spec],
  };
}

function trimPod(object: KubernetesObject): Pod {
  const { apiVersion, kind, metadata, spec, status } = object as Pod;
  const exempting = exemptingParts({ metadata, spec });
  const container = ({ name, ports, restartPolicy, env, args }: Pod["spec"]["containers"][number]) => ({
    name,
    ...(name === containers.proxy
      ? { env: env?.filter((variable) => variable.name === recordVariable) ?? [], args: drainArguments(args) }
      : {}),
    ...(ports === undefined
      ? {}
      : {
          ports: ports.map(({ name, containerPort, protocol }) => ({
            ...(name === undefined ? {} : { name }),
            containerPort,
            ...(protocol === undefined ? {} : { protocol }),
          })),
        }),
    ...(restartPolicy === undefined ? {} : { restartPolicy }),
  });
  return {
    apiVersion,
    kind,
    metadata: trimMeta({ ...metadata, annotations: exempting.annotations }, { labels: true, annotations: "all" }),
    spec: {
      ...exempting.spec,
      ...(spec.serviceAccountName === undefined ? {} : { serviceAccountName: spec.serviceAccountName }),
      ...(spec.hostNetwork === undefined ? {} : { hostNetwork: spec.hostNetwork }),
      containers: spec.containers.map(container),
      initContainers: (spec.initContainers ?? [])
        .filter((candidate) => candidate.restartPolicy === "Always")
        .map(container),
      volumes: (spec.volumes ?? [])
        .filter(({ name }) => name === volumes.configuration)
        .map(({ name, configMap }) => ({
          name,
          ...(configMap?.name === undefined ? {} : { configMap: { name: configMap.name } }),
        })),
    },
    status: {
      ...(status?.phase === undefined ? {} : { phase: status.phase }),
      ...(status?.podIPs === undefined ? {} : { podIPs: status.podIPs }),
      conditions: (status?.conditions ?? [])
        .filter((condition) => condition.type === "Ready")
        .map(({ type, status: value }) => ({ type, status: value })),
    },
  };
}

/** Every watch of the operator. */
export const watches: readonly Watch[] = [
  ownKind("TrafficSplit"),
  ownKind("AuthorizationPolicy"),
  ownKind("MeshTLS"),
  {
    kind: "Namespace",
    trim: (object) => ({
      ...(object as Namespace),
      metadata: trimMeta(object.metadata, { labels: true, annotations: namespaceBoundKeys }),
    }),
    compiled: ({ metadata }) => [metadata.labels?.[keys.inject], metadata.deletionTimestamp],
  },
  {
    kind: "Service",
    trim: (object) => {
      const { apiVersion, kind, metadata, spec } = object as Service;
      return { apiVersion, kind, metadata: trimMeta(metadata, {}), ...(spec === undefined ? {} : { spec }) } as Service;
    },
    compiled: (object) => [object.metadata.uid, object.metadata.creationTimestamp, (object as Service).spec],
  },
  {
    kind: "EndpointSlice",
    trim: (object) =>
      ({ ...(object as EndpointSlice), metadata: trimMeta(object.metadata, { labels: true }) }) as EndpointSlice,
    compiled: (object) => {
      const { metadata, addressType, endpoints, ports } = object as EndpointSlice;
      return [metadata.labels?.["kubernetes.io/service-name"], addressType, endpoints, ports];
    },
  },
  {
    kind: "Pod",
    trim: trimPod,
    compiled: (object) => {
      const { metadata, spec, status } = object as Pod;
      return [metadata.uid, metadata.labels, metadata.deletionTimestamp, spec, status];
    },
  },
  {
    kind: "ConfigMap",
    byNamespace: true,
    // A reach is recorded in up to 1 MiB, and a page is in memory several times while it is read.
    limit: 50,
    labelSelector: `${keys.managedBy}=${manager}`,
    trim: (object) => {
      const metadata = trimMeta(object.metadata, { labels: true, annotations: "all" });
      return seenRecord({ ...(object as ConfigMap), metadata });
    },
  },
  {
    kind: "Secret",
    byNamespace: true,
    labelSelector: `${keys.managedBy}=${manager}`,
    trim: (object) => {
      const { apiVersion, kind, metadata, type, immutable, data } = object as Secret;
      return {
        apiVersion,
        kind,
        metadata: trimMeta(metadata, { labels: true, annotations: "all" }),
        type,
        ...(immutable === undefined ? {} : { immutable }),
        data: data ?? {},
      } as Secret;
    },
    // Only what is recorded with the authority; keys and leaves are no part of a compile.
    compiled: (object) =>
      isRecord(object) ? [object.metadata.annotations, (object as Secret).data?.["tls.crt"]] : undefined,
  },
  {
    kind: "Certificate",
    byNamespace: true,
    labelSelector: `${keys.managedBy}=${manager}`,
    custom: true,
    onDemand: true,
    trim: (object) => ({ ...object, metadata: trimMeta(object.metadata, { labels: true, annotations: "all" }) }),
  },
  ...webhookConfigurationKinds.map((kind) => ({
    kind,
    fieldSelector: `metadata.name=${webhookConfiguration}`,
    trim: (object: KubernetesObject) => ({ ...object, metadata: trimMeta(object.metadata, {}) }),
  })),
];

/** Whether a compile may come out differently. */
export function isCompiledChange(
  watch: Watch,
  before: KubernetesObject | undefined,
  after: KubernetesObject | undefined,
): boolean {
  const { compiled } = watch;
  if (compiled === undefined) return false;
  const read = (object: KubernetesObject | undefined) => (object === undefined ? undefined : compiled(object));
  return JSON.stringify(read(before)) !== JSON.stringify(read(after));
}
