/**
 * Writes statuses: compares what is computed with what the object says, and applies only a difference.
 */
import { kinds } from "../api/kinds.ts";
import type { KubernetesObject } from "../api/kubernetes.ts";
import type { KubeClient } from "../kube/client.ts";
import { isApiError } from "../kube/error.ts";
import type { ObjectReference } from "../model/mesh.ts";
import { type ObjectKey, objectKey } from "../model/object-key.ts";
import { changedKeys } from "../reconcilers/derivation.ts";
import { keyOfKind } from "../reconcilers/objects.ts";
import { type ObjectStatus, type WrittenStatus, withTransitionTimes } from "../reconcilers/programmed.ts";
import { createForeignEdits } from "./foreign-edits.ts";
import { createWorkQueue, type Outcome } from "./work-queue.ts";
import { retryConflicts, type WriterOptions } from "./writer.ts";

/** A status and the version of the object that it speaks of. */
export interface ComputedStatus {
  readonly object: ObjectReference;
  readonly status: ObjectStatus;
}

/** Writes statuses. */
export interface StatusWriter {
  /** The statuses of all objects, all of them, by `keyOfReference`. */
  setStatuses(statuses: ReadonlyMap<string, ComputedStatus>): void;
  /** The watch saw this object. */
  observe(kind: ObjectReference["kind"], key: ObjectKey): void;
  /** Looks at everything again, as a new leader must. */
  resync(): void;
  stop(): Promise<void>;
}

/** Writes of statuses per second at most. */
export const statusRate = 100;

