/**
 * How long a change takes on the mesh of the demo, with real sidecars. Run it inside the outer namespace:
 *
 *   make bench        (or: tools/outer-namespace.sh -- node bench/propagation.ts [ROUNDS])
 */
import { startMesh } from "../tools/demo/install.ts";
import { measureChanges } from "./changes.ts";
import { machine, tableOf } from "./figures.ts";
import { meshed, plain, workloads } from "./workloads.ts";

const rounds = Number(process.argv[2] ?? 30);
const mesh = await startMesh(console.log);
await mesh.apply(workloads);
for (const namespace of [meshed, plain]) await mesh.waitDeployments(namespace);
const changes = await measureChanges(mesh, rounds);
console.log(`\n${machine()}, ${rounds} rounds`);
console.log(tableOf("milliseconds after the API server's answer, under 400 requests/s", changes));
await mesh.cluster.stop();
process.exit(0);
