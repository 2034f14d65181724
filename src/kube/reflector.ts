/**
 * One kind, listed and then watched for as long as the process lives.
 *
 *      +------> list, in pages ----------> sink.reset
 *      |             |
 *      |             v
 *   410 gone     watch from there -------> sink.apply, sink.delete
 *      |             |
 *      +-------------+---> ended, silent or failed: watch again from the last version seen
 *
 * Whatever fails, the sink keeps what it has and the reflector goes on: after a while that grows, with jitter.
 */
import type { Kind } from "../api/kinds.ts";
import { type Clock, type Random, sleep, systemClock } from "../ops/clock.ts";
import { type BackoffLimits, backoff } from "./backoff.ts";
import type { KubeClient, Selection } from "./client.ts";
import { ApiError, isApiError } from "./error.ts";
import type { ObjectOf } from "./objects.ts";
import type { WatchEvent } from "./watch.ts";

/** Takes what a reflector sees. A {@link import("./store.ts").Store} is one. What it throws is reported and goes no further. */
export interface ObjectSink<T> {
  /** The object came or changed; may be one that is there already. */
  apply(object: T): void;
  /** The object went: its last state. */
  delete(object: T): void;
  /** These are all; whatever else was there went. */
  reset(objects: readonly T[]): void;
}

/**
 * - `stopped`: not started, or stopped.
 * - `listing`: asks for all objects.
 * - `watching`: the server has accepted the watch; the sink is up to date but for the way to here.
 * - `retrying`: the server cannot be reached or fails; the sink has what was seen last.
 * - `waiting`: the kind does not exist (its CRD is missing) or is being deleted; the sink keeps what it has.
 * - `forbidden`: credentials or roles do not allow it; the sink keeps what it has.
 */
export type ReflectorState = "stopped" | "listing" | "watching" | "retrying" | "waiting" | "forbidden";

