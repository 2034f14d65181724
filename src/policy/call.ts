/**
 * A call to a workload, in plain terms: what its caller sends. What the sidecar makes of it before any policy looks is
 * `request.ts`; what the policies say of it is `evaluate.ts`.
 */
import type { SpiffeID } from "../model/mesh.ts";

/** How a caller speaks to the sidecar. */
export type Caller =
  /** As sidecars do: mutual TLS, with a certificate of this identity that the mesh's root has signed. */
  | { readonly speaks: "mutual-tls"; readonly identity: SpiffeID }
  /** The application's own TLS, which the sidecar carries and cannot see into. */
  | { readonly speaks: "tls" }
  | { readonly speaks: "plaintext" };

/** One call. */
export interface Call {
  readonly caller: Caller;
  /** IPv4 or IPv6 address of the connection's peer. */
  readonly source: string;
  /** The pod's address and the container's port: what is dialed once a Service has been resolved. */
  readonly destination: { readonly address: string; readonly port: number };
  /** The server name of the caller's TLS handshake, whatever TLS it is. The mesh's own clients send none. */
  readonly serverName?: string;
  /** What is asked. On a port that is not HTTP, and in TLS of the application's own, the sidecar does not see it. */
  readonly request?: Request;
}

/** An HTTP request as it is sent, before a sidecar has changed anything of it. */
export interface Request {
  readonly method: string;
  /** The request target, query included: `/cart?x=1`, or an absolute URL (RFC 9112, section 3.2). */
  readonly path: string;
  /** The Host header, or `:authority`. */
  readonly host: string;
  /** All other headers, one entry for each line, in their order. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Whether it comes by HTTP/2. By HTTP/1.1 if absent. */
  readonly http2?: boolean;
}
