/** `make demo`: all scenes, on a cluster that this run starts and ends. Runs inside the outer namespace. */

import { rmSync } from "node:fs";
import { binary } from "../binaries.ts";
import { startMesh } from "./install.ts";
import { Report } from "./report.ts";
import { affinityAndMirror } from "./scenes/affinity.ts";
import { authorization } from "./scenes/authorization.ts";
import { badObject } from "./scenes/bad-object.ts";
import { injection } from "./scenes/injection.ts";
import { mutualTLS } from "./scenes/mutual-tls.ts";
import { operatorDown } from "./scenes/operator-down.ts";
import { rotation } from "./scenes/rotation.ts";
import { testers, weights } from "./scenes/split.ts";
import { tcp } from "./scenes/tcp.ts";

/** Each one goes on where the one before has left the mesh. */
const scenes = [
  injection,
  weights,
  testers,
  affinityAndMirror,
  badObject,
  authorization,
  tcp,
  mutualTLS,
  operatorDown,
  rotation,
];

const start = performance.now();
const seconds = (): string => `${((performance.now() - start) / 1000).toFixed(1)} s`;
const mesh = await startMesh((line) => console.log(`[${seconds()}] ${line}`));
const report = new Report();
let failure: unknown;
try {
  for (const scene of scenes) await scene(mesh, report);
} catch (error) {
  failure = error;
  report.check("the scene runs to its end", error instanceof Error ? error.message : String(error), false);
}
const holds = report.finish();
console.log(`The demo took ${seconds()}.`);
if (failure !== undefined) console.error(await mesh.cluster.describe());

const keep = process.env["KEEP"] === "1";
if (keep) {
  const kubeconfig = await mesh.cluster.expose();
  console.log(`
It goes on running. From another terminal:
  export KUBECONFIG=${kubeconfig}
  kubectl get trafficsplits.heddle.dev,authorizationpolicies.heddle.dev,meshtls.heddle.dev -A
  kubectl get pods -A -o wide
  kubectl get configmaps -n shop -l app.kubernetes.io/managed-by=heddle
  kubectl apply -f examples/split-50-50.yaml
  kubectl wait -n shop trafficsplits.heddle.dev/checkout --for=condition=Ready
kubectl is at ${await binary("kubectl")} if this machine has none of its own.
Logs of containers are in ${mesh.cluster.logDirectory}
Ctrl-C ends it; nothing is left behind.`);
  await new Promise((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
}
await mesh.cluster.stop();
// A failure is looked into with the logs; a success leaves nothing.
if (holds) rmSync(mesh.cluster.directory, { recursive: true, force: true });
process.exit(holds ? 0 : 1);
