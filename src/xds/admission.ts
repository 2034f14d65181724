import type { Node } from "../envoy/generated/envoy/config/core/v3/base_pb.js";
import type { ProxyTarget } from "../envoy/resource.ts";
import { isSupportedProxy, minimumProxyVersion, proxyVersionText } from "../model/proxy-version.ts";
import { normalizeAddress } from "./peer.ts";
import { grpcStatus, StreamError } from "./types.ts";

/** Who is on the other side of a stream. */
export interface Peer {
  /** The only URI of its verified certificate; undefined when it has none, or several. */
  readonly identity: string | undefined;
  /** Address of the connection's other end, as the socket says it. */
  readonly address: string;
}

/** The pod that a node id names. */
export interface NamedPod {
  /** `namespace/name`. */
  readonly pod: string;
  readonly uid: string;
}

/** Reads a node id, `namespace/name/uid`. */
export function parseNodeId(id: string): NamedPod {
  const [namespace = "", name = "", uid = "", ...rest] = id.split("/");
  if (namespace === "" || name === "" || uid === "" || rest.length > 0 || id.length > 1024) {
    throw new StreamError(grpcStatus.invalidArgument, "protocol", "the node id must be namespace/name/uid of the pod");
  }
  return { pod: `${namespace}/${name}`, uid };
}

/**
 * Refuses a proxy that is too old to enforce policies, or does not say what it is. Envoy says its version in the node of its
 * first request, whatever its bootstrap has there. Who lies about it harms what it guards itself only.
 */
export function requireVersion(pod: string, agent: Node["userAgentVersionType"] | undefined): void {
  const told = agent?.case === "userAgentBuildVersion" ? agent.value.version : undefined;
  const version = told && ([told.majorNumber, told.minorNumber, told.patch] as const);
  if (version !== undefined && isSupportedProxy(version)) return;
  const what = version === undefined ? "a proxy that does not tell its version" : `Envoy ${proxyVersionText(version)}`;
  throw new StreamError(
    grpcStatus.failedPrecondition,
    "version",
    `pod ${pod} runs ${what}, and is sent nothing: Heddle needs Envoy ${proxyVersionText(minimumProxyVersion)} or newer; see that the image of its container heddle-proxy has it, and create the pod anew`,
  );
}

/**
 * Whether the peer may be served this pod's configuration: "later" when what is known of the pod may be outdated. Throws a
 * {@link StreamError} when the peer is someone else. Nothing that the peer says of itself counts, but which pod it claims to be.
 */
export function admit(peer: Peer, named: NamedPod, target: ProxyTarget | undefined): "yes" | "later" {
  if (peer.identity === undefined) {
    throw new StreamError(
      grpcStatus.permissionDenied,
      "identity",
      "the client certificate must carry exactly one URI, its SPIFFE ID",
    );
  }
  if (target === undefined || target.pod !== named.pod || target.podUid !== named.uid) return "later";
  if (peer.identity !== target.identity) {
    throw new StreamError(
      grpcStatus.permissionDenied,
      "identity",
      `pod ${named.pod} runs as ${target.identity}, but the client certificate is of ${peer.identity}`,
    );
  }
  if (target.addresses.length === 0) return "later";
  const address = normalizeAddress(peer.address);
  if (address === undefined || !target.addresses.some((known) => normalizeAddress(known) === address)) {
    throw new StreamError(
      grpcStatus.permissionDenied,
      "address",
      `the connection comes from ${peer.address}, which is not an address of pod ${named.pod}`,
    );
  }
  return "yes";
}
