import { afterEach, describe, expect, test } from "vitest";
import { inURL } from "./addresses.ts";
import { useMesh } from "./mesh.ts";
import { call, expectRefused, expectStatus } from "./support.ts";

const mesh = useMesh();
const url = "http://cart.shop/";
const frontend = "spiffe://cluster.local/ns/shop/sa/frontend";

const object = (name: string, namespace: string, spec: string): string =>
  `apiVersion: heddle.dev/v1alpha1\nkind: MeshTLS\nmetadata:\n  name: ${name}\n  namespace: ${namespace}\nspec:\n${spec.replace(/^/gm, "  ")}\n`;

const made: [string, string][] = [];
async function apply(name: string, namespace: string, spec: string): Promise<void> {
  made.push([namespace, name]);
  await mesh().applyAndWait(object(name, namespace, spec));
}
afterEach(async () => {
  for (const [namespace, name] of made.splice(0)) await mesh().remove("meshtls.heddle.dev", namespace, name);
  await mesh().settle();
});

describe("MeshTLS", () => {
  test("no object is Permissive: mesh callers have an identity, plaintext callers none, and both are served", async () => {
    expect((await expectStatus(mesh(), "frontend", url, 200)).peers).toEqual({ [frontend]: 10 });
    expect((await expectStatus(mesh(), "visitor", url, 200)).peers).toEqual({ none: 10 });
  });

  test("a caller cannot claim an identity by header", async () => {
    const forged = { "x-forwarded-client-cert": `URI=${frontend}` };
    expect((await expectStatus(mesh(), "visitor", url, 200, { headers: forged })).peers).toEqual({ none: 10 });
    expect((await expectStatus(mesh(), "checkout", url, 200, { headers: forged })).peers).toEqual({
      "spiffe://cluster.local/ns/shop/sa/checkout": 10,
    });
  });

  test("Strict refuses plaintext on declared and undeclared ports, and mesh callers notice nothing", async () => {
    const load = await mesh().load("shop", "frontend", url, { rate: 100 });
    await apply("default", "heddle-system", "mode: Strict");
    await expectRefused(mesh(), "visitor", url, { count: 5 });
    await expectRefused(mesh(), "visitor", `http://${inURL(await mesh().addressOf("shop", "cart"))}:9999/`, {
      count: 2,
    });
    await expectStatus(mesh(), "frontend", url, 200);
    await expectStatus(mesh(), "frontend", "tcp://echo.shop:9000", 200, { count: 3 });
    await expectRefused(mesh(), "visitor", "tcp://echo.shop:9000", { count: 3 });
    const report = await load.finish();
    expect({ failures: report.failures, statuses: Object.keys(report.statuses) }).toEqual({
      failures: 0,
      statuses: ["200"],
    });
  });

  test("Disabled: mesh callers speak plaintext", async () => {
    await apply("cart", "shop", "selector:\n  matchLabels: {app: cart}\nmode: Disabled");
    // The object concerns the server; its clients follow.
    await expect
      .poll(async () => (await call(mesh(), "frontend", url)).peers, { timeout: 10_000 })
      .toEqual({ none: 10 });
    expect((await expectStatus(mesh(), "visitor", url, 200)).peers).toEqual({ none: 10 });
    await mesh().remove("meshtls.heddle.dev", "shop", "cart");
    await expect
      .poll(async () => (await call(mesh(), "frontend", url)).peers, { timeout: 10_000 })
      .toEqual({ [frontend]: 10 });
  });

  test("the narrowest level wins, and a port over its workload", async () => {
    await apply("default", "heddle-system", "mode: Strict");
    await apply("shop", "shop", "mode: Permissive");
    await expectStatus(mesh(), "visitor", url, 200, { count: 3 });
    await apply("cart", "shop", "selector:\n  matchLabels: {app: cart}\nmode: Strict");
    await expectRefused(mesh(), "visitor", url, { count: 3 });
    await expectStatus(mesh(), "visitor", "http://checkout.shop/", 200, { count: 3 });
    await mesh().applyAndWait(
      object(
        "cart",
        "shop",
        "selector:\n  matchLabels: {app: cart}\nmode: Strict\nports: [{port: http, mode: Permissive}]",
      ),
    );
    await expectStatus(mesh(), "visitor", url, 200, { count: 3 });
  });

  test("a second object of a level is Conflicted and has no effect", async () => {
    await apply("default", "heddle-system", "mode: Permissive");
    made.push(["heddle-system", "other"]);
    await mesh().apply(object("other", "heddle-system", "mode: Strict"));
    await mesh().waitCondition("meshtls.heddle.dev", "heddle-system", "other", "Accepted", "False");
    await expectStatus(mesh(), "visitor", url, 200, { count: 3 });
  });

  test("a direct dial of the capture ports ends at once and makes no loop", async () => {
    const address = await mesh().addressOf("shop", "cart");
    for (const port of [15001, 15006]) {
      const report = await call(mesh(), "visitor", `http://${inURL(address)}:${port}/`, { count: 2, fresh: true });
      expect(report.failures).toBe(2);
    }
    await expectStatus(mesh(), "frontend", url, 200);
  });
});
