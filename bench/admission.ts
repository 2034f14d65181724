/**
 * How long the webhook takes to answer: 50 reviews of a second, each a pod of two containers, over connections that the API
 * server keeps, while nothing is compiled and while large and hostile clusters are, by the other thread of the same process
 * as in the operator. With the longest time for which the thread that answers was not there for anybody.
 *
 *   node bench/admission.ts [SECONDS]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { cases } from "./admission-cases.ts";
import type { ServerFigures } from "./admission-server.ts";
import { barsOf, handOver, machine, quantile, type Row } from "./figures.ts";
import { createReviewer, reviewRate } from "./reviews.ts";

const seconds = Number(process.argv[2] ?? 20);
/** Milliseconds: the 99th percentile while nothing is compiled; every answer, and every stall, whatever is compiled. */
const bars = { idle: 5, answer: 100 };

const server = spawn(process.execPath, [join(import.meta.dirname, "admission-server.ts")], {
  stdio: ["pipe", "pipe", "inherit"],
});
const lines = createInterface({ input: server.stdout });
const nextLine = async <T>(): Promise<T> => JSON.parse(((await once(lines, "line")) as [string])[0]) as T;
const { port, ca } = await nextLine<{ readonly port: number; readonly ca: string }>();
const reviewer = createReviewer({ port, ca, servername: "localhost", namespace: "shop" });

const cell = (value: number | undefined): string => (value === undefined ? "" : value.toFixed(1)).padStart(9);
const head = ["p50", "p99", "max", "stall", "whole", "change", "records"].map((text) => text.padStart(9)).join("");
console.log(`${machine()}; ${reviewRate} reviews a second for ${seconds} s; milliseconds, of compiles the longest`);
console.log(`${"compiled meanwhile".padEnd(52)}${head}`);
const rows: Row[] = [];
for (let turn = 0; turn < 200; turn++) await reviewer.ask(`warm-${turn}`);
for (const name of ["nothing", ...Object.keys(cases)]) {
  server.stdin.write(`${name}\n`);
  await nextLine();
  await delay(200);
  const took = await reviewer.during((turn) => turn < reviewRate * seconds);
  server.stdin.write("\n");
  const { longestStall, whole, change, records } = await nextLine<ServerFigures>();
  const longest = (values: readonly number[]): number | undefined =>
    values.length === 0 ? undefined : Math.max(...values);
  const [p99, max] = [quantile(took, 0.99), Math.max(...took)];
  const cells = [quantile(took, 0.5), p99, max, longestStall, longest(whole), longest(change), longest(records)];
  console.log(`${name.padEnd(52)}${cells.map(cell).join("")}`);
  const of = name === "nothing" ? "nothing is compiled" : `compiling ${name}`;
  if (name === "nothing") rows.push({ what: `admission: p99 while ${of}`, figure: p99, unit: "ms", bar: bars.idle });
  rows.push(
    { what: `admission: at most while ${of}`, figure: max, unit: "ms", bar: bars.answer },
    { what: `admission: the longest stall while ${of}`, figure: longestStall, unit: "ms", bar: bars.answer },
  );
}
console.log(`\n${barsOf(rows)}`);
await handOver(rows);
reviewer.close();
server.stdin.end();
await once(server, "exit");
