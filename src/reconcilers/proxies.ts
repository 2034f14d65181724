/** Counts proxies: which of those that an object concerns are live with it. */
import type { EnvoyResource } from "../envoy/resource.ts";
import { reachOf, withReach } from "../envoy/resource.ts";
import type { ProxyState, ProxyStates, ResourceState } from "../model/acknowledgement.ts";
import type { StatusDecision } from "../model/finding.ts";
import type { ObjectKey } from "../model/object-key.ts";
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

/** What is to be said of one proxy. */
export interface ProxyVerdict {
  readonly kind: "synced" | "pending" | "disconnected" | "rejected";
  /** What it said: to something that the object is in if it is rejected, else to something that another object is in. */
  readonly message?: string;
  /** Whether time alone can make it another. */
  readonly isTimed: boolean;
}

/** What proxies are judged by. Times are milliseconds since the epoch. */
export interface ProxyJudgement {
  readonly compilation: Compilation;
  readonly states: ProxyStates;
  readonly now: number;
  readonly listeningSince: number;
  /** See {@link proxiesWithAll}: whoever says false of all asks for each resource. */
  readonly hasAll: (pod: ObjectKey) => boolean;
}

/**
 * Whether a proxy is connected and has acknowledged everything that a compile has for it: whatever an object needs there is
 * live. It is found out once for each proxy, and not again for each object.
 */
export function proxiesWithAll({
  compilation: { targets, reachGroups },
  states,
}: Pick<ProxyJudgement, "compilation" | "states">): (pod: ObjectKey) => boolean {
  const found = new Map<ObjectKey, boolean>();
  const find = (pod: ObjectKey): boolean => {
    const [state, target] = [states.get(pod), targets.get(pod)];
    if (state?.connected !== true || target === undefined) return false;
    return state.hasAll(withReach(target, reachOf(target, reachGroups)).groups);
  };
  return (pod) => {
    const known = found.get(pod) ?? find(pod);
    found.set(pod, known);
    return known;
  };
}

/** Judges single proxies of those that an object concerns. */
export function proxyJudge(
  decision: StatusDecision,
  { compilation, states, now, listeningSince, hasAll }: ProxyJudgement,
): (pod: ObjectKey) => ProxyVerdict {
  const neededOf = neededResources(decision, compilation);
  const interim = new Set(decision.interim);
  return (pod) => {
    const state = states.get(pod);
    const isTimed = state?.connected !== true;
    // Time changes nothing of it any more.
    if (isTimed && now - (state?.since ?? listeningSince) >= disconnectedAfter) {
      return disconnected;
    }
    if (state === undefined || !compilation.targets.has(pod) || interim.has(pod))
      return isTimed ? pendingForNow : pending;
    if (hasAll(pod)) return synced;
    const needed = neededOf(pod);
    // Of objects times proxies: what they say is asked for once.
    let isOwnLive = true;
    for (const resource of needed.own) {
      const said = state.resource(resource.type, resource.name);
      if (said?.rejected?.version === resource.version)
        return { kind: "rejected", message: said.rejected.message, isTimed };
      isOwnLive &&= isLive(resource, said);
    }
    if (isOwnLive && isBesideMet(needed, state)) return isTimed ? { kind: "synced", isTimed } : synced;
    const other = refusalOf([...needed.through, ...needed.beside], state);
    if (other !== undefined) return { kind: "pending", isTimed, message: other };
    return isTimed ? pendingForNow : pending;
  };
}

/** Counts proxies: `others` are the verdicts of those that are not synced, and perhaps of some that are. */
export function countVerdicts(
  pods: readonly ObjectKey[],
  others: ReadonlyMap<ObjectKey, ProxyVerdict>,
  draining: number,
): ProxyCounts {
  const count = { synced: 0, pending: 0, disconnected: 0, rejected: 0 };
  let hasHindrance = false;
  for (const { kind, message } of others.values()) {
    count[kind] += 1;
    hasHindrance ||= kind === "pending" && message !== undefined;
  }
  const first = (kind: ProxyVerdict["kind"]): Refusal | undefined => {
    for (const pod of pods) {
      const verdict = others.get(pod);
      if (verdict?.kind === kind && verdict.message !== undefined) return { pod, message: verdict.message };
    }
    return undefined;
  };
  const refusal = count.rejected > 0 ? first("rejected") : undefined;
  const hindrance = hasHindrance ? first("pending") : undefined;
  const { pending, disconnected, rejected } = count;
  const total = pods.length;
  return {
    ...{ total, synced: total - pending - disconnected - rejected - draining, rejected, disconnected, draining },
    ...(refusal === undefined ? {} : { refusal }),
    ...(hindrance === undefined ? {} : { hindrance }),
  };
}

// Of objects times proxies: one value for all that say the same.
const synced: ProxyVerdict = { kind: "synced", isTimed: false };
const disconnected: ProxyVerdict = { kind: "disconnected", isTimed: false };
const pending: ProxyVerdict = { kind: "pending", isTimed: false };
const pendingForNow: ProxyVerdict = { kind: "pending", isTimed: true };

