/** Clusters: where connections end. */
import type { MeshEndpoint, MeshServicePort, Protocol, ServicePortReference, SpiffeID } from "../model/mesh.ts";
import { alpn, inboundSource } from "../model/sidecar.ts";
import type { AddressFamilies } from "./address.ts";
import { socketAddress } from "./address.ts";
import { encodeResource } from "./encode.ts";
import { packed } from "./extension.ts";
import type { CircuitBreakersJson } from "./generated/envoy/config/cluster/v3/circuit_breaker_pb.js";
import type { ClusterJson } from "./generated/envoy/config/cluster/v3/cluster_pb.js";
import type { BindConfigJson } from "./generated/envoy/config/core/v3/address_pb.js";
import type { TransportSocketJson } from "./generated/envoy/config/core/v3/base_pb.js";
import type { HttpProtocolOptionsJson as CommonOptionsJson } from "./generated/envoy/config/core/v3/protocol_pb.js";
import type { LbEndpointJson } from "./generated/envoy/config/endpoint/v3/endpoint_components_pb.js";
import type { HttpProtocolOptionsJson } from "./generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { HttpProtocolOptionsSchema } from "./generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { http2Windows } from "./http.ts";
import { clusterNames, mirrorName, servicePortName } from "./names.ts";
import type { EnvoyResource } from "./resource.ts";
import { adsSource } from "./source.ts";
import { tcpKeepalive } from "./tcp.ts";
import { clientSocket, plaintextSocket } from "./tls.ts";

/** The largest value of a threshold. Envoy's own defaults (1,024 connections and requests, 3 retries) would answer 503. */
const unlimited = 4_294_967_295;

const circuitBreakers: CircuitBreakersJson = {
  thresholds: [
    { maxConnections: unlimited, maxPendingRequests: unlimited, maxRequests: unlimited, maxRetries: unlimited },
  ],
};

/** Metadata of an endpoint that chooses its transport socket (`envoy.transport_socket_match`). */
const transportKey = "heddle";
const transports = { mutualTLS: "mtls", plaintext: "plaintext" } as const;

/** Whether Envoy understands the port's requests. */
export const isHTTP = (protocol: Protocol): boolean => protocol !== "tcp";

/** The options of a cluster's HTTP connections, as Envoy wants them in `typed_extension_protocol_options`. */
export function httpProtocolOptions(
  options: HttpProtocolOptionsJson,
): Pick<ClusterJson, "typedExtensionProtocolOptions"> {
  return {
    typedExtensionProtocolOptions: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": packed(HttpProtocolOptionsSchema, options),
    },
  };
}

/** The endpoints of a Service's port, as clients see them. */
export function serviceCluster(reference: ServicePortReference, port: MeshServicePort): EnvoyResource {
  const name = servicePortName(reference);
  return encodeResource("cluster", name, {
    name,
    edsClusterConfig: { edsConfig: adsSource },
    circuitBreakers,
    ...clientOptions(port, {}),
  });
}

/**
 * The same endpoints, for copies of requests. Nobody waits for the answer to a copy, so that nobody would give up on a
 * mirror that hangs: its copies would fill the caller's sidecar. So a copy is given some time, and of those under way there
 * are at most 1,024 (Envoy's default threshold); more are dropped.
 */
export function mirrorCluster(reference: ServicePortReference, port: MeshServicePort): EnvoyResource {
  const name = mirrorName(reference);
  return encodeResource("cluster", name, {
    name,
    edsClusterConfig: { edsConfig: adsSource, serviceName: servicePortName(reference) },
    ...clientOptions(port, { maxStreamDuration: "15s" }),
  });
}

function clientOptions(port: MeshServicePort, http: CommonOptionsJson): ClusterJson {
  return {
    type: "EDS",
    connectTimeout: "5s",
    lbPolicy: "LEAST_REQUEST",
    upstreamConnectionOptions: { tcpKeepalive },
    ...(isHTTP(port.protocol) ? httpProtocolOptions(clientProtocolOptions(port.protocol, http)) : {}),
    ...transportSockets(port),
  };
}

function clientProtocolOptions(protocol: Protocol, http: CommonOptionsJson): HttpProtocolOptionsJson {
  // Below the hour after which servers close an idle connection, so that both sides do not do so at once. No HTTP/2 pings:
  // gRPC servers without a sidecar answer frequent ones with GOAWAY.
  const commonHttpProtocolOptions = { idleTimeout: "1800s", ...http };
  return protocol === "http"
    ? {
        commonHttpProtocolOptions,
        useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions: http2Windows },
      }
    : { commonHttpProtocolOptions, explicitHttpConfig: { http2ProtocolOptions: http2Windows } };
}

