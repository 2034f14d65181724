/** Objects with mistakes: what is said of them, and whom they do not harm. */
import type { ClusterAccess } from "../../cluster.ts";
import { conditionOf, type Mesh } from "../mesh.ts";
import type { Report } from "../report.ts";
import { answers, checkout, only } from "./words.ts";

const splits = "trafficsplits.heddle.dev";

/** A typing error, and a Service that does not exist; ends with the splits of the scene before. */
export async function badObject(mesh: Mesh<ClusterAccess>, report: Report): Promise<void> {
  report.scene("an object with a mistake says so, and harms no other");
  report.did("kubectl apply -f examples/split-typo.yaml");
  const refusal = await mesh.apply("examples/split-typo.yaml").then(
    () => "it was taken",
    (error: Error) => error.message,
  );
  report.check(
    "what the schema can see is refused by the API server",
    refusal.replaceAll("\n", " "),
    refusal.includes('unknown field "spec.backends[0].weigth"'),
  );

  report.did("kubectl apply -f examples/split-faulty.yaml");
  await mesh.applyAndWait("examples/split-faulty.yaml");
  const resolved = conditionOf(await mesh.get(splits, "shop", "frontend"), "ResolvedRefs");
  report.check(
    "what it cannot see is a condition that names the field and the Service",
    `${resolved?.status} ${resolved?.reason}: ${resolved?.message}`,
    resolved?.reason === "BackendNotFound" && /backends\[1\]\.service.*shop\/frontend-v2/.test(resolved.message),
  );
  const halved = await mesh.call("shop", "checkout-v1", "http://frontend.shop/", { count: 400 });
  const missing = halved.statuses[503] ?? 0;
  // 400 draws at one half have a standard deviation of 10; four of them are allowed.
  report.check(
    "the missing Service's half of 400 calls, and no more (+- 40), is answered with 503",
    answers(halved),
    halved.failures === 0 && Math.abs(missing - 200) <= 40 && halved.statuses[200] === 400 - missing,
  );

  report.did("kubectl apply -f examples/split-90-10.yaml");
  await mesh.applyAndWait("examples/split-90-10.yaml");
  const neighbour = await mesh.get(splits, "shop", "checkout");
  const ready = conditionOf(neighbour, "Ready");
  const calls = await mesh.call("shop", "frontend", checkout, { count: 400 });
  report.check(
    "its neighbour is changed meanwhile and is Ready; none of 400 calls to it fails",
    `Ready=${ready?.status}, ${neighbour.status?.proxies?.summary} proxies; ${answers(calls)}`,
    ready?.status === "True" && ready.observedGeneration === neighbour.metadata.generation && only(calls, 200),
  );

  report.did(`kubectl delete ${splits} -n shop frontend`);
  await mesh.remove(splits, "shop", "frontend");
  await mesh.applyAndWait("examples/split-testers.yaml");
}
