/**
 * The statuses of all objects, again and again: after each compile, and after what proxies say. Only what has changed is
 * judged anew: a proxy that said something, for the objects that it concerns, and an object of which the compile says
 * something else. What comes out is what {@link objectStatus} gives of each.
 */
import type { StatusDecision } from "../model/finding.ts";
import type { ObjectReference } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { remembered } from "../model/remember.ts";
import { SortedMap } from "../model/sorted-map.ts";
import type { Compilation } from "./compile.ts";
import { changedKeys, sameElements, sameJSON } from "./derivation.ts";
import { destinationsOf, neededResources } from "./needs.ts";
import { countsOf, hasEffect, type ObjectStatus, statusOf } from "./programmed.ts";
import {
  disconnectedAfter,
  type ProxyCounts,
  type ProxyJudgement,
  type ProxyVerdict,
  proxiesWithAll,
  proxyJudge,
} from "./proxies.ts";

/** The status of an object; the same value as before unless it has changed. */
export interface StatusOfObject {
  readonly object: ObjectReference;
  readonly status: ObjectStatus;
}

/** All that a status is made of. */
export interface StatusInputs extends Omit<ProxyJudgement, "hasAll"> {
  /** Pods whose proxies have said something since the last time; undefined: perhaps all. */
  readonly changed: ReadonlySet<ObjectKey> | undefined;
  /** What the operator wrote for an object, if somebody else has changed it and it is not put back yet. */
  readonly restoring: (object: ObjectReference) => string | undefined;
  /** Pods with connections that were open before the object took access away. */
  readonly draining: (object: ObjectReference) => ReadonlySet<ObjectKey> | undefined;
}

/** Statuses that follow what changed; belongs to one loop. */
export interface Statuses {
  /** By the keys of the decisions. */
  of(inputs: StatusInputs): ReadonlyMap<string, StatusOfObject>;
  /** When, in milliseconds since the epoch, time alone will change one of them: undefined if none is about to. */
  readonly deadline: number | undefined;
}

interface Inputs extends StatusInputs, ProxyJudgement {
  readonly lists: PodLists;
  /** Those of a list of pods whose proxies do not have everything. */
  readonly wanting: (pods: readonly ObjectKey[]) => readonly ObjectKey[];
  /** Since the last time; undefined: perhaps everything. */
  readonly changes: Changes | undefined;
}

/** What two compiles say otherwise. */
interface Changes {
  readonly classes: ReadonlySet<string>;
  readonly services: ReadonlySet<ObjectKey>;
  /** Whether every class could be encoded, both times. */
  readonly isEncodable: boolean;
}

/** What was found of the proxies of an object. */
interface Judged {
  /** Of proxies that are not synced, or may be otherwise in a while. */
  readonly verdicts: Map<ObjectKey, ProxyVerdict>;
  /** When, in milliseconds since the epoch, time alone will make one of them another. */
  deadline: number | undefined;
}

interface Known {
  readonly decision: StatusDecision;
  /** What its proxies are judged by was made of these, and is this. */
  readonly made: readonly unknown[];
  readonly need: readonly unknown[];
  /** The classes, or the services, that these are of. */
  readonly keys: readonly string[];
  readonly judged: Judged;
  /** What else went into the status. */
  readonly rest: readonly unknown[];
  readonly counts: ProxyCounts;
  readonly entry: StatusOfObject;
}

const none: ReadonlySet<ObjectKey> = new Set();

/** Nothing is known yet. */
export function createStatuses(): Statuses {
  const known = new Map<string, Known>();
  let statuses = SortedMap.empty<StatusOfObject>();
  let last: Compilation | undefined;
  let deadline: number | undefined;
  const lists = createPodLists();
  return {
    of: (given) => {
      deadline = undefined;
      const { compilation } = given;
      const changes = last === undefined ? undefined : changesBetween(last, compilation);
      const hasAll = proxiesWithAll(given);
      const wanting = ofLists((pods) => pods.filter((pod) => !hasAll(pod)));
      const inputs: Inputs = { ...given, changes, lists, hasAll, wanting };
      const changed: [string, StatusOfObject | undefined][] = [];
      for (const [key, decision] of compilation.decisions) {
        const before = known.get(key);
        const found = follow(decision, before, inputs);
        if (found !== before) known.set(key, found);
        if (found.entry !== before?.entry) changed.push([key, found.entry]);
        deadline = earlier(deadline, found.judged.deadline);
      }
      for (const key of changedKeys(last?.decisions ?? compilation.decisions, compilation.decisions)) {
        if (compilation.decisions.has(key)) continue;
        known.delete(key);
        changed.push([key, undefined]);
      }
      last = compilation;
      statuses = statuses.with(changed);
      return statuses;
    },
    get deadline() {
      return deadline;
    },
  };
}

