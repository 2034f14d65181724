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
  readonly affinity?: TrafficSplitAffinity;
  readonly mirror?: TrafficSplitMirror;
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
   * How the value is compared. Exact: the whole path. PathPrefix: by whole segments, so that `/api` fits `/api` and `/api/users`, but not `/apis`. RegularExpression: an RE2 expression that must fit the whole path, byte by byte.
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
   * How the value is compared. Exact: the whole value. RegularExpression: an RE2 expression that must fit the whole value, byte by byte.
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
 * What one caller is told by: requests that are alike in it go to the same backend, and stay there while the weights of two backends move, but for those whose share moves away. Give exactly one of the fields. Absent: every request is divided anew. It applies to HTTP ports only.
 */
export interface TrafficSplitAffinity {
  /**
   * The name of a request header, such as `x-user`; case makes no difference. Requests of one value stay together; those without the header are divided by weight, each anew.
   */
  readonly header?: string;
  readonly cookie?: TrafficSplitCookie;
}
/**
 * A cookie that sidecars give to callers without one (Path=/; HttpOnly), so that they can be told by it from their first request on. Callers must send it back, as browsers do.
 */
export interface TrafficSplitCookie {
  /**
   * The name of the cookie. Take one that the application does not use.
   */
  readonly name: string;
  /**
   * How long a caller keeps the cookie (its Max-Age), from one second to one year (8760h): hours, minutes and seconds, such as `1h`, `90s` or `1h30m`.
   */
  readonly ttl: string;
}
/**
 * A Service that is sent copies of some of the split's requests. Its answers are dropped, and whether it answers, fails or denies makes no difference to callers. It applies to HTTP ports only.
 */
export interface TrafficSplitMirror {
  /**
   * The name of a Service in the split's namespace, whose endpoints get the copies. It should have the ports of the root; on a port that it lacks nothing is mirrored.
   */
  readonly service: string;
  /**
   * How many of a hundred requests are copied, chosen at random.
   */
  readonly percent: number;
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
