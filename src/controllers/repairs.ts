import type { Clock } from "../ops/clock.ts";

/** How often a foreign edit is put back: at once the first time, then ever more slowly while somebody goes on editing. */
export interface Repairs {
  /** In how many milliseconds a key may be repaired. Zero: now, and it counts as done. */
  wait(key: string): number;
}

const firstPause = 1000;
const longestPause = 60_000;
/** After so long without a repair all is forgotten. */
const forgotten = 5 * 60_000;

/** Remembers repairs, by key. */
export function createRepairs(clock: Clock): Repairs {
  const done = new Map<string, { count: number; at: number }>();
  return {
    wait: (key) => {
      const now = clock.monotonic();
      for (const [other, { at }] of done) if (now - at > forgotten) done.delete(other);
      const last = done.get(key);
      const pause = last === undefined ? 0 : Math.min(longestPause, firstPause * 2 ** Math.min(last.count - 1, 16));
      if (last !== undefined && now < last.at + pause) return last.at + pause - now;
      done.set(key, { count: (last?.count ?? 0) + 1, at: now });
      return 0;
    },
  };
}
