import type { Clock } from "../../../src/ops/clock.ts";

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Moves time on, firing timers in their order and letting promises settle after each. */
  advance(milliseconds: number): Promise<void>;
  /** Timers that are set and have not fired. */
  readonly pending: number;
}

/** Lets everything that is due to run without time passing run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Creates a clock at the given wall time; its monotonic scale begins at 0. */
export function createFakeClock(start = Date.parse("2026-01-01T00:00:00Z")): FakeClock {
  let elapsed = 0;
  const timers = new Set<{ readonly at: number; readonly action: () => void }>();
  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    setTimeout: (action, milliseconds) => {
      const timer = { at: elapsed + Math.max(0, milliseconds), action };
      timers.add(timer);
      return { cancel: () => timers.delete(timer) };
    },
    get pending() {
      return timers.size;
    },
    advance: async (milliseconds) => {
      const end = elapsed + milliseconds;
      await settle();
      for (;;) {
        const next = [...timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        elapsed = Math.max(elapsed, next.at);
        timers.delete(next);
        next.action();
        await settle();
      }
      elapsed = end;
      await settle();
    },
  };
}
