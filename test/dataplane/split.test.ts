import { afterEach, describe, expect, test } from "vitest";
import { conditionOf } from "../../tools/demo/mesh.ts";
import { useMesh } from "./mesh.ts";
import { expectRefused, expectStatus } from "./support.ts";

const mesh = useMesh();
const url = "http://checkout.shop/";

const split = (name: string, spec: string): string =>
  `apiVersion: heddle.dev/v1alpha1\nkind: TrafficSplit\nmetadata:\n  name: ${name}\n  namespace: shop\nspec:\n${spec.replace(/^/gm, "  ")}\n`;

const made: string[] = [];
async function apply(name: string, spec: string, wait = true): Promise<void> {
  made.push(name);
  if (wait) await mesh().applyAndWait(split(name, spec));
  else await mesh().apply(split(name, spec));
}
afterEach(async () => {
  for (const name of made.splice(0)) await mesh().remove("trafficsplits.heddle.dev", "shop", name);
  await mesh().settle();
});

describe("TrafficSplit", () => {
  test("without a split the root's own endpoints answer; a caller outside the mesh never sees a split", async () => {
    const before = await expectStatus(mesh(), "frontend", url, 200, { count: 100 });
    expect(Object.keys(before.servers)).toEqual(["checkout-v1", "checkout-v2"]);
    await apply("checkout", "service: checkout\nbackends: [{service: checkout-v2, weight: 1}]");
    const meshCaller = await expectStatus(mesh(), "frontend", url, 200, { count: 50 });
    expect(meshCaller.servers).toEqual({ "checkout-v2": 50 });
    const visitor = await expectStatus(mesh(), "visitor", url, 200, { count: 100, fresh: true });
    expect(Object.keys(visitor.servers)).toEqual(["checkout-v1", "checkout-v2"]);
  });

  test("weights are relative", async () => {
    await apply(
      "checkout",
      "service: checkout\nbackends: [{service: checkout-v1, weight: 3}, {service: checkout-v2, weight: 1}]",
    );
    const { servers } = await expectStatus(mesh(), "frontend", url, 200, { count: 1000 });
    // 1,000 draws at 25 %: a standard deviation of 13.7; five of them are allowed.
    expect(Math.abs((servers["checkout-v2"] ?? 0) - 250)).toBeLessThan(69);
  });

  test("of two splits that claim the same, the older wins and the other names it", async () => {
    await apply("checkout", "service: checkout\nbackends: [{service: checkout-v1, weight: 1}]");
    await apply("rival", "service: checkout\nbackends: [{service: checkout-v2, weight: 1}]", false);
    await mesh().waitCondition("trafficsplits.heddle.dev", "shop", "rival", "Accepted", "False");
    const accepted = conditionOf(await mesh().get("trafficsplits.heddle.dev", "shop", "rival"), "Accepted");
    expect(accepted).toMatchObject({ reason: "Conflicted", message: expect.stringContaining("shop/checkout") });
    const { servers } = await expectStatus(mesh(), "frontend", url, 200);
    expect(Object.keys(servers)).toEqual(["checkout-v1"]);
  });

  test("on a TCP port weights apply", async () => {
    await apply("echo", "service: echo\nbackends: [{service: echo-b, weight: 1}]");
    const { servers } = await expectStatus(mesh(), "frontend", "tcp://echo.shop:9000", 200, { count: 10 });
    expect(servers).toEqual({ "echo-b": 10 });
  });

  test("where all weights are 0 TCP connections are closed without a byte, never served by the root, and it is said", async () => {
    await apply("echo", "service: echo\nbackends: [{service: echo-a, weight: 0}, {service: echo-b, weight: 0}]");
    const { errors } = await expectRefused(mesh(), "frontend", "tcp://echo.shop:9000", { count: 5 });
    expect(Object.keys(errors)).not.toContain("timeout");
    const echo = await mesh().get("trafficsplits.heddle.dev", "shop", "echo");
    expect(conditionOf(echo, "ResolvedRefs")).toMatchObject({
      status: "False",
      reason: "NoWeight",
      message: expect.stringContaining("every connection is closed"),
    });
    // A caller without a sidecar gets the root.
    await expectStatus(mesh(), "visitor", "tcp://echo.shop:9000", 200, { count: 2 });
  });

  test("splits do not chain: a backend means that Service's endpoints, the root's own if it is the root", async () => {
    const serversOf = async (host: string) =>
      Object.keys((await expectStatus(mesh(), "frontend", `http://${host}.shop/`, 200, { count: 50 })).servers);
    await apply("checkout", "service: checkout\nbackends: [{service: checkout-v1, weight: 1}]");
    await apply("checkout-v1", "service: checkout-v1\nbackends: [{service: checkout-v2, weight: 1}]");
    expect([await serversOf("checkout"), await serversOf("checkout-v1")]).toEqual([["checkout-v1"], ["checkout-v2"]]);
    await apply("checkout", "service: checkout\nbackends: [{service: checkout, weight: 1}]");
    expect(await serversOf("checkout")).toEqual(["checkout-v1", "checkout-v2"]);
  });

  test("an HTTP/2 port is split as well", async () => {
    await apply("h2", "service: h2\nbackends: [{service: h2-b, weight: 1}]");
    const { servers, peers } = await expectStatus(mesh(), "frontend", "h2c://h2.shop:8081/x", 200, { count: 10 });
    expect(servers).toEqual({ "h2-b": 10 });
    expect(peers).toEqual({ "spiffe://cluster.local/ns/shop/sa/frontend": 10 });
  });

  test("the policies of a backend judge the caller: one is served, another and a plaintext one are denied", async () => {
    await apply("checkout", "service: checkout\nbackends: [{service: checkout-v2, weight: 1}]");
    await mesh().applyAndWait(
      "apiVersion: heddle.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: v2, namespace: shop}\nspec: {selector: {matchLabels: {version: v2}}, rules: [{from: [{source: {serviceAccounts: [frontend]}}]}]}\n",
    );
    const { servers } = await expectStatus(mesh(), "frontend", url, 200);
    expect(servers).toEqual({ "checkout-v2": 10 });
    await expectStatus(mesh(), "checkout", url, 403);
    await expectStatus(mesh(), "visitor", "http://checkout-v2.shop/", 403);
    await mesh().remove("authorizationpolicies.heddle.dev", "shop", "v2");
  });
});
