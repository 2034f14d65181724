/** Conditions, targetRefs and dry runs of AuthorizationPolicy, each with a caller that passes, one that does not, and one in plaintext. */
import { afterEach, describe, expect, test } from "vitest";
import { conditionOf } from "../../tools/demo/mesh.ts";
import { useMesh } from "./mesh.ts";
import type { Caller } from "./support.ts";
import { expectRefused, expectStatus } from "./support.ts";

const mesh = useMesh();
const cart = "http://cart.shop";
const echo = "tcp://echo.shop:9000";
const onCart = "selector:\n  matchLabels: {app: cart}\n";
const onEcho = "selector:\n  matchLabels: {app: echo}\n";

const made: string[] = [];
async function apply(name: string, spec: string): Promise<void> {
  made.push(name);
  await mesh().applyAndWait(
    `apiVersion: heddle.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: ${name}, namespace: shop}\nspec:\n${spec.replace(/^/gm, "  ")}\n`,
  );
}
afterEach(async () => {
  for (const name of made.splice(0)) await mesh().remove("authorizationpolicies.heddle.dev", "shop", name);
  await mesh().settle();
});

/** The status of a call with these lines of x-tenant; none if there are none. */
const expectTenant = (lines: readonly string[], status: number, caller: Caller = "frontend") =>
  expectStatus(mesh(), caller, `${cart}/`, status, {
    count: 2,
    ...(lines.length === 0 ? {} : { headers: { "x-tenant": lines } }),
  });

describe("a condition on a header", () => {
  test("in ALLOW fits a header that comes once and is the value, whoever calls", async () => {
    await apply("tenant", `${onCart}rules: [{when: [{key: "request.headers[X-Tenant]", values: [blue, team-*]}]}]`);
    await expectTenant(["blue"], 200);
    await expectTenant(["blue"], 200, "visitor");
    await expectTenant(["team-1"], 200);
    for (const lines of [[], ["red"], ["BLUE"], ["blue, red"], ["blue", "red"], ["red", "blue"], ["team-1,red"]]) {
      await expectTenant(lines, 403);
      await expectTenant(lines, 403, "visitor");
    }
  });

  test("in DENY fits every line and every member of a list", async () => {
    await apply("role", `${onCart}action: DENY\nrules: [{when: [{key: "request.headers[x-tenant]", values: [red]}]}]`);
    for (const lines of [[], ["blue"], ["reddish"], ["x-red"]]) await expectTenant(lines, 200);
    for (const lines of [
      ["red"],
      ["blue, red"],
      ["red,blue"],
      ["blue", "red"],
      ["red", "blue"],
      ['blue , "red";q=1'],
    ]) {
      await expectTenant(lines, 403);
      await expectTenant(lines, 403, "visitor");
    }
  });

  test("negated in DENY fits unless the header certainly is the value", async () => {
    await apply(
      "only",
      `${onCart}action: DENY\nrules: [{when: [{key: "request.headers[x-tenant]", notValues: [blue]}]}]`,
    );
    await expectTenant(["blue"], 200);
    await expectTenant(["blue"], 200, "visitor");
    for (const lines of [[], ["red"], ["blue, red"], ["red", "blue"]]) {
      await expectTenant(lines, 403);
      await expectTenant(lines, 403, "visitor");
    }
  });

  test("negated in ALLOW fits unless some line or member is the value", async () => {
    await apply("not", `${onCart}rules: [{when: [{key: "request.headers[x-tenant]", notValues: [red]}]}]`);
    for (const lines of [[], ["blue"], ["reddish"]]) await expectTenant(lines, 200);
    for (const lines of [["red"], ["blue, red"], ["blue", "red"]]) {
      await expectTenant(lines, 403);
      await expectTenant(lines, 403, "visitor");
    }
  });

  test("on a TCP port: an ALLOW allows nobody, a DENY denies whoever fits the rest of its rule", async () => {
    await apply("tcp-allow", `${onEcho}rules: [{when: [{key: "request.headers[x-tenant]", values: [blue]}]}]`);
    await expectRefused(mesh(), "frontend", echo, { count: 2 });
    await mesh().remove("authorizationpolicies.heddle.dev", "shop", "tcp-allow");
    await apply(
      "tcp-deny",
      `${onEcho}action: DENY\nrules: [{from: [{source: {serviceAccounts: [checkout]}}], when: [{key: "request.headers[x-tenant]", values: [blue]}]}]`,
    );
    await expectStatus(mesh(), "frontend", echo, 200, { count: 2 });
    await expectRefused(mesh(), "checkout", echo, { count: 2 });
    await expectStatus(mesh(), "visitor", echo, 200, { count: 2 });
  });
});

