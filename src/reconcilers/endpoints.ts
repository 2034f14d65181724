/**
 * Where connections to a Service's port may end.
 *
 *   EndpointSlice --targetRef, else its address--> Pod with a sidecar: its workload
 *
 * Slices are written by controllers of all kinds and by users, in any order; what comes out depends on none. The API
 * server has seen to addresses and ports, but perhaps another version of it.
 */
import type { EndpointSlice, Pod } from "../api/kubernetes.ts";
import { parseAddressBlock } from "../model/cidr.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { compare } from "../model/workload.ts";
import type { Derivation, Lookup, Table } from "./derivation.ts";
import { namespaceOf, own } from "./objects.ts";
import type { Workload, Workloads } from "./workloads.ts";
import { isIPv6 } from "./workloads.ts";

/** An endpoint of a Service's port that takes new connections. */
export interface ServiceEndpoint {
  readonly address: string;
  readonly port: number;
  /** Absent when the endpoint has no sidecar. */
  readonly workload?: Workload;
}

/** Where endpoints are looked up. */
export interface EndpointInputs {
  readonly pods: Lookup<Pod>;
  readonly endpointSlices: Table<EndpointSlice>;
  readonly workloads: Workloads;
}

/** All endpoints of a cluster. */
export interface Endpoints {
  /** Endpoints of a Service's port, sorted by address, then port. `addresses` are the Service's own. */
  of(service: ObjectKey, addresses: readonly string[], portName: string): readonly ServiceEndpoint[];
  /**
   * Endpoints of a headless Service's port that are addresses of pods with a sidecar, of both families, ready or not: who
   * dials a pod means that pod. Sorted by address, then port.
   */
  atPods(service: ObjectKey, portName: string): readonly Required<ServiceEndpoint>[];
}

const ipv4 = /^(?!.*\.$)((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(\.|$)){4}$/;
const special = /^(0\.|127\.|169\.254\.|22[4-9]\.|23[0-9]\.|::1?$|fe[89ab][0-9a-f]:|ff[0-9a-f]{2}:)/i;

/** Whether it is an address that a connection of a mesh can go to: not loopback, link-local, multicast or unspecified. */
export const isDestination = (address: string): boolean =>
  !special.test(address) &&
  (ipv4.test(address) || (isIPv6(address) && !address.includes("/") && parseAddressBlock(address) !== undefined));

/** Whether it is a port of TCP. */
export const isPort = (port: unknown): port is number =>
  typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535;

/** Reads the slices, of which each names its Service. */
export function deriveEndpoints(tables: Derivation, inputs: EndpointInputs): Endpoints {
  const { workloads } = inputs;
  // Of one namespace, so that their order is that of their names.
  const slices = tables.group(inputs.endpointSlices, (slice) => {
    const service = own(slice.metadata.labels, "kubernetes.io/service-name");
    return service === undefined || slice.addressType === "FQDN" ? [] : [`${namespaceOf(slice)}/${service}`];
  });
  return {
    of: (service, addresses, portName) => {
      const chosen = slicesOfPrimaryFamily(slices.get(service) ?? [], addresses);
      return endpointsOf(portName, chosen, (endpoint, slice, address) => {
        return workloadOfReference(endpoint, slice, inputs) ?? workloads.ofAddress.get(address);
      });
    },
    // The pod whose address it is counts, not the one that the slice names: a slice that names another would make callers of
    // that address expect the wrong identity.
    atPods: (service, portName) => podsAt(slices.get(service) ?? [], portName, workloads.ofAddress),
  };
}

function podsAt(
  slices: readonly EndpointSlice[],
  portName: string,
  ofAddress: Lookup<Workload>,
): readonly Required<ServiceEndpoint>[] {
  const found = new Map<string, Required<ServiceEndpoint>>();
  for (const slice of slices) {
    const port = portOf(slice, portName);
    if (port === undefined) continue;
    for (const address of (slice.endpoints ?? []).flatMap(({ addresses }) => addresses ?? [])) {
      const workload = ofAddress.get(address);
      if (workload !== undefined && isDestination(address))
        found.set(`${address} ${port}`, { address, port, workload });
    }
  }
  return [...found.values()].sort(byAddress);
}

/** The container port behind a port of a Service, as a slice has it. */
function portOf({ ports }: EndpointSlice, portName: string): number | undefined {
  const port = (ports ?? []).find(({ name, protocol }) => (name ?? "") === portName && (protocol ?? "TCP") === "TCP");
  return isPort(port?.port) ? port.port : undefined;
}

const byAddress = (a: ServiceEndpoint, b: ServiceEndpoint): number => compare(a.address, b.address) || a.port - b.port;

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

type Endpoint = NonNullable<EndpointSlice["endpoints"]>[number];

/** Ready endpoints; when there is none, those that still serve while they terminate (KEP-1669, as kube-proxy does). */
function endpointsOf(
  portName: string,
  slices: readonly EndpointSlice[],
  workloadBehind: (endpoint: Endpoint, slice: EndpointSlice, address: string) => Workload | "stale" | undefined,
): readonly ServiceEndpoint[] {
  const ready = new Map<string, ServiceEndpoint>();
  const terminating = new Map<string, ServiceEndpoint>();
  for (const slice of slices) {
    const port = portOf(slice, portName);
    if (port === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      // Absent and null mean unknown, which consumers read as ready (API reference of EndpointSlice).
      const { ready: given, serving, terminating: isTerminating } = endpoint.conditions ?? {};
      const isReadyNow = given !== false;
      if (!isReadyNow && !(isTerminating === true && serving !== false)) continue;
      const target = isReadyNow ? ready : terminating;
      for (const address of (endpoint.addresses ?? []).filter(isDestination)) {
        const workload = workloadBehind(endpoint, slice, address);
        if (workload === "stale") continue;
        const key = `${address} ${port}`;
        // Where slices disagree, TLS is the guess that lets nobody listen.
        if (workload === undefined && target.has(key)) continue;
        if (target.get(key)?.workload !== undefined) continue;
        target.set(key, { address, port, ...(workload === undefined ? {} : { workload }) });
      }
    }
  }
  const chosen = ready.size > 0 ? ready : terminating;
  return [...chosen.values()].sort(byAddress);
}

/**
 * The workload of the pod that an endpoint names; undefined when it names none with a sidecar. An endpoint whose pod is
 * gone, or was replaced by another of its name, is stale: without the pod nothing tells whether to speak TLS, and
 * plaintext is not a guess to make.
 */
function workloadOfReference(
  endpoint: Endpoint,
  slice: EndpointSlice,
  { pods, workloads }: EndpointInputs,
): Workload | "stale" | undefined {
  const reference = endpoint.targetRef;
  if (reference?.kind !== "Pod" || reference.name === undefined) return undefined;
  const key = `${reference.namespace ?? namespaceOf(slice)}/${reference.name}`;
  const pod = pods.get(key);
  if (pod === undefined) return "stale";
  if (reference.uid !== undefined && reference.uid !== "" && reference.uid !== pod.metadata.uid) return "stale";
  return workloads.ofPod.get(key);
}
