/**
 * Make before break: which resource may be sent to a proxy now. Pure questions about the state of one stream.
 *
 *   additions   clusters + their endpoints --acknowledged--> listeners, routes, extensions --acknowledged--> readiness
 *   removals    listeners (with the additions) ; clusters once nothing that the proxy may still run names them
 *
 * Routes, extensions and endpoints are never taken from a proxy that has them: it unsubscribes from them when the listener
 * that used them is gone for good, after its drain. A removal before that would change what draining connections are told
 * (Envoy falls back to the default of an extension).
 */
import type { EnvoyResource, ProxyTarget, ResourceType } from "../envoy/resource.ts";
import type { ResourceIndex } from "./references.ts";
import type { OpenEntry, TypeState } from "./type-state.ts";

/** What the questions are asked of. */
export interface StreamView {
  readonly target: ProxyTarget;
  readonly types: Readonly<Record<ResourceType, TypeState>>;
  readonly index: ResourceIndex;
}

/** The resource that the target has under this name. */
export function lookup(target: ProxyTarget, type: ResourceType, name: string): EnvoyResource | undefined {
  if (type === "listener" && name === target.readiness.name) return target.readiness;
  for (const group of target.groups) {
    const resource = group.byType[type].get(name);
    if (resource !== undefined) return resource;
  }
  return undefined;
}

/** Whether the proxy refused exactly this version. */
export const isRefused = (entry: OpenEntry, desired: EnvoyResource): boolean =>
  entry.rejected?.version === desired.version;

/** Whether the proxy has exactly what it should, and nothing else is on its way. */
export function isSettled(state: TypeState, entry: OpenEntry, desired: EnvoyResource): boolean {
  const same = entry.held?.version === desired.version && entry.maybe.length === 0 && !entry.force;
  return same && state.inFlight?.sent.has(desired.name) !== true;
}

/** Whether the proxy has asked for listeners, which it does last, and there is nothing to send to it or to wait for. */
export function isAtRest({ types }: StreamView): boolean {
  const isIdle = ({ open, inFlight }: TypeState): boolean => open.size === 0 && inFlight === undefined;
  return types.listener.requested && Object.values(types).every(isIdle);
}

/** Whether the proxy may be running some version of it. */
const mayHave = (entry: OpenEntry): boolean => entry.held !== undefined || entry.maybe.length > 0;

/**
 * Clusters that what names them waits for. `wanted` are on their way; `refused` are those that the proxy refused and has no
 * version of: an older version of what names them is better than a newer one that leads nowhere.
 */
export interface PendingClusters {
  readonly wanted: ReadonlySet<string>;
  readonly refused: ReadonlySet<string>;
}

/** The clusters that are not settled. */
export function pendingClusters(view: StreamView): PendingClusters {
  const wanted = new Set<string>();
  const refused = new Set<string>();
  for (const [name, entry] of view.types.cluster.open) {
    const desired = lookup(view.target, "cluster", name);
    if (desired === undefined || isSettled(view.types.cluster, entry, desired)) continue;
    if (!isRefused(entry, desired)) wanted.add(name);
    else if (entry.held === undefined) refused.add(name);
  }
  return { wanted, refused };
}

/** Whether a listener, route or extension has to wait for a cluster that it names. */
export function waitsForCluster(
  view: StreamView,
  pending: PendingClusters,
  entry: OpenEntry,
  resource: EnvoyResource,
): "no" | "shortly" | "until it is mended" {
  // A proxy that reconnects asks for its clusters first; until it has, nothing is known about them.
  if (!view.types.cluster.requested) return "shortly";
  if (pending.wanted.size === 0 && pending.refused.size === 0) return "no";
  // It was sent, and refused in company: only sending it again tells whether the proxy has it.
  if (entry.maybe.some(({ version }) => version === resource.version)) return "no";
  const names = view.index.names(resource);
  if (intersects(pending.wanted, names)) return "shortly";
  // With nothing to keep, a clear failure beats a resource that never comes.
  if (mayHave(entry) && intersects(pending.refused, names)) return "until it is mended";
  return "no";
}

/** Whether the first configuration is complete, so that the readiness listener may be sent. */
export function isComplete(view: StreamView): boolean {
  const { types, target } = view;
  if (!types.cluster.requested || !types.listener.requested) return false;
  for (const state of Object.values(types)) {
    for (const [name, entry] of state.open) {
      if (state.type === "listener" && name === target.readiness.name) continue;
      if (!isEntryComplete(state, name, entry, lookup(target, state.type, name))) return false;
    }
  }
  return (["endpoint", "route", "extension"] as const).every((type) => declaresAll(view, type));
}

function isEntryComplete(
  state: TypeState,
  name: string,
  entry: OpenEntry,
  desired: EnvoyResource | undefined,
): boolean {
  if (desired !== undefined && isSettled(state, entry, desired)) return true;
  switch (state.type) {
    case "cluster":
    case "listener":
      // A removal that is pending takes nothing from the configuration; what is on its way may still be warming.
      return desired === undefined && state.inFlight?.sent.has(name) !== true;
    case "endpoint":
      // Any version will do: endpoints change all the time, and a proxy that starts must not wait for a quiet moment.
      return entry.held !== undefined || (desired === undefined && entry.toldMissing);
    default:
      return false;
  }
}

/** Whether the proxy subscribes to everything of this type that its clusters and listeners are to use. */
function declaresAll({ target, index, types }: StreamView, type: "endpoint" | "route" | "extension"): boolean {
  const mentioned = target.groups.map((group) =>
    type === "endpoint" ? index.endpointsOfClusters(group) : index.namesInListeners(group),
  );
  return target.groups.every((group) => {
    for (const name of group.byType[type].keys()) {
      if (!types[type].wants(name) && mentioned.some((names) => names.has(name))) return false;
    }
    return true;
  });
}

/** Whether anything that the proxy may still run names the cluster, other than what it should run. */
export function isClusterInUse(view: StreamView, cluster: string): boolean {
  const { types, index } = view;
  const mentions = (resource: EnvoyResource): boolean => index.names(resource).has(cluster);
  for (const state of [types.listener, types.route, types.extension]) {
    for (const [name, { held, maybe }] of state.open) {
      if (held !== undefined && (held.resource === undefined || mentions(held.resource))) return true;
      if (maybe.some(mentions)) return true;
      const sent = state.inFlight?.sent.get(name);
      if (sent !== undefined && mentions(sent)) return true;
    }
    for (const resource of state.inFlight?.overtaken.values() ?? []) if (mentions(resource)) return true;
  }
  return false;
}

function intersects(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  const [small, large] = a.size < b.size ? [a, b] : [b, a];
  for (const item of small) if (large.has(item)) return true;
  return false;
}
