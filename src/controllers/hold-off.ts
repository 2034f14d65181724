import type { Clock, Timer } from "../ops/clock.ts";

/** Runs a task soon after it was asked for; what is asked meanwhile is answered by one more run. */
export interface HoldOff {
  /** Asks for a run. */
  trigger(): void;
  /** Completed runs since construction: what a test waits on instead of sleeping. */
  readonly completed: number;
  /** Whether the last run threw. */
  readonly isFailing: boolean;
  /** No further runs; resolves when the one under way has ended. */
  stop(): Promise<void>;
}

/**
 * Debounces with a delay that follows the cost of the work: idle, a change waits `minimum`; under load it waits as long as
 * the last run took, up to `maximum`, so that a burst is one run and a single change is not held up. Milliseconds.
 *
 * @param options.retries a run that threw is tried again after `first`, and after twice as long each time, up to `last`;
 *   absent: when it is asked for
 */
export function createHoldOff(options: {
  readonly run: () => void | Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
  readonly minimum: number;
  readonly maximum: number;
  readonly retries?: { readonly first: number; readonly last: number };
}): HoldOff {
  const { clock, retries } = options;
  let failures = 0;
  let retryTimer: Timer | undefined;
  let completed = 0;
  let asked = false;
  let stopped = false;
  let lastCost = 0;
  let lastEnd = Number.NEGATIVE_INFINITY;
  let current: Promise<void> | undefined;

  const delay = (): number => {
    const busy = clock.monotonic() - lastEnd < lastCost;
    return Math.min(options.maximum, Math.max(options.minimum, busy ? lastCost : 0));
  };
  const planRetry = (): void => {
    retryTimer?.cancel();
    if (failures === 0 || retries === undefined || stopped) return;
    const pause = Math.min(retries.last, retries.first * 2 ** Math.min(failures - 1, 16));
    retryTimer = clock.setTimeout(trigger, pause);
  };
  const runOnce = async (): Promise<void> => {
    await new Promise<void>((resolve) => {
      clock.setTimeout(resolve, delay());
    });
    if (stopped) return;
    asked = false;
    const start = clock.monotonic();
    try {
      await options.run();
      failures = 0;
    } catch (error) {
      failures += 1;
      options.onError(error);
    }
    lastEnd = clock.monotonic();
    lastCost = lastEnd - start;
    completed += 1;
    planRetry();
  };
  const loop = async (): Promise<void> => {
    while (asked && !stopped) await runOnce();
    current = undefined;
  };
  const trigger = (): void => {
    asked = true;
    if (!stopped) current ??= loop();
  };
  return {
    trigger,
    get completed() {
      return completed;
    },
    get isFailing() {
      return failures > 0;
    },
    stop: async () => {
      stopped = true;
      retryTimer?.cancel();
      await current;
    },
  };
}
