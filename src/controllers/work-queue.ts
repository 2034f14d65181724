import PQueue from "p-queue";
import type { Clock, Random, Timer } from "../ops/clock.ts";
import type { Metrics } from "../ops/metrics.ts";

/** What became of one key. */
export type Outcome =
  | "done"
  /** Try again, later each time. */
  | "retry";

/** Keys, not events: a key that is added while it waits or runs is worked on once more, never twice at a time. */
export interface WorkQueue {
  add(key: string): void;
  /** Whether its work has begun and has not ended: who looks at it now looks too early. */
  isRunning(key: string): boolean;
  /** Forgets waiting keys; resolves when those under way have ended. */
  stop(): Promise<void>;
  /** Keys waiting, running, or backing off. */
  readonly size: number;
}

/** Bounds of the waiting time between two tries of a key, in milliseconds. */
const firstRetry = 50;
const lastRetry = 30_000;

/**
 * A queue of keys over a pool of workers with a bounded rate.
 * @param options.work does the work of a key; what it throws counts as `retry`.
 */
export function createWorkQueue(options: {
  /** Names the queue in metrics. */
  readonly name: "configmaps" | "identities" | "statuses" | "webhook";
  readonly metrics: Pick<Metrics, "queueDepth" | "queueWaitSeconds" | "queueRetries">;
  readonly work: (key: string) => Promise<Outcome>;
  readonly onError: (key: string, error: unknown) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly concurrency: number;
  /** Keys started within any second at most. */
  readonly rate: number;
  /** Of two keys that wait, the one with the higher number goes first. Absent: in the order in which they came. */
  readonly importance?: (key: string) => number;
}): WorkQueue {
  const { concurrency, rate: intervalCap, metrics, clock } = options;
  const labels = { queue: options.name };
  const pool = new PQueue({ concurrency, interval: 1000, intervalCap, strict: true });
  /** Since when each waits. */
  const waiting = new Map<string, number>();
  const running = new Map<string, { again: boolean }>();
  const failures = new Map<string, { count: number; timer: Timer }>();
  let stopped = false;

  const size = (): number => waiting.size + running.size + failures.size;
  const measure = (): void => metrics.queueDepth.set(labels, size());
  measure();

  const retryLater = (key: string): void => {
    metrics.queueRetries.inc(labels);
    const count = (failures.get(key)?.count ?? 0) + 1;
    const ceiling = Math.min(lastRetry, firstRetry * 2 ** Math.min(count, 16));
    const timer = clock.setTimeout(() => enqueue(key), ceiling * (0.5 + options.random() / 2));
    failures.set(key, { count, timer });
  };
  const runOne = async (key: string): Promise<void> => {
    const since = waiting.get(key);
    if (since === undefined || stopped) return;
    waiting.delete(key);
    metrics.queueWaitSeconds.observe(labels, (clock.monotonic() - since) / 1000);
    const state = { again: false };
    running.set(key, state);
    let outcome: Outcome = "retry";
    try {
      outcome = await options.work(key);
    } catch (error) {
      options.onError(key, error);
    }
    running.delete(key);
    if (stopped) return;
    if (outcome === "retry") retryLater(key);
    else failures.delete(key);
    if (state.again) enqueue(key);
    measure();
  };
  const enqueue = (key: string): void => {
    if (stopped || waiting.has(key)) return;
    const current = running.get(key);
    if (current !== undefined) {
      current.again = true;
      return;
    }
    failures.get(key)?.timer.cancel();
    waiting.set(key, clock.monotonic());
    measure();
    void pool.add(() => runOne(key), { priority: options.importance?.(key) ?? 0 });
  };
  return {
    add: enqueue,
    isRunning: (key) => running.has(key),
    stop: async () => {
      stopped = true;
      waiting.clear();
      for (const { timer } of failures.values()) timer.cancel();
      failures.clear();
      // What waits would else be begun, to do nothing, at the bounded rate.
      pool.clear();
      await pool.onIdle();
    },
    get size() {
      return size();
    },
  };
}