function follow(decision: StatusDecision, before: Known | undefined, inputs: Inputs): Known {
  const { compilation } = inputs;
  const { made, need, keys } = needOf(decision, before, inputs);
  const isSame = before !== undefined && before.decision === decision && before.need === need;
  const holds = before?.need === need && hasEffect(before.decision) && hasEffect(decision);
  const judged = holds ? before.judged : { verdicts: new Map<ObjectKey, ProxyVerdict>(), deadline: undefined };
  const isJudged = hasEffect(decision) && judgeAgain(decision, judged, inputs, holds ? before.decision : undefined);
  const draining = inputs.draining(decision.object) ?? none;
  const isRecorded = decision.need.kind !== "service" || !compilation.unrecorded.has(decision.need.service);
  const rest = [draining, inputs.restoring(decision.object), isRecorded];
  const isSettled = isSame && sameElements(rest, before.rest);
  if (isSettled && !isJudged) return before.made === made ? before : { ...before, made, keys };
  const counts = countsOf(decision, judged.verdicts, draining);
  if (isSettled && sameJSON(counts, before.counts)) return { ...before, made, keys };
  const status = statusOf(decision, compilation, counts, inputs.restoring(decision.object));
  return { decision, made, need, keys, judged, rest, counts, entry: { object: decision.object, status } };
}

/**
 * Whether a proxy was judged anew. `before` is what the verdicts are of: of the pods that are in both, only those can be
 * another that said something, and those that time or a step can make another.
 */
function judgeAgain(
  decision: StatusDecision,
  judged: Judged,
  inputs: Inputs,
  before: StatusDecision | undefined,
): boolean {
  const { changed, lists, now } = inputs;
  const { verdicts, deadline = Number.POSITIVE_INFINITY } = judged;
  const isTime = now >= deadline;
  if (before === decision && changed?.size === 0 && !isTime) return false;
  const judge = proxyJudge(decision, inputs);
  const again = (pod: ObjectKey): void => {
    const verdict = judge(pod);
    if (verdict.kind === "synced" && !verdict.isTimed) verdicts.delete(pod);
    else verdicts.set(pod, verdict);
  };
  if (before === undefined || changed === undefined) {
    verdicts.clear();
    // At a step between two modes it takes more than to have everything.
    for (const pod of decision.interim === undefined ? inputs.wanting(decision.pods) : decision.pods) again(pod);
    judged.deadline = deadlineOf(verdicts, inputs);
    return true;
  }
  const { come, gone } = lists.difference(before.pods, decision.pods);
  for (const pod of gone) verdicts.delete(pod);
  const stepping = before === decision ? [] : [...(before.interim ?? []), ...(decision.interim ?? [])];
  const timed = isTime ? [...verdicts].filter(([, { isTimed }]) => isTimed).map(([pod]) => pod) : [];
  const concerned = [...changed, ...stepping].filter((pod) => lists.has(decision.pods, pod));
  const all = new Set([...come, ...timed, ...concerned]);
  if (all.size + gone.length === 0) return false;
  for (const pod of all) again(pod);
  judged.deadline = deadlineOf(verdicts, inputs);
  return true;
}

/** Questions about lists of pods. Many objects concern the same pods, by one list. */
interface PodLists {
  has(pods: readonly ObjectKey[], pod: ObjectKey): boolean;
  difference(before: readonly ObjectKey[], after: readonly ObjectKey[]): PodDifference;
}

/** The pods that are in one of two lists only. */
interface PodDifference {
  readonly come: readonly ObjectKey[];
  readonly gone: readonly ObjectKey[];
}

/** What is found out of a list of pods, once for each. */
function ofLists<Value>(find: (pods: readonly ObjectKey[]) => Value): (pods: readonly ObjectKey[]) => Value {
  const found = new WeakMap<readonly ObjectKey[], Value>();
  return (pods) => remembered(found, pods, () => find(pods));
}

