import { afterAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import { useMesh } from "./mesh.ts";
import { expectRefused, expectStatus } from "./support.ts";

const mesh = useMesh();
const cart = "http://cart.shop/cart";
const policy = (paths: string): string =>
  `apiVersion: heddle.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: down, namespace: shop}\nspec:\n  selector: {matchLabels: {app: cart}}\n  rules: [{from: [{source: {serviceAccounts: [frontend]}}], to: [{operation: {paths: [${paths}]}}]}]\n`;
const strict =
  "apiVersion: heddle.dev/v1alpha1\nkind: MeshTLS\nmetadata: {name: down, namespace: shop}\nspec: {selector: {matchLabels: {app: cart}}, mode: Strict}\n";

async function scale(replicas: number): Promise<void> {
  const operator = ["-n", "heddle-system", "-l", "app.kubernetes.io/name=heddle"];
  await mesh().cluster.kubectl(["scale", "deployment", "-n", "heddle-system", "heddle", `--replicas=${replicas}`]);
  if (replicas === 0) await mesh().cluster.kubectl(["wait", "pod", ...operator, "--for=delete", "--timeout=60s"]);
  else await mesh().waitDeployments("heddle-system");
}

afterAll(async () => {
  await mesh().remove("authorizationpolicies.heddle.dev", "shop", "down");
  await mesh().remove("meshtls.heddle.dev", "shop", "down");
  await mesh().settle();
});

describe("without the operator", () => {
  test("traffic and policy go on, and what is changed meanwhile takes effect when it is back", async () => {
    await mesh().applyAndWait(policy("/cart"));
    const load = await mesh().load("shop", "frontend", cart, { rate: 50 });
    await scale(0);
    await expectStatus(mesh(), "frontend", cart, 200, { fresh: true });
    await expectStatus(mesh(), "checkout", cart, 403, { fresh: true });
    await expectStatus(mesh(), "visitor", cart, 403, { fresh: true });
    await mesh().apply(policy("/cart, /new"));
    await mesh().apply(strict);
    await expectStatus(mesh(), "frontend", "http://cart.shop/new", 403);
    await scale(1);
    await mesh().waitProgrammed(kinds.AuthorizationPolicy, "shop", "down", 60);
    await mesh().waitProgrammed(kinds.MeshTLS, "shop", "down", 60);
    await expectStatus(mesh(), "frontend", "http://cart.shop/new", 200);
    await expectStatus(mesh(), "checkout", "http://cart.shop/new", 403);
    await expectRefused(mesh(), "visitor", cart, { count: 3 });
    const report = await load.finish();
    expect({ failures: report.failures, statuses: Object.keys(report.statuses) }).toEqual({
      failures: 0,
      statuses: ["200"],
    });
  });
});
