/**
 * What a change costs the operator, in processor time of one core: from the event of a watch to what is served, recorded and
 * said of it. No API server, no proxies.
 *
 *   make bench-compile [PODS=2000 [SERVICES=1000]]
 */
import type { KubernetesObject } from "../src/api/kubernetes.ts";
import { machine, quantile } from "./figures.ts";
import type { MeshSize } from "./mesh-objects.ts";
import { meshObjects, placeOf, podOf, podsOf, policyOf, sliceOf, splitOf, tlsOf } from "./mesh-objects.ts";
import { createMeshWorld, type Outcome } from "./mesh-world.ts";

const pods = Number(process.argv[2] ?? 2000);
const services = Number(process.argv[3] ?? 1000);
const size: MeshSize = { namespaces: 50, services, pods, policies: 200, splits: 100, meshTLS: 50 };
const rounds = 20;

const heap = (): number => {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed / 1024 / 1024;
};

const column = (value: string | number): string => String(value).padStart(10);
const milliseconds = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(2));
const row = (what: string, bar: string, outcomes: readonly Outcome[]): string => {
  const times = outcomes.map((outcome) => outcome.milliseconds);
  const [last] = outcomes.slice(-1);
  return [
    what.padEnd(30),
    column(bar),
    ...[0.5, 0.9, 1].map((share) => column(milliseconds(quantile(times, share)))),
    column(
      milliseconds(
        quantile(
          outcomes.map(({ served }) => served),
          0.5,
        ),
      ),
    ),
    column(last?.compiles ?? 0),
    column(last?.proxies ?? 0),
    column(last?.writes ?? 0),
  ].join("");
};

console.log(`${machine()}; one core`);
console.log(
  Object.entries(size)
    .map(([what, count]) => `${count} ${what}`)
    .join(", "),
);
console.log(
  [
    "milliseconds".padEnd(30),
    ...["bar", "p50", "p90", "max", "served", "compiles", "proxies", "writes"].map(column),
  ].join(""),
);
const objects = meshObjects(size);
const before = heap();
const fresh: Outcome[] = [];
let world = createMeshWorld();
for (let round = 0; round < 3; round++) {
  world = createMeshWorld();
  fresh.push(await world.change(objects));
}
// The first one is that of an operator that starts: nothing is compiled by V8 yet.
console.log(row("from nothing, just started", "1500", fresh.slice(0, 1)));
console.log(row("from nothing, again", "", fresh.slice(1)));
const after = heap();

const { namespace, name } = placeOf(size, 7);
const measure = async (what: string, bar: string, change: (round: number) => KubernetesObject): Promise<void> => {
  const outcomes: Outcome[] = [];
  for (let round = 0; round < rounds + 5; round++) {
    const outcome = await world.change([change(round)]);
    if (round >= 5) outcomes.push(outcome);
  }
  console.log(row(what, bar, outcomes));
};
await measure("a policy of one workload", "5", (round) =>
  policyOf(namespace, "one", name, [`${namespace}/app-${round}`]),
);
await measure("a policy of the mesh", "150", (round) =>
  policyOf("heddle-system", "all", undefined, [`ns-0/app-${round}`]),
);
const ofService = podsOf(size, 7);
await measure("an endpoint", "2", (round) => sliceOf(size, 7, ofService.slice(round % 2)));
await measure("a split's weight", "", (round) => splitOf(size, 7, (round % 90) + 1));
await measure("a MeshTLS of a namespace", "", (round) => tlsOf(namespace, round % 2 === 0 ? "Strict" : "Permissive"));
await measure("a pod gets Ready, or is not", "", (round) => podOf(size, 7, 7, round % 2 === 0 ? "False" : "True"));
await measure("a new pod", "", (round) => podOf(size, 7, 50_000 + round));
await measure("a change that nobody reads", "0", (round) => {
  const pod = podOf(size, 7, 7);
  return { ...pod, metadata: { ...pod.metadata, annotations: { note: String(round) } } };
});
console.log(`heap: ${before.toFixed(0)} MB of programs and objects, ${(after - before).toFixed(0)} MB of the mesh`);
process.exit(0);
