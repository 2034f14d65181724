import type { Clock, Timer } from "../ops/clock.ts";

/** One timer per key: a later one takes the place of an earlier one, whichever of the two it is. */
export interface KeyedTimers {
  /** Acts on the key at a time, in milliseconds since the epoch; soon, when that is past. For what has a date. */
  at(key: string, time: number): void;
  /** Acts on the key after so many milliseconds, whatever becomes of the wall clock. */
  after(key: string, milliseconds: number): void;
  stop(): void;
}

/** What has no reason any more goes a while later, since the reason may come back: a workload that is started again. */
export interface Grace {
  /** Whether the time of this key is over; where it has not begun it begins, and `act` is called with the key at its end. */
  isOver(key: string): boolean;
  /** There is a reason again, or nothing is left to go. */
  end(key: string): void;
  stop(): void;
}

/** How long what has no reason stays, in milliseconds. */
const graceMs = 60_000;

/** Times that call `act` with their key when they are over. */
export function createGrace(clock: Clock, act: (key: string) => void): Grace {
  /** By the monotonic clock. */
  const since = new Map<string, number>();
  const timers = createKeyedTimers(clock, act);
  return {
    isOver: (key) => {
      const now = clock.monotonic();
      const begun = since.get(key) ?? now;
      const left = begun + graceMs - now;
      if (left <= 0) return true;
      since.set(key, begun);
      timers.after(key, left);
      return false;
    },
    end: (key) => void since.delete(key),
    stop: timers.stop,
  };
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
