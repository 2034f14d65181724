/**
 * Pass 2: Services as clients and servers see them, before any of our objects shape them.
 *
 *   Service (cluster IP, enrolled namespace) + EndpointSlices --targetRef--> Pods ==> ClientService
 *   Service --selector--> Pods ==> the ports that a workload is known to serve, with their protocols
 */
import type { EndpointSlice, Service, ServicePort } from "../api/kubernetes.ts";
import type { Protocol } from "../model/mesh.ts";
import { ports } from "../model/sidecar.ts";
import type { ObjectKey, Snapshot } from "../model/snapshot.ts";
import { compare } from "../model/workload.ts";
import { byAge, fitsLabels, namespaceOf, own, pushTo } from "./objects.ts";
import { protocolOf } from "./protocol.ts";
import type { Workload, Workloads } from "./workloads.ts";
import { isIPv6 } from "./workloads.ts";

/** An endpoint of a Service's port that takes new connections. */
export interface ServiceEndpoint {
  readonly address: string;
  readonly port: number;
  /** Absent when the endpoint has no sidecar. */
  readonly workload?: Workload;
}

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
  readonly addresses: readonly string[];
  /** Sorted by number. */
  readonly ports: readonly ClientPort[];
}

/** Ports of a pod that belong to its sidecar: not captured, so in plaintext and under no policy. */
export const sidecarPorts: ReadonlySet<number> = new Set([ports.outbound, ports.inbound, ports.status, ports.admin]);

/** TCP ports of a Service; UDP and SCTP are not Heddle's. */
const tcpPorts = (service: Service): readonly ServicePort[] =>
  (service.spec?.ports ?? []).filter((port) => (port.protocol ?? "TCP") === "TCP");

/** Cluster IPs of a Service: none for a headless one or an ExternalName. */
export function clusterAddresses(service: Service): readonly string[] {
  if (service.spec?.type === "ExternalName") return [];
  const listed = service.spec?.clusterIPs ?? (service.spec?.clusterIP === undefined ? [] : [service.spec.clusterIP]);
  return listed.filter((address) => address !== "" && address !== "None");
}

/** The Services that sidecars are told of, by key in the order of keys. */
export function findServices(
  snapshot: Snapshot,
  enrolled: ReadonlySet<string>,
  workloads: Workloads,
): ReadonlyMap<ObjectKey, ClientService> {
  const slices = slicesOfServices(snapshot);
  const found: [ObjectKey, ClientService][] = [];
  for (const [key, service] of snapshot.services) {
    const addresses = clusterAddresses(service);
    if (addresses.length === 0 || !enrolled.has(namespaceOf(service))) continue;
    const ofFamily = slicesOfPrimaryFamily(slices.get(key) ?? [], addresses);
    const clientPorts = tcpPorts(service)
      .map((port): ClientPort => {
        const name = port.name ?? "";
        const endpoints = endpointsOf(name, ofFamily, snapshot, workloads);
        return { port: port.port, name, protocol: protocolOf(port), endpoints };
      })
      .sort((a, b) => a.port - b.port);
    const { name } = service.metadata;
    found.push([key, { key, namespace: namespaceOf(service), name, addresses, ports: clientPorts }]);
  }
  return new Map(found.sort(([a], [b]) => compare(a, b)));
}

function slicesOfServices(snapshot: Snapshot): ReadonlyMap<ObjectKey, readonly EndpointSlice[]> {
  const slices = new Map<ObjectKey, EndpointSlice[]>();
  for (const slice of snapshot.endpointSlices.values()) {
    const service = own(slice.metadata.labels, "kubernetes.io/service-name");
    if (service !== undefined && slice.addressType !== "FQDN")
      pushTo(slices, `${namespaceOf(slice)}/${service}`, slice);
  }
  return slices;
}

/**
 * A dual-stack pod is in a slice of each family. The endpoints of the Service's first family serve both of its
 * addresses, so that no pod counts twice and an application that listens on one family only is reached.
 */
function slicesOfPrimaryFamily(
  slices: readonly EndpointSlice[],
  addresses: readonly string[],
): readonly EndpointSlice[] {
  const primary = isIPv6(addresses[0] ?? "") ? "IPv6" : "IPv4";
  const ofPrimary = slices.filter((slice) => slice.addressType === primary && (slice.endpoints ?? []).length > 0);
  return ofPrimary.length > 0 ? ofPrimary : slices;
}

/** Ready endpoints; when there is none, those that still serve while they terminate (KEP-1669, as kube-proxy does). */
function endpointsOf(
  portName: string,
  slices: readonly EndpointSlice[],
  snapshot: Snapshot,
  workloads: Workloads,
): readonly ServiceEndpoint[] {
  const ready = new Map<string, ServiceEndpoint>();
  const terminating = new Map<string, ServiceEndpoint>();
  for (const slice of slices) {
    const port = (slice.ports ?? []).find((candidate) => (candidate.name ?? "") === portName)?.port;
    if (port === undefined || port === null) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const { ready: isReady = true, serving, terminating: isTerminating } = endpoint.conditions ?? {};
      const fallback = isTerminating === true && serving !== false;
      if (isReady === false && !fallback) continue;
      const workload = workloadBehind(endpoint, slice, snapshot, workloads);
      if (workload === "stale") continue;
      for (const address of endpoint.addresses) {
        const found = { address, port, ...(workload === undefined ? {} : { workload }) };
        (isReady === false ? terminating : ready).set(`${address} ${port}`, found);
      }
    }
  }
  const chosen = ready.size > 0 ? ready : terminating;
  return [...chosen.values()].sort((a, b) => compare(a.address, b.address) || a.port - b.port);
}

/**
 * The workload of an endpoint's pod; undefined when it has no sidecar. An endpoint whose pod is gone, or was replaced by
 * another of its name, is stale: without the pod nothing tells whether to speak TLS, and plaintext is not a guess to make.
 */
function workloadBehind(
  endpoint: NonNullable<EndpointSlice["endpoints"]>[number],
  slice: EndpointSlice,
  snapshot: Snapshot,
  workloads: Workloads,
): Workload | "stale" | undefined {
  const reference = endpoint.targetRef;
  if (reference?.kind !== "Pod" || reference.name === undefined) return undefined;
  const key = `${reference.namespace ?? namespaceOf(slice)}/${reference.name}`;
  const pod = snapshot.pods.get(key);
  if (pod === undefined || pod.metadata.uid !== reference.uid) return "stale";
  return workloads.ofPod.get(key);
}

/** A port that Services declare for a workload. */
export interface ServedPort {
  /** Container port. */
  readonly port: number;
  readonly protocol: Protocol;
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
            served.set(number, { port: number, protocol: protocolOf(port) });
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
  if (typeof target === "number") return target;
  return workload.containerPorts.find(({ name }) => name === target)?.port;
}
