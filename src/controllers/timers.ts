import type { Clock, Timer } from "../ops/clock.ts";

/** One timer per key: a later one takes the place of an earlier one. */
export interface KeyedTimers {
  /** Acts on the key at a time, in milliseconds since the epoch; soon, when that is past. */
  set(key: string, at: number): void;
  stop(): void;
}

/** Timers cannot be longer. */
const longestTimer = 2 ** 31 - 1;

/** Timers that call `act` with their key. */
export function createKeyedTimers(clock: Clock, act: (key: string) => void): KeyedTimers {
  const timers = new Map<string, Timer>();
  const set = (key: string, at: number): void => {
    timers.get(key)?.cancel();
    const delay = Math.min(longestTimer, Math.max(0, at - clock.now()));
    const timer = clock.setTimeout(() => {
      // Node's fire up to a millisecond early, and clocks are set back: whoever looks then finds nothing to do, for good.
      if (clock.now() < at) return set(key, at);
      timers.delete(key);
      act(key);
    }, delay);
    timers.set(key, timer);
  };
  return {
    set,
    stop: () => {
      for (const timer of timers.values()) timer.cancel();
      timers.clear();
    },
  };
}
