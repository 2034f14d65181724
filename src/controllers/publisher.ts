/**
 * Keeps the operator's ConfigMaps as the compile wants them.
 *
 *   desired (compile) --+                 +--> not there: create
 *                       +--> differs? ----+--> outdated: apply, on the version that was looked at
 *   observed (watch) ---+                 +--> has what is not ours: replace, or delete if it is immutable
 *                                         +--> somebody else's under that name: left alone, and said
 *                                         +--> wanted no more: delete, a minute later
 *
 * Every write names the uid and the version that it was decided on, and creating fails when something is there: whoever
 * decided on an older picture, as a leader that was stopped and goes on, loses.
 */
import { kinds } from "../api/kinds.ts";
import type { ConfigMap } from "../api/kubernetes.ts";
import type { KubeClient } from "../kube/client.ts";
import { ApiError, isApiError } from "../kube/error.ts";
import type { ObjectKey } from "../model/object-key.ts";
import type { DesiredObject, DesiredRecord } from "../model/output.ts";
import { keys, manager } from "../model/sidecar.ts";
import { changedKeys } from "../reconcilers/derivation.ts";
import { recordedStart } from "../reconcilers/outputs.ts";
import type { SeenRecord } from "./record-difference.ts";
import { differenceOf, isLeftOfRecord, isRecord, isTamperedWith, restored, withKept } from "./record-difference.ts";
import { createRestorations } from "./restorations.ts";
import { createSlices } from "./slices.ts";
import { createGrace, createKeyedTimers } from "./timers.ts";
import { createWorkQueue, type Outcome } from "./work-queue.ts";
import { decidedOn, retryConflicts, type WriterOptions } from "./writer.ts";

/** So long the watch may take to show an object that was made. Whether it is there is asked for after that. */
const showsWithin = 30_000;

/** Writes of ConfigMaps per second at most. */
export const recordRate = 200;

/** Writes ConfigMaps. */
export interface Publisher {
  /** What is to exist from now on, all of it. */
  setDesired(outputs: ReadonlyMap<ObjectKey, DesiredRecord>): void;
  /** Something was seen of this ConfigMap. */
  observe(key: ObjectKey): void;
  /** Looks at everything again, as a new leader must. */
  resync(): void;
  /** What somebody else has changed or deleted and what is not put back yet, as it should be. */
  readonly restoring: readonly DesiredRecord[];
  stop(): Promise<void>;
}

/** What was written, or found to be there already. */
interface Known {
  readonly wanted: DesiredRecord;
  /** The object itself, if it keeps something: what was wanted, with that. */
  readonly target: DesiredObject | undefined;
  /** Versions before a write and in the midst of it: as long as the watch shows one of them, it has not seen the write. */
  readonly before: readonly string[];
  /** Of the object that was there then. */
  readonly uid: string | undefined;
}

/** The version of an object that is not there. */
const absent = "";

