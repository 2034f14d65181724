/** Figures as the benchmarks print them. */
import { cpus } from "node:os";

/** What was measured, and how often. */
export interface Figures {
  readonly what: string;
  readonly values: readonly number[];
}

/** The value that this share of them does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

const shares = [0.5, 0.9, 0.99, 1] as const;
const column = (text: string): string => text.padStart(7);

/** A table of them: median, 90 and 99 of 100, and the largest. */
export function tableOf(title: string, rows: readonly Figures[]): string {
  const head = ["p50", "p90", "p99", "max"].map(column).join("");
  const body = rows.map(({ what, values }) => {
    const cells = shares.map((share) => column(quantile(values, share).toFixed(0)));
    return `${what.padEnd(72)}${cells.join("")}`;
  });
  return [`${title}`.padEnd(72) + head, ...body].join("\n");
}

/** Where it was measured, for whoever repeats it. */
export const machine = (): string => `${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}`;
