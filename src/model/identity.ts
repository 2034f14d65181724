/** Where identities come from: what the mesh-wide MeshTLS says, and what is recorded with the authority. */
import type { ObjectKey } from "./object-key.ts";

/** An issuer of cert-manager, or of one of its external issuers. */
export interface IssuerReference {
  readonly name: string;
  readonly kind: string;
  readonly group: string;
}

/** Who issues the identities of workloads and of the operator. */
export type IdentityProvider =
  | { readonly kind: "BuiltIn" }
  | { readonly kind: "CertManager"; readonly issuer: IssuerReference };

/** A provider in words: `BuiltIn`, or `CertManager ClusterIssuer.cert-manager.io/mesh`. */
export function describeProvider(provider: IdentityProvider): string {
  if (provider.kind === "BuiltIn") return provider.kind;
  const { kind, group, name } = provider.issuer;
  return `${provider.kind} ${kind}.${group}/${name}`;
}

/** What is fixed once there is an authority: recorded with it, and in force whatever is said later. */
export interface AuthorityRecord {
  /** SPIFFE trust domain, such as `cluster.local`. */
  readonly trustDomain: string;
  readonly provider: IdentityProvider;
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
  /** Of the Secret, or of the Certificate that is to bring it. */
  readonly key: ObjectKey;
  readonly kind: "Secret" | "Certificate";
  /** What is wrong and what to do, for people. No key material. */
  readonly message: string;
}
