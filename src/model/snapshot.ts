import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import type { MeshTLS } from "../api/generated/MeshTLS.ts";
import type { TrafficSplit } from "../api/generated/TrafficSplit.ts";
import type { EndpointSlice, Namespace, Pod, Service } from "../api/kubernetes.ts";
import type { AuthorityRecord, IdentityFault } from "./identity.ts";
import type { TLSMode } from "./mesh.ts";
import type { ObjectKey } from "./object-key.ts";

/** How a client speaks to a port: the mesh's TLS, or plaintext. */
export type Speech = "mutualTLS" | "plaintext";

/** A port between two modes: what its servers accept and what its clients speak, until all have taken this step. */
export interface ModeHold {
  readonly server: TLSMode;
  readonly clients: Speech;
}

/** Held ports by class id, then by container port; `other` stands for all that have no entry and no mode of their own. */
export type ModeHolds = ReadonlyMap<string, ReadonlyMap<number | "other", ModeHold>>;

/**
 * All watched objects at one moment, frozen: the whole input of a compile. Each map is keyed by {@link ObjectKey}.
 * The compile's result does not depend on the order of entries.
 */
export interface Snapshot {
  readonly namespaces: ReadonlyMap<ObjectKey, Namespace>;
  readonly services: ReadonlyMap<ObjectKey, Service>;
  readonly endpointSlices: ReadonlyMap<ObjectKey, EndpointSlice>;
  readonly pods: ReadonlyMap<ObjectKey, Pod>;
  readonly trafficSplits: ReadonlyMap<ObjectKey, TrafficSplit>;
  readonly authorizationPolicies: ReadonlyMap<ObjectKey, AuthorizationPolicy>;
  readonly meshTLS: ReadonlyMap<ObjectKey, MeshTLS>;
  /** What is recorded with the authority; absent before there is one. */
  readonly authority?: AuthorityRecord;
  /** What is wrong with Secrets of identities, sorted by key; absent: nothing. */
  readonly identityFaults?: readonly IdentityFault[];
  /** Steps of changes of mode that are under way. Absent: none is, and every port has its mode. */
  readonly holds?: ModeHolds;
}

/** Which requests and connections sidecars log: none, those that failed or were refused, or all. */
export const accessLogSettings = ["off", "errors", "all"] as const;

/** One of {@link accessLogSettings}. */
export type AccessLogSetting = (typeof accessLogSettings)[number];

/** What the compile needs to know about this installation. */
export interface MeshSettings {
  /** The operator's namespace; policies there are mesh-wide. */
  readonly rootNamespace: string;
  /** SPIFFE trust domain, such as `cluster.local`, where neither the authority nor the mesh-wide MeshTLS says another. */
  readonly trustDomain: string;
  /** DNS domain of Services, such as `cluster.local`. */
  readonly clusterDomain: string;
  /** Where sidecars reach the operator's ADS, host name and port. */
  readonly xdsAddress: { readonly host: string; readonly port: number };
  /** ServiceAccount that the operator runs as: sidecars accept no other identity from their control plane. */
  readonly operatorServiceAccount: string;
  readonly accessLog: AccessLogSetting;
}
