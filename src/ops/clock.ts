/**
 * Time and chance, as everything outside the pure rooms is given them: injected, so that tests run without waiting.
 */

/** A timer that has been set. */
export interface Timer {
  /** Takes it back; without effect once it has fired. */
  cancel(): void;
}

/** Source of time. */
export interface Clock {
  /** Wall clock: milliseconds since the epoch. May jump; for timestamps only. */
  now(): number;
  /** Milliseconds since an arbitrary moment; never jumps back. For durations and deadlines. */
  monotonic(): number;
  /** Runs the action once, after so many milliseconds. */
  setTimeout(action: () => void, milliseconds: number): Timer;
}

/** A number of [0, 1), as `Math.random` gives. For jitter, never for secrets. */
export type Random = () => number;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (action, milliseconds) => {
    const timer = setTimeout(action, milliseconds);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after so many milliseconds, or at once when the signal aborts. Never rejects. */
export function sleep(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done, { once: true });
  });
}
