import type { Random } from "../ops/clock.ts";

/** Bounds of {@link backoff}, in milliseconds. */
export interface BackoffLimits {
  readonly base: number;
  readonly cap: number;
}

/**
 * How long to wait before try number `attempt` (counted from 0): exponential with full jitter, so that many clients of a
 * server that comes back do not call at once; never less than `base`, so that no draw makes a hot loop.
 *
 * @param retryAfter milliseconds that the server asked for; at most a minute of it is respected, with a quarter of jitter
 * @returns milliseconds
 */
export function backoff(attempt: number, limits: BackoffLimits, random: Random, retryAfter = 0): number {
  const ceiling = Math.min(limits.cap, limits.base * 2 ** Math.min(Math.max(attempt, 0), 30));
  const asked = Math.min(retryAfter, 60_000) * (1 + random() / 4);
  return Math.max(asked, limits.base + random() * (ceiling - limits.base));
}