/** A publisher over the ConfigMaps that the watch sees. Writes only while this replica leads. */
export function createPublisher(
  options: WriterOptions & {
    readonly client: Pick<KubeClient, "apply" | "create" | "delete" | "get" | "replace">;
    readonly observed: () => ReadonlyMap<ObjectKey, SeenRecord>;
    /** Whether a namespace is being deleted: nothing can be created in it, and what is in it goes anyway. */
    readonly isLeaving: (namespace: string) => boolean;
    /** `restoring` has changed. */
    readonly onRestoring: () => void;
  },
): Publisher {
  const { client, clock } = options;
  /** Undefined until something was compiled: till then nobody knows what is to exist, and nothing is collected. */
  let desired: ReadonlyMap<ObjectKey, DesiredRecord> | undefined;
  const unwanted = createGrace(clock, (key) => add(key));
  const known = new Map<ObjectKey, Known>();
  /** Versions that the watch has shown since a write began that has no answer yet. */
  const shownMeanwhile = new Map<ObjectKey, Set<string>>();
  /** What was made and is gone again between two lists is never shown. */
  const unshown = createKeyedTimers(clock, (key) => {
    if (!known.get(key)?.before.includes(absent)) return;
    known.delete(key);
    add(key);
  });
  const restorations = createRestorations({ ...options, retry: (key) => add(key), onChange: options.onRestoring });
  const versionOf = (observed: Pick<SeenRecord, "metadata"> | undefined): string =>
    observed?.metadata.resourceVersion ?? absent;

  /** What to write, or to have: what is kept is as it was written or found before anybody could change it. */
  const targetOf = (key: ObjectKey, wanted: DesiredRecord, observed: SeenRecord | ConfigMap | undefined) => {
    if (wanted.keeps === undefined) return wanted.object();
    const last = known.get(key);
    if (last?.wanted === wanted && last.target !== undefined) return last.target;
    return withKept(wanted, last === undefined ? observed : (last.target ?? last.wanted.object()));
  };
  const remember = (
    key: ObjectKey,
    wanted: DesiredRecord,
    target: DesiredObject,
    seen: Pick<Known, "before" | "uid">,
  ) => known.set(key, { wanted, target: wanted.keeps === undefined ? undefined : target, ...seen });
  /** Whether there is nothing to write about this object. */
  const isSettled = (key: ObjectKey): boolean => {
    const wanted = desired?.get(key);
    const observed = options.observed().get(key);
    if (wanted === undefined) {
      restorations.end(key);
      known.delete(key);
      if (observed !== undefined && isRecord(observed)) return !unwanted.isOver(key);
      unwanted.end(key);
      return true;
    }
    unwanted.end(key);
    if (options.isLeaving(wanted.metadata.namespace)) {
      restorations.end(key);
      return true;
    }
    // What was written is on its way back.
    if (known.get(key)?.before.includes(versionOf(observed))) return true;
    if (observed === undefined) return false;
    const target = targetOf(key, wanted, observed);
    if (differenceOf(target, observed) !== "none") return false;
    remember(key, wanted, target, { before: [], uid: observed.metadata.uid });
    restorations.end(key);
    return true;
  };
  /** Whether it was as it should be, or claims to be. */
  const isForeignEdit = (key: ObjectKey, wanted: DesiredRecord, observed: SeenRecord | undefined): boolean => {
    const last = known.get(key);
    if (last?.wanted === wanted) return true;
    return last === undefined && observed !== undefined && isRecord(observed) && isTamperedWith(observed);
  };

  const collect = async (key: ObjectKey, { metadata }: SeenRecord): Promise<Outcome> => {
    unwanted.end(key);
    const { name, namespace = "", uid = "", resourceVersion = "" } = metadata;
    return retryConflicts(options, kinds.ConfigMap.kind, () =>
      client.delete(kinds.ConfigMap, { name, namespace }, { preconditions: { uid, resourceVersion } }),
    );
  };
  const create = async (key: ObjectKey, wanted: DesiredObject): Promise<ConfigMap> => {
    try {
      return await client.create(kinds.ConfigMap, wanted);
    } catch (error) {
      if (!isApiError(error, "conflict")) throw error;
      // What went this moment conflicts as well: it is tried again.
      const orConflict = (second: unknown): never => {
        throw isApiError(second, "notFound") ? error : second;
      };
      const live = await client.get(kinds.ConfigMap, wanted.metadata).catch(orConflict);
      // The watch will show it, and what is known then decides: whoever wrote it may have known more.
      if (live.metadata.labels?.[keys.managedBy] === manager || !options.isLeader()) throw error;
      // It has lost our label, so that no watch shows it.
      if (isLeftOfRecord(live) || live.metadata.uid === known.get(key)?.uid)
        return await replace(wanted, live).catch(orConflict);
      const note =
        "This ConfigMap has a name that is the operator's and was made by somebody else: it is left alone. Sidecars of pods that mount it do not start. Delete it, and the operator makes its own.";
      options.record(live, { type: "Warning", reason: "ForeignConfigMap", action: "LeaveAlone", note });
      // No watch tells when it is gone: a conflict is tried again.
      throw error;
    }
  };
  const replace = async (wanted: DesiredObject, live: ConfigMap): Promise<ConfigMap> => {
    const { uid = "", resourceVersion = "" } = live.metadata;
    if (live.immutable !== true) return client.replace(kinds.ConfigMap, restored(wanted, live));
    await client.delete(kinds.ConfigMap, wanted.metadata, { preconditions: { uid, resourceVersion } });
    return client.create(kinds.ConfigMap, wanted);
  };
  /** What is observed is not the whole object: all of it, still the same version. */
  const wholeOf = async ({ metadata }: SeenRecord): Promise<ConfigMap> => {
    const { name, namespace = "" } = metadata;
    const live = await client.get(kinds.ConfigMap, { name, namespace });
    if (live.metadata.resourceVersion === metadata.resourceVersion) return live;
    const object = `get ConfigMap ${namespace}/${name}`;
    const message = `${object}: it has changed since it was looked at`;
    throw new ApiError({ status: 409, reason: "Conflict", message, object, class: "conflict" });
  };
  const write = async (key: ObjectKey, wanted: DesiredRecord, observed: SeenRecord | undefined): Promise<Outcome> => {
    const shown = new Set<string>();
    shownMeanwhile.set(key, shown);
    const outcome = await retryConflicts(options, kinds.ConfigMap.kind, async () => {
      // What it is to keep was recorded whole before, by an operator that is gone.
      const isUnread = wanted.keeps !== undefined && !known.has(key) && observed !== undefined;
      const target = targetOf(key, wanted, isUnread ? await wholeOf(observed) : undefined);
      let before = [versionOf(observed)];
      let now: ConfigMap;
      if (observed === undefined) now = await create(key, target);
      else if (differenceOf(target, observed) === "strangers") {
        now = await replace(target, await wholeOf(observed));
        before = [...before, absent];
      } else {
        const metadata = { ...target.metadata, ...decidedOn(observed) };
        now = await client.apply(kinds.ConfigMap, { ...target, metadata });
        // It was so already, and no event will come.
        if (versionOf(now) === versionOf(observed)) return;
      }
      // The watch may be faster than the answer, and have shown by now that the object is gone again.
      const isSeen = [...shown].some((version) => !before.includes(version));
      remember(key, wanted, target, { before: isSeen ? [] : before, uid: now.metadata.uid });
      if (!isSeen && before.includes(absent)) unshown.after(key, showsWithin);
    }).finally(() => shownMeanwhile.delete(key));
    const part = wanted.metadata.annotations[keys.recorded];
    if (outcome === "done" && part !== undefined) {
      const note =
        part === recordedStart
          ? "What sidecars of this workload are sent for their inbound side does not fit into a ConfigMap, whatever policy is left out of it. What is recorded of it, if anything, is from before; sidecars are sent all of it. Declare fewer ports in its Services, or split the workload."
          : `The record has ${part} of the Services: the rest does not fit into a ConfigMap. Sidecars are sent all of them.`;
      options.record(wanted, { type: "Warning", reason: "RecordedInPart", action: "Record", note });
    }
    return outcome;
  };
  const work = async (key: ObjectKey): Promise<Outcome> => {
    if (!options.isLeader() || desired === undefined || isSettled(key)) return "done";
    const wanted = desired.get(key);
    const observed = options.observed().get(key);
    if (wanted === undefined) return observed === undefined ? "done" : collect(key, observed);
    if (isForeignEdit(key, wanted, observed)) {
      const what = observed === undefined ? "deleted" : "changed";
      const note = `Somebody has ${what} this ConfigMap, which records what the operator compiled; it is put back. Running sidecars take nothing from it.`;
      options.record(observed ?? wanted, { type: "Warning", reason: "ForeignEdit", action: "Restore", note });
      if (!restorations.begin(key)) return "done";
    }
    try {
      return await write(key, wanted, observed);
    } catch (error) {
      // Pods of the namespace may wait for it, so its users should hear of it: a quota, for one, is theirs to raise.
      if (isApiError(error, "terminal", "forbidden"))
        options.record(wanted, { type: "Warning", reason: "WriteFailed", action: "Record", note: error.message });
      throw error;
    }
  };
  /** A new pod waits for the ConfigMap of its class; that a record is whole and nothing lies around waits for the rest. */
  const importance = (key: ObjectKey): number => {
    const wanted = desired?.get(key);
    if (wanted === undefined) return 0;
    if (!Object.hasOwn(wanted.files, "bootstrap.yaml")) return 1;
    return options.observed().has(key) ? 2 : 3;
  };
  const queue = createWorkQueue({ ...options, name: "configmaps", work, importance, concurrency: 4, rate: recordRate });
  /** A standby does not ask: it would put everything into words. */
  const isAmiss = (key: ObjectKey): boolean => desired !== undefined && options.isLeader() && !isSettled(key);
  const add = (key: ObjectKey): void => {
    if (isAmiss(key)) queue.add(key);
  };
  /** To look at one that is there puts it into words. */
  const looks = createSlices(clock, add);
  /** Those that are missing are known to be so at once, so that the queue can take the most important first. */
  const lookAt = (keys: readonly ObjectKey[]): void => {
    const observed = options.observed();
    for (const key of keys) if (!observed.has(key)) add(key);
    looks.add(keys.filter((key) => observed.has(key)));
  };
  const addAll = (): void => {
    // What others wrote while they led is no foreign edit.
    known.clear();
    lookAt([...new Set([...(desired?.keys() ?? []), ...options.observed().keys()])]);
  };
  return {
    setDesired: (outputs) => {
      const before = desired;
      desired = outputs;
      // What was there before the first compile may be wanted no more.
      if (before === undefined) addAll();
      else lookAt([...changedKeys(before, outputs)]);
    },
    // Only what is seen waits for a restoration; something else that is wanted does not.
    observe: (key) => {
      shownMeanwhile.get(key)?.add(versionOf(options.observed().get(key)));
      if (isAmiss(key) && !restorations.isWaiting(key)) queue.add(key);
    },
    resync: addAll,
    get restoring() {
      return [...restorations.open].flatMap((key) => desired?.get(key) ?? []);
    },
    stop: async () => {
      looks.stop();
      restorations.stop();
      unwanted.stop();
      unshown.stop();
      await queue.stop();
    },
  };
}
