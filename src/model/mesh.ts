/**
 * The mesh as Heddle understands it: the typed middle between what users write and what Envoy is told.
 *
 *   TrafficSplit ---selects---> MeshService.ports[].routing          (one per Service, the same for every client)
 *   AuthorizationPolicy ------> WorkloadClass.allow / .deny          (one per class of like pods)
 *   MeshTLS ------------------> WorkloadClass.ports[].mode, and MeshEndpoint.mutualTLS on the clients' side
 *   Namespace ----------------> Reach: which services its proxies are sent
 *
 * A proxy is a class plus a reach, by reference. All lists have a fixed order that does not depend on the input's.
 */

import type { ObjectKey } from "./object-key.ts";
import type { ApplicationProbe } from "./probe.ts";

/** Application protocol of a port: by `appProtocol`, then by the port's name, else `tcp`. Never sniffed. */
export type Protocol = "http" | "http2" | "grpc" | "tcp";

/** Modes of MeshTLS. */
export type TLSMode = "Strict" | "Permissive" | "Disabled";

/** Versions of TLS that MeshTLS knows. */
export type TLSVersion = "TLS12" | "TLS13";

/** Suites of TLS 1.2 that MeshTLS knows, by OpenSSL's names. Those of TLS 1.3 cannot be chosen. */
export type CipherSuite =
  | "ECDHE-ECDSA-AES128-GCM-SHA256"
  | "ECDHE-ECDSA-AES256-GCM-SHA384"
  | "ECDHE-ECDSA-CHACHA20-POLY1305";

/** What a server negotiates. */
export interface TLSParameters {
  /** Absent: TLS 1.2. */
  readonly minVersion?: TLSVersion;
  /** Absent: TLS 1.3. */
  readonly maxVersion?: TLSVersion;
  /** Of TLS 1.2. Absent: Envoy's own choice, which has all of ours. */
  readonly cipherSuites?: readonly CipherSuite[];
}

/** A SPIFFE ID, such as `spiffe://cluster.local/ns/shop/sa/frontend`. */
export type SpiffeID = string;

/** One version of one object of ours. */
export interface ObjectReference {
  readonly kind: "TrafficSplit" | "AuthorizationPolicy" | "MeshTLS";
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
}

// ---------------------------------------------------------------------------------------------- services (clients' side)

/** One port of one Service: what a cluster in Envoy stands for. */
export interface ServicePortReference {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
}

/** Where a connection may end. */
export interface MeshEndpoint {
  /** IPv4 or IPv6 address of the pod. */
  readonly address: string;
  readonly port: number;
  /** Whether clients speak mutual TLS to it: it has a sidecar and the effective mode of its port is not Disabled. */
  readonly mutualTLS: boolean;
}

/** A Service's port with its own endpoints, before any split. */
export interface MeshServicePort {
  readonly port: number;
  /** Empty when the Service's only port has no name. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly endpoints: readonly MeshEndpoint[];
  /** Sorted identities of the endpoints that speak mutual TLS: the only ones that clients accept (secure naming). */
  readonly serverIdentities: readonly SpiffeID[];
  readonly routing: Routing;
  /** Whether some split sends it copies of requests; absent when none does. */
  readonly mirrored?: true;
}

/** A Service as any client sees it; shared by all clients. */
export interface MeshService {
  readonly key: ObjectKey;
  readonly namespace: string;
  readonly name: string;
  /**
   * Cluster IPs. A headless Service has none: its clients dial one of its endpoints, which is where the connection goes. Of
   * those it has only the ones at pods with a sidecar, and each pod's port is in one headless Service (docs/adr/0024).
   */
  readonly addresses: readonly string[];
  readonly ports: readonly MeshServicePort[];
}

/** Where requests to a service's port go. A port that is not HTTP has exactly one route, without a match. */
export interface Routing {
  /** First match wins; the last one matches everything. */
  readonly routes: readonly MeshRoute[];
}

/** One route of a port. */
export interface MeshRoute {
  /** Absent: matches everything. The fields of a match are ANDed. */
  readonly match?: RouteMatch;
  readonly backends: readonly WeightedBackend[];
  /** How callers are told, so that each stays on one backend; absent: every request is divided anew. HTTP only. */
  readonly affinity?: Affinity;
  /** Who is sent copies of its requests. HTTP only. */
  readonly mirror?: Mirror;
  /** The split that made it; absent for the service's own endpoints. */
  readonly origin?: ObjectReference;
}

/** What a request must look like. Names of headers are in lower case. */
export interface RouteMatch {
  readonly path?: { readonly type: "Exact" | "PathPrefix" | "RegularExpression"; readonly value: string };
  readonly method?: string;
  readonly headers: readonly {
    readonly type: "Exact" | "RegularExpression";
    readonly name: string;
    readonly value: string;
  }[];
}

/** What callers are told by. The name of a header is in lower case, that of a cookie as it is (RFC 6265). */
export type Affinity =
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "cookie"; readonly name: string; readonly ttlSeconds: number };

/** Where copies of requests go; `percent` is from 1 to 100. */
export interface Mirror extends ServicePortReference {
  readonly percent: number;
}

/** Why a backend answers 503: the name of an always empty cluster, so that access logs show it. */
export type UnavailableReason = "no-weight" | "missing-backend" | "missing-port";

/** A share of a route. Weights are positive; `unavailable` keeps the share of what cannot be reached. */
export interface WeightedBackend {
  readonly weight: number;
  readonly target:
    | ({ readonly kind: "service" } & ServicePortReference)
    | { readonly kind: "unavailable"; readonly reason: UnavailableReason };
}

// ------------------------------------------------------------------------------------------- workload classes (servers' side)

