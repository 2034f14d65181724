/**
 * A Service as its clients' sidecars see it. What is captured at one of its addresses and ports goes
 *
 *   listener (address, port) --HTTP--> route configuration --> clusters --> endpoints
 *                            --TCP---> clusters --> endpoints
 *
 * and none of it depends on the client, so every client is sent the same bytes.
 */
import type { MeshService, MeshServicePort, ServicePortReference } from "../model/mesh.ts";
import type { AccessLogSetting } from "../model/snapshot.ts";
import { accessLog } from "./access-log.ts";
import { socketAddress } from "./address.ts";
import { backendShares } from "./backend.ts";
import { isHTTP, mirrorCluster, serviceCluster, serviceEndpoints } from "./cluster.ts";
import { encodeResource } from "./encode.ts";
import type { FilterJson } from "./generated/envoy/config/listener/v3/listener_components_pb.js";
import { headlessResources } from "./headless.ts";
import { connectionManager, http2Windows } from "./http.ts";
import { serviceListenerName, servicePortName } from "./names.ts";
import type { EnvoyResource } from "./resource.ts";
import { serviceRoutes } from "./route.ts";
import { adsSource } from "./source.ts";
import { tcpProxy } from "./tcp.ts";

/** One for all services, so that the number of statistics does not grow with the mesh. */
const statPrefix = "outbound";

/** All resources of a Service, in the order of its ports. */
export function serviceResources(service: MeshService, logged: AccessLogSetting = "errors"): readonly EnvoyResource[] {
  if (service.addresses.length === 0) return headlessResources(service, logged);
  return service.ports.flatMap((port) => {
    const reference = { namespace: service.namespace, service: service.name, port: port.port };
    return [
      serviceCluster(reference, port),
      serviceEndpoints(reference, port),
      ...(port.mirrored === true ? [mirrorCluster(reference, port)] : []),
      ...(isHTTP(port.protocol) ? [serviceRoutes(reference, port)] : []),
      ...service.addresses.map((address) => serviceListener(reference, port, address, logged)),
    ];
  });
}

function serviceListener(
  reference: ServicePortReference,
  port: MeshServicePort,
  address: string,
  logged: AccessLogSetting,
): EnvoyResource {
  const name = serviceListenerName(reference, address);
  return encodeResource("listener", name, {
    name,
    address: socketAddress(address, port.port),
    // The capture listener hands over the connections whose original destination this is.
    bindToPort: false,
    trafficDirection: "OUTBOUND",
    statPrefix,
    filterChains: [{ filters: [isHTTP(port.protocol) ? httpFilter(reference, logged) : tcpFilter(port, logged)] }],
  });
}

function httpFilter(reference: ServicePortReference, logged: AccessLogSetting): FilterJson {
  return connectionManager({
    statPrefix,
    accessLog: accessLog(logged, "http", "outbound"),
    rds: { routeConfigName: servicePortName(reference), configSource: adsSource },
    // What an application says of its own callers is not evidence.
    forwardClientCertDetails: "SANITIZE",
    // One channel of a gRPC client carries all of its calls.
    http2ProtocolOptions: { ...http2Windows, maxConcurrentStreams: 1024 },
  });
}

function tcpFilter(port: MeshServicePort, logged: AccessLogSetting): FilterJson {
  const shares = backendShares(port.routing.routes[0]?.backends ?? []);
  return tcpProxy({
    statPrefix,
    accessLog: accessLog(logged, "tcp", "outbound"),
    ...("cluster" in shares ? { cluster: shares.cluster } : { weightedClusters: { clusters: [...shares.shares] } }),
    // As for HTTP: a connection that reached no server is tried at up to two more endpoints.
    maxConnectAttempts: 3,
  });
}
