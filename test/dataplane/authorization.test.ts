import { afterEach, describe, expect, test } from "vitest";
import { blockOfAll } from "./addresses.ts";
import { useMesh } from "./mesh.ts";
import { call, expectRefused, expectStatus } from "./support.ts";

const mesh = useMesh();
const cart = "http://cart.shop";

const policy = (name: string, spec: string, namespace = "shop"): string =>
  `apiVersion: heddle.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata:\n  name: ${name}\n  namespace: ${namespace}\nspec:\n${spec.replace(/^/gm, "  ")}\n`;
const onCart = "selector:\n  matchLabels: {app: cart}\n";

const made: [string, string][] = [];
async function apply(name: string, spec: string, namespace = "shop"): Promise<void> {
  made.push([namespace, name]);
  await mesh().applyAndWait(policy(name, spec, namespace));
}
afterEach(async () => {
  for (const [namespace, name] of made.splice(0))
    await mesh().remove("authorizationpolicies.heddle.dev", namespace, name);
  await mesh().settle();
});

describe("AuthorizationPolicy", () => {
  test("without any policy everybody may call", async () => {
    await expectStatus(mesh(), "frontend", `${cart}/`, 200);
    await expectStatus(mesh(), "visitor", `${cart}/`, 200);
  });

  test("ALLOW by ServiceAccount, method and path: one caller passes; another, and a plaintext one, get 403", async () => {
    await apply(
      "allow",
      `${onCart}rules:\n- from: [{source: {serviceAccounts: [frontend]}}]\n  to: [{operation: {methods: [GET], paths: [/cart, /cart/*]}}]`,
    );
    await expectStatus(mesh(), "frontend", `${cart}/cart`, 200);
    await expectStatus(mesh(), "frontend", `${cart}/cart/1?x=/admin`, 200);
    await expectStatus(mesh(), "frontend", `${cart}/cart`, 403, { method: "POST" });
    await expectStatus(mesh(), "frontend", `${cart}/cartoon`, 403);
    await expectStatus(mesh(), "checkout", `${cart}/cart`, 403);
    await expectStatus(mesh(), "visitor", `${cart}/cart`, 403);
  });

  test("other workloads are not touched by it", async () => {
    await apply("allow", `${onCart}rules: [{from: [{source: {serviceAccounts: [nobody]}}]}]`);
    await expectStatus(mesh(), "frontend", `${cart}/`, 403);
    await expectStatus(mesh(), "frontend", "http://checkout.shop/", 200);
  });

  test("an ALLOW without rules is default deny", async () => {
    await apply("default-deny", onCart);
    for (const caller of ["frontend", "checkout", "visitor"] as const)
      await expectStatus(mesh(), caller, `${cart}/`, 403);
  });

  test("a DENY beats the ALLOW", async () => {
    await apply("allow-all", `${onCart}rules: [{}]`);
    await apply("deny-admin", `${onCart}action: DENY\nrules: [{to: [{operation: {paths: [/admin, /admin/*]}}]}]`);
    await expectStatus(mesh(), "frontend", `${cart}/`, 200);
    await expectStatus(mesh(), "frontend", `${cart}/admin`, 403);
    await expectStatus(mesh(), "frontend", `${cart}/admin/users`, 403);
  });

  test("a path DENY is not evaded by spelling", async () => {
    await apply("deny-admin", `${onCart}action: DENY\nrules: [{to: [{operation: {paths: [/admin, /admin/*]}}]}]`);
    for (const path of ["//admin", "/x/%2e%2e/admin", "/%2fadmin", "/%61dmin", "/%5cadmin", "/x%2f..%2fadmin"]) {
      await expectStatus(mesh(), "frontend", cart + path, 403, { count: 2 });
    }
  });

  test("a DENY with a negated identity denies plaintext callers too", async () => {
    await apply(
      "only-frontend",
      `${onCart}action: DENY\nrules: [{from: [{source: {notPrincipals: [cluster.local/ns/shop/sa/frontend]}}]}]`,
    );
    await expectStatus(mesh(), "frontend", `${cart}/`, 200);
    await expectStatus(mesh(), "checkout", `${cart}/`, 403);
    await expectStatus(mesh(), "visitor", `${cart}/`, 403);
  });

  test("an ALLOW with a negated identity demands an identity", async () => {
    await apply("not-checkout", `${onCart}rules: [{from: [{source: {notServiceAccounts: [checkout]}}]}]`);
    await expectStatus(mesh(), "frontend", `${cart}/`, 200);
    await expectStatus(mesh(), "checkout", `${cart}/`, 403);
    await expectStatus(mesh(), "visitor", `${cart}/`, 403);
  });

  test("namespaces and ipBlocks", async () => {
    await apply("from-shop", `${onCart}rules: [{from: [{source: {namespaces: [shop]}}]}]`);
    await expectStatus(mesh(), "frontend", `${cart}/`, 200);
    await expectStatus(mesh(), "visitor", `${cart}/`, 403);
    const all = blockOfAll(await mesh().addressOf("shop", "frontend"));
    await apply("deny-address", `${onCart}action: DENY\nrules: [{from: [{source: {ipBlocks: ['${all}']}}]}]`);
    await expectStatus(mesh(), "frontend", `${cart}/`, 403);
  });

  test("hosts are judged without port and trailing dot, and in any case", async () => {
    await apply("deny-host", `${onCart}action: DENY\nrules: [{to: [{operation: {hosts: [secret.local]}}]}]`);
    for (const host of ["secret.local", "SECRET.local", "secret.local:80", "secret.local."]) {
      await expectStatus(mesh(), "frontend", `${cart}/`, 403, { headers: { host }, count: 2 });
    }
    await expectStatus(mesh(), "frontend", `${cart}/`, 200, { headers: { host: "xsecret.local" }, count: 2 });
  });

  test("mesh-wide and namespace-wide policies add up", async () => {
    await apply("mesh-deny-delete", "action: DENY\nrules: [{to: [{operation: {methods: [DELETE]}}]}]", "heddle-system");
    await expectStatus(mesh(), "frontend", `${cart}/`, 403, { method: "DELETE" });
    await expectStatus(mesh(), "frontend", "http://checkout.shop/", 403, { method: "DELETE" });
    await apply("shop-allow", "rules: [{from: [{source: {namespaces: [shop]}}]}]");
    await expectStatus(mesh(), "frontend", `${cart}/`, 200);
    await expectStatus(mesh(), "frontend", `${cart}/`, 403, { method: "DELETE" });
    await expectStatus(mesh(), "visitor", `${cart}/`, 403);
  });

  test("a TCP port: one caller is answered, another and a plaintext one are not", async () => {
    await expectStatus(mesh(), "checkout", "tcp://echo.shop:9000", 200, { count: 3 });
    await apply(
      "echo",
      "selector:\n  matchLabels: {app: echo}\nrules: [{from: [{source: {serviceAccounts: [frontend]}}]}]",
    );
    await expectStatus(mesh(), "frontend", "tcp://echo.shop:9000", 200, { count: 3 });
    await expectRefused(mesh(), "checkout", "tcp://echo.shop:9000", { count: 3 });
    await expectRefused(mesh(), "visitor", "tcp://echo.shop:9000", { count: 3 });
  });

  test("the next request of an open connection is judged by the new policy", async () => {
    const load = await mesh().load("shop", "checkout-v1", `${cart}/`, { rate: 100 });
    await apply("allow", `${onCart}rules: [{from: [{source: {serviceAccounts: [frontend]}}]}]`);
    const after = await call(mesh(), "checkout", `${cart}/`, { count: 20 });
    expect(after.statuses).toEqual({ 403: 20 });
    const report = await load.finish();
    expect(report.failures).toBe(0);
    expect(Object.keys(report.statuses).sort()).toEqual(["200", "403"]);
  });

  test("a policy that selects nothing is programmed on 0/0 proxies and says so", async () => {
    await apply("nothing", "selector:\n  matchLabels: {app: crat}\nrules: [{}]");
    const { status } = await mesh().get("authorizationpolicies.heddle.dev", "shop", "nothing");
    expect(status?.proxies?.summary).toBe("0/0");
    expect(status?.findings?.map(({ code }) => code)).toEqual(["SelectorMatchesNothing"]);
    expect(status?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
  });
});
