/** Counts proxies: which of those that an object concerns are live with it. */
import type { EnvoyResource } from "../envoy/resource.ts";
import type { ProxyState, ProxyStates } from "../model/acknowledgement.ts";
import type { StatusDecision } from "../model/finding.ts";
import type { ObjectKey } from "../model/snapshot.ts";
import type { Compilation } from "./compile.ts";

/** A Ready proxy without a stream for this long, in milliseconds, has a state that nobody knows. */
export const disconnectedAfter = 30_000;

/** The proxies that an object concerns; each is counted in one of the parts at most. The rest is pending. */
export interface ProxyCounts {
  readonly total: number;
  readonly synced: number;
  readonly rejected: number;
  readonly disconnected: number;
  /** Of the first proxy that refused something. */
  readonly refusal?: Refusal;
}

/** What a proxy said to what it refused. */
export interface Refusal {
  readonly pod: ObjectKey;
  /** Envoy's. */
  readonly message: string;
}

/** Counts the proxies of a decision. Times are milliseconds since the epoch. */
export function countProxies(
  decision: StatusDecision,
  compilation: Compilation,
  states: ProxyStates,
  now: number,
  listeningSince: number,
): ProxyCounts {
  let synced = 0;
  let rejected = 0;
  let disconnected = 0;
  let refusal: Refusal | undefined;
  const neededOf = neededResources(decision, compilation);
  for (const pod of decision.pods) {
    const state = states.get(pod);
    if (state?.connected !== true && now - (state?.since ?? listeningSince) >= disconnectedAfter) {
      disconnected += 1;
      continue;
    }
    if (state === undefined || !compilation.targets.has(pod) || decision.interim?.includes(pod) === true) continue;
    const needed = neededOf(pod);
    const message = refusalOf(needed, state);
    if (message !== undefined) {
      rejected += 1;
      refusal ??= { pod, message };
    } else if (needed.every((resource) => isLive(resource, state))) {
      synced += 1;
    }
  }
  const counts = { total: decision.pods.length, synced, rejected, disconnected };
  return refusal === undefined ? counts : { ...counts, refusal };
}

/**
 * What must be live on a proxy: its class, or the service with the clusters and endpoints that its routes lead to. A
 * listener that is acknowledged may still wait for these.
 */
function neededResources(
  { need }: StatusDecision,
  { mesh, classResources, serviceResources }: Compilation,
): (pod: ObjectKey) => readonly EnvoyResource[] {
  if (need.kind === "class") return (pod) => classResources.get(mesh.classOfPod.get(pod) ?? "") ?? [];
  const routes = (mesh.services.get(need.service)?.ports ?? []).flatMap(({ routing }) => routing.routes);
  const backends = new Set<ObjectKey>();
  for (const { target } of routes.flatMap((route) => route.backends)) {
    if (target.kind === "service") backends.add(`${target.namespace}/${target.service}`);
  }
  backends.delete(need.service);
  const isDestination = ({ type }: EnvoyResource) => type === "cluster" || type === "endpoint";
  const needed = [
    ...(serviceResources.get(need.service) ?? []),
    ...[...backends].flatMap((key) => (serviceResources.get(key) ?? []).filter(isDestination)),
  ];
  return () => needed;
}

/**
 * Endpoints come and go with pods, which changes nothing of an object; that a proxy has some is what its cluster and its
 * routes waited for.
 */
function isLive({ type, name, version }: EnvoyResource, state: ProxyState): boolean {
  const acknowledged = state.resource(type, name)?.acknowledged;
  return type === "endpoint" ? acknowledged !== undefined : acknowledged === version;
}

/**
 * Whether the pods of a class and all that call it have taken what a compile says of the two: the listener, and the
 * clusters and endpoints of the services that lead to it. A pod that has never connected has nothing older; one whose
 * stream is gone has who knows what.
 */
export function hasTakenModes(classId: string, compilation: Compilation, states: ProxyStates): boolean {
  const { mesh, targets, classResources, serviceResources, servicesOfClass } = compilation;
  const services = servicesOfClass.get(classId) ?? new Set();
  const ofServices = new Map<string, readonly EnvoyResource[]>();
  for (const { id, services: reached } of mesh.reaches.values()) {
    const known = reached.filter((key) => services.has(key)).flatMap((key) => serviceResources.get(key) ?? []);
    const spoken = known.filter(({ type }) => type === "cluster" || type === "endpoint");
    if (spoken.length > 0) ofServices.set(id, spoken);
  }
  for (const [pod, itsClass] of mesh.classOfPod) {
    const state = states.get(pod);
    if (state === undefined || !targets.has(pod)) continue;
    const namespace = mesh.classes.get(itsClass)?.namespace ?? "";
    const needed = [
      ...(ofServices.get(mesh.reachOfNamespace.get(namespace) ?? "") ?? []),
      ...(itsClass === classId ? (classResources.get(classId) ?? []) : []),
    ];
    if (needed.length === 0) continue;
    const isTaken = ({ type, name, version }: EnvoyResource) => state.resource(type, name)?.acknowledged === version;
    if (!state.connected || !needed.every(isTaken)) return false;
  }
  return true;
}

/** A refusal counts as long as what was refused is what is wanted. */
function refusalOf(needed: readonly EnvoyResource[], state: ProxyState): string | undefined {
  for (const { type, name, version } of needed) {
    const rejected = state.resource(type, name)?.rejected;
    if (rejected?.version === version) return rejected.message;
  }
  return undefined;
}
