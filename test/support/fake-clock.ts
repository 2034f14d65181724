import type { Clock } from "../../src/ops/clock.ts";

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Moves on, firing timers in the order of their time, and lets what they started settle. */
  advance(milliseconds: number): Promise<void>;
  /** Sets the wall clock ahead, or back: no time passes. */
  jump(milliseconds: number): void;
  /** Timers that are set and have not fired. */
  readonly pending: number;
}

/** Lets everything that is due to run without time passing run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A clock that starts at `start` (milliseconds since the epoch). */
export function createFakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  let time = start;
  let ahead = 0;
  const timers = new Set<{ readonly at: number; readonly action: () => void }>();
  return {
    now: () => time + ahead,
    monotonic: () => time - start,
    setTimeout: (action, milliseconds) => {
      const timer = { at: time + Math.max(0, milliseconds), action };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    get pending() {
      return timers.size;
    },
    jump: (milliseconds) => {
      ahead += milliseconds;
    },
    advance: async (milliseconds) => {
      const end = time + milliseconds;
      await settle();
      for (;;) {
        const next = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        timers.delete(next);
        time = next.at;
        next.action();
        await settle();
      }
      time = end;
      await settle();
    },
  };
}
