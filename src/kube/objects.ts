/** Which type an object of a kind has, for the kinds of `src/api/kinds.ts`. */
import type { Certificate } from "../api/cert-manager/generated/Certificate.ts";
import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import type { MeshTLS } from "../api/generated/MeshTLS.ts";
import type { TrafficSplit } from "../api/generated/TrafficSplit.ts";
import type { Kind } from "../api/kinds.ts";
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

/** coordination.k8s.io/v1 Lease. */
export interface Lease extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string | null;
    readonly leaseDurationSeconds?: number | null;
    /** metav1.MicroTime: RFC 3339 with microseconds. */
    readonly acquireTime?: string | null;
    readonly renewTime?: string | null;
    readonly leaseTransitions?: number | null;
  };
}

/** events.k8s.io/v1 Event. */
export interface KubernetesEvent extends KubernetesObject {
  /** metav1.MicroTime. */
  readonly eventTime: string;
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly action: string;
  readonly reason: string;
  readonly type: "Normal" | "Warning";
  readonly note: string;
  readonly regarding: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
  };
}

interface TypesByKind {
  readonly TrafficSplit: TrafficSplit & KubernetesObject;
  readonly AuthorizationPolicy: AuthorizationPolicy & KubernetesObject;
  readonly MeshTLS: MeshTLS & KubernetesObject;
  readonly Namespace: Namespace;
  readonly Service: Service;
  readonly Pod: Pod;
  readonly EndpointSlice: EndpointSlice;
  readonly ConfigMap: ConfigMap;
  readonly Secret: Secret;
  readonly Certificate: Certificate & KubernetesObject;
  readonly Event: KubernetesEvent;
  readonly Lease: Lease;
}

/** The type of a kind's objects; of a kind that has none here, what all objects share. */
export type ObjectOf<K extends Kind> = K["kind"] extends keyof TypesByKind ? TypesByKind[K["kind"]] : KubernetesObject;

/** An object as it is written: its name, and whatever fields the writer has an opinion on. */
export type ObjectToWrite =
  | KubernetesObject
  | { readonly metadata: Partial<ObjectMeta> & { readonly name: string }; readonly [field: string]: unknown };

/** Which object of a kind. */
export interface ObjectName {
  readonly name: string;
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string | undefined;
}
