/**
 * Writes statuses: compares what is computed with what the object says, and applies only a difference.
 */
import { kinds } from "../api/kinds.ts";
import type { KubernetesObject } from "../api/kubernetes.ts";
import type { KubeClient } from "../kube/client.ts";
import type { ObjectReference } from "../model/mesh.ts";
import { type ObjectKey, objectKey } from "../model/snapshot.ts";
import { type ObjectStatus, withTransitionTimes } from "../reconcilers/programmed.ts";
import { createWorkQueue, type Outcome } from "./work-queue.ts";
import { retryConflicts, type WriterOptions } from "./writer.ts";

/** A status and the version of the object that it speaks of. */
export interface ComputedStatus {
  readonly object: ObjectReference;
  readonly status: ObjectStatus;
}

/** Writes statuses. */
export interface StatusWriter {
  /** The statuses of all objects, all of them. */
  setStatuses(statuses: readonly ComputedStatus[]): void;
  /** The watch saw this object. */
  observe(kind: ObjectReference["kind"], key: ObjectKey): void;
  /** Looks at everything again, as a new leader must. */
  resync(): void;
  stop(): Promise<void>;
}

/** A writer over the objects that the watch sees. Writes only while this replica leads. */
export function createStatusWriter(
  options: WriterOptions & {
    readonly client: KubeClient;
    readonly observed: (kind: ObjectReference["kind"]) => ReadonlyMap<ObjectKey, KubernetesObject>;
  },
): StatusWriter {
  let computed: ReadonlyMap<string, ComputedStatus & { readonly text: string }> = new Map();
  /** What was written and has not come back by the watch yet. */
  const underway = new Map<string, string>();

  const work = async (key: string): Promise<Outcome> => {
    const entry = computed.get(key);
    if (entry === undefined || !options.isLeader()) return "done";
    const { object, status } = entry;
    const observed = options.observed(object.kind).get(objectKey({ metadata: object }));
    // Another version of the object: the compile that has seen it brings its own status.
    if (observed?.metadata.uid !== object.uid || observed.metadata.generation !== object.generation) return "done";
    const previous = (observed as { readonly status?: unknown }).status;
    const next = withTransitionTimes(previous, status, new Date(options.clock.now()).toISOString());
    const text = canonical(next);
    if (text === canonical(previous) || text === underway.get(key)) return "done";
    const { apiVersion, kind } = kinds[object.kind];
    const { name, namespace } = object;
    const resourceVersion = observed.metadata.resourceVersion ?? "";
    return retryConflicts(options, kind, async () => {
      const body = { apiVersion, kind, metadata: { name, namespace, resourceVersion }, status: next };
      await options.client.applyStatus(kinds[object.kind], body);
      underway.set(key, text);
    });
  };
  const queue = createWorkQueue({ ...options, work, concurrency: 4, rate: 100 });
  const keyOf = (kind: ObjectReference["kind"], key: ObjectKey): string => `${kind}/${key}`;
  return {
    setStatuses: (statuses) => {
      const next = new Map(
        statuses.map((entry) => [
          keyOf(entry.object.kind, objectKey({ metadata: entry.object })),
          { ...entry, text: canonical(entry) },
        ]),
      );
      const changed = [...next].filter(([key, entry]) => computed.get(key)?.text !== entry.text).map(([key]) => key);
      computed = next;
      for (const key of changed) queue.add(key);
    },
    observe: (kind, key) => {
      underway.delete(keyOf(kind, key));
      queue.add(keyOf(kind, key));
    },
    resync: () => {
      for (const key of computed.keys()) queue.add(key);
    },
    stop: () => queue.stop(),
  };
}

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
