/**
 * Pass 2: Services as clients and servers see them, before any of our objects shape them.
 *
 *   Service (cluster IP, enrolled namespace) + EndpointSlices --targetRef--> Pods ==> ClientService
 *   Service (headless, enrolled namespace) + EndpointSlices --address--> Pods ======> ClientService without addresses
 *   Service --selector--> Pods ==> the ports that a workload is known to serve, with their protocols
 */
import type { Service, ServicePort } from "../api/kubernetes.ts";
import type { Protocol } from "../model/mesh.ts";
import { type ObjectKey, objectKey } from "../model/object-key.ts";
import { ports } from "../model/sidecar.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { compare } from "../model/workload.ts";
import { type Endpoints, findEndpoints, isDestination, isPort, type ServiceEndpoint } from "./endpoints.ts";
import { byAge, fitsLabels, namespaceOf } from "./objects.ts";
import { isServerFirst, protocolOf } from "./protocol.ts";
import type { Workload, Workloads } from "./workloads.ts";

/** A TCP port of a Service in the mesh. */
export interface ClientPort {
  readonly port: number;
  readonly name: string;
  readonly protocol: Protocol;
  /** Sorted by address, then port. */
  readonly endpoints: readonly ServiceEndpoint[];
}

/** A Service in the mesh, without its routing. */
export interface ClientService {
  readonly key: ObjectKey;
  readonly namespace: string;
  readonly name: string;
  /** Cluster IPs; none for a headless Service, of which clients dial the endpoints. */
  readonly addresses: readonly string[];
  /** Sorted by number. */
  readonly ports: readonly ClientPort[];
}

/** Ports of a pod that belong to its sidecar: not captured, so in plaintext and under no policy. */
export const sidecarPorts: ReadonlySet<number> = new Set([ports.outbound, ports.inbound, ports.status, ports.admin]);

/** TCP ports of a Service, each number once; UDP and SCTP are not Heddle's. */
function tcpPorts(service: Service): ServicePort[] {
  const ports = new Map<number, ServicePort>();
  for (const port of service.spec?.ports ?? []) {
    if ((port.protocol ?? "TCP") === "TCP" && isPort(port.port) && !ports.has(port.port)) ports.set(port.port, port);
  }
  return [...ports.values()];
}

/** Cluster IPs of a Service: none for a headless one or an ExternalName. */
export function clusterAddresses(service: Service): readonly string[] {
  if (service.spec?.type === "ExternalName") return [];
  const listed = service.spec?.clusterIPs ?? (service.spec?.clusterIP === undefined ? [] : [service.spec.clusterIP]);
  return [...new Set(listed)].filter(isDestination);
}

/** The Services that sidecars are told of, by key in the order of keys. */
export function findServices(
  snapshot: Snapshot,
  enrolled: ReadonlySet<string>,
  workloads: Workloads,
): ReadonlyMap<ObjectKey, ClientService> {
  const endpoints = findEndpoints(snapshot, workloads);
  const taken = new Set<string>();
  const found: [ObjectKey, ClientService][] = [];
  const headless: Service[] = [];
  // An address belongs to one Service. Should two claim it, as while it is given anew, one listener can have it.
  for (const service of [...snapshot.services.values()].sort(byAge)) {
    const key = objectKey(service);
    const addresses = clusterAddresses(service).filter((address) => !taken.has(address));
    for (const address of addresses) taken.add(address);
    if (!enrolled.has(namespaceOf(service))) continue;
    if (isHeadless(service)) headless.push(service);
    if (addresses.length === 0) continue;
    const clientPorts = tcpPorts(service)
      .map((port): ClientPort => {
        const name = port.name ?? "";
        return { port: port.port, name, protocol: protocolOf(port), endpoints: endpoints.of(key, addresses, name) };
      })
      .sort((a, b) => a.port - b.port);
    const { name } = service.metadata;
    found.push([key, { key, namespace: namespaceOf(service), name, addresses, ports: clientPorts }]);
  }
  for (const service of findHeadless(headless, endpoints, taken)) found.push([service.key, service]);
  return new Map(found.sort(([a], [b]) => compare(a, b)));
}

const isHeadless = ({ spec }: Service): boolean => spec?.clusterIP === "None" && spec.type !== "ExternalName";

/**
 * Headless Services, the oldest first. Several may have the same port of the same pod, and one listener can have it: what
 * it does depends on the pod alone, so it does not matter whose it is. Nor may it have the address of a Service.
 */
function findHeadless(
  services: readonly Service[],
  endpoints: Endpoints,
  clusterIPs: ReadonlySet<string>,
): readonly ClientService[] {
  const taken = new Set<string>();
  return services.map((service) => {
    const key = objectKey(service);
    const ports = tcpPorts(service)
      .sort((a, b) => a.port - b.port)
      .map((port): ClientPort => {
        const name = port.name ?? "";
        const own = endpoints.atPods(key, name).filter((endpoint) => {
          return !clusterIPs.has(endpoint.address) && !taken.has(`${endpoint.address} ${endpoint.port}`);
        });
        for (const { address, port: number } of own) taken.add(`${address} ${number}`);
        return { port: port.port, name, protocol: protocolOf(port), endpoints: own };
      });
    return { key, namespace: namespaceOf(service), name: service.metadata.name, addresses: [], ports };
  });
}

/** A port that Services declare for a workload. */
export interface ServedPort {
  /** Container port. */
  readonly port: number;
  readonly protocol: Protocol;
  readonly serverFirst?: true;
}

/**
 * The container ports that Services declare for each workload, by class id, sorted by number. Where two Services give one
 * port different protocols, the oldest is right. Headless Services count too: they say what a port speaks.
 */
export function findServedPorts(snapshot: Snapshot, workloads: Workloads): ReadonlyMap<string, readonly ServedPort[]> {
  const servicesOfNamespace = Map.groupBy([...snapshot.services.values()].sort(byAge), namespaceOf);
  return new Map(
    workloads.all.map((workload) => {
      const served = new Map<number, ServedPort>();
      for (const service of servicesOfNamespace.get(workload.namespace) ?? []) {
        if (!selectsWorkload(service, workload)) continue;
        for (const port of tcpPorts(service)) {
          const number = targetPort(port, workload);
          if (number !== undefined && !sidecarPorts.has(number) && !served.has(number)) {
            const serverFirst = isServerFirst(port) ? ({ serverFirst: true } as const) : {};
            served.set(number, { port: number, protocol: protocolOf(port), ...serverFirst });
          }
        }
      }
      return [workload.id, [...served.values()].sort((a, b) => a.port - b.port)] as const;
    }),
  );
}

/**
 * Whether a Service selects a pod of a workload. Compares with the pods' own labels too, since Services may select by labels
 * that differ per instance.
 */
export function selectsWorkload(service: Service, workload: Workload): boolean {
  const selector = service.spec?.selector ?? {};
  if (Object.keys(selector).length === 0 || service.spec?.type === "ExternalName") return false;
  return (
    fitsLabels(selector, workload.labels) || workload.pods.some((pod) => fitsLabels(selector, pod.metadata.labels))
  );
}

function targetPort(port: ServicePort, workload: Workload): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return isPort(target) ? target : undefined;
  return workload.containerPorts.find(({ name }) => name === target)?.port;
}
