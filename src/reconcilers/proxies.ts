/** Counts proxies: which of those that an object concerns are live with it. */
import type { EnvoyResource } from "../envoy/resource.ts";
import type { ProxyState, ProxyStates } from "../model/acknowledgement.ts";
import type { StatusDecision } from "../model/finding.ts";
import type { ObjectKey } from "../model/snapshot.ts";
import type { Compilation } from "./compile.ts";
import type { Need } from "./needs.ts";
import { neededResources, needOfModes } from "./needs.ts";

/** A Ready proxy without a stream for this long, in milliseconds, has a state that nobody knows. */
export const disconnectedAfter = 30_000;

/** The proxies that an object concerns; each is counted in one of the parts at most. The rest is pending. */
export interface ProxyCounts {
  readonly total: number;
  readonly synced: number;
  readonly rejected: number;
  readonly disconnected: number;
  /** Of those that have acknowledged it: where connections that were open before have not ended yet. Not in `synced`. */
  readonly draining: number;
  /** Of the first proxy that refused something that the object is in. */
  readonly refusal?: Refusal;
  /** Of the first pending proxy that refused something that another object is in, and that this one waits for. */
  readonly hindrance?: Refusal;
}

/** What a proxy said to what it refused. */
export interface Refusal {
  readonly pod: ObjectKey;
  /** Envoy's. */
  readonly message: string;
}

/** Counts the proxies of a decision; those of `draining` do not count before their time. Times are milliseconds since the epoch. */
export function countProxies(
  decision: StatusDecision,
  compilation: Compilation,
  states: ProxyStates,
  now: number,
  listeningSince: number,
  drainingPods: ReadonlySet<ObjectKey> = new Set(),
): ProxyCounts {
  let synced = 0;
  let draining = 0;
  let rejected = 0;
  let disconnected = 0;
  let refusal: Refusal | undefined;
  let hindrance: Refusal | undefined;
  const neededOf = neededResources(decision, compilation);
  for (const pod of decision.pods) {
    const state = states.get(pod);
    if (state?.connected !== true && now - (state?.since ?? listeningSince) >= disconnectedAfter) {
      disconnected += 1;
      continue;
    }
    if (state === undefined || !compilation.targets.has(pod) || decision.interim?.includes(pod) === true) continue;
    const needed = neededOf(pod);
    const message = refusalOf(needed.own, state);
    if (message !== undefined) {
      rejected += 1;
      refusal ??= { pod, message };
    } else if (isMet(needed, state)) {
      if (drainingPods.has(pod)) draining += 1;
      else synced += 1;
    } else {
      const other = refusalOf([...needed.through, ...needed.beside], state);
      if (other !== undefined) hindrance ??= { pod, message: other };
    }
  }
  return {
    ...{ total: decision.pods.length, synced, rejected, disconnected, draining },
    ...(refusal === undefined ? {} : { refusal }),
    ...(hindrance === undefined ? {} : { hindrance }),
  };
}

function isMet({ own, through, beside }: Need, state: ProxyState): boolean {
  const isAnswered = ({ type, name, version }: EnvoyResource) => {
    const said = state.resource(type, name);
    return said?.acknowledged !== undefined || said?.rejected?.version === version;
  };
  return [...own, ...through].every((resource) => isLive(resource, state)) && beside.every(isAnswered);
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
  const ofServers = needOfModes(classResources.get(classId) ?? []);
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
    const spoken = ofServices.get(mesh.reachOfNamespace.get(namespace) ?? "") ?? [];
    const isServer = itsClass === classId;
    if (spoken.length === 0 && !isServer) continue;
    const isTaken = ({ type, name, version }: EnvoyResource) => state.resource(type, name)?.acknowledged === version;
    if (!state.connected || !spoken.every(isTaken) || (isServer && !isMet(ofServers, state))) return false;
  }
  return true;
}

/**
 * Whether the chains of a pod's class, as compiled last, judge its connections: its listeners are acknowledged, and are not
 * warming. An acknowledged listener warms until the extensions that it waits for are answered. A refusal is an answer.
 */
export function hasLiveListeners(pod: ObjectKey, { mesh, classResources }: Compilation, states: ProxyStates): boolean {
  const state = states.get(pod);
  const resources = classResources.get(mesh.classOfPod.get(pod) ?? "");
  return state !== undefined && resources !== undefined && isMet(needOfModes(resources), state);
}

/** A refusal counts as long as what was refused is what is wanted. */
function refusalOf(needed: readonly EnvoyResource[], state: ProxyState): string | undefined {
  for (const { type, name, version } of needed) {
    const rejected = state.resource(type, name)?.rejected;
    if (rejected?.version === version) return rejected.message;
  }
  return undefined;
}
