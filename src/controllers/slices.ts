import type { Clock, Timer } from "../ops/clock.ts";

/** Keys that are looked at one after another; while there are many, others have the thread in between. */
export interface Slices {
  /** Looks at these too; at the first ones before it returns. */
  add(keys: Iterable<string>): void;
  /** Looks at this one too, at the next turn of the event loop at the earliest: for one of perhaps many events. */
  soon(key: string): void;
  stop(): void;
}

/** Nobody is kept waiting for longer, in milliseconds. */
const slice = 10;

/** Slices of time in which `look` is called with each key. */
export function createSlices(clock: Clock, look: (key: string) => void): Slices {
  const waiting = new Set<string>();
  let timer: Timer | undefined;
  const run = (): void => {
    timer = undefined;
    const start = clock.monotonic();
    for (const key of waiting) {
      waiting.delete(key);
      look(key);
      if (clock.monotonic() - start < slice) continue;
      if (waiting.size > 0) timer = clock.setTimeout(run, 0);
      return;
    }
  };
  return {
    add: (keys) => {
      for (const key of keys) waiting.add(key);
      if (timer === undefined) run();
    },
    soon: (key) => {
      waiting.add(key);
      timer ??= clock.setTimeout(run, 0);
    },
    stop: () => {
      timer?.cancel();
      waiting.clear();
    },
  };
}
