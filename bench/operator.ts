/**
 * What the operator takes as it ships: the bundle, beside a real kube-apiserver and etcd, as the leader that writes its
 * records, Secrets and statuses. How long it takes to start, on a cluster that it has never seen and on one where all is
 * written; what memory it holds; what a change costs it. No proxies are connected.
 *
 *   make bench-operator [PODS=2000]
 */
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
import { type Started, startMeasured } from "./operator-process.ts";

const pods = Number(process.argv[2] ?? 2000);
const size: MeshSize = { namespaces: 50, services: 1000, pods, policies: 200, splits: 100, meshTLS: 50 };
/** After so long without proxies, statuses say that they are disconnected, and all is still after that. */
const settled = 35_000;

const directory = mkdtempSync(join(tmpdir(), "heddle-bench-"));
const pool = await startApiServerPool();
const server = await askPool<LentApiServer>(pool.socket, "lend");
const client = createKubeClient({ kubeconfig: server.kubeconfig });
const ports = await operatorPorts();
await installDefinitions(client);
await client.create(kinds.Namespace, { metadata: { name: "heddle-system" } });

const logFile = join(directory, "operator.log");
const start = (nodeFlags: readonly string[] = []) => startMeasured({ server, ports, logFile, nodeFlags });
const rows: Row[] = [];

function describe(start: string, bars: { readonly start: number; readonly memory: number }, started: Started): void {
  const { ready, serving, written, writes } = started;
  const row = (what: string, figure: number, unit: Row["unit"], bar?: number): void => {
    rows.push({ what: `${start}: ${what}`, figure, unit, bar });
  };
  row("start to ready (admits pods)", ready.at / 1000, "s", bars.start);
  row("start to all compiled (serves proxies)", serving.at / 1000, "s", bars.start);
  row("start to all written", written.at / 1000, "s");
  row("processor time until it serves", serving.cpu / 1000, "s");
  row("processor time until all is written", written.cpu / 1000, "s");
  row("memory when it serves", serving.resident, "MB");
  row("memory when all is written", written.resident, "MB");
  row("memory at most", started.usage().peak, "MB", bars.memory);
  const counted = [...writes].map(([name, count]) => `${count} ${name}`).join(", ");
  console.log(`${start}: wrote ${counted === "" ? "nothing" : counted}`);
}

/** What Node.js takes for its heap at most in the chart's container, which is half of what that may have; in MB. */
function heapOfContainer(): number {
  const values = readFileSync(join(import.meta.dirname, "../charts/heddle/values.yaml"), "utf8");
  const { resources } = parse(values) as { readonly resources: { readonly limits: { readonly memory: string } } };
  const [, size = Number.NaN] = /^(\d+)Mi$/.exec(resources.limits.memory) ?? [];
  return Number(size) / 2;
}

console.log(machine());
for (const what of ["empty cluster, first start", "empty cluster, restart"]) {
  const started = await start();
  describe(what, { start: 2, memory: 350 }, started);
  await started.operator.process.stop("SIGTERM");
}
const filling = performance.now();
await fillCluster(client, size);
console.log(`a mesh of ${pods} pods was made within ${((performance.now() - filling) / 1000).toFixed(0)} s`);
const first = await start();
describe("mesh, first start", { start: 6, memory: 350 }, first);
await first.operator.process.stop("SIGTERM");
const again = await start();
describe("mesh, restart", { start: 6, memory: 350 }, again);
await again.quiet(settled);
rows.push({ what: "mesh, restart: memory once it rests", figure: again.usage().resident, unit: "MB", bar: 350 });
rows.push(...(await measureChanges(client, size, again)));
rows.push({ what: "mesh, after these changes: memory at most", figure: again.usage().peak, unit: "MB", bar: 350 });
await again.operator.process.stop("SIGTERM");
const inContainer = `mesh, restart in a heap of ${heapOfContainer()} MB, as in the chart's container`;
const bounded = await start([`--max-old-space-size=${heapOfContainer()}`]).catch((error: unknown) => {
  console.log(`${inContainer}: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
});
rows.push({ what: `${inContainer}: ends for want of memory`, figure: bounded === undefined ? 1 : 0, unit: "", bar: 0 });
if (bounded !== undefined) {
  describe(inContainer, { start: 6, memory: 350 }, bounded);
  await bounded.operator.process.stop();
}
console.log(`\n${barsOf(rows)}`);
await handOver(rows);
await pool.stop();
rmSync(directory, { recursive: true, force: true });
process.exit(0);
