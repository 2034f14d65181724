/** AuthorizationPolicy. */
import type { ClusterAccess } from "../../cluster.ts";
import type { Mesh } from "../mesh.ts";
import type { Report } from "../report.ts";
import { answers, milliseconds, only } from "./words.ts";

/** Who may call cart. */
export async function authorization(mesh: Mesh<ClusterAccess>, report: Report): Promise<void> {
  report.scene("only frontend may GET /cart; a DENY beats the ALLOW; a broken policy is refused");
  const cart = "http://cart.shop";
  const before = await mesh.call("shop", "checkout-v1", `${cart}/cart`, { count: 20 });
  report.check("before any policy checkout may call cart", answers(before), only(before, 200));
  report.did("kubectl apply -f examples/cart-allow-frontend.yaml");
  const took = await mesh.applyAndWait("examples/cart-allow-frontend.yaml");
  report.note(`Programmed=True ${milliseconds(took.fromApplied)} after kubectl had applied it`);
  const expect = async (
    what: string,
    status: number,
    from: readonly [string, string],
    path: string,
    method = "GET",
  ): Promise<void> => {
    const calls = await mesh.call(from[0], from[1], cart + path, { count: 20, method });
    report.check(`${what}: ${status}`, answers(calls), only(calls, status));
  };
  await expect("frontend GET /cart", 200, ["shop", "frontend"], "/cart");
  await expect("frontend GET /cart/items?page=2", 200, ["shop", "frontend"], "/cart/items?page=2");
  await expect("frontend POST /cart", 403, ["shop", "frontend"], "/cart", "POST");
  await expect("frontend GET /", 403, ["shop", "frontend"], "/");
  await expect("checkout GET /cart", 403, ["shop", "checkout-v1"], "/cart");
  await expect("a plaintext caller GET /cart", 403, ["outside", "visitor"], "/cart");
  await expect("frontend GET /cart/../secret", 403, ["shop", "frontend"], "/cart/%2e%2e/secret");
  report.did("kubectl apply -f examples/cart-deny-admin.yaml");
  await mesh.applyAndWait("examples/cart-deny-admin.yaml");
  await expect(
    "frontend GET /cart/admin, which the ALLOW matches and the DENY too",
    403,
    ["shop", "frontend"],
    "/cart/admin",
  );
  await expect("frontend GET /cart, still", 200, ["shop", "frontend"], "/cart");
  report.did("kubectl apply -f examples/cart-broken.yaml");
  const refusal = await mesh.apply("examples/cart-broken.yaml").then(
    () => "it was taken",
    (error: Error) => error.message,
  );
  report.check(
    "the API server refuses the broken policy and says what to do",
    refusal.replaceAll("\n", " "),
    /ipBlocks/.test(refusal) && /CIDR/i.test(refusal),
  );
}
