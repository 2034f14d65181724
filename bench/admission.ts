/**
 * How long the webhook takes to answer: 50 reviews of a second, each a pod of two containers, over connections that the API
 * server keeps, while nothing is compiled and while large and hostile clusters are, by the other thread of the same process
 * as in the operator. With the longest time for which the thread that answers was not there for anybody.
 *
 *   node bench/admission.ts [SECONDS]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { cases } from "./admission-cases.ts";
import type { ServerFigures } from "./admission-server.ts";
import { barsOf, handOver, machine, quantile, type Row } from "./figures.ts";

const rate = 50;
const seconds = Number(process.argv[2] ?? 20);
/** Milliseconds: the 99th percentile while nothing is compiled; every answer, and every stall, whatever is compiled. */
const bars = { idle: 5, answer: 100 };

const container = (name: string): object => ({
  name,
  image: `registry.example/${name}:1`,
  ports: [{ name: "http", containerPort: 8080 }],
  readinessProbe: { httpGet: { path: "/ready", port: "http" } },
  env: Array.from({ length: 20 }, (_, index) => ({ name: `NAME_${index}`, value: "a value" })),
});
const review = (uid: string): string =>
  JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid,
      kind: { group: "", version: "v1", kind: "Pod" },
      operation: "CREATE",
      namespace: "shop",
      object: {
        metadata: { name: "p", labels: { app: "p" } },
        spec: { containers: [container("app"), { ...container("other"), ports: [] }] },
      },
    },
  });

const server = spawn(process.execPath, [join(import.meta.dirname, "admission-server.ts")], {
  stdio: ["pipe", "pipe", "inherit"],
});
const lines = createInterface({ input: server.stdout });
const nextLine = async <T>(): Promise<T> => JSON.parse(((await once(lines, "line")) as [string])[0]) as T;
const { port, ca } = await nextLine<{ readonly port: number; readonly ca: string }>();
const agent = new Agent({ keepAlive: true, maxSockets: 8 });

/** Milliseconds until the answer is read. */
function ask(uid: string): Promise<number> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const target = { host: "127.0.0.1", servername: "localhost", port, ca, agent, path: "/inject", method: "POST" };
    const outgoing = request(target, (response) => {
      response.resume();
      response.once("end", () => {
        if (response.statusCode === 200) resolve(performance.now() - start);
        else reject(new Error(`the webhook answered ${response.statusCode}`));
      });
    });
    outgoing.once("error", reject);
    outgoing.end(review(uid));
  });
}

/** What reviews took that were sent at their times, whether those before were answered or not. */
async function reviews(): Promise<readonly number[]> {
  const start = performance.now();
  const answers: Promise<number>[] = [];
  for (let turn = 0; turn < rate * seconds; turn++) {
    await delay(Math.max(0, start + (turn * 1000) / rate - performance.now()));
    answers.push(ask(`u${turn}`));
  }
  return Promise.all(answers);
}

const cell = (value: number | undefined): string => (value === undefined ? "" : value.toFixed(1)).padStart(9);
const head = ["p50", "p99", "max", "stall", "whole", "change", "records"].map((text) => text.padStart(9)).join("");
console.log(`${machine()}; ${rate} reviews a second for ${seconds} s; milliseconds, of compiles the longest`);
console.log(`${"compiled meanwhile".padEnd(52)}${head}`);
const rows: Row[] = [];
for (let turn = 0; turn < 200; turn++) await ask(`warm-${turn}`);
for (const name of ["nothing", ...Object.keys(cases)]) {
  server.stdin.write(`${name}\n`);
  await nextLine();
  await delay(200);
  const took = await reviews();
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
agent.destroy();
server.stdin.end();
await once(server, "exit");