function createPodLists(): PodLists {
  const differences = new WeakMap<
    readonly ObjectKey[],
    { readonly before: readonly ObjectKey[]; readonly difference: PodDifference }
  >();
  const setOf = ofLists((pods): ReadonlySet<ObjectKey> => new Set(pods));
  return {
    has: (pods, pod) => setOf(pods).has(pod),
    difference: (before, after) => {
      if (before === after) return { come: [], gone: [] };
      const known = differences.get(after);
      if (known?.before === before) return known.difference;
      const [former, next] = [setOf(before), setOf(after)];
      const come = after.filter((pod) => !former.has(pod));
      const gone = before.filter((pod) => !next.has(pod));
      const difference = { come, gone };
      differences.set(after, { before, difference });
      return difference;
    },
  };
}

/** What the proxies that an object concerns are judged by; the same value as before if it is the same. */
function needOf(
  decision: StatusDecision,
  before: Known | undefined,
  { compilation, changes }: Inputs,
): Pick<Known, "made" | "need" | "keys"> {
  if (before?.decision === decision && changes !== undefined && !concerns(changes, decision, before)) return before;
  const { made, keys } =
    decision.need.kind === "class" ? partsOfClasses(decision, compilation) : partsOfSplit(decision, compilation);
  if (before !== undefined && sameElements(made, before.made)) return { made: before.made, need: before.need, keys };
  // Of a split most changes are of endpoints, which change nothing of what is needed.
  const need = decision.need.kind === "class" ? made : [made[0], textOfNeed(decision, compilation)];
  return { made, keys, need: before !== undefined && sameElements(need, before.need) ? before.need : need };
}

const changesBetween = (last: Compilation, next: Compilation): Changes => ({
  classes: new Set([
    ...changedKeys(last.mesh.classes, next.mesh.classes),
    ...changedKeys(last.classResources, next.classResources),
  ]),
  services: new Set([
    ...changedKeys(last.mesh.services, next.mesh.services),
    ...changedKeys(last.serviceResources, next.serviceResources),
  ]),
  isEncodable: isEncodable(last) === isEncodable(next) && isEncodable(next),
});

const isEncodable = ({ mesh, classResources }: Compilation): boolean => classResources.size === mesh.classes.size;

/** A class is another when its pods are. */
function concerns(changes: Changes, { need }: StatusDecision, { keys }: Known): boolean {
  if (need.kind === "class") return keys.some((key) => changes.classes.has(key));
  return !changes.isEncodable || keys.some((key) => changes.services.has(key));
}

/** What a need is looked up in, and by which keys. */
interface Parts {
  readonly made: readonly unknown[];
  readonly keys: readonly string[];
}

function partsOfClasses({ pods }: StatusDecision, { mesh, classResources }: Compilation): Parts {
  const keys = [...new Set(pods.map((pod) => mesh.classOfPod.get(pod) ?? ""))];
  return { keys, made: keys.flatMap((id) => [mesh.classes.get(id), classResources.get(id)]) };
}

function partsOfSplit({ need }: StatusDecision, compilation: Compilation): Parts {
  const { mesh, classResources, serviceResources } = compilation;
  // Pods of a class that cannot be encoded have no target.
  const encodable = isEncodable(compilation) ? "all" : classResources;
  const root = need.kind === "service" ? need.service : "";
  const keys = [root, ...destinationsOf(mesh.services.get(root))];
  return { keys, made: [encodable, mesh.services.get(root), ...keys.map((key) => serviceResources.get(key))] };
}

/** Every version that counts; of endpoints none does. */
function textOfNeed(decision: StatusDecision, compilation: Compilation): string {
  const { own, through, beside } = neededResources(decision, compilation)("");
  return [own, through, beside]
    .map((some) =>
      some.map(({ type, name, version }) => `${type} ${name} ${type === "endpoint" ? "" : version}`).join(),
    )
    .join("\n");
}

function deadlineOf(
  verdicts: ReadonlyMap<ObjectKey, ProxyVerdict>,
  { states, now, listeningSince }: StatusInputs,
): number | undefined {
  let next: number | undefined;
  for (const [pod, { isTimed }] of verdicts) {
    if (!isTimed) continue;
    const time = (states.get(pod)?.since ?? listeningSince) + disconnectedAfter;
    if (time > now) next = earlier(next, time);
  }
  return next;
}

const earlier = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
