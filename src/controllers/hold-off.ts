import type { Clock } from "../ops/clock.ts";

/** Runs a task soon after it was asked for; what is asked meanwhile is answered by one more run. */
export interface HoldOff {
  /** Asks for a run. */
  trigger(): void;
  /** Completed runs since construction: what a test waits on instead of sleeping. */
  readonly completed: number;
  /** No further runs; resolves when the one under way has ended. */
  stop(): Promise<void>;
}

/**
 * Debounces with a delay that follows the cost of the work: idle, a change waits `minimum`; under load it waits as long as
 * the last run took, up to `maximum`, so that a burst is one run and a single change is not held up. Milliseconds.
 */
export function createHoldOff(options: {
  readonly run: () => void | Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
  readonly minimum: number;
  readonly maximum: number;
}): HoldOff {
  let completed = 0;
  let asked = false;
  let stopped = false;
  let lastCost = 0;
  let lastEnd = Number.NEGATIVE_INFINITY;
  let current: Promise<void> | undefined;

  const delay = (): number => {
    const busy = options.clock.monotonic() - lastEnd < lastCost;
    return Math.min(options.maximum, Math.max(options.minimum, busy ? lastCost : 0));
  };
  const runOnce = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      options.clock.setTimeout(resolve, delay());
    });
    if (stopped) return;
    asked = false;
    const start = options.clock.monotonic();
    try {
      await options.run();
    } catch (error) {
      options.onError(error);
    }
    lastEnd = options.clock.monotonic();
    lastCost = lastEnd - start;
    completed += 1;
  };
  const loop = async (): Promise<void> => {
    while (asked && !stopped) await runOnce();
    current = undefined;
  };
  return {
    trigger: () => {
      asked = true;
      if (!stopped) current ??= loop();
    },
    get completed() {
      return completed;
    },
    stop: async () => {
      stopped = true;
      await current;
    },
  };
}
