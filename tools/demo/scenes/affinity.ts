/** TrafficSplit: users who stay on one version, and a version that is tried on copies. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterAccess } from "../../cluster.ts";
import type { Mesh } from "../mesh.ts";
import { repository } from "../mesh.ts";
import type { Report } from "../report.ts";
import { answers, checkout, only, share } from "./words.ts";

const users = 1000;

/** Affinity, then a mirror; ends with the splits of the scene before. */
export async function affinityAndMirror(mesh: Mesh<ClusterAccess>, report: Report): Promise<void> {
  report.scene("users stay on their version; a version is tried on copies");
  report.did("kubectl delete trafficsplits.heddle.dev -n shop checkout-testers");
  await mesh.remove("trafficsplits.heddle.dev", "shop", "checkout-testers");
  await affinity(mesh, report);
  await mirror(mesh, report);
  report.did("kubectl apply -f examples/split-testers.yaml");
  await mesh.applyAndWait("examples/split-testers.yaml");
}

async function affinity(mesh: Mesh<ClusterAccess>, report: Report): Promise<void> {
  report.did("kubectl apply -f examples/split-affinity.yaml");
  await mesh.applyAndWait("examples/split-affinity.yaml");
  const first = await mesh.call("shop", "frontend", checkout, { count: users, returnCookies: true });
  report.check(
    `each of ${users} new users is given a cookie, and comes back to the version that answered first`,
    `${answers(first)}; ${JSON.stringify(first.returned)}`,
    only(first, 200) && first.returned?.same === users,
  );
  const example = readFileSync(join(repository, "examples/split-affinity.yaml"), "utf8");
  let before: readonly string[] | undefined;
  for (const [v1, v2] of [
    [90, 10],
    [50, 50],
    [10, 90],
  ] as const) {
    const weights = [v1, v2];
    await mesh.applyAndWait(example.replaceAll(/weight: \d+/g, () => `weight: ${weights.shift()}`));
    const headers = { cookie: "checkout-version=user-#" };
    const seen = await mesh.call("shop", "frontend", checkout, { count: users, headers, each: true });
    const now = seen.each ?? [];
    if (before !== undefined) {
      const [moved, wentBack] = ["checkout-v1", "checkout-v2"].map(
        (version) => before?.filter((server, user) => server === version && now[user] !== version).length,
      );
      report.check(
        `of ${users} users, whoever is on v2 stays there when the weights become ${v1}/${v2}`,
        `${moved} moved to v2, ${wentBack} went back to v1; v2 has ${share(seen, "checkout-v2").toFixed(1)} %`,
        only(seen, 200) && (moved ?? 0) > 0 && wentBack === 0,
      );
    }
    before = now;
  }
}

async function mirror(mesh: Mesh<ClusterAccess>, report: Report): Promise<void> {
  report.did("kubectl apply -f examples/split-mirror.yaml");
  await mesh.applyAndWait("examples/split-mirror.yaml");
  const seen = await mesh.call("shop", "frontend", `${checkout}mirrored`, { count: 2000 });
  report.check(
    "v1 answers every request",
    `${answers(seen)}; ${JSON.stringify(seen.servers)}`,
    only(seen, 200) && share(seen, "checkout-v1") === 100,
  );
  const told = await mesh.call("shop", "frontend", "http://checkout-v2.shop/received");
  const { received } = JSON.parse(told.lastBody) as { received: Readonly<Record<string, number>> };
  const key = "checkout.shop/mirrored spiffe://cluster.local/ns/shop/sa/frontend";
  const copies = received[key] ?? 0;
  // 2,000 draws at 20 % have a standard deviation of 18; four of them are allowed.
  report.check(
    "v2 was sent copies of 20 % of 2,000 requests (+- 72), with their Host and the caller's identity",
    `${copies} of ${key}`,
    Math.abs(copies - 400) <= 72,
  );
}
