import type { Clock, Timer } from "../ops/clock.ts";

/** One timer per key: a later one takes the place of an earlier one, whichever of the two it is. */
export interface KeyedTimers {
  /** Acts on the key at a time, in milliseconds since the epoch; soon, when that is past. For what has a date. */
  at(key: string, time: number): void;
  /** Acts on the key after so many milliseconds, whatever becomes of the wall clock. */
  after(key: string, milliseconds: number): void;
  stop(): void;
}

/** Timers cannot be longer. */
const longestTimer = 2 ** 31 - 1;

/** Timers that call `act` with their key. */
export function createKeyedTimers(clock: Clock, act: (key: string) => void): KeyedTimers {
  const timers = new Map<string, Timer>();
  const wait = (key: string, now: () => number, time: number): void => {
    timers.get(key)?.cancel();
    const delay = Math.min(longestTimer, Math.max(0, time - now()));
    const timer = clock.setTimeout(() => {
      // Node's fire up to a millisecond early, and clocks are set back: whoever looks then finds nothing to do, for good.
      if (now() < time) return wait(key, now, time);
      timers.delete(key);
      act(key);
    }, delay);
    timers.set(key, timer);
  };
  return {
    at: (key, time) => wait(key, clock.now, time),
    after: (key, milliseconds) => wait(key, clock.monotonic, clock.monotonic() + milliseconds),
    stop: () => {
      for (const timer of timers.values()) timer.cancel();
      timers.clear();
    },
  };
}
