/**
 * Condition types, their reasons, and the codes of findings: the words in which Heddle speaks about users' objects.
 * `docs/reference/status.md` explains each one; a test holds the two together.
 */

/** metav1.Condition. */
export interface Condition {
  readonly type: ConditionType;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  /** RFC 3339, moves only when `status` does. */
  readonly lastTransitionTime: string;
}

/** Types in the order in which they are written. `Reconciling` and `Stalled` are there only while true. */
export const conditionTypes = ["Accepted", "ResolvedRefs", "Programmed", "Ready", "Reconciling", "Stalled"] as const;

/** One of {@link conditionTypes}. */
export type ConditionType = (typeof conditionTypes)[number];

/** Every reason that a condition may carry, with its meaning. */
export const reasons = {
  Accepted: "The object is valid and not in conflict.",
  Invalid: "The object is not valid; the message names the field and what to do.",
  Conflicted: "An older object claims the same; the message names it.",
  PartiallyConflicted: "An older object claims the same for a part of what this one selects; the message names it.",
  ServerFirstPort:
    "A rule cannot be judged on a port of the same namespace whose server speaks first, which is closed to everybody; all else that the object says counts.",
  TooLarge:
    "The record of a workload has no room for the policy, which denies everything there, or is not counted if it is a dry run; elsewhere it counts.",
  IdentityFixed:
    "Another trust domain or provider is recorded with the authority and stays in force; all else that the object says counts.",
  ResolvedRefs: "Everything that the object names exists.",
  IdentityPending: "Identities wait for cert-manager; the message has its own words.",
  IdentityUnavailable: "The authority, or a Secret with an identity, cannot be used; the message names it.",
  BackendNotFound:
    "A backend's Service does not exist; its share of the requests is answered with 503, of TCP connections closed.",
  ServiceNotFound: "A Service that the object is about does not exist.",
  UnsupportedService:
    "The Service is of a kind that the object cannot be about: one without a cluster IP cannot be split, one without a selector has no pods to protect.",
  PortNotFound: "A backend, or the mirror, lacks a port of the root Service and is left out for that port.",
  MirrorNotFound: "The mirror's Service does not exist; nothing is mirrored.",
  NoEndpoints: "No backend has an endpoint; requests are answered with 503, TCP connections closed.",
  NoWeight: "All weights are zero; requests are answered with 503, TCP connections closed.",
  Programmed: "Every proxy that the object concerns has acknowledged it.",
  NoProxies: "The object concerns no running proxy.",
  Pending: "Some proxies have not acknowledged it yet.",
  Draining: "Every proxy has acknowledged it; connections that were open before are ended within the drain time.",
  ForeignEdit: "Somebody has changed what the operator wrote for the object; it is being put back.",
  Rejected: "A proxy refused the configuration; the message is Envoy's.",
  ProxiesDisconnected: "A Ready proxy has no stream to the operator for 30 seconds; what it has is unknown.",
  NotAccepted: "What the object says is in no proxy until it is accepted.",
  Ready: "Accepted, resolved, and live on every proxy that it concerns.",
} as const satisfies Record<string, string>;

/** One of {@link reasons}. */
export type Reason = keyof typeof reasons;

/** Every code that a finding may carry, with its meaning. */
export const findingCodes = {
  SelectorMatchesNothing: "The selector matches no workload.",
  HTTPFieldOnTCPPort: "An HTTP field cannot be judged on a port that is not HTTP.",
  MatchesOnTCPPort: "Matches do not apply to a TCP port of the root.",
  AffinityOnTCPPort: "Affinity does not apply to a TCP port of the root.",
  MirrorOnTCPPort: "Nothing is mirrored of a TCP port of the root.",
  HeaderWithUnderscore: "Sidecars that are called refuse requests with a header whose name has an underscore.",
  BackendWithoutWeight: "A backend of weight 0 names a Service that does not exist.",
  BackendWithoutEndpoints:
    "A backend has no endpoints; its share of the requests is answered with 503, of TCP connections closed.",
  MirrorWithoutEndpoints: "The mirror has no endpoints; its copies are dropped.",
  UnknownPort: "No container of the selected workloads declares the port.",
  NotRecorded:
    "The ConfigMap that records what sidecars are sent has no room for the root Service, or for a workload's policies.",
  NamespaceNotInMesh: "No pod of the namespace is in the mesh, so the object changes nothing.",
  PathPatternBypass:
    "A path pattern that keeps callers out can be evaded by upper case, by `;` parameters or by double encoding.",
  TargetPartOfWorkload:
    "A Service of targetRefs selects some pods of a workload; the policy applies to all pods of it.",
  ServerFirstPortClosed:
    "A rule cannot be judged on a port whose server speaks first, which a workload of another namespace declares; that port is closed to everybody.",
  DryRunLimit: "A workload has so many dry runs that this one is not counted there.",
  IdentityWithoutStrict: "The policy denies by identity, and the workload accepts plaintext callers, who have none.",
} as const satisfies Record<string, string>;

/** One of {@link findingCodes}. */
export type FindingCode = keyof typeof findingCodes;
