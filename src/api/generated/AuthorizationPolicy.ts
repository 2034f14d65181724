// Generated from crds/authorizationpolicies.yaml by tools/generate.ts. Do not edit.
import type {ObjectMeta} from "../kubernetes.ts";

/**
 * Says who may call what. A call that a DENY policy fits is denied; where no ALLOW policy concerns the workload, all else is allowed; else a call is allowed that an ALLOW policy fits, and every other is denied. The policies of the mesh, the namespace and the workload add up. It acts in the sidecar of the workload that is called.
 */
export interface AuthorizationPolicy {
  /**
   * The version of this schema, heddle.dev/v1alpha1.
   */
  readonly apiVersion: "heddle.dev/v1alpha1";
  /**
   * AuthorizationPolicy.
   */
  readonly kind: "AuthorizationPolicy";
  /**
   * The object's metadata.
   */
  readonly metadata: ObjectMeta;
  readonly spec: AuthorizationPolicySpec;
  readonly status?: AuthorizationPolicyStatus;
}
/**
 * What the user wants. Heddle never changes it. An empty spec is an ALLOW without rules: nothing is allowed to the pods of the namespace but what other ALLOW policies allow.
 */
export interface AuthorizationPolicySpec {
  readonly selector?: AuthorizationPolicySelector;
  /**
   * What becomes of a call that a rule fits. Absent means ALLOW.
   */
  readonly action?: "ALLOW" | "DENY";
  /**
   * The policy fits a call that any of these rules fits. Absent under ALLOW: it fits none, so that nothing is allowed by it. The rule `{}` fits every call.
   */
  readonly rules?: readonly AuthorizationPolicyRule[];
}
/**
 * Which pods of the namespace. Absent: all of them; in the root namespace, all of the mesh. In the root namespace a selector means pods with those labels in every namespace.
 */
export interface AuthorizationPolicySelector {
  /**
   * Labels that a pod must have; all of them.
   */
  readonly matchLabels: {
    /**
     * The value of the label.
     */
    readonly [k: string]: string;
  };
}
/**
 * Fits a call that any entry of from and any entry of to fits.
 */
export interface AuthorizationPolicyRule {
  /**
   * Who calls. Absent means anyone.
   */
  readonly from?: readonly AuthorizationPolicyFrom[];
  /**
   * What is called. Absent means anything.
   */
  readonly to?: readonly AuthorizationPolicyTo[];
}
/**
 * One kind of caller.
 */
export interface AuthorizationPolicyFrom {
  readonly source: AuthorizationPolicySource;
}
/**
 * Fits a caller for whom all given fields hold.
 */
export interface AuthorizationPolicySource {
  /**
   * Fits any of these identities, as `<trust domain>/ns/<namespace>/sa/<service account>`. Forms: exact, `abc*`, `*abc`, and `*` for any. A caller in plaintext has no identity and fits none.
   */
  readonly principals?: readonly string[];
  /**
   * Fits none of these identities, as `<trust domain>/ns/<namespace>/sa/<service account>`. Forms: exact, `abc*`, `*abc`, and `*` for any. A caller in plaintext has no identity: under ALLOW it does not fit, under DENY it does.
   */
  readonly notPrincipals?: readonly string[];
  /**
   * Fits any of these namespaces of the callers' identities. Forms: exact, `abc*`, `*abc`, and `*` for any. A caller in plaintext has no identity and fits none.
   */
  readonly namespaces?: readonly string[];
  /**
   * Fits none of these namespaces of the callers' identities. Forms: exact, `abc*`, `*abc`, and `*` for any. A caller in plaintext has no identity: under ALLOW it does not fit, under DENY it does.
   */
  readonly notNamespaces?: readonly string[];
  /**
   * Fits any of these service accounts of the callers, as `namespace/name`, or `name` for one of the policy's own namespace; exact only. A caller in plaintext has no identity and fits none.
   */
  readonly serviceAccounts?: readonly string[];
  /**
   * Fits none of these service accounts of the callers, as `namespace/name`, or `name` for one of the policy's own namespace; exact only. A caller in plaintext has no identity: under ALLOW it does not fit, under DENY it does.
   */
  readonly notServiceAccounts?: readonly string[];
  /**
   * Fits any of these addresses of the connection's peer, as CIDR blocks such as `10.0.0.0/8` or `fd00::/8`, or as single addresses.
   */
  readonly ipBlocks?: readonly string[];
  /**
   * Fits none of these addresses of the connection's peer, as CIDR blocks such as `10.0.0.0/8` or `fd00::/8`, or as single addresses.
   */
  readonly notIpBlocks?: readonly string[];
}
/**
 * One kind of call.
 */
export interface AuthorizationPolicyTo {
  readonly operation: AuthorizationPolicyOperation;
}
/**
 * Fits a call for which all given fields hold. On a port that is not HTTP an ALLOW rule with an HTTP field fits nothing, and of a DENY rule only the other fields count.
 */
export interface AuthorizationPolicyOperation {
  /**
   * Fits any of these hosts, as the Host header or `:authority` of the request names them, without a port; case makes no difference. Forms: exact, `abc*`, `*abc`, and `*` for any. An HTTP field.
   */
  readonly hosts?: readonly string[];
  /**
   * Fits none of these hosts, as the Host header or `:authority` of the request names them, without a port; case makes no difference. Forms: exact, `abc*`, `*abc`, and `*` for any. An HTTP field.
   */
  readonly notHosts?: readonly string[];
  /**
   * Fits any of these container ports, as strings of digits.
   */
  readonly ports?: readonly string[];
  /**
   * Fits none of these container ports, as strings of digits.
   */
  readonly notPorts?: readonly string[];
  /**
   * Fits any of these methods of the request, such as GET; gRPC calls are POST. Forms: exact, `abc*`, `*abc`, and `*` for any. An HTTP field.
   */
  readonly methods?: readonly string[];
  /**
   * Fits none of these methods of the request, such as GET; gRPC calls are POST. Forms: exact, `abc*`, `*abc`, and `*` for any. An HTTP field.
   */
  readonly notMethods?: readonly string[];
  /**
   * Fits any of these paths of the request after normalisation, without the query. Forms: exact, `abc*`, `*abc`, `*` for any, and templates, in which a segment `{*}` stands for one segment and a segment `{**}`, with no other template segment after it, for any number of segments. An HTTP field.
   */
  readonly paths?: readonly string[];
  /**
   * Fits none of these paths of the request after normalisation, without the query. Forms: exact, `abc*`, `*abc`, `*` for any, and templates, in which a segment `{*}` stands for one segment and a segment `{**}`, with no other template segment after it, for any number of segments. An HTTP field.
   */
  readonly notPaths?: readonly string[];
}
/**
 * What Heddle says of the object. Written by the operator only.
 */
export interface AuthorizationPolicyStatus {
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
   * What the policy does in short, such as `DENY, 2 rules`.
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
