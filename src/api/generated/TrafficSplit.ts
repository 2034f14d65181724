// Generated from crds/trafficsplits.yaml by tools/generate.ts. Do not edit.
import type {ObjectMeta} from "../kubernetes.ts";

/**
 * Divides the requests and connections that clients send to one Service among the endpoints of several Services, by weight. It acts in the sidecar of the caller: callers without one reach the root Service as if there were no split.
 */
export interface TrafficSplit {
  /**
   * The version of this schema, heddle.dev/v1alpha1.
   */
  readonly apiVersion: "heddle.dev/v1alpha1";
  /**
   * TrafficSplit.
   */
  readonly kind: "TrafficSplit";
  /**
   * The object's metadata.
   */
  readonly metadata: ObjectMeta;
  readonly spec: TrafficSplitSpec;
  readonly status?: TrafficSplitStatus;
}
/**
 * What the user wants. Heddle never changes it.
 */
export interface TrafficSplitSpec {
  /**
   * The root: the Service that clients dial. Its name, `name.namespace`, or its full DNS name (`name.namespace.svc`, with or without the cluster's domain); always a Service of the split's own namespace.
   */
  readonly service: string;
  /**
   * Where the traffic goes, at most 32 Services of the split's namespace. A backend means that Service's endpoints, splits do not chain, and a backend equal to the root means the root's own endpoints.
   */
  readonly backends: readonly TrafficSplitBackend[];
  /**
   * Which requests the split is about: those that fit any of these matches. The rest go to another split of the same root without matches, or else to the root's own endpoints. Absent: all traffic. Matches apply to HTTP ports only.
   */
  readonly matches?: readonly TrafficSplitMatch[];
}
/**
 * One Service and its share.
 */
export interface TrafficSplitBackend {
  /**
   * The name of a Service in the split's namespace.
   */
  readonly service: string;
  /**
   * The share, relative to the sum of all weights. Absent means 0. When all are 0, every request is answered with 503.
   */
  readonly weight?: number;
}
/**
 * What a request must look like; all given fields must hold.
 */
export interface TrafficSplitMatch {
  readonly path?: TrafficSplitPathMatch;
  /**
   * The method of the request, such as GET. gRPC calls are POST.
   */
  readonly method?: string;
  /**
   * Headers that the request must have; all of them.
   */
  readonly headers?: readonly TrafficSplitHeaderMatch[];
}
/**
 * What the path of the request, without its query, must look like.
 */
export interface TrafficSplitPathMatch {
  /**
   * How the value is compared. Exact: the whole path. PathPrefix: by whole segments, so that `/api` fits `/api` and `/api/users`, but not `/apis`. RegularExpression: an RE2 expression that must fit the whole path.
   */
  readonly type: "Exact" | "PathPrefix" | "RegularExpression";
  /**
   * The path, the prefix, or the expression. A path or prefix begins with `/` and is written as it is after normalisation.
   */
  readonly value: string;
}
/**
 * What one header must look like.
 */
export interface TrafficSplitHeaderMatch {
  /**
   * How the value is compared. Exact: the whole value. RegularExpression: an RE2 expression that must fit the whole value.
   */
  readonly type: "Exact" | "RegularExpression";
  /**
   * The name of the header; case makes no difference.
   */
  readonly name: string;
  /**
   * The value of the header, or the expression.
   */
  readonly value: string;
}
/**
 * What Heddle says of the object. Written by the operator only.
 */
export interface TrafficSplitStatus {
  /**
   * The generation of the object that this status speaks of; -1 until the operator has seen it.
   */
  readonly observedGeneration?: number;
  /**
   * The state of the object: Accepted, ResolvedRefs, Programmed and Ready, and Reconciling or Stalled while one of these holds.
   */
  readonly conditions?: readonly StatusCondition[];
  readonly proxies?: ProxyCounts;
  /**
   * The backends and their weights, such as `v1 90, v2 10`.
   */
  readonly summary?: string;
  /**
   * What a user should know and what does not make the object unhealthy.
   */
  readonly findings?: readonly StatusFinding[];
}
/**
 * One condition of the object.
 */
export interface StatusCondition {
  /**
   * The name of the condition.
   */
  readonly type: string;
  /**
   * Whether the condition holds; Unknown when that cannot be known.
   */
  readonly status: "True" | "False" | "Unknown";
  /**
   * Why, as one of the documented constants.
   */
  readonly reason: string;
  /**
   * Why, for people.
   */
  readonly message: string;
  /**
   * The generation of the object that this condition speaks of.
   */
  readonly observedGeneration: number;
  /**
   * When the status of the condition last changed.
   */
  readonly lastTransitionTime: string;
}
/**
 * How many of the Ready proxies that the object concerns are live with this generation.
 */
export interface ProxyCounts {
  /**
   * Ready proxies that the object concerns.
   */
  readonly total: number;
  /**
   * Those that acknowledged this generation.
   */
  readonly synced: number;
  /**
   * Those that refused it and keep what they had.
   */
  readonly rejected: number;
  /**
   * Those that have no stream to the operator, so that what they have is not known.
   */
  readonly disconnected: number;
  /**
   * Synced of total, such as 12/12.
   */
  readonly summary: string;
}
/**
 * One finding.
 */
export interface StatusFinding {
  /**
   * The kind of finding, as one of the documented constants.
   */
  readonly code: string;
  /**
   * The path of the field at fault, such as spec.backends[1].service.
   */
  readonly field: string;
  /**
   * What was found and what to do, for people.
   */
  readonly message: string;
}
