/** Watches of every kind, each in its store: the operator's picture of the cluster. */
import { type KindName, kinds } from "../api/kinds.ts";
import type { KubernetesObject } from "../api/kubernetes.ts";
import type { KubeClient } from "../kube/client.ts";
import { isKindLeaving } from "../kube/definition.ts";
import { createReflector, type Reflector, type ReflectorState } from "../kube/reflector.ts";
import { createStore, type Store } from "../kube/store.ts";
import type { ObjectKey } from "../model/snapshot.ts";
import type { Logger } from "../ops/logger.ts";
import type { Metrics } from "../ops/metrics.ts";
import { isCompiledChange, type Watch } from "./watches.ts";

/** What was seen of one object; `compiled` says whether a compile can come out differently. */
export interface Observation {
  readonly kind: KindName;
  readonly key: ObjectKey;
  readonly compiled: boolean;
}

/** The operator's picture of the cluster. */
export interface Observations {
  /** All objects of a watched kind; the map stays as it was when it was taken. */
  of(kind: KindName): ReadonlyMap<ObjectKey, KubernetesObject>;
  /** Starts to watch all but those on demand. */
  start(): void;
  /** Starts to watch a kind on demand, unless that was done; resolves to true once it was listed, to false when stopped before. */
  demand(kind: KindName): Promise<boolean>;
  /** Whether every kind but those on demand was listed once. */
  readonly synced: boolean;
  /** Whether this kind was listed once. */
  isSynced(kind: KindName): boolean;
  /** How the watch of a kind is doing. */
  stateOf(kind: KindName): ReflectorState;
  stop(): Promise<void>;
}

/**
 * Builds the watches; nothing runs before `start`. `onChange` is told of each event or relist as one batch, `onProgress`
 * when a kind is listed for the first time and when one can or cannot be watched any more.
 */
export function createObservations(options: {
  readonly client: KubeClient;
  readonly watches: readonly Watch[];
  readonly onChange: (observations: readonly Observation[]) => void;
  readonly onProgress: () => void;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "watchRestarts">;
}): Observations {
  const rows = options.watches.map((watch): { watch: Watch; store: Store<KubernetesObject>; reflector: Reflector } => {
    const store = createStore<KubernetesObject>();
    store.listen((changes) =>
      options.onChange(
        changes.map(({ key, before, after }) => ({
          kind: watch.kind,
          key,
          compiled: isCompiledChange(watch, before, after),
        })),
      ),
    );
    const { labelSelector, fieldSelector } = watch;
    const reflector = createReflector({
      client: options.client,
      kind: kinds[watch.kind],
      sink: store,
      selection: { labelSelector, fieldSelector },
      // The store holds what a compile reads; a trimmed object still is one of its kind.
      transform: (object) => watch.trim(object) as typeof object,
      ...(watch.custom ? { isLeaving: (signal) => isKindLeaving(options.client, kinds[watch.kind], signal) } : {}),
      onState: (state, error) => {
        const fields = { kind: watch.kind, state, ...(error === undefined ? {} : { error }) };
        if (state === "retrying") options.metrics.watchRestarts.inc({ kind: watch.kind });
        if (state === "retrying" || state === "waiting" || state === "forbidden")
          options.logger.warn(fields, "a watch is interrupted; what was seen last stays");
        else options.logger.debug(fields, "a watch changed its state");
        options.onProgress();
      },
      onError: (error) => options.logger.error({ kind: watch.kind, error }, "an event of a watch could not be handled"),
    });
    return { watch, store, reflector };
  });
  const always = rows.filter(({ watch }) => watch.onDemand !== true);
  const reflectorOf = (kind: KindName) => rows.find(({ watch }) => watch.kind === kind)?.reflector;
  const stores = new Map(rows.map(({ watch, store }) => [watch.kind, store]));
  return {
    of: (kind) => stores.get(kind)?.entries() ?? new Map(),
    start: () => {
      for (const { reflector } of always) {
        reflector.start();
        void reflector.whenSynced().then(options.onProgress);
      }
    },
    demand: async (kind) => {
      const reflector = reflectorOf(kind);
      reflector?.start();
      return (await reflector?.whenSynced()) ?? false;
    },
    get synced() {
      return always.every(({ reflector }) => reflector.synced);
    },
    isSynced: (kind) => reflectorOf(kind)?.synced ?? false,
    stateOf: (kind) => reflectorOf(kind)?.state ?? "stopped",
    stop: async () => {
      await Promise.all(rows.map(({ reflector }) => reflector.stop()));
    },
  };
}