/** Pods of one namespace with one ServiceAccount, the same labels (but those that differ per instance) and ports. */
export interface WorkloadClass {
  /** Readable prefix and 10 hex digits of a hash of namespace, ServiceAccount, labels and ports. */
  readonly id: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly identity: SpiffeID;
  readonly labels: Readonly<Record<string, string>>;
  /** Keys of its injected pods, sorted. */
  readonly pods: readonly ObjectKey[];
  /** Ports that a Service declares for these pods, sorted by number. */
  readonly ports: readonly InboundPort[];
  /** Effective mode of every other port. */
  readonly mode: TLSMode;
  /** Of the mesh's TLS on all ports. */
  readonly tls: TLSParameters;
  /** Policies that deny, sorted by name. */
  readonly deny: readonly MeshPolicy[];
  /** Policies that allow, sorted by name; undefined when none applies, which allows everything. */
  readonly allow: readonly MeshPolicy[] | undefined;
  /** Probes and handlers that the sidecar answers for the application; absent when there are none. */
  readonly probes?: readonly ApplicationProbe[];
  /** Policies that are counted and not enforced, sorted by name; absent when there are none. */
  readonly dryRuns?: readonly DryRun[];
  /** Address families of its pods. */
  readonly families: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** The objects that shaped it, for the record: policies and MeshTLS. */
  readonly origins: readonly ObjectReference[];
}

/** A port that the sidecar knows the protocol of. */
export interface InboundPort {
  /** Container port. */
  readonly port: number;
  readonly protocol: Protocol;
  readonly mode: TLSMode;
  /** Whether the server speaks first. Such a port is TCP; absent where nobody says so. */
  readonly serverFirst?: true;
}

/** One AuthorizationPolicy, normalised. Rules are ORed; no rule matches nothing. */
export interface MeshPolicy {
  readonly origin: ObjectReference;
  /** `namespace/name`: the name that access logs show. */
  readonly name: string;
  readonly rules: readonly AuthorizationRule[];
}

/** A policy that is evaluated and counted, and never enforced. */
export interface DryRun extends MeshPolicy {
  readonly action: "ALLOW" | "DENY";
}

/** Any source AND any operation; an empty list means any. AND all conditions. */
export interface AuthorizationRule {
  readonly sources: readonly SourceMatch[];
  readonly operations: readonly OperationMatch[];
  /** Absent when there are none. */
  readonly conditions?: readonly RuleCondition[];
}

/** A demand on the caller or on the call that holds whatever source and operation fit. */
export type RuleCondition = { readonly source: SourceMatch } | { readonly operation: OperationMatch };

/** A string form of Istio's: exact, `abc*`, `*abc`, `*` (present and not empty), and `{*}` / `{**}` templates in paths. */
export type StringMatch =
  | { readonly type: "exact" | "prefix" | "suffix" | "template"; readonly value: string }
  | { readonly type: "present" };

/** Values of one field: matches if any of `any` matches (absent: no demand) and none of `none` does. */
export interface Values<T> {
  readonly any?: readonly T[];
  readonly none?: readonly T[];
}

/** Addresses that begin with the same bits. */
export interface AddressRange {
  readonly address: string;
  readonly prefixLength: number;
}

/** Who calls. The fields are ANDed. Identity fields need an authenticated peer (see `docs/reference`). */
export interface SourceMatch {
  /** Over `<trust domain>/ns/<namespace>/sa/<serviceaccount>`. */
  readonly principals?: Values<StringMatch>;
  /** Over the namespace of the peer's identity. */
  readonly namespaces?: Values<StringMatch>;
  /** Exact identities. */
  readonly serviceAccounts?: Values<{ readonly namespace: string; readonly name: string }>;
  /** Address of the connection's peer. */
  readonly ipBlocks?: Values<AddressRange>;
}

/** What is called. The fields are ANDed. `hosts`, `methods`, `paths` and `header` are HTTP fields. */
export interface OperationMatch {
  /** Case is ignored; a port in the Host header and a trailing dot are stripped before. */
  readonly hosts?: Values<StringMatch>;
  /** Container ports. */
  readonly ports?: Values<number>;
  readonly methods?: Values<StringMatch>;
  /** Over the normalised path without its query. */
  readonly paths?: Values<StringMatch>;
  /** Address that the caller dialed: the pod's. */
  readonly addresses?: Values<AddressRange>;
  /** In lower case: the server name of the caller's TLS handshake, which is any TLS, the mesh's or the application's. */
  readonly serverNames?: Values<StringMatch>;
  /** One header of the request, by its name in lower case. */
  readonly header?: { readonly name: string; readonly values: Values<StringMatch> };
}

// ------------------------------------------------------------------------------------------------------------- the whole

/** Which services the proxies of a namespace are sent. */
export interface Reach {
  /** 10 hex digits of a hash of the service keys. */
  readonly id: string;
  /** Sorted. */
  readonly services: readonly ObjectKey[];
}

/** An identity that some pod needs. */
export interface WorkloadIdentity {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly id: SpiffeID;
}

/** The whole mesh. */
export interface Mesh {
  readonly services: ReadonlyMap<ObjectKey, MeshService>;
  /** By class id. */
  readonly classes: ReadonlyMap<string, WorkloadClass>;
  /** By reach id. */
  readonly reaches: ReadonlyMap<string, Reach>;
  /** The reach of each namespace that has an injected pod. */
  readonly reachOfNamespace: ReadonlyMap<string, string>;
  /** The class of each injected pod. */
  readonly classOfPod: ReadonlyMap<ObjectKey, string>;
  /** Sorted. */
  readonly identities: readonly WorkloadIdentity[];
}
