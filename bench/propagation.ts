/**
 * How long a change takes: from the API server's answer to a write, to the first request that obeys it and to
 * `Programmed=True`, on the mesh of the demo, with real sidecars. Run it inside the outer namespace:
 *
 *   make bench        (or: tools/outer-namespace.sh -- node bench/propagation.ts [ROUNDS])
 */
import { cpus } from "node:os";
import { kinds } from "../src/api/kinds.ts";
import { createKubeClient } from "../src/kube/client.ts";
import type { ObjectToWrite } from "../src/kube/objects.ts";
import { startMesh } from "../tools/demo/install.ts";

const rounds = Number(process.argv[2] ?? 30);
const mesh = await startMesh(console.log);
await mesh.apply("examples/shop.yaml");
await mesh.waitDeployments("shop");
await mesh.waitDeployments("outside");
const client = createKubeClient({ kubeconfig: mesh.cluster.kubeconfig });

const split = (backend: string): ObjectToWrite =>
  ({
    metadata: { name: "checkout", namespace: "shop" },
    spec: { service: "checkout", backends: [{ service: backend, weight: 1 }] },
  }) as ObjectToWrite;
const policy = (path: string): ObjectToWrite =>
  ({
    metadata: { name: "probe", namespace: "shop" },
    spec: {
      selector: { matchLabels: { app: "cart" } },
      action: "DENY",
      rules: [{ to: [{ operation: { paths: [path] } }] }],
    },
  }) as ObjectToWrite;

await client.apply(kinds.TrafficSplit, split("checkout-v1"), { fieldManager: "bench" });
await mesh.waitProgrammed(kinds.TrafficSplit, "shop", "checkout");

const obeyed: number[] = [];
const splitProgrammed: number[] = [];
const policyProgrammed: number[] = [];
for (let round = 0; round < rounds; round++) {
  const version = round % 2 === 0 ? "checkout-v2" : "checkout-v1";
  // One caller after another, without pause: some 0.5 ms between two requests.
  const load = await mesh.load("shop", "frontend", "http://checkout.shop/", { rate: 400 });
  await client.apply(kinds.TrafficSplit, split(version), { fieldManager: "bench" });
  const answered = Date.now();
  await mesh.waitProgrammed(kinds.TrafficSplit, "shop", "checkout");
  splitProgrammed.push(Date.now() - answered);
  const report = await load.finish();
  // The first answer of the new version; the load began on the other one.
  obeyed.push(Math.max(0, (report.firstAnswer[version] ?? Number.NaN) - answered));
}
for (let round = 0; round < rounds; round++) {
  await client.apply(kinds.AuthorizationPolicy, policy(`/denied-${round}`), { fieldManager: "bench" });
  const answered = performance.now();
  await mesh.waitProgrammed(kinds.AuthorizationPolicy, "shop", "probe");
  policyProgrammed.push(performance.now() - answered);
}
const row = (what: string, values: readonly number[]): string => {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN).toFixed(0).padStart(6);
  return `${what.padEnd(58)} ${at(0.5)} ${at(0.9)} ${at(1)}`;
};
console.log(
  `\n${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}, ${rounds} rounds; milliseconds after the API server's answer`,
);
console.log(`${"".padEnd(58)} ${"p50".padStart(6)} ${"p90".padStart(6)} ${"max".padStart(6)}`);
console.log(row("split: first request that obeys (under 400 requests/s)", obeyed));
console.log(row("split: Programmed=True", splitProgrammed));
console.log(row("policy of one workload: Programmed=True (no load)", policyProgrammed));
await mesh.cluster.stop();
process.exit(0);
