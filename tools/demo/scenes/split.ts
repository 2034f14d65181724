/** TrafficSplit: weights and matches. */
import { kinds } from "../../../src/api/kinds.ts";
import type { ClusterAccess } from "../../cluster.ts";
import type { Mesh } from "../mesh.ts";
import type { Report } from "../report.ts";
import { answers, checkout, milliseconds, only, share } from "./words.ts";

/** Weights. */
export async function weights(mesh: Mesh<ClusterAccess>, report: Report): Promise<void> {
  report.scene("a TrafficSplit goes 90/10, 50/50, 0/100");
  for (const [v1, v2] of [
    [90, 10],
    [50, 50],
    [0, 100],
  ] as const) {
    report.did(`kubectl apply -f examples/split-${v1}-${v2}.yaml`);
    const load = await mesh.load("shop", "frontend", checkout, { rate: 200 });
    const took = await mesh.applyAndWait(`examples/split-${v1}-${v2}.yaml`);
    const meanwhile = await load.finish();
    report.note(
      `Programmed=True ${milliseconds(took.fromApplied)} after kubectl had applied it (${milliseconds(took.fromStart)} after it was started)`,
    );
    report.check("no request is lost over the change", answers(meanwhile), only(meanwhile, 200));
    const calls = await mesh.call("shop", "frontend", checkout, { count: 2000 });
    const measured = share(calls, "checkout-v2");
    // 2,000 draws at 50 % have a standard deviation of 1.1 points; four of them are allowed.
    const tolerance = v2 === 100 ? 0 : 4.5;
    report.check(
      `${v2} % of 2,000 requests reach v2 (+- ${tolerance})`,
      `${measured.toFixed(1)} %; ${answers(calls)}`,
      only(calls, 200) && Math.abs(measured - v2) <= tolerance,
    );
  }
  const reaction = await reactionTimes(mesh);
  report.check(
    "the first request that obeys a change comes within 2 s of kubectl's answer",
    reaction.map(milliseconds).join(", "),
    Math.max(...reaction) < 2000,
  );
}

/**
 * Milliseconds from kubectl's answer to the first answer of the version that a split turns to, three times. Calls go on
 * meanwhile at 500 a second, so that the figure is right to some 2 ms; 0 means before kubectl had answered.
 */
async function reactionTimes(mesh: Mesh<ClusterAccess>): Promise<number[]> {
  const all = (version: string): string =>
    `apiVersion: heddle.dev/v1alpha1\nkind: TrafficSplit\nmetadata: {name: checkout, namespace: shop}\nspec: {service: checkout, backends: [{service: ${version}, weight: 1}]}\n`;
  const times: number[] = [];
  for (let round = 0; round < 3; round++) {
    await mesh.applyAndWait(all("checkout-v1"));
    const load = await mesh.load("shop", "frontend", checkout, { rate: 500 });
    await mesh.apply(all("checkout-v2"));
    const applied = Date.now();
    await mesh.waitProgrammed(kinds.TrafficSplit, "shop", "checkout");
    const seen = await load.finish();
    times.push(Math.max(0, (seen.firstAnswer["checkout-v2"] ?? Number.POSITIVE_INFINITY) - applied));
  }
  return times;
}

/** A match on a header. */
export async function testers(mesh: Mesh, report: Report): Promise<void> {
  report.scene("a header match sends testers, and nobody else, to v2");
  report.did("kubectl apply -f examples/split-testers.yaml");
  await mesh.applyAndWait("examples/split-testers.yaml");
  const others = await mesh.call("shop", "frontend", checkout, { count: 300 });
  const tester = await mesh.call("shop", "frontend", checkout, { count: 300, headers: { "x-tester": "yes" } });
  const impostor = await mesh.call("shop", "frontend", checkout, { count: 100, headers: { "x-tester": "yes-and-no" } });
  report.check(
    "without the header: v1 only",
    `${answers(others)}; ${JSON.stringify(others.servers)}`,
    only(others, 200) && share(others, "checkout-v1") === 100,
  );
  report.check(
    "with x-tester: yes: v2 only",
    `${answers(tester)}; ${JSON.stringify(tester.servers)}`,
    only(tester, 200) && share(tester, "checkout-v2") === 100,
  );
  report.check(
    "with x-tester: yes-and-no: v1 only",
    `${answers(impostor)}; ${JSON.stringify(impostor.servers)}`,
    only(impostor, 200) && share(impostor, "checkout-v1") === 100,
  );
}
