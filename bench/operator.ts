/**
 * What the operator takes as it ships: the bundle, beside a real kube-apiserver and etcd, as the leader that writes its
 * records, Secrets and statuses. How long it takes to start, on a cluster that it has never seen and on one where all is
 * written; what memory it holds; what a change costs it. Last, where there are 2,000 pods at most, the same with the sidecar of
 * each of them connected, from the pod's own address: this runs in a network namespace of its own.
 *
 *   make bench-operator [PODS=2000]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { kinds } from "../src/api/kinds.ts";
import { createKubeClient } from "../src/kube/client.ts";
import { askPool, type LentApiServer, startApiServerPool } from "../test/support/api-server-pool.ts";
import { installDefinitions, operatorPorts } from "../test/support/operator.ts";
import { barsOf, handOver, machine, type Row } from "./figures.ts";
import { fillCluster } from "./fill.ts";
import type { MeshSize } from "./mesh-objects.ts";
import { measureChanges } from "./operator-changes.ts";
import { type Started, type StartOptions, startMeasured } from "./operator-process.ts";
import { measureProxies } from "./operator-proxies.ts";

const pods = Number(process.argv[2] ?? 2000);
const size: MeshSize = { namespaces: 50, services: 1000, pods, policies: 200, splits: 100, meshTLS: 50 };
/** What it may hold, in MB. */
const memory = 350;
/** After so long without proxies, statuses say that they are disconnected, and all is still after that. */
const settled = 35_000;

if (process.env["HEDDLE_OUTER_NAMESPACE"] === undefined) throw new Error("run it by make bench-operator");
// Sidecars connect from the addresses of their pods, all of which are this machine's here.
execFileSync("ip", ["route", "add", "local", "10.64.0.0/11", "dev", "lo"]);
const directory = mkdtempSync(join(tmpdir(), "heddle-bench-"));
const pool = await startApiServerPool();
const server = await askPool<LentApiServer>(pool.socket, "lend");
const client = createKubeClient({ kubeconfig: server.kubeconfig });
const ports = await operatorPorts();
await installDefinitions(client);
await client.create(kinds.Namespace, { metadata: { name: "heddle-system" } });

const logFile = join(directory, "operator.log");
/** With the flags of the image. */
const start = (nodeFlags: readonly string[] = [], more: Pick<StartOptions, "onReady"> = {}) =>
  startMeasured({ server, ports, logFile, nodeFlags, ...more });
const rows: Row[] = [];

/** The figures of a start that is to take this many seconds at most. What it may hold counts in the chart's container. */
function describe(start: string, bar: number, started: Started, most?: number): void {
  const { ready, serving, written, writes } = started;
  const row = (what: string, figure: number, unit: Row["unit"], bar?: number): void => {
    rows.push({ what: `${start}: ${what}`, figure, unit, bar });
  };
  row("start to ready (admits pods)", ready.at / 1000, "s", bar);
  row("start to all compiled (serves proxies)", serving.at / 1000, "s", bar);
  row("start to all written", written.at / 1000, "s");
  row("processor time until it serves", serving.cpu / 1000, "s");
  row("processor time until all is written", written.cpu / 1000, "s");
  row("memory when it serves", serving.resident, "MB");
  row("memory when all is written", written.resident, "MB");
  row("memory at most", started.usage().peak, "MB", most);
  const counted = [...writes].map(([name, count]) => `${count} ${name}`).join(", ");
  console.log(`${start}: wrote ${counted === "" ? "nothing" : counted}`);
}

/** What Node.js takes for its heap at most in the chart's container, by the flag of the image; in MB. */
function heapOfContainer(): number {
  const values = readFileSync(join(import.meta.dirname, "../charts/heddle/values.yaml"), "utf8");
  const { resources } = parse(values) as { readonly resources: { readonly limits: { readonly memory: string } } };
  const [, size = Number.NaN] = /^(\d+)Gi$/.exec(resources.limits.memory) ?? [];
  const image = readFileSync(join(import.meta.dirname, "../images/operator/Dockerfile"), "utf8");
  const [, percentage = Number.NaN] = /--max-old-space-size-percentage=(\d+)/.exec(image) ?? [];
  return Math.floor((Number(size) * 1024 * Number(percentage)) / 100);
}

console.log(machine());
for (const what of ["empty cluster, first start", "empty cluster, restart"]) {
  const started = await start();
  describe(what, 2, started);
  await started.operator.process.stop("SIGTERM");
}
const filling = performance.now();
await fillCluster(client, size);
console.log(`a mesh of ${pods} pods was made within ${((performance.now() - filling) / 1000).toFixed(0)} s`);
const first = await start();
describe("mesh, first start", 6, first);
await first.operator.process.stop("SIGTERM");
const again = await start();
describe("mesh, restart", 6, again);
await again.quiet(settled);
rows.push({ what: "mesh, restart: memory once it rests", figure: again.usage().resident, unit: "MB", bar: undefined });
rows.push(...(await measureChanges(client, size, again)));
rows.push({
  what: "mesh, after these changes: memory at most",
  figure: again.usage().peak,
  unit: "MB",
  bar: undefined,
});
await again.operator.process.stop("SIGTERM");
const inContainer = `mesh, restart in the chart's container (a heap of ${heapOfContainer()} MB)`;
const ofContainer = [`--max-old-space-size=${heapOfContainer()}`];
const bounded = await start(ofContainer).catch((error: unknown): undefined => {
  // So V8 ends a process whose heap is full.
  if (!String(error).includes("SIGABRT")) throw error;
});
rows.push({ what: `${inContainer}: ends for want of memory`, figure: bounded === undefined ? 1 : 0, unit: "", bar: 0 });
if (bounded !== undefined) {
  describe(inContainer, 6, bounded, memory);
  const restart = (onReady: NonNullable<StartOptions["onReady"]>) => start(ofContainer, { onReady });
  // More simulated sidecars than that are too much for one process beside the operator.
  if (pods > 2000) await bounded.operator.process.stop("SIGTERM");
  else rows.push(...(await measureProxies({ client, size, operator: bounded, ports, start: restart })));
}
console.log(`\n${barsOf(rows)}`);
await handOver(rows);
await pool.stop();
rmSync(directory, { recursive: true, force: true });
process.exit(0);