/**
 * Mutual TLS is what an endpoint gets unless it is marked as plaintext: an endpoint that lost its mark is refused, never
 * downgraded. Where every endpoint speaks mutual TLS there is no plaintext to choose.
 */
function transportSockets(port: MeshServicePort): Pick<ClusterJson, "transportSocket" | "transportSocketMatches"> {
  const mutualTLS = mutualTLSSocket(port);
  if (port.endpoints.every((endpoint) => endpoint.mutualTLS)) {
    return { transportSocket: mutualTLS };
  }
  return {
    transportSocket: mutualTLS,
    transportSocketMatches: [
      { name: transports.mutualTLS, match: { [transportKey]: transports.mutualTLS }, transportSocket: mutualTLS },
      { name: transports.plaintext, match: { [transportKey]: transports.plaintext }, transportSocket: plaintextSocket },
    ],
  };
}

/** The pods of a headless Service's port, each by the address that was dialed. */
export function headlessCluster(reference: ServicePortReference, port: MeshServicePort): EnvoyResource {
  const name = servicePortName(reference);
  return encodeResource("cluster", name, {
    name,
    type: "ORIGINAL_DST",
    lbPolicy: "CLUSTER_PROVIDED",
    connectTimeout: "5s",
    circuitBreakers,
    upstreamConnectionOptions: { tcpKeepalive },
    transportSocket: mutualTLSSocket(port),
  });
}

function mutualTLSSocket(port: MeshServicePort): TransportSocketJson {
  const protocol = port.protocol === "http2" || port.protocol === "grpc" ? alpn.http2 : alpn.http1;
  return clientSocket(secureNames(port), protocol);
}

function secureNames(port: MeshServicePort): readonly SpiffeID[] {
  return port.endpoints.some((endpoint) => endpoint.mutualTLS) ? port.serverIdentities : [];
}

/** The addresses behind a Service's port. */
export function serviceEndpoints(reference: ServicePortReference, port: MeshServicePort): EnvoyResource {
  const name = servicePortName(reference);
  return encodeResource("endpoint", name, {
    clusterName: name,
    endpoints: port.endpoints.length === 0 ? [] : [{ lbEndpoints: port.endpoints.map(lbEndpoint) }],
  });
}

function lbEndpoint({ address, port, mutualTLS }: MeshEndpoint): LbEndpointJson {
  const transport = mutualTLS ? transports.mutualTLS : transports.plaintext;
  return {
    endpoint: { address: socketAddress(address, port) },
    metadata: { filterMetadata: { "envoy.transport_socket_match": { [transportKey]: transport } } },
  };
}

/** A cluster that has no endpoint, ever: connections are reset and requests answered 503, and logs show its name. */
export function emptyCluster(name: string): EnvoyResource {
  return encodeResource("cluster", name, { name, type: "STATIC", loadAssignment: { clusterName: name } });
}

/** Dials the address that the connection was for. */
export function passThroughCluster(): EnvoyResource {
  return encodeResource("cluster", clusterNames.passThrough, {
    name: clusterNames.passThrough,
    type: "ORIGINAL_DST",
    lbPolicy: "CLUSTER_PROVIDED",
    connectTimeout: "10s",
    circuitBreakers,
    upstreamConnectionOptions: { tcpKeepalive },
  });
}

/**
 * The application in the same pod, at the address that the connection was for, never at loopback: an application that
 * listens on loopback only stays unreachable, as without a mesh. The source address tells the redirect that the
 * connection comes from the inbound side.
 */
export function inboundCluster(families: AddressFamilies): EnvoyResource {
  return encodeResource("cluster", clusterNames.inbound, {
    name: clusterNames.inbound,
    type: "ORIGINAL_DST",
    lbPolicy: "CLUSTER_PROVIDED",
    connectTimeout: "5s",
    circuitBreakers,
    upstreamBindConfig: inboundBindConfig(families),
    ...httpProtocolOptions({
      // Servers close idle connections after a few seconds (Node.js after 5), and a request that is sent just then fails.
      // A new connection within the pod costs next to nothing, so idle ones are not kept for as long as that.
      commonHttpProtocolOptions: { idleTimeout: "1s" },
      useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions: http2Windows },
    }),
  });
}

/** The source from which the inbound side dials the application. */
export function inboundBindConfig({ ipv4, ipv6 }: AddressFamilies): BindConfigJson {
  const source = (address: string): { address: string; portValue: number } => ({ address, portValue: 0 });
  if (!ipv6) {
    return { sourceAddress: source(inboundSource.ipv4) };
  }
  if (!ipv4) {
    return { sourceAddress: source(inboundSource.ipv6) };
  }
  return {
    sourceAddress: source(inboundSource.ipv4),
    extraSourceAddresses: [{ address: source(inboundSource.ipv6) }],
  };
}