const isMet = (need: Need, state: ProxyState): boolean =>
  need.own.every((resource) => isLive(resource, state.resource(resource.type, resource.name))) &&
  isBesideMet(need, state);

/** Whether all is met but what the object itself is in. */
function isBesideMet({ through, beside }: Need, state: ProxyState): boolean {
  const isAnswered = ({ type, name, version }: EnvoyResource) => {
    const said = state.resource(type, name);
    return said?.acknowledged !== undefined || said?.rejected?.version === version;
  };
  return (
    through.every((resource) => isLive(resource, state.resource(resource.type, resource.name))) &&
    beside.every(isAnswered)
  );
}

/**
 * Endpoints come and go with pods, which changes nothing of an object; that a proxy has some is what its cluster and its
 * routes waited for.
 */
function isLive({ type, version }: EnvoyResource, said: ResourceState | undefined): boolean {
  const acknowledged = said?.acknowledged;
  return type === "endpoint" ? acknowledged !== undefined : acknowledged === version;
}

/** Whether the pods of a class, and all that call it, have taken what a compile says of the two. */
export type ModesTaken = (classId: string, states: ProxyStates) => boolean;

/**
 * For one compile: whether all whom a class concerns have taken the listener, and the clusters and endpoints of the services
 * that lead to it. A pod that has never connected has nothing older; one whose stream is gone has who knows what.
 *
 * This is asked with each acknowledgement, of many classes. So what the compile says is looked up once, and a search begins
 * at the pod that was waited for last: most often it still is.
 */
export function modesTaken(compilation: Compilation): ModesTaken {
  const concerned = new Map<string, readonly Audience[]>();
  let index: PodIndex | undefined;
  return (classId, states) => {
    index ??= indexPods(compilation);
    const known = concerned.get(classId) ?? audiencesOf(classId, compilation, index);
    concerned.set(classId, known);
    return known.every((audience) => isTakenBy(audience, states));
  };
}

/** Pods of which the same is waited for. */
interface Audience {
  readonly pods: readonly ObjectKey[];
  readonly has: (state: ProxyState) => boolean;
  /** Index of the pod that was waited for last. */
  awaited: number;
}

function isTakenBy(audience: Audience, states: ProxyStates): boolean {
  const { pods, has, awaited } = audience;
  for (let step = 0; step < pods.length; step += 1) {
    const at = (awaited + step) % pods.length;
    const state = states.get(pods[at] ?? "");
    if (state === undefined || (state.connected && has(state))) continue;
    audience.awaited = at;
    return false;
  }
  return true;
}

/** The servers, and the callers by reach, since all of one are sent the same. */
function audiencesOf(classId: string, compilation: Compilation, index: PodIndex): readonly Audience[] {
  const { classResources, serviceResources, servicesOfClass } = compilation;
  const spokenIn = new Map<string, EnvoyResource[]>();
  for (const service of servicesOfClass.get(classId) ?? []) {
    const resources = serviceResources.get(service) ?? [];
    const spoken = resources.filter(({ type }) => type === "cluster" || type === "endpoint");
    for (const reach of index.reachesOfService.get(service) ?? []) pushAll(spokenIn, reach, spoken);
  }
  const ofServers = needOfModes(classResources.get(classId) ?? []);
  const servers: Audience = {
    pods: index.podsOfClass.get(classId) ?? [],
    has: (state) => isMet(ofServers, state),
    awaited: 0,
  };
  const callers = [...spokenIn].map(([reach, spoken]): Audience => {
    const has = (state: ProxyState): boolean =>
      spoken.every(({ type, name, version }) => state.resource(type, name)?.acknowledged === version);
    return { pods: index.podsOfReach.get(reach) ?? [], has, awaited: 0 };
  });
  return [servers, ...callers];
}

/** The pods that are served, by what they have in common. */
interface PodIndex {
  readonly podsOfClass: ReadonlyMap<string, readonly ObjectKey[]>;
  readonly podsOfReach: ReadonlyMap<string, readonly ObjectKey[]>;
  readonly reachesOfService: ReadonlyMap<ObjectKey, readonly string[]>;
}

function indexPods({ mesh, targets }: Compilation): PodIndex {
  const podsOfClass = new Map<string, ObjectKey[]>();
  const podsOfReach = new Map<string, ObjectKey[]>();
  for (const [pod, classId] of mesh.classOfPod) {
    if (!targets.has(pod)) continue;
    pushAll(podsOfClass, classId, [pod]);
    const reach = mesh.reachOfNamespace.get(mesh.classes.get(classId)?.namespace ?? "");
    if (reach !== undefined) pushAll(podsOfReach, reach, [pod]);
  }
  const reachesOfService = new Map<ObjectKey, string[]>();
  for (const { id, services } of mesh.reaches.values()) {
    for (const service of services) pushAll(reachesOfService, service, [id]);
  }
  return { podsOfClass, podsOfReach, reachesOfService };
}

function pushAll<T>(lists: Map<string, T[]>, key: string, elements: readonly T[]): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [...elements]);
  else list.push(...elements);
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
