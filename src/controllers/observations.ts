/** Watches of every kind, each in its store: the operator's picture of the cluster. */
import { type KindName, kinds } from "../api/kinds.ts";
import type { KubernetesObject } from "../api/kubernetes.ts";
import type { KubeClient } from "../kube/client.ts";
import { isKindLeaving } from "../kube/definition.ts";
import { createReflector, type Reflector, type ReflectorState } from "../kube/reflector.ts";
import { createStore, type Store } from "../kube/store.ts";
import type { ObjectKey } from "../model/object-key.ts";
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
  /**
   * Whether the Secrets, ConfigMaps and Certificates of a namespace are the operator's to read and write: all, or those of
   * the namespaces that it was given, unless the API server has said otherwise.
   */
  isManaged(namespace: string): boolean;
  /** How the watch of a kind is doing; of a kind that is watched by namespace, how that of the root namespace is. */
  stateOf(kind: KindName): ReflectorState;
  stop(): Promise<void>;
}

interface Options {
  readonly client: KubeClient;
  readonly watches: readonly Watch[];
  /** Of kinds that are watched by namespace, the first the root namespace; absent: all. */
  readonly namespaces?: readonly string[] | undefined;
  readonly onChange: (observations: readonly Observation[]) => void;
  readonly onProgress: () => void;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "watchRestarts">;
}

/** One kind of all namespaces, or of this one. */
interface Part {
  readonly namespace: string | undefined;
  /** Whether all else goes on without it: a namespace may be gone, and its Role with it. */
  readonly isOptional: boolean;
  readonly reflector: Reflector;
  /** True once it was listed, or may not be: false when stopped before. */
  readonly settled: Promise<boolean>;
}

interface Row {
  readonly watch: Watch;
  readonly store: Store<KubernetesObject>;
  readonly parts: readonly Part[];
}

function reflect(options: Options, watch: Watch, store: Store<KubernetesObject>, namespace: string | undefined): Part {
  const { labelSelector, fieldSelector } = watch;
  const where = namespace === undefined ? {} : { namespace };
  const isOptional = namespace !== undefined && namespace !== options.namespaces?.[0];
  const forbidden = Promise.withResolvers<boolean>();
  const reflector = createReflector({
    client: options.client,
    kind: kinds[watch.kind],
    sink: namespace === undefined ? store : store.within(namespace),
    selection: { labelSelector, fieldSelector, ...where },
    ...(watch.limit === undefined ? {} : { limit: watch.limit }),
    // The store holds what a compile reads; a trimmed object still is one of its kind.
    transform: (object) => watch.trim(object) as typeof object,
    ...(watch.custom ? { isLeaving: (signal) => isKindLeaving(options.client, kinds[watch.kind], signal) } : {}),
    onState: (state, error) => {
      const fields = { kind: watch.kind, ...where, state, ...(error === undefined ? {} : { error }) };
      if (state === "forbidden" && isOptional) forbidden.resolve(true);
      if (state === "retrying") options.metrics.watchRestarts.inc({ kind: watch.kind });
      if (state === "retrying" || state === "waiting" || state === "forbidden")
        options.logger.warn(fields, "a watch is interrupted; what was seen last stays");
      else options.logger.debug(fields, "a watch changed its state");
      options.onProgress();
    },
    onError: (error) =>
      options.logger.error({ kind: watch.kind, ...where, error }, "an event of a watch could not be handled"),
  });
  return { namespace, isOptional, reflector, settled: Promise.race([reflector.whenSynced(), forbidden.promise]) };
}

/**
 * Builds the watches; nothing runs before `start`. `onChange` is told of each event or relist as one batch, `onProgress`
 * when a kind is listed for the first time and when one can or cannot be watched any more.
 */
export function createObservations(options: Options): Observations {
  const rows = options.watches.map((watch): Row => {
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
    const namespaces = watch.byNamespace === true ? options.namespaces : undefined;
    const parts = (namespaces ?? [undefined]).map((namespace) => reflect(options, watch, store, namespace));
    return { watch, store, parts };
  });
  const always = rows.filter(({ watch }) => watch.onDemand !== true);
  const partsOf = (kind: KindName): readonly Part[] => rows.find(({ watch }) => watch.kind === kind)?.parts ?? [];
  const isForbidden = ({ reflector }: Part): boolean => !reflector.synced && reflector.state === "forbidden";
  const isSettled = (part: Part): boolean => part.reflector.synced || (part.isOptional && isForbidden(part));
  const stores = new Map(rows.map(({ watch, store }) => [watch.kind, store]));
  return {
    of: (kind) => stores.get(kind)?.entries() ?? new Map(),
    start: () => {
      for (const { reflector } of always.flatMap(({ parts }) => parts)) {
        reflector.start();
        void reflector.whenSynced().then(options.onProgress);
      }
    },
    demand: async (kind) => {
      const parts = partsOf(kind);
      for (const { reflector } of parts) reflector.start();
      const settled = await Promise.all(parts.map((part) => part.settled));
      return settled.length > 0 && settled.every(Boolean);
    },
    get synced() {
      return always.every(({ parts }) => parts.every(isSettled));
    },
    isSynced: (kind) => {
      const parts = partsOf(kind);
      return parts.length > 0 && parts.every(isSettled);
    },
    isManaged: (namespace) =>
      options.namespaces === undefined ||
      partsOf("Secret").some((part) => part.namespace === namespace && !isForbidden(part)),
    stateOf: (kind) => partsOf(kind)[0]?.reflector.state ?? "stopped",
    stop: async () => {
      await Promise.all(rows.flatMap(({ parts }) => parts).map(({ reflector }) => reflector.stop()));
    },
  };
}
