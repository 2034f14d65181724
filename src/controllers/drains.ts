/**
 * Connections that were open when access was narrowed. A proxy judges each request by what it has acknowledged, but a
 * TCP connection keeps the verdict that it was opened with, and one in plaintext goes on under Strict, until Envoy ends
 * those of the filter chain that changed: a drain time after it took the change. Only then is the change live there.
 *
 *   compile --narrows a class--> its pods wait --live--> drain time --> counted in Programmed
 *
 * Pure: acknowledgements and the time are given. Kept in memory only, as the compile has no history: after a restart of the
 * operator nothing waits.
 */

import type { AuthorizationRule, MeshPolicy, ObjectReference, WorkloadClass } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { concernsScope } from "../model/port-scope.ts";
import type { Compilation } from "../reconcilers/compile.ts";
import { changedKeys } from "../reconcilers/derivation.ts";

/** Between the last answer and the moment at which Envoy's workers have the new chains, in milliseconds. */
export const drainMargin = 1_000;

/** When a pod's connections will have ended, in milliseconds of the monotonic clock; undefined until its listeners are live. */
type Due = number | undefined;

/** The pods that each version of an object waits for, by {@link versionOf}. */
export type Drains = ReadonlyMap<string, ReadonlyMap<ObjectKey, Due>>;

/** Nothing waits. */
export const noDrains: Drains = new Map();

/** One version of one object. */
export const versionOf = (object: ObjectReference): string => `${objectOf(object)} ${object.generation}`;

const objectOf = ({ kind, uid }: ObjectReference): string => `${kind} ${uid}`;

/**
 * What waits after a compile: what waited, and the pods for which this compile narrows what the one before allowed. What an
 * earlier version of an object waits for, its present one does too: an edit ends no connection.
 */
export function nextDrains(drains: Drains, before: Compilation | undefined, after: Compilation): Drains {
  if (before === undefined) return drains;
  const next = carriedOver(drains, after);
  const isSamePods = before.mesh.classOfPod === after.mesh.classOfPod;
  const changed = changedKeys(before.classResources, after.classResources);
  const own = new Map<string, Map<ObjectKey, Due>>();
  const known = new Map<string, readonly string[]>();
  // Unchanged resources are the same value. Most classes, most of the time.
  const candidates = isSamePods
    ? [...changed].flatMap((id) => after.mesh.classes.get(id)?.pods ?? [])
    : after.mesh.classOfPod.keys();
  for (const pod of candidates) {
    const id = after.mesh.classOfPod.get(pod) ?? "";
    const earlierId = before.mesh.classOfPod.get(pod);
    if (earlierId === undefined) continue;
    const resources = after.classResources.get(id);
    if (resources !== undefined && resources === before.classResources.get(earlierId)) continue;
    const [earlier, later] = [before.mesh.classes.get(earlierId), after.mesh.classes.get(id)];
    if (earlier === undefined || later === undefined) continue;
    const pair = `${earlierId} ${id}`;
    const causes = known.get(pair) ?? narrowingObjects(earlier, later).map(versionOf);
    known.set(pair, causes);
    for (const version of causes) {
      const pods = own.get(version) ?? new Map(next.get(version));
      own.set(version, pods.set(pod, undefined));
    }
  }
  return new Map([...next, ...own]);
}

function carriedOver(drains: Drains, { decisions }: Compilation): Drains {
  if (drains.size === 0) return drains;
  const present = new Map([...decisions.values()].map(({ object }) => [objectOf(object), versionOf(object)]));
  return new Map(
    [...drains].map(([version, pods]) => [present.get(version.slice(0, version.lastIndexOf(" "))) ?? version, pods]),
  );
}

/**
 * What waits now, by the monotonic clock. `isTaken` is {@link hasLiveListeners} of a pod; `drainTime` is the pod's, in
 * milliseconds. What nobody asks for any more is forgotten.
 */
export function advanceDrains(
  drains: Drains,
  { decisions, mesh }: Compilation,
  isTaken: (pod: ObjectKey) => boolean,
  drainTime: (pod: ObjectKey) => number,
  now: number,
): Drains {
  if (drains.size === 0) return drains;
  const wanted = new Set([...decisions.values()].map(({ object }) => versionOf(object)));
  const next = new Map<string, ReadonlyMap<ObjectKey, Due>>();
  for (const [version, pods] of drains) {
    if (!wanted.has(version)) continue;
    const waiting = [...pods]
      .map(([pod, due]) => [pod, due ?? (isTaken(pod) ? now + drainTime(pod) + drainMargin : undefined)] as const)
      .filter(([pod, due]) => mesh.classOfPod.has(pod) && (due === undefined || due > now));
    if (waiting.length > 0) next.set(version, new Map(waiting));
  }
  return next;
}

/** When the next pod will have drained, by the monotonic clock; undefined when none is about to. */
export function nextDrained(drains: Drains): number | undefined {
  let next: Due;
  for (const pods of drains.values()) {
    for (const due of pods.values()) if (due !== undefined && (next === undefined || due < next)) next = due;
  }
  return next;
}

/**
 * The objects by which open connections of a class lose what they had. Only connections count that a Service's port, or a
 * mode, lets in: those to ports that nobody declared end too, but nobody waits for them.
 */
function narrowingObjects(before: WorkloadClass, after: WorkloadClass): readonly ObjectReference[] {
  const known = new Set(before.origins.map(versionOf));
  const policies = after.origins.filter(
    (origin) => origin.kind === "AuthorizationPolicy" && !known.has(versionOf(origin)),
  );
  return [
    ...(narrowsConnections(before, after) ? policies : []),
    // All of them: the last step of a change of mode comes after the object's own.
    ...(narrowsModes(before, after) ? after.origins.filter(({ kind }) => kind === "MeshTLS") : []),
  ];
}

/** Whether some connection to a TCP port may have been let in that would not be now. */
function narrowsConnections(before: WorkloadClass, after: WorkloadClass): boolean {
  const ports = before.ports.filter(({ protocol }) => protocol === "tcp").map(({ port }) => port);
  if (ports.length === 0) return false;
  const denied = rulesOn(ports, before.deny);
  if ([...rulesOn(ports, after.deny)].some((rule) => !denied.has(rule))) return true;
  if (after.allow === undefined) return false;
  const allowed = rulesOn(ports, after.allow);
  return before.allow === undefined || [...rulesOn(ports, before.allow)].some((rule) => !allowed.has(rule));
}

function rulesOn(ports: readonly number[], policies: readonly MeshPolicy[]): ReadonlySet<string> {
  const concerned = (rule: AuthorizationRule) => ports.some((port) => concernsScope(rule, port));
  return new Set(policies.flatMap(({ rules }) => rules.filter(concerned).map((rule) => JSON.stringify(rule))));
}

/** Whether plaintext, or a version of TLS, is refused that was let in. */
function narrowsModes(before: WorkloadClass, after: WorkloadClass): boolean {
  const modeIn = ({ ports, mode }: WorkloadClass, number: number | undefined) =>
    ports.find(({ port }) => port === number)?.mode ?? mode;
  const numbers = [undefined, ...[...before.ports, ...after.ports].map(({ port }) => port)];
  return (
    numbers.some((number) => modeIn(before, number) !== "Strict" && modeIn(after, number) === "Strict") ||
    JSON.stringify(before.tls) !== JSON.stringify(after.tls)
  );
}
