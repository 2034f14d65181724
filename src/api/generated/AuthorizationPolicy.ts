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
   * Instead of a selector: the pods of these Services, which are Services of the policy's own namespace (in the root namespace too). The policy judges every call to those pods, whatever Service was dialed. A Service that does not exist has no pods, and the condition ResolvedRefs names it.
   */
  readonly targetRefs?: readonly AuthorizationPolicyTargetRef[];
  /**
   * What becomes of a call that a rule fits. Absent means ALLOW.
   */
  readonly action?: "ALLOW" | "DENY";
  /**
   * Whether the policy is enforced. Absent means Enforced. DryRun: sidecars evaluate it and count what it would allow and deny. It denies nothing, and an ALLOW does not begin a default deny; but to begin or end a dry run renews the workload's listener, which ends its TCP connections within the drain time. At most 8 dry runs are counted for one workload, the oldest.
   */
  readonly enforcement?: "Enforced" | "DryRun";
  /**
   * The policy fits a call that any of these rules fits. Absent under ALLOW: it fits none, so that nothing is allowed by it. The rule `{}` fits every call.
   */
  readonly rules?: readonly AuthorizationPolicyRule[];
}
/**
 * Which pods of the namespace. Absent, with no targetRefs either: all of them; in the root namespace, all of the mesh. In the root namespace a selector means pods with those labels in every namespace.
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
 * One Service.
 */
export interface AuthorizationPolicyTargetRef {
  /**
   * The group of a Service, which is the core group, written as "". Absent means the same.
   */
  readonly group?: "";
  /**
   * Service.
   */
  readonly kind: "Service";
  /**
   * The name of a Service of the policy's namespace.
   */
  readonly name: string;
}
/**
 * Fits a call that any entry of from, any entry of to and all entries of when fit.
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
  /**
   * What else must hold; all of them. Keys: request.headers[NAME] (an HTTP field), source.ip, source.namespace, source.principal, source.serviceAccount, destination.ip, destination.port and connection.sni.
   */
  readonly when?: readonly AuthorizationPolicyCondition[];
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
   * Fits any of these paths of the request after normalisation, without the query. Forms: exact, `abc*`, `*abc`, `*` for any, and templates, in which a segment `{*}` stands for one segment and a segment `{**}`, with no other template segment after it, for any number of segments. Under DENY in every spelling: `:` is `%3A` too. An HTTP field.
   */
  readonly paths?: readonly string[];
  /**
   * Fits none of these paths of the request after normalisation, without the query. Forms: exact, `abc*`, `*abc`, `*` for any, and templates, in which a segment `{*}` stands for one segment and a segment `{**}`, with no other template segment after it, for any number of segments. Under ALLOW in every spelling: `:` is `%3A` too. An HTTP field.
   */
  readonly notPaths?: readonly string[];
}
/**
 * Fits a call of which the key has any of values, if given, and none of notValues.
 */
export interface AuthorizationPolicyCondition {
  /**
   * What is looked at. Identities (source.namespace, source.principal, source.serviceAccount), addresses, ports and their forms are those of source and operation. connection.sni is the server name that the caller sent in its TLS handshake. The name of a header is without quotes, and its case makes no difference. What X-Forwarded-For or a token says cannot be looked at.
   */
  readonly key: string;
  /**
   * Any of these. Forms of all but addresses, ports and service accounts: exact, `abc*`, `*abc`, and `*` for any. A header fits under ALLOW if it comes once and is no list (User-Agent, Cookie, Authorization, Referer and dates apart), and under DENY if any of its lines, or any member of a list in one, fits.
   */
  readonly values?: readonly string[];
  /**
   * None of these, in the same forms. Under ALLOW a header does not fit if any of its lines or members is one of these; under DENY it fits unless it comes once, is no list, and is one of these. A caller without identity, or without a server name, does not fit under ALLOW and fits under DENY.
   */
  readonly notValues?: readonly string[];
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
