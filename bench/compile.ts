/**
 * What a change costs the operator, in processor time of one core: from the event of a watch to what is served, recorded and
 * said of it. No API server, no proxies.
 *
 *   make bench-compile [PODS=2000 [SERVICES=1000]]
 */
import type { KubernetesObject } from "../src/api/kubernetes.ts";
import { handOver, machine, quantile, type Row, short } from "./figures.ts";
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
const median = (values: readonly number[]): number => quantile(values, 0.5);
const rows: Row[] = [];
/** Prints what changes of one sort cost, the median of which is to be at most `bar` milliseconds. */
function show(what: string, bar: number | undefined, outcomes: readonly Outcome[]): void {
  const times = outcomes.map((outcome) => outcome.milliseconds);
  const [last] = outcomes.slice(-1);
  const cells = [
    ...[0.5, 0.9, 1].map((share) => short(quantile(times, share))),
    short(median(outcomes.map(({ served }) => served))),
    ...[last?.compiles ?? 0, last?.proxies ?? 0, last?.writes ?? 0],
  ];
  console.log(what.padEnd(30) + [bar ?? "", ...cells].map(column).join(""));
  if (bar !== undefined) rows.push({ what: `compile: ${what}`, figure: median(times), unit: "ms", bar });
}

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
show("from nothing, just started", 1500, fresh.slice(0, 1));
show("from nothing, again", undefined, fresh.slice(1));
const after = heap();

const { namespace, name } = placeOf(size, 7);
const measure = async (
  what: string,
  bar: number | undefined,
  change: (round: number) => KubernetesObject,
): Promise<readonly Outcome[]> => {
  const outcomes: Outcome[] = [];
  for (let round = 0; round < rounds + 5; round++) {
    const outcome = await world.change([change(round)]);
    if (round >= 5) outcomes.push(outcome);
  }
  show(what, bar, outcomes);
  return outcomes;
};
await measure("a policy of one workload", 5, (round) =>
  policyOf(namespace, "one", name, [`${namespace}/app-${round}`]),
);
await measure("a policy of the mesh", 150, (round) =>
  policyOf("heddle-system", "all", undefined, [`ns-0/app-${round}`]),
);
const ofService = podsOf(size, 7);
await measure("an endpoint", 2, (round) => sliceOf(size, 7, ofService.slice(round % 2)));
await measure("a split's weight", undefined, (round) => splitOf(size, 7, (round % 90) + 1));
await measure("a MeshTLS of a namespace", undefined, (round) =>
  tlsOf(namespace, round % 2 === 0 ? "Strict" : "Permissive"),
);
await measure("a pod gets Ready, or is not", undefined, (round) =>
  podOf(size, 7, 7, round % 2 === 0 ? "False" : "True"),
);
await measure("a new pod", undefined, (round) => podOf(size, 7, 50_000 + round));
const unread = await measure("a change that nobody reads", undefined, (round) => {
  const pod = podOf(size, 7, 7);
  return { ...pod, metadata: { ...pod.metadata, annotations: { note: String(round) } } };
});
rows.push({
  what: "compile: a change that nobody reads: compiles and writes",
  figure: unread.reduce((sum, { compiles, writes }) => sum + compiles + writes, 0),
  unit: "",
  bar: 0,
});
console.log(`heap: ${before.toFixed(0)} MB of programs and objects, ${(after - before).toFixed(0)} MB of the mesh`);
await handOver(rows);
process.exit(0);
