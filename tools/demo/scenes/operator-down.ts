/** The mesh without its operator. */
import { kinds } from "../../../src/api/kinds.ts";
import type { Mesh } from "../mesh.ts";
import type { Report } from "../report.ts";
import { scaleOperator, setOperator, shortLife } from "../rotation.ts";
import { answers, checkout, milliseconds, only, share } from "./words.ts";

/** The operator goes away and comes back. */
export async function operatorDown(mesh: Mesh, report: Report): Promise<void> {
  report.scene("the operator is killed; traffic and policy go on; it comes back");
  const load = await mesh.load("shop", "frontend", checkout, { rate: 100 });
  report.did("kubectl scale deployment -n heddle-system heddle --replicas=0");
  await scaleOperator(mesh, 0);
  report.did("kubectl apply -f examples/split-0-100.yaml   # nobody is there to act on it");
  await mesh.remove("trafficsplits.heddle.dev", "shop", "checkout-testers");
  await mesh.apply("examples/split-0-100.yaml");
  const denied = await mesh.call("shop", "checkout-v1", "http://cart.shop/cart", { count: 50, fresh: true });
  report.check(
    "without the operator policy is still enforced: checkout GET /cart is 403",
    answers(denied),
    only(denied, 403),
  );
  const allowed = await mesh.call("shop", "frontend", "http://cart.shop/cart", { count: 50, fresh: true });
  report.check("and what was allowed still is", answers(allowed), only(allowed, 200));
  const still = await mesh.call("shop", "frontend", checkout, { count: 100 });
  report.check(
    "the last split is still in force: v1 only",
    JSON.stringify(still.servers),
    only(still, 200) && share(still, "checkout-v1") === 100,
  );
  report.did(`kubectl patch deployment -n heddle-system heddle   # one replica, with ${shortLife}, for the next scene`);
  const start = performance.now();
  await setOperator(mesh, { replicas: 1, flags: [shortLife] });
  await mesh.waitProgrammed(kinds.TrafficSplit, "shop", "checkout", 60);
  report.note(`Programmed=True ${milliseconds(performance.now() - start)} after the operator was started again`);
  const after = await mesh.call("shop", "frontend", checkout, { count: 200 });
  report.check(
    "the change made meanwhile takes effect: v2 only",
    JSON.stringify(after.servers),
    only(after, 200) && share(after, "checkout-v2") === 100,
  );
  const seen = await load.finish();
  report.check("no request is lost over all of it", answers(seen), only(seen, 200));
}
