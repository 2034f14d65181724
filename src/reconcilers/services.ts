/**
 * Pass 2: Services as clients and servers see them, before any of our objects shape them.
 *
 *   Service (cluster IP, enrolled namespace) + EndpointSlices --targetRef--> Pods ==> ClientService
 *   Service (headless, enrolled namespace) + EndpointSlices --address--> Pods ======> ClientService without addresses
 *   Service --selector--> Pods ==> the ports that a workload is known to serve, with their protocols
 */
import type { EndpointSlice, Pod, Service, ServicePort } from "../api/kubernetes.ts";
import type { Protocol } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { ports } from "../model/sidecar.ts";
import { sortedEntries } from "../model/workload.ts";
import type { Derivation, Lookup, Table } from "./derivation.ts";
import { sameJSON } from "./derivation.ts";
import { deriveEndpoints, type Endpoints, isDestination, isPort, type ServiceEndpoint } from "./endpoints.ts";
import { byAge, fitsLabels, namespaceOf } from "./objects.ts";
import { isServerFirst, protocolOf } from "./protocol.ts";
import type { Workload, Workloads } from "./workloads.ts";
import { labelWord } from "./workloads.ts";

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

/** What the pass needs of what was seen, and of the pass before it. */
export interface ServiceInputs {
  readonly services: Table<Service>;
  readonly pods: Lookup<Pod>;
  readonly endpointSlices: Table<EndpointSlice>;
  readonly workloads: Workloads;
  readonly isEnrolled: (namespace: string) => boolean;
}

/** The Services that sidecars are told of, by key. */
export function deriveServices(tables: Derivation, inputs: ServiceInputs): Table<ClientService> {
  const { services, isEnrolled } = inputs;
  const endpoints = deriveEndpoints(tables, inputs);
  const ofAddress = tables.group(services, clusterAddresses);
  const headless = deriveHeadless(tables, inputs, endpoints, ofAddress);
  return tables.each(services, (service, key) => {
    const namespace = namespaceOf(service);
    if (isHeadless(service)) return headless(service, key);
    // An address belongs to one Service, the oldest. Should two claim it, as while it is given anew, one listener can have it.
    const isOwn = (address: string) => [...(ofAddress.get(address) ?? [])].sort(byAge)[0] === service;
    const addresses = clusterAddresses(service).filter(isOwn);
    if (addresses.length === 0 || !isEnrolled(namespace)) return undefined;
    const ports = tcpPorts(service)
      .map((port): ClientPort => {
        const name = port.name ?? "";
        return { port: port.port, name, protocol: protocolOf(port), endpoints: endpoints.of(key, addresses, name) };
      })
      .sort((a, b) => a.port - b.port);
    return { key, namespace, name: service.metadata.name, addresses, ports };
  });
}

const isHeadless = ({ spec }: Service): boolean => spec?.clusterIP === "None" && spec.type !== "ExternalName";

/**
 * Headless Services. Several may have the same port of the same pod, and one listener can have it, the oldest's: what it does
 * depends on the pod alone, so it does not matter whose it is. Nor may it have the address of a Service.
 */
function deriveHeadless(
  tables: Derivation,
  { services, isEnrolled }: ServiceInputs,
  endpoints: Endpoints,
  clusterIPs: Lookup<unknown>,
): (service: Service, key: ObjectKey) => ClientService | undefined {
  const claims = tables.each(services, (service, key) => {
    if (!isHeadless(service) || !isEnrolled(namespaceOf(service))) return undefined;
    const taken = new Set<string>();
    const ports = tcpPorts(service)
      .sort((a, b) => a.port - b.port)
      .map((port): ClientPort => {
        const name = port.name ?? "";
        const own = endpoints.atPods(key, name).filter((endpoint) => {
          return clusterIPs.get(endpoint.address) === undefined && !taken.has(placeOf(endpoint));
        });
        for (const endpoint of own) taken.add(placeOf(endpoint));
        return { port: port.port, name, protocol: protocolOf(port), endpoints: own };
      });
    return { service, ports, places: taken };
  });
  const ofPlace = tables.group(claims, ({ places }) => places);
  return (service, key) => {
    const claim = claims.get(key);
    if (claim === undefined) return undefined;
    const isOwn = (endpoint: ServiceEndpoint) =>
      (ofPlace.get(placeOf(endpoint)) ?? []).every((other) => other === claim || byAge(service, other.service) < 0);
    const ports = claim.ports.map((port) => ({ ...port, endpoints: port.endpoints.filter(isOwn) }));
    return { key, namespace: namespaceOf(service), name: service.metadata.name, addresses: [], ports };
  };
}

/** Where a connection goes. */
const placeOf = ({ address, port }: ServiceEndpoint): string => `${address} ${port}`;

/** A port that Services declare for a workload. */
export interface ServedPort {
  /** Container port. */
  readonly port: number;
  readonly protocol: Protocol;
  readonly serverFirst?: true;
}

/** A workload, and the Services that select pods of it, the oldest first. Headless ones count too. */
export interface SelectedWorkload {
  readonly workload: Workload;
  readonly services: readonly Service[];
}

/** By class id. */
export function deriveSelected(
  tables: Derivation,
  services: Table<Service>,
  workloads: Workloads,
): Table<SelectedWorkload> {
  const ofWord = tables.group(services, (service) => {
    const [first] = sortedEntries(service.spec?.selector ?? {});
    return first === undefined ? [] : [labelWord(namespaceOf(service), ...first)];
  });
  return tables.each(workloads.byId, (workload): SelectedWorkload => {
    const labels = [workload.labels, ...workload.pods.map(({ metadata }) => metadata.labels ?? {})];
    const words = labels.flatMap((some) =>
      Object.entries(some).map(([name, value]) => labelWord(workload.namespace, name, value)),
    );
    const candidates = [...new Set(words)].flatMap((word) => ofWord.get(word) ?? []);
    return { workload, services: candidates.filter((service) => selectsWorkload(service, workload)).sort(byAge) };
  });
}

/**
 * The container ports that Services declare for each workload, by class id, sorted by number. Where two Services give one
 * port different protocols, the oldest is right. Headless Services count too: they say what a port speaks.
 */
export function deriveServedPorts(tables: Derivation, selected: Table<SelectedWorkload>): Table<readonly ServedPort[]> {
  return tables.each(selected, ({ workload, services }) => servedPorts(workload, services), sameJSON);
}

function servedPorts(workload: Workload, services: readonly Service[]): readonly ServedPort[] {
  const served = new Map<number, ServedPort>();
  for (const port of services.flatMap(tcpPorts)) {
    const number = targetPort(port, workload);
    if (number === undefined || sidecarPorts.has(number) || served.has(number)) continue;
    const serverFirst = isServerFirst(port) ? ({ serverFirst: true } as const) : {};
    served.set(number, { port: number, protocol: protocolOf(port), ...serverFirst });
  }
  return [...served.values()].sort((a, b) => a.port - b.port);
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
