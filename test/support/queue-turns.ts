import type { Metrics } from "../../src/ops/metrics.ts";

/** How many keys have had a turn in a queue so far. */
export async function queueTurns(metrics: Pick<Metrics, "text">, queue: string): Promise<number> {
  const series = `heddle_queue_wait_seconds_count{queue="${queue}"} `;
  const line = (await metrics.text()).split("\n").find((text) => text.startsWith(series));
  return Number(line?.slice(series.length) ?? 0);
}
