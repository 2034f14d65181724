/**
 * What Heddle costs on a cluster whose nodes have the images of the tests: how long changes take, what injection costs a new
 * pod, what sidecars cost. It is installed where it is not yet. `make bench-kind` makes such a cluster; elsewhere:
 *
 *   KUBECONFIG=... node bench/cluster.ts [ROUNDS]
 */
import { Mesh } from "../tools/demo/mesh.ts";
import { clusterOf } from "../tools/kind/cluster.ts";
import { helmOn, installChart } from "../tools/kind/install.ts";
import { measureChanges } from "./changes.ts";
import { machine, tableOf } from "./figures.ts";
import { measurePods } from "./pods.ts";
import { measureLoad, measureMemory } from "./sidecars.ts";
import { meshed, plain, workloads } from "./workloads.ts";

const kubeconfig = process.env["HEDDLE_E2E_KUBECONFIG"] ?? process.env["KUBECONFIG"];
if (kubeconfig === undefined) throw new Error("name a cluster by KUBECONFIG");
const rounds = Number(process.argv[2] ?? 50);
const cluster = await clusterOf(kubeconfig);
if ((await helmOn(cluster, "status", "heddle")).status !== 0) await installChart(cluster);
const mesh = new Mesh(cluster);
await mesh.apply(workloads);
for (const namespace of [meshed, plain]) await mesh.waitDeployments(namespace);
console.log(`${machine()}, ${rounds} rounds`);
const load = await measureLoad(mesh, { rate: 500, seconds: 20, rounds: 3 });
const pods = await measurePods(mesh.cluster, Math.ceil(rounds / 5));
const changes = await measureChanges(mesh, rounds);
const memory = await measureMemory(mesh);
console.log(tableOf("milliseconds after the API server's answer, under 400 requests/s", changes));
console.log(`\n${tableOf("milliseconds from the request to create it", pods)}`);
console.log(`\n${[...memory, ...load].join("\n")}`);
await mesh.removeNamespace(meshed, plain);
process.exit(0);
