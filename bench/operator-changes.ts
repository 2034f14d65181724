/**
 * What one change costs the operator as a process: processor time of all threads, with encryption, writes, statuses and the
 * collection of garbage, from the change until it has rested for a second; and the time from the API server's answer to the
 * change until it has the last record of it.
 */
import { type KindName, kinds } from "../src/api/kinds.ts";
import type { KubernetesObject } from "../src/api/kubernetes.ts";
import type { KubeClient } from "../src/kube/client.ts";
import { quantile, type Row } from "./figures.ts";
import { written } from "./fill.ts";
import { type MeshSize, placeOf, podsOf, policyOf, sliceOf } from "./mesh-objects.ts";
import type { Started } from "./operator-process.ts";

/** Longer than the hold-offs of a compile and of statuses together, in milliseconds. */
const still = 1000;
/** So long is looked at what it does anyway, in milliseconds. */
const idle = 10_000;

/** Changes the mesh of that size, whose operator rests. */
export async function measureChanges(client: KubeClient, size: MeshSize, operator: Started): Promise<readonly Row[]> {
  const { namespace, name } = placeOf(size, 7);
  const ofService = podsOf(size, 7);
  const before = operator.usage().cpu;
  await operator.quiet(idle);
  const anyway = ((operator.usage().cpu - before) / idle) * 1000;
  const measure = async (
    what: string,
    { rounds, least }: { readonly rounds: number; readonly least: number },
    change: (round: number) => KubernetesObject,
  ) => {
    const spent: number[] = [];
    const took: number[] = [];
    const objects: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const object = change(round);
      const before = operator.usage().cpu;
      await client.apply(kinds[object.kind as KindName], written(object), { fieldManager: "bench" });
      const answered = Date.now();
      const writes = await operator.quiet(still, least);
      // The first one creates it.
      if (round === 0) continue;
      spent.push(operator.usage().cpu - before);
      const records = writes.filter(({ object }) => object.resource === "configmaps");
      objects.push(writes.length);
      took.push(Math.max(...records.map(({ time }) => time - answered)));
    }
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    const recorded = quantile(took, 0.5);
    return [
      { what: `${what}: processor time with all that is written`, figure: mean(spent), unit: "ms" as const },
      { what: `${what}: objects written`, figure: quantile(objects, 0.5), unit: "" as const },
      ...(Number.isFinite(recorded)
        ? [{ what: `${what}: until the last record is written`, figure: recorded, unit: "ms" as const }]
        : []),
    ];
  };
  // A policy changes its status and the record of each workload that it is about; an endpoint changes neither.
  return [
    { what: "a second without a change: processor time", figure: anyway, unit: "ms" },
    ...(await measure("a policy of one workload", { rounds: 10, least: 2 }, (round) =>
      policyOf(namespace, "one", name, [`${namespace}/app-${round}`]),
    )),
    ...(await measure("a policy of the mesh", { rounds: 3, least: size.services + 1 }, (round) =>
      policyOf("heddle-system", "all", undefined, [`ns-0/app-${round}`]),
    )),
    ...(await measure("an endpoint", { rounds: 10, least: 0 }, (round) =>
      sliceOf(size, 7, ofService.slice(round % 2)),
    )),
  ];
}