describe("a condition on the connection", () => {
  test.each([
    "{key: source.serviceAccount, values: [frontend]}",
    "{key: source.principal, values: [cluster.local/ns/shop/sa/frontend]}",
    "{key: source.principal, notValues: ['*/sa/checkout']}",
    "{key: source.serviceAccount, notValues: [shop/checkout]}",
  ])("%s fits one caller, not another, and nobody in plaintext", async (condition) => {
    await apply("who", `${onCart}rules: [{when: [${condition}]}]`);
    await expectStatus(mesh(), "frontend", `${cart}/`, 200, { count: 3 });
    await expectStatus(mesh(), "checkout", `${cart}/`, 403, { count: 3 });
    await expectStatus(mesh(), "visitor", `${cart}/`, 403, { count: 3 });
    await expectStatus(mesh(), "frontend", "http://checkout.shop/", 200, { count: 3 });
  });

  test("source.namespace and source.ip together", async () => {
    const address = await mesh().addressOf("shop", "frontend");
    await apply(
      "where",
      `${onCart}rules: [{when: [{key: source.namespace, values: [shop]}, {key: source.ip, values: [${address}]}]}]`,
    );
    await expectStatus(mesh(), "frontend", `${cart}/`, 200, { count: 3 });
    await expectStatus(mesh(), "checkout", `${cart}/`, 403, { count: 3 });
    await expectStatus(mesh(), "visitor", `${cart}/`, 403, { count: 3 });
  });

  test("destination.port and destination.ip are the pod's", async () => {
    const address = await mesh().addressOf("shop", "cart");
    const deny = (condition: string) => apply("to", `${onCart}action: DENY\nrules: [{when: [${condition}]}]`);
    for (const [fitting, other] of [
      [`{key: destination.ip, values: [${address}/32]}`, `{key: destination.ip, notValues: [${address}]}`],
      ['{key: destination.port, values: ["8080"]}', '{key: destination.port, notValues: ["8080"]}'],
    ] as const) {
      await deny(fitting);
      for (const caller of ["frontend", "visitor"] as const) {
        await expectStatus(mesh(), caller, `${cart}/`, 403, { count: 3 });
      }
      await deny(other);
      for (const caller of ["frontend", "visitor"] as const) {
        await expectStatus(mesh(), caller, `${cart}/`, 200, { count: 3 });
      }
    }
  });

  test("connection.sni is what the caller's own TLS asks for; a caller without any is unknown", async () => {
    const answered = async (serverName: string): Promise<boolean> => {
      const script = `const s = require("node:tls").connect({ host: "echo.shop", port: 9000, servername: process.argv[1], rejectUnauthorized: false });
        s.on("error", (error) => { console.log(error.code); });`;
      const pod = await mesh().podOf("outside", "visitor");
      const command = ["node", "-e", script, serverName];
      const { stdout } = await mesh().cluster.exec("outside", pod, "app", command);
      // The application answers with its own words, which are no TLS; who is denied hears nothing.
      expect(stdout.trim()).toMatch(/^(ERR_SSL_|EPROTO|ECONNRESET)/);
      return !stdout.startsWith("ECONNRESET");
    };
    const sni = (list: string) => `{when: [{key: connection.sni, ${list}: ["*.example.com"]}]}`;
    await apply("sni", `${onEcho}rules: [${sni("values")}]`);
    expect(await answered("a.example.com")).toBe(true);
    expect(await answered("a.example.org")).toBe(false);
    await expectRefused(mesh(), "visitor", echo, { count: 2 });
    await apply("sni", `${onEcho}action: DENY\nrules: [${sni("values")}]`);
    expect(await answered("a.example.com")).toBe(false);
    expect(await answered("a.example.org")).toBe(true);
    await expectRefused(mesh(), "visitor", echo, { count: 2 });
  });
});

describe("targetRefs", () => {
  test("the pods of a Service, and no others", async () => {
    await apply(
      "by-service",
      "targetRefs: [{kind: Service, name: cart}]\nrules: [{from: [{source: {serviceAccounts: [frontend]}}]}]",
    );
    await expectStatus(mesh(), "frontend", `${cart}/`, 200, { count: 3 });
    await expectStatus(mesh(), "checkout", `${cart}/`, 403, { count: 3 });
    await expectStatus(mesh(), "visitor", `${cart}/`, 403, { count: 3 });
    await expectStatus(mesh(), "visitor", "http://checkout.shop/", 200, { count: 3 });
  });

  test("a Service that does not exist is named, and concerns no proxy", async () => {
    await apply("missing", "targetRefs: [{kind: Service, name: crat}]");
    const missing = await mesh().get("authorizationpolicies.heddle.dev", "shop", "missing");
    expect(missing.status?.proxies?.summary).toBe("0/0");
    const resolved = conditionOf(missing, "ResolvedRefs");
    expect(resolved).toMatchObject({ status: "False", reason: "ServiceNotFound" });
    expect(resolved?.message).toContain("crat");
    await expectStatus(mesh(), "visitor", `${cart}/`, 200, { count: 3 });
  });
});