/** What a reflector needs. */
export interface ReflectorOptions<K extends Kind> {
  readonly client: Pick<KubeClient, "list" | "watch">;
  readonly kind: K;
  readonly sink: ObjectSink<ObjectOf<K>>;
  /** Which objects; absent: all. */
  readonly selection?: Selection;
  /** Keeps of each object what is needed, before the sink sees it; metadata.name, namespace, uid and resourceVersion must stay. */
  readonly transform?: (object: ObjectOf<K>) => ObjectOf<K>;
  /**
   * Whether the kind itself is being deleted. When given, it is asked before an object that went, or a list, reaches the
   * sink; if it says so, nothing does, and the reflector waits. See {@link import("./definition.ts").isKindLeaving}.
   */
  readonly isLeaving?: (signal: AbortSignal) => Promise<boolean>;
  /** Told of each new state, with the error that led to it. What it throws is ignored. */
  readonly onState?: (state: ReflectorState, error?: unknown) => void;
  /** Told of each error: of the server, of the sink, of the transform. What it throws is ignored. */
  readonly onError?: (error: unknown) => void;
  /** Objects per page of a list. */
  readonly limit?: number;
  /** Milliseconds of silence after which the watch is opened anew, in case the connection is lost without a word. */
  readonly idle?: number;
  /** Milliseconds between tries. */
  readonly backoff?: BackoffLimits;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** One kind being listed and watched. */
export interface Reflector {
  readonly state: ReflectorState;
  /** Whether the sink has had all objects once. Stays true. */
  readonly synced: boolean;
  /**
   * When the server last said anything (on the clock's monotonic scale): how old the truth may be. Absent before. On a
   * kind without changes at most `idle` ago while all is well.
   */
  readonly lastContact: number | undefined;
  /** Resolves to true once synced, to false when stopped before. Never rejects. */
  whenSynced(): Promise<boolean>;
  start(): void;
  /** Resolves once nothing more reaches the sink. */
  stop(): Promise<void>;
}

const defaultBackoff: BackoffLimits = { base: 100, cap: 15_000 };
/** While a CRD is missing a try costs the server next to nothing, and someone waits for its effect. */
const waitingBackoff: BackoffLimits = { base: 1_000, cap: 5_000 };
const defaultIdle = 90_000;
/** Milliseconds for a watch to begin. */
const timeoutOfOpening = 15_000;
/** A watch that lived shorter and brought nothing counts as a failure: or a server that ends each one makes a hot loop. */
const shortWatch = 1_000;

/** Creates a reflector; nothing happens before `start`. */
export function createReflector<K extends Kind>(options: ReflectorOptions<K>): Reflector {
  const { client, kind, sink } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const transform = options.transform ?? ((object: ObjectOf<K>) => object);
  const limits = options.backoff ?? defaultBackoff;
  const selection = options.selection ?? {};

  let state: ReflectorState = "stopped";
  let lastContact: number | undefined;
  let controller: AbortController | undefined;
  let running: Promise<void> = Promise.resolve();
  const sync = createLatch();
  /** Failures since something last went well. */
  let attempt = 0;
  /** How far the sink is; absent: all must be listed. */
  let version: string | undefined;

  const report = (error: unknown): void => attempted(() => options.onError?.(error));
  const enter = (next: ReflectorState, error?: unknown): void => {
    if (next === state) return;
    state = next;
    attempted(() => options.onState?.(next, error));
  };
  /** What a sink or a transform throws is its own fault: the next event must come all the same. */
  const deliver = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      report(error);
    }
  };

  const isLeaving = async (signal: AbortSignal): Promise<boolean> => {
    try {
      return (await options.isLeaving?.(signal)) ?? false;
    } catch (error) {
      if (!isApiError(error, "forbidden")) throw error;
      // Who may not know must believe what the kind itself says.
      report(error);
      return false;
    }
  };

  const listAll = async (signal: AbortSignal): Promise<void> => {
    // A kind whose CRD is missing goes on waiting, and a server that fails goes on failing, until the list is there.
    if (state === "stopped" || state === "watching") enter("listing");
    const list = await client.list(kind, {
      ...selection,
      signal,
      keep: (object) => {
        let kept: ObjectOf<K> | undefined;
        deliver(() => {
          kept = transform(object);
        });
        return kept;
      },
      ...(options.limit === undefined ? {} : { limit: options.limit }),
    });
    // After the list: a kind that does not leave now did not leave then.
    const leaving = await isLeaving(signal);
    if (signal.aborted) return;
    lastContact = clock.monotonic();
    if (leaving) throw kindIsLeaving(kind);
    deliver(() => sink.reset(list.items));
    version = list.resourceVersion;
    sync.open(true);
  };

  const pass = (event: WatchEvent<ObjectOf<K>>): void => {
    if (event.type === "BOOKMARK") return;
    const seen = (): ObjectOf<K> => transform(event.object);
    deliver(event.type === "DELETED" ? () => sink.delete(seen()) : () => sink.apply(seen()));
  };

  /** Takes events in order; one that must be confirmed holds back those after it. */
  const createIntake = (signal: AbortSignal, giveUp: (reason: unknown) => void) => {
    const held: WatchEvent<ObjectOf<K>>[] = [];
    let closed = false;
    const confirm = async (): Promise<void> => {
      while (held.length > 0 && !closed) {
        // What is held now came before the question, so that the answer holds for it.
        const count = held.length;
        const leaving = await isLeaving(signal);
        if (closed) return;
        if (leaving) throw kindIsLeaving(kind);
        for (const event of held.splice(0, count)) pass(event);
        // No further delete: the rest need not wait.
        if (!held.some(({ type }) => type === "DELETED")) for (const event of held.splice(0)) pass(event);
      }
    };
    return {
      take: (event: WatchEvent<ObjectOf<K>>): void => {
        lastContact = clock.monotonic();
        attempt = 0;
        if (held.length === 0 && (event.type !== "DELETED" || options.isLeaving === undefined)) {
          pass(event);
        } else {
          held.push(event);
          if (held.length === 1) confirm().catch(giveUp);
        }
        version = event.object.metadata.resourceVersion ?? version;
      },
      /** Whether everything reached the sink; nothing more does. */
      close: (): boolean => {
        closed = true;
        return held.length === 0;
      },
    };
  };

  const watchOn = async (from: string, signal: AbortSignal): Promise<void> => {
    let opened: number | undefined;
    let events = 0;
    const controller = new AbortController();
    let reason: unknown;
    const intake = createIntake(signal, (error) => {
      reason = error;
      controller.abort();
    });
    try {
      await client.watch(
        kind,
        {
          ...selection,
          resourceVersion: from,
          // Spread, so that the watches of many kinds and replicas do not all begin anew at once.
          timeoutSeconds: Math.round(300 + 300 * random()),
          idle: options.idle ?? defaultIdle,
          timeout: timeoutOfOpening,
          signal: AbortSignal.any([signal, controller.signal]),
          onOpen: () => {
            opened = clock.monotonic();
            lastContact = opened;
            enter("watching");
          },
        },
        (event) => {
          events += 1;
          intake.take(event);
        },
      );
    } catch (error) {
      throw reason ?? error;
    } finally {
      // What was held back is lost with the watch: the list brings it.
      if (!intake.close()) version = undefined;
      const lived = opened === undefined ? 0 : clock.monotonic() - opened;
      if (events === 0 && lived < shortWatch) attempt += 1;
      else attempt = 0;
    }
  };

  /** The state that an error leads to, and how long to stay there in milliseconds. */
  const afterError = (error: unknown): number => {
    report(error);
    if (isApiError(error, "gone")) {
      version = undefined;
      return backoff(attempt - 1, limits, random);
    }
    if (isApiError(error, "notFound")) {
      // Whatever comes back under this name has another history.
      version = undefined;
      enter("waiting", error);
      return backoff(attempt - 1, waitingBackoff, random);
    }
    enter(isApiError(error, "forbidden") ? "forbidden" : "retrying", error);
    // What is refused as it stands, such as a selector, is no better by the same version: ask for all.
    if (isApiError(error, "terminal")) version = undefined;
    return backoff(attempt - 1, limits, random, isApiError(error) ? error.retryAfter : 0);
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const before = attempt;
      try {
        if (version === undefined) await listAll(signal);
        if (version !== undefined && !signal.aborted) await watchOn(version, signal);
        if (attempt > 0 && !signal.aborted) await sleep(clock, backoff(attempt, limits, random), signal);
      } catch (error) {
        if (signal.aborted) return;
        if (attempt === before) attempt += 1;
        await sleep(clock, afterError(error), signal);
      }
    }
  };

  return {
    get state() {
      return state;
    },
    get synced() {
      return sync.value === true;
    },
    get lastContact() {
      return lastContact;
    },
    whenSynced: () => sync.promise,
    start: () => {
      if (controller !== undefined) return;
      controller = new AbortController();
      running = run(controller.signal).catch(report);
    },
    stop: async () => {
      controller?.abort();
      await running;
      sync.open(false);
      enter("stopped");
    },
  };
}

/** The error that makes the reflector wait as for a kind that is missing. */
function kindIsLeaving(kind: Kind): ApiError {
  return new ApiError({
    status: 404,
    reason: "KindIsLeaving",
    message: `${kind.kind}: its definition is being deleted; what was seen last stays`,
    object: kind.kind,
    class: "notFound",
  });
}

function attempted(action: () => void): void {
  try {
    action();
  } catch {
    // A reporter that fails has nobody to report to.
  }
}

interface Latch {
  readonly promise: Promise<boolean>;
  readonly value: boolean | undefined;
  /** The first call counts. */
  open(value: boolean): void;
}

function createLatch(): Latch {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let value: boolean | undefined;
  return {
    promise,
    get value() {
      return value;
    },
    open: (next) => {
      value ??= next;
      resolve(next);
    },
  };
}
