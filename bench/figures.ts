/** Figures as the benchmarks print them. */
import { cpus } from "node:os";

/** What was measured, and how often. */
export interface Figures {
  readonly what: string;
  readonly values: readonly number[];
}

/** One figure of a benchmark, and what it should be at most. */
export interface Row {
  readonly what: string;
  readonly figure: number;
  readonly unit: "ms" | "s" | "kB" | "MB" | "";
  /** Absent where nothing is demanded. */
  readonly bar?: number | undefined;
}

/** Milliseconds of processor time of all threads of this process: others may use the machine meanwhile. */
export const spent = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

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

/** A figure with as many digits as mean something. */
export const short = (value: number): string =>
  value.toFixed(value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2);

/** A table of rows against their bars. */
export function barsOf(rows: readonly Row[]): string {
  const line = (what: string, ...cells: readonly string[]): string =>
    what.padEnd(100) + cells.map((cell) => cell.padStart(10)).join("");
  const body = rows.map(({ what, figure, unit, bar }) =>
    bar === undefined
      ? line(what, "", `${short(figure)} ${unit}`)
      : line(what, `${bar} ${unit}`, `${short(figure)} ${unit}`, figure <= bar ? "yes" : "no"),
  );
  return [line("", "bar", "figure", "met"), ...body].join("\n");
}

/** Where it was measured, for whoever repeats it. */
export const machine = (): string => `${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}`;

/** Hands figures to the process that runs all benchmarks, if one does; resolves once it has them. */
export function handOver(rows: readonly Row[]): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) resolve();
    else process.send(rows, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
}