describe("dry runs", () => {
  const pods = new Map<string, string>();
  /** What the sidecar of a Deployment tells Prometheus. */
  async function statistics(deployment: string): Promise<readonly string[]> {
    const script =
      'fetch("http://localhost:15020/stats/prometheus").then((a) => a.text()).then((text) => console.log(text))';
    const pod = pods.get(deployment) ?? (await mesh().podOf("shop", deployment));
    pods.set(deployment, pod);
    const { stdout } = await mesh().cluster.exec("shop", pod, "app", ["node", "-e", script]);
    return stdout.split("\n").filter((line) => !line.startsWith("#"));
  }
  const numberAt = (line: string): number => Number(line.split(" ").at(-1));
  /** What a dry run counted. */
  async function counted(layer: "http" | "tcp", deployment: string, name: string): Promise<unknown> {
    const lines = await statistics(deployment);
    const value = (verdict: string) => {
      const [metric, label] =
        layer === "http" ? ["envoy_http_rbac", "envoy_rbac_http_prefix"] : ["envoy_rbac", "envoy_rbac_prefix"];
      const ofVerdict = lines.filter((line) => line.startsWith(`${metric}_shadow_${verdict}{`));
      return ofVerdict.filter((line) => line.includes(`${label}="dry-run/shop/${name}"`)).map(numberAt);
    };
    return { denied: value("denied"), allowed: value("allowed") };
  }
  /** A connection from before a dry run ends with its next answer, or with the drain time, and is not counted until then. */
  async function drained(deployment: string): Promise<void> {
    await expect
      .poll(
        async () => {
          const lines = await statistics(deployment);
          const draining = lines.filter((line) => line.includes("total_filter_chains_draining"));
          return draining.map(numberAt);
        },
        { timeout: 90_000, interval: 1000 },
      )
      .toEqual([0]);
  }

  test("deny nobody, begin no default deny, and count exactly what they would deny, each by itself", async () => {
    await apply("no-checkout", `${onCart}action: DENY\nrules: [{from: [{source: {serviceAccounts: [checkout]}}]}]`);
    await apply(
      "watch-admin",
      `${onCart}enforcement: DryRun\naction: DENY\nrules: [{to: [{operation: {paths: [/admin]}}]}]`,
    );
    await apply(
      "only-frontend",
      `${onCart}enforcement: DryRun\nrules: [{from: [{source: {serviceAccounts: [frontend]}}]}]`,
    );
    await apply(
      "only.post",
      `${onCart}enforcement: DryRun\nrules: [{to: [{operation: {methods: [POST]}}], when: [{key: "request.headers[x-tenant]", values: [blue]}]}]`,
    );
    const tcp = "selector:\n  matchLabels: {app: echo, version: a}\n";
    await apply(
      "no-frontend",
      `${tcp}enforcement: DryRun\naction: DENY\nrules: [{from: [{source: {serviceAccounts: [frontend]}}]}]`,
    );
    await Promise.all([drained("cart"), drained("echo-a")]);

    await expectStatus(mesh(), "frontend", `${cart}/admin`, 200, { count: 7 });
    await expectStatus(mesh(), "visitor", `${cart}/admin`, 200, { count: 4 });
    await expectStatus(mesh(), "visitor", `${cart}/`, 200, { count: 5 });
    await expectStatus(mesh(), "checkout", `${cart}/`, 403, { count: 2 });
    await expectStatus(mesh(), "frontend", `${cart}/`, 200, {
      count: 3,
      method: "POST",
      headers: { "x-tenant": "blue" },
    });
    expect(await counted("http", "cart", "watch-admin")).toEqual({ denied: [11], allowed: [10] });
    expect(await counted("http", "cart", "only-frontend")).toEqual({ denied: [11], allowed: [10] });
    expect(await counted("http", "cart", "only_post")).toEqual({ denied: [18], allowed: [3] });

    await expectStatus(mesh(), "frontend", "tcp://echo-a.shop:9000", 200, { count: 4, fresh: true });
    await expectStatus(mesh(), "visitor", "tcp://echo-a.shop:9000", 200, { count: 2, fresh: true });
    expect(await counted("tcp", "echo-a", "no-frontend")).toEqual({ denied: [4], allowed: [2] });

    const object = await mesh().get("authorizationpolicies.heddle.dev", "shop", "watch-admin");
    expect(object.status).toMatchObject({ summary: "DENY, 1 rule, dry run", proxies: { summary: "1/1" } });
  });
});
