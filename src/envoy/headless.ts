/**
 * A headless Service as its clients' sidecars see it. Clients dial one of its pods, by an address or by a name that leads to
 * it, and that pod is where the connection goes:
 *
 *   listener (pod's address, container port) --> cluster: mutual TLS to the address that was dialed
 *
 * There is nothing to choose or to divide, so HTTP is carried as it is: the server's sidecar reads and judges it. What
 * clients dial in plaintext has no listener, and passes through.
 */
import type { MeshEndpoint, MeshService, ServicePortReference } from "../model/mesh.ts";
import type { AccessLogSetting } from "../model/snapshot.ts";
import { accessLog } from "./access-log.ts";
import { socketAddress } from "./address.ts";
import { headlessCluster } from "./cluster.ts";
import { encodeResource } from "./encode.ts";
import { headlessListenerName, servicePortName } from "./names.ts";
import type { EnvoyResource } from "./resource.ts";
import { tcpProxy } from "./tcp.ts";

/** All resources of a Service without addresses, in the order of its ports. */
export function headlessResources(service: MeshService, logged: AccessLogSetting): readonly EnvoyResource[] {
  return service.ports.flatMap((port) => {
    const reference = { namespace: service.namespace, service: service.name, port: port.port };
    const dialed = port.endpoints.filter(({ mutualTLS }) => mutualTLS);
    if (dialed.length === 0) return [];
    return [headlessCluster(reference, port), ...dialed.map((endpoint) => listenerAt(endpoint, reference, logged))];
  });
}

function listenerAt(
  { address, port }: MeshEndpoint,
  reference: ServicePortReference,
  logged: AccessLogSetting,
): EnvoyResource {
  const name = headlessListenerName(reference, address, port);
  return encodeResource("listener", name, {
    name,
    address: socketAddress(address, port),
    // The capture listener hands over the connections whose original destination this is.
    bindToPort: false,
    trafficDirection: "OUTBOUND",
    statPrefix: "outbound",
    filterChains: [
      {
        filters: [
          tcpProxy({
            statPrefix: "outbound",
            accessLog: accessLog(logged, "tcp", "outbound"),
            cluster: servicePortName(reference),
          }),
        ],
      },
    ],
  });
}