/** A writer over the objects that the watch sees. Writes only while this replica leads. */
export function createStatusWriter(
  options: WriterOptions & {
    readonly client: Pick<KubeClient, "applyStatus" | "replaceStatus">;
    readonly observed: (kind: ObjectReference["kind"]) => ReadonlyMap<ObjectKey, KubernetesObject>;
  },
): StatusWriter {
  /** As they were given last. */
  let given: ReadonlyMap<string, ComputedStatus> = new Map();
  const computed = new Map<string, ComputedStatus & { readonly text: string }>();
  const edits = createForeignEdits({ ...options, retry: (key) => add(key), onChange: () => {} });

  const versionOf = ({ kind, namespace, name }: ObjectReference): string =>
    options.observed(kind).get(`${namespace}/${name}`)?.metadata.resourceVersion ?? "";

  /** The write that makes a status what it is to be; undefined when there is nothing to write, or not yet. */
  const needed = (
    key: string,
  ): { readonly entry: ComputedStatus & { readonly text: string }; readonly body: StatusBody } | undefined => {
    const entry = computed.get(key);
    if (entry === undefined) {
      edits.forget(key);
      return undefined;
    }
    const { object, status } = entry;
    const observed = options.observed(object.kind).get(objectKey({ metadata: object }));
    // Another version of the object: the compile that has seen it brings its own status.
    if (observed?.metadata.uid !== object.uid || (observed.metadata.generation ?? 0) !== object.generation)
      return undefined;
    const resourceVersion = observed.metadata.resourceVersion ?? "";
    // What was written is on its way back.
    if (edits.isBehind(key, resourceVersion)) return undefined;
    const previous = statusOf(observed);
    const next = withTransitionTimes(previous, status, new Date(options.clock.now()).toISOString());
    if (canonical(next) === canonical(previous)) {
      edits.settled(key, entry.text);
      return undefined;
    }
    const { apiVersion, kind } = kinds[object.kind];
    const { name, namespace } = object;
    return { entry, body: { apiVersion, kind, metadata: { name, namespace, resourceVersion }, status: next } };
  };
  /**
   * The API server cannot apply anything to an object that an older schema let in and that the present one cannot read. To
   * replace its status may go; if not even that does, an event says what the status cannot.
   */
  const applied = async ({ kind }: ObjectReference, body: StatusBody): Promise<KubernetesObject> => {
    try {
      return await options.client.applyStatus(kinds[kind], body);
    } catch (error) {
      const live = options.observed(kind).get(objectKey(body));
      if (!isApiError(error, "terminal") || live === undefined) throw error;
      const metadata = { ...live.metadata, ...body.metadata };
      return options.client
        .replaceStatus(kinds[kind], { ...live, metadata, status: body.status })
        .catch((second: unknown) => {
          if (!isApiError(second, "terminal")) throw second;
          const accepted = body.status.conditions.find(({ type }) => type === "Accepted");
          const note = `The status of this object cannot be written, since the API server cannot read it by the present schema. ${accepted?.message}`;
          options.record(live, { type: "Warning", reason: "StatusNotWritten", action: "WriteStatus", note });
          throw second;
        });
    }
  };
  const work = async (key: string): Promise<Outcome> => {
    const write = options.isLeader() ? needed(key) : undefined;
    if (write === undefined) return "done";
    const { entry, body } = write;
    const kind = kinds[entry.object.kind];
    const { text } = entry;
    // It was written and is not there: somebody else writes it too.
    const edit = edits.judge(key, text);
    if (edit !== "none") {
      const observed = options.observed(entry.object.kind).get(objectKey({ metadata: entry.object }));
      const note = "Somebody has written to the status of this object, which is the operator's; it is put back.";
      if (observed !== undefined)
        options.record(observed, { type: "Warning", reason: "ForeignEdit", action: "Restore", note });
      if (edit === "later") return "done";
    }
    const { resourceVersion } = body.metadata;
    return retryConflicts(options, kind.kind, async () => {
      const now = await applied(entry.object, body);
      const version = now.metadata.resourceVersion ?? "";
      const isWhole = canonical(statusOf(now)) === canonical(body.status);
      // An apply takes nothing away that others own, such as a condition that we did not write.
      if (!isWhole) await options.client.replaceStatus(kind, { ...now, status: body.status });
      // After the last write the watch shows another version, if the write changed anything and was not seen already.
      const before = isWhole ? [resourceVersion] : [resourceVersion, version];
      const isSeen = (isWhole && version === resourceVersion) || !before.includes(versionOf(entry.object));
      edits.written(key, text, isSeen ? [] : before);
    });
  };
  const queue = createWorkQueue({ ...options, name: "statuses", work, concurrency: 4, rate: statusRate });
  /** What needs no write, or none by this replica, takes no turn of the queue. */
  const isDue = (key: string): boolean => needed(key) !== undefined && options.isLeader();
  const add = (key: string): void => {
    if (isDue(key)) queue.add(key);
  };
  return {
    setStatuses: (statuses) => {
      const changed = [...changedKeys(given, statuses)].filter((key) => {
        const entry = statuses.get(key);
        const before = computed.get(key);
        if (entry === undefined) return computed.delete(key);
        const text = canonical(entry);
        computed.set(key, { ...entry, text });
        return text !== before?.text;
      });
      given = statuses;
      for (const key of changed) add(key);
    },
    // Only what is seen waits for a restoration; something else to be said does not.
    observe: (kind, name) => {
      const key = keyOfKind(kind, name);
      if (isDue(key) && !edits.isWaiting(key)) queue.add(key);
    },
    resync: () => {
      // What others wrote while they led is no foreign edit.
      edits.reset();
      for (const key of computed.keys()) add(key);
    },
    stop: async () => {
      edits.stop();
      await queue.stop();
    },
  };
}

/** A status as it goes to the API server: on the version of the object that was looked at. */
interface StatusBody {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion: string };
  readonly status: WrittenStatus;
}

const statusOf = (object: KubernetesObject): unknown => (object as { readonly status?: unknown }).status;

/** JSON with sorted keys: the API server may hand fields back in another order. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, field: unknown) =>
      typeof field === "object" && field !== null && !Array.isArray(field)
        ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
        : field,
    ) ?? ""
  );
}
