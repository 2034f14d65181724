/** Where identities come from: what the mesh-wide MeshTLS says, and what is recorded with the authority. */
import type { ObjectKey } from "./snapshot.ts";

/** What is fixed once there is an authority: recorded with it, and in force whatever is said later. */
export interface AuthorityRecord {
  /** SPIFFE trust domain, such as `cluster.local`. */
  readonly trustDomain: string;
}

/** How identities are issued. */
export interface IdentityPlan extends AuthorityRecord {
  /** Life of a workload's certificate, in milliseconds; undefined: the operator's setting. */
  readonly certificateTTL?: number;
  /** Whether an authority may be made: not while nobody knows which trust domain is meant. */
  readonly mayCreate: boolean;
}

/** Why an identity, or the authority, is not as it should be. */
export interface IdentityFault {
  /** Of the Secret. */
  readonly key: ObjectKey;
  /** What is wrong and what to do, for people. No key material. */
  readonly message: string;
}
