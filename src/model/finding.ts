import type { FindingCode, Reason } from "../api/conditions.ts";
import type { ObjectReference } from "./mesh.ts";
import type { ObjectKey } from "./object-key.ts";

/** Something a user should know and that must not fail health: an entry of `status.findings`. */
export interface Finding {
  /** A code of `heddle lint`, such as `SelectorMatchesNothing`. The list is `src/api/conditions.ts`. */
  readonly code: FindingCode;
  /** Path of the field at fault, such as `spec.backends[1].service`. */
  readonly field: string;
  readonly message: string;
}

/** The outcome of one check: a condition without its times. */
export interface Verdict {
  readonly status: "True" | "False" | "Unknown";
  /** A documented constant of `src/api/conditions.ts`. */
  readonly reason: Reason;
  readonly message: string;
}

/** Which part of its configuration a proxy must have acknowledged before an object is live there. */
export type ProxyNeed =
  | { readonly kind: "class" }
  /** All resources of this service, the object's root. */
  | { readonly kind: "service"; readonly service: ObjectKey };

/** What the compile says of one object; acknowledgements turn it into a status. */
export interface StatusDecision {
  readonly object: ObjectReference;
  readonly accepted: Verdict;
  readonly resolvedRefs: Verdict;
  readonly findings: readonly Finding[];
  /** The printer column, such as `v1 90, v2 10`; absent on kinds that have none. */
  readonly summary?: string;
  /** Injected, Ready pods that the object concerns, sorted. */
  readonly pods: readonly ObjectKey[];
  readonly need: ProxyNeed;
  /** Those of the pods whose change of mode is at a step that is not the last: not live there yet. */
  readonly interim?: readonly ObjectKey[];
}
