/**
 * Keeps the operator's ConfigMaps as the compile wants them.
 *
 *   desired (compile) --+
 *                       +--> differs? --> apply with the resourceVersion that was decided on, or delete
 *   observed (watch) ---+
 */
import { kinds } from "../api/kinds.ts";
import type { ConfigMap } from "../api/kubernetes.ts";
import type { KubeClient } from "../kube/client.ts";
import type { DesiredObject } from "../model/output.ts";
import { keys, manager } from "../model/sidecar.ts";
import { type ObjectKey, objectKey } from "../model/snapshot.ts";
import { createWorkQueue, type Outcome } from "./work-queue.ts";
import { decidedOn, retryConflicts, type WriterOptions } from "./writer.ts";

/** An object without a reason is deleted this long after its reason went, so that a restarting workload keeps its own. */
const collectAfter = 60_000;

/** Writes ConfigMaps. */
export interface Publisher {
  /** What is to exist from now on, all of it. */
  setDesired(outputs: readonly DesiredObject[]): void;
  /** Something was seen of this ConfigMap. */
  observe(key: ObjectKey): void;
  /** Looks at everything again, as a new leader must. */
  resync(): void;
  stop(): Promise<void>;
}

/** A publisher over the ConfigMaps that the watch sees. Writes only while this replica leads. */
export function createPublisher(
  options: WriterOptions & { readonly client: KubeClient; readonly observed: () => ReadonlyMap<ObjectKey, ConfigMap> },
): Publisher {
  /** Undefined until something was compiled: till then nobody knows what is to exist, and nothing is collected. */
  let desired: ReadonlyMap<ObjectKey, DesiredObject> | undefined;
  /** When the reason of an object was found gone, by key. */
  const unwanted = new Map<ObjectKey, number>();

  const collect = async (key: ObjectKey, observed: ConfigMap | undefined): Promise<Outcome> => {
    if (observed === undefined || !isOurs(observed)) {
      unwanted.delete(key);
      return "done";
    }
    const since = unwanted.get(key);
    if (since === undefined || options.clock.now() - since < collectAfter) {
      if (since === undefined) {
        unwanted.set(key, options.clock.now());
        options.clock.setTimeout(() => queue.add(key), collectAfter);
      }
      return "done";
    }
    unwanted.delete(key);
    const { name, namespace = "", uid = "", resourceVersion = "" } = observed.metadata;
    return retryConflicts(options, kinds.ConfigMap.kind, () =>
      options.client.delete(kinds.ConfigMap, { name, namespace }, { preconditions: { uid, resourceVersion } }),
    );
  };
  const work = async (key: ObjectKey): Promise<Outcome> => {
    if (!options.isLeader() || desired === undefined) return "done";
    const wanted = desired.get(key);
    const observed = options.observed().get(key);
    if (wanted === undefined) return collect(key, observed);
    unwanted.delete(key);
    if (observed !== undefined && isSame(wanted, observed)) return "done";
    // Its annotation says that it is what we want, and it is not: somebody changed it.
    if (observed?.metadata.annotations?.[keys.revision] === wanted.metadata.annotations[keys.revision]) {
      const note =
        "Somebody changed this ConfigMap, which records what the operator compiled; it is put back. Sidecars take nothing from it but their bootstrap.";
      if (observed !== undefined)
        options.record(observed, { type: "Warning", reason: "ForeignEdit", action: "Restore", note });
    }
    const body = { ...wanted, metadata: { ...wanted.metadata, ...decidedOn(observed) } };
    return retryConflicts(options, kinds.ConfigMap.kind, () => options.client.apply(kinds.ConfigMap, body));
  };
  const queue = createWorkQueue({ ...options, work, concurrency: 4, rate: 200 });
  const addAll = (): void => {
    for (const key of new Set([...(desired?.keys() ?? []), ...options.observed().keys()])) queue.add(key);
  };
  return {
    setDesired: (outputs) => {
      const next = new Map(outputs.map((output) => [objectKey(output), output]));
      const before = desired;
      desired = next;
      // What was there before the first compile may be wanted no more.
      if (before === undefined) return addAll();
      const changed = [...next].filter(([key, output]) => before.get(key) !== output).map(([key]) => key);
      const gone = [...before.keys()].filter((key) => !next.has(key));
      for (const key of [...changed, ...gone]) queue.add(key);
    },
    observe: (key) => queue.add(key),
    resync: addAll,
    stop: () => queue.stop(),
  };
}

/** Written by this operator's publisher; other objects with our label are left alone. */
function isOurs(object: ConfigMap): boolean {
  return (
    object.metadata.labels?.[keys.managedBy] === manager && object.metadata.annotations?.[keys.revision] !== undefined
  );
}

/** Whether all that we set is there, and no data that we did not write. */
function isSame(wanted: DesiredObject, observed: ConfigMap): boolean {
  const data = observed.data ?? {};
  return (
    hasEntries(wanted.metadata.labels, observed.metadata.labels) &&
    hasEntries(wanted.metadata.annotations, observed.metadata.annotations) &&
    hasEntries(wanted.data, data)
  );
}

function hasEntries(
  wanted: Readonly<Record<string, string>>,
  observed: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(wanted).every(
    ([key, value]) => observed !== undefined && Object.hasOwn(observed, key) && observed[key] === value,
  );
}
