/** What every sidecar has, whatever it runs beside: the capture of outgoing connections, and readiness. */
import type { ApplicationProbe } from "../model/probe.ts";
import { ports } from "../model/sidecar.ts";
import type { AccessLogSetting } from "../model/snapshot.ts";
import { accessLog } from "./access-log.ts";
import type { AddressFamilies } from "./address.ts";
import { socketAddress, wildcardAddresses } from "./address.ts";
import { emptyCluster, inboundCluster, passThroughCluster } from "./cluster.ts";
import { encodeResource } from "./encode.ts";
import { packed } from "./extension.ts";
import type {
  FilterChainJson,
  FilterJson,
  ListenerFilterJson,
} from "./generated/envoy/config/listener/v3/listener_components_pb.js";
import type { RouteJson } from "./generated/envoy/config/route/v3/route_components_pb.js";
import { OriginalDstSchema } from "./generated/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js";
import { ConnectionLimitSchema } from "./generated/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.js";
import { connectionManager } from "./http.ts";
import { clusterNames, listenerNames, unavailableCluster, unavailableReasons } from "./names.ts";
import { probeFilters, probeRoutes } from "./probes.ts";
import type { EnvoyResource } from "./resource.ts";
import { tcpKeepalive, tcpProxy } from "./tcp.ts";

/** Restores the destination that a connection had before the redirect. */
export const originalDestinationFilter: ListenerFilterJson = {
  name: "envoy.filters.listener.original_dst",
  typedConfig: packed(OriginalDstSchema, {}),
};

/**
 * Resets a connection whose original destination is one of the capture ports. Someone dialed the port itself: to forward
 * that would make the proxy dial itself, again and again.
 */
export function guardChain(port: number): FilterChainJson {
  return {
    name: `guard/${port}`,
    filterChainMatch: { destinationPort: port },
    filters: [tcpProxy({ statPrefix: clusterNames.blackHole, cluster: clusterNames.blackHole })],
  };
}

/** Resources that depend on nothing but the address families of the pod. */
export function commonResources(
  families: AddressFamilies,
  logged: AccessLogSetting = "errors",
): readonly EnvoyResource[] {
  return [
    ...unavailableReasons.map((reason) => emptyCluster(unavailableCluster(reason))),
    emptyCluster(clusterNames.blackHole),
    passThroughCluster(),
    inboundCluster(families),
    ...wildcardAddresses(families).map((address) => captureListener(address, logged)),
  ];
}

/**
 * Takes the outgoing connections, and hands each to the listener of its destination's address and port. What no listener
 * claims is not the mesh's and goes where it was going.
 */
function captureListener(address: "0.0.0.0" | "::", logged: AccessLogSetting): EnvoyResource {
  const name = address === "::" ? listenerNames.outboundCapture6 : listenerNames.outboundCapture;
  return encodeResource("listener", name, {
    name,
    address: socketAddress(address, ports.outbound),
    trafficDirection: "OUTBOUND",
    statPrefix: listenerNames.outboundCapture,
    useOriginalDst: true,
    listenerFilters: [originalDestinationFilter],
    filterChains: [
      guardChain(ports.outbound),
      {
        name: "pass-through",
        filters: [
          tcpProxy({
            statPrefix: clusterNames.passThrough,
            accessLog: accessLog(logged, "tcp", "outbound"),
            cluster: clusterNames.passThrough,
          }),
        ],
      },
    ],
  });
}

/**
 * The listener of readiness, metrics and the application's probes. The operator sends it last, once all the rest is acknowledged, so the startup
 * probe passes with the first complete configuration and not before. Of the admin interface it opens one path.
 */
export function readinessListener(families: AddressFamilies, probes: readonly ApplicationProbe[] = []): EnvoyResource {
  const [address, ...additional] = wildcardAddresses(families).map((wildcard) => socketAddress(wildcard, ports.status));
  if (address === undefined) {
    throw new Error("there is no address family to listen on");
  }
  return encodeResource("listener", listenerNames.readiness, {
    name: listenerNames.readiness,
    address,
    additionalAddresses: additional.map((other) => ({ address: other })),
    statPrefix: listenerNames.readiness,
    tcpKeepalive,
    // The kubelet must get its answer while the proxy refuses others; so this listener has a limit of its own.
    ignoreGlobalConnLimit: true,
    perConnectionBufferLimitBytes: 32_768,
    // Which of the pod's addresses was dialed.
    ...(probes.length === 0 ? {} : { listenerFilters: [originalDestinationFilter] }),
    filterChains: [
      {
        filters: [
          connectionLimit,
          connectionManager({
            statPrefix: listenerNames.readiness,
            // A connection has one request at a time, so that what bounds the ones bounds the others.
            codecType: "HTTP1",
            httpFilters: probeFilters(probes),
            upgradeConfigs: [],
            forwardClientCertDetails: "SANITIZE",
            commonHttpProtocolOptions: { idleTimeout: "60s" },
            requestHeadersTimeout: "10s",
            requestTimeout: "10s",
            streamIdleTimeout: "60s",
            routeConfig: {
              name: listenerNames.readiness,
              validateClusters: false,
              virtualHosts: [
                { name: listenerNames.readiness, domains: ["*"], routes: [...probeRoutes(probes), ...readinessRoutes] },
              ],
            },
          }),
        ],
      },
    ],
  });
}

/**
 * The kubelet and who scrapes metrics need a handful. It is also what somebody has to keep open to keep them out, so that it
 * is as much as a sidecar bears.
 */
const connectionLimit: FilterJson = {
  name: "envoy.filters.network.connection_limit",
  typedConfig: packed(ConnectionLimitSchema, { statPrefix: listenerNames.readiness, maxConnections: "4096" }),
};

const readinessRoutes: RouteJson[] = [
  { match: { path: "/ready" }, directResponse: { status: 200, body: { inlineString: "ready\n" } } },
  {
    match: { path: "/stats/prometheus", headers: [{ name: ":method", stringMatch: { exact: "GET" } }] },
    route: { cluster: clusterNames.admin, timeout: "10s" },
  },
  { match: { prefix: "/" }, directResponse: { status: 404 } },
];
