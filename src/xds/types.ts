import type { EnvoyResource, ResourceType } from "../envoy/resource.ts";

/** What a session reads of a DeltaDiscoveryRequest (envoy.service.discovery.v3). */
export interface DiscoveryRequest {
  readonly typeUrl: string;
  readonly resourceNamesSubscribe: readonly string[];
  readonly resourceNamesUnsubscribe: readonly string[];
  readonly initialResourceVersions: ReadonlyMap<string, string>;
  readonly responseNonce: string;
  /** Present on a refusal. */
  readonly errorDetail?: { readonly message: string } | undefined;
}

/** One DeltaDiscoveryResponse. */
export interface DiscoveryResponse {
  readonly type: ResourceType;
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly EnvoyResource[];
  /** Names that the proxy is told do not exist (any more). */
  readonly removed: readonly string[];
  /** Maps of the target all of whose resources are among `resources` in a row, in this order. Their bytes may be shared. */
  readonly runs: readonly ReadonlyMap<string, EnvoyResource>[];
}

/** What the server counts. Every method is called on the hot path and must be cheap. */
export interface XdsMetrics {
  /** Streams that are authorised and open. */
  streams(count: number): void;
  /** A response was sent. */
  response(type: ResourceType, resources: number, bytes: number): void;
  /** A proxy refused a response. */
  refusal(type: ResourceType): void;
  /** A stream was not admitted, or ended by the server; `reason` is one of a fixed few words. */
  ended(reason: string): void;
}

/** gRPC status codes that the server uses (gRPC, "Status codes and their use in gRPC"). */
export const grpcStatus = {
  ok: 0,
  invalidArgument: 3,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** One of {@link grpcStatus}. */
export type GrpcStatus = (typeof grpcStatus)[keyof typeof grpcStatus];

/** Ends a stream with a status that its client sees. */
export class StreamError extends Error {
  readonly status: GrpcStatus;
  /** One of a fixed few words, for metrics. */
  readonly reason: string;

  constructor(status: GrpcStatus, reason: string, message: string) {
    super(message);
    this.name = "StreamError";
    this.status = status;
    this.reason = reason;
  }
}
