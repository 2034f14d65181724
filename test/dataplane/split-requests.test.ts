/** TrafficSplit, request by request: who stays where, what is copied, which match wins, and why a 503 is one. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type CallOptions, conditionOf } from "../../tools/demo/mesh.ts";
import { runScript } from "../../tools/demo/rotation.ts";
import { useMesh } from "./mesh.ts";
import type { Caller } from "./support.ts";
import { call, callers, expectStatus } from "./support.ts";

const mesh = useMesh();
const url = "http://web.splits/";
const kind = "trafficsplits.heddle.dev";
const frontend = "spiffe://cluster.local/ns/shop/sa/frontend";

beforeAll(async () => {
  await mesh().apply("test/dataplane/split-fixture.yaml");
  await mesh().waitDeployments("splits", 120);
}, 180_000);

afterAll(() => mesh().removeNamespace("splits"));

const made = new Set<string>();
afterEach(async () => {
  for (const name of made) await mesh().remove(kind, "splits", name);
  made.clear();
  await mesh().settle();
});

const manifest = (name: string, spec: string, service = "web"): string =>
  `apiVersion: heddle.dev/v1alpha1\nkind: TrafficSplit\nmetadata: {name: ${name}, namespace: splits}\nspec: {service: ${service}, ${spec}}\n`;

async function apply(name: string, spec: string, service?: string): Promise<void> {
  made.add(name);
  await mesh().applyAndWait(manifest(name, spec, service));
}

const weights = (a: number, b: number): string =>
  `backends: [{service: web-a, weight: ${a}}, {service: web-b, weight: ${b}}]`;

/** Requests of which shares are counted. */
const draws = 500;

/** Which server answers each caller of so many. */
async function placesOf(headers: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const report = await expectStatus(mesh(), "frontend", url, 200, { count: draws, headers, each: true });
  return report.each ?? [];
}

const shareOfB = (places: readonly string[]): number => places.filter((server) => server === "b").length;

/** 500 draws at 50 % have a standard deviation of 11.2; five of them are allowed. */
const tolerance = 56;

/** A statistic of each cluster in the sidecar of `frontend`. */
async function statsOf(statistic: string): Promise<ReadonlyMap<string, number>> {
  const [namespace, deployment] = callers.frontend;
  const program = `fetch("http://127.0.0.1:15000/stats?filter=${statistic}").then((answer) => answer.text()).then(console.log)`;
  const lines = (await runScript(mesh(), namespace, deployment, program)).split("\n").map((line) => line.split(": "));
  const suffix = `.${statistic}`;
  return new Map(
    lines
      .filter(([name = ""]) => name.startsWith("cluster.") && name.endsWith(suffix))
      .map(([name = "", count]) => [name.slice("cluster.".length, -suffix.length), Number(count)]),
  );
}

const said = async (name: string, type: string) => conditionOf(await mesh().get(kind, "splits", name), type);

/** Copies of requests that the mirror has not answered yet. */
const hangingCopies = async () => (await statsOf("upstream_rq_active")).get("mirror/splits/hanging/80");

test("copies to a mirror that hangs do not pile up in the caller's sidecar", async () => {
  const spec = "backends: [{service: web-a, weight: 1}], mirror: {service: hanging, percent: 100}";
  await mesh().applyAndWait(manifest("hanging", spec, "copied"));
  const { servers } = await expectStatus(mesh(), "frontend", "http://copied.splits/hang/shadow", 200, { count: 1500 });
  expect(servers).toEqual({ a: 1500 });
  expect(await hangingCopies()).toBeGreaterThan(0);
  expect(await hangingCopies()).toBeLessThanOrEqual(1024);
});

describe("affinity", () => {
  test.each([
    ["header", "{header: X-User}", { "x-user": "user-#" }],
    ["cookie", "{cookie: {name: version, ttl: 1h}}", { cookie: "other=1; version=key-#; last=2" }],
  ])(
    "by %s: 500 callers stay, and from 90/10 over 50/50 to 10/90 nobody goes back",
    async (_, affinity, headers) => {
      const phases: (readonly string[])[] = [];
      for (const [a, b] of [
        [90, 10],
        [1, 1],
        [10, 90],
      ] as const) {
        await apply("web", `${weights(a, b)}, affinity: ${affinity}`);
        const places = await placesOf(headers);
        expect(places).toHaveLength(draws);
        expect(Math.abs(shareOfB(places) - (draws * b) / (a + b))).toBeLessThan(tolerance);
        expect(await placesOf(headers)).toEqual(places);
        phases.push(places);
      }
      const [first = [], second = [], third = []] = phases;
      const wentBack = (before: readonly string[], after: readonly string[]): number =>
        before.filter((server, caller) => server === "b" && after[caller] !== "b").length;
      expect([wentBack(first, second), wentBack(second, third)]).toEqual([0, 0]);
    },
    120_000,
  );

  test("who has no header is divided anew each time", async () => {
    await apply("web", `${weights(1, 1)}, affinity: {header: x-user}`);
    const [one, other] = [await placesOf({}), await placesOf({})];
    expect(Math.abs(shareOfB(one) - draws / 2)).toBeLessThan(tolerance);
    expect(one).not.toEqual(other);
  });

  test("who has no cookie is given one, and comes back to the server of the first answer", async () => {
    await apply("web", `${weights(1, 1)}, affinity: {cookie: {name: version, ttl: 1h30m}}`);
    const report = await expectStatus(mesh(), "frontend", url, 200, { count: draws, returnCookies: true });
    expect(report.returned).toEqual({ same: draws, other: 0, none: 0 });
    expect(report.cookies).toEqual({ "Max-Age=5400; Path=/; HttpOnly": draws });
    expect(Math.abs((report.servers["b"] ?? 0) - draws / 2)).toBeLessThan(tolerance);
  });

  test("a cookie of the caller is not set again; one that sidecars do not make is replaced", async () => {
    await apply("web", `${weights(1, 1)}, affinity: {cookie: {name: version, ttl: 1h}}`);
    const returned = async (headers: Readonly<Record<string, string>>) =>
      (await expectStatus(mesh(), "frontend", url, 200, { count: 50, headers, returnCookies: true })).returned;
    for (const cookie of ["version=given", 'a=1; version="given"']) {
      expect({ cookie, returned: await returned({ cookie }) }).toEqual({
        cookie,
        returned: { same: 0, other: 0, none: 50 },
      });
    }
    for (const cookie of ["xversion=given", "version=", "version=a b", "Version=given"]) {
      expect({ cookie, returned: await returned({ cookie }) }).toEqual({
        cookie,
        returned: { same: 50, other: 0, none: 0 },
      });
    }
  });

  test("what a caller calls its request does not become a cookie unless it is a token", async () => {
    await apply("web", `${weights(1, 1)}, affinity: {cookie: {name: version, ttl: 1h}}`);
    const returned = async (id: string) =>
      (
        await expectStatus(mesh(), "frontend", url, 200, {
          count: 20,
          headers: { "x-request-id": id },
          returnCookies: true,
        })
      ).returned;
    expect(await returned("trace-1.2~3_4")).toEqual({ same: 20, other: 0, none: 0 });
    for (const id of ["a; Domain=example.com", "a,b", "a=b", "x".repeat(129)]) {
      expect({ id, returned: await returned(id) }).toEqual({ id, returned: { same: 0, other: 0, none: 20 } });
    }
  });
});

describe("mirror", () => {
  const received = async (by: Caller = "frontend"): Promise<Readonly<Record<string, number>>> => {
    const report = await expectStatus(mesh(), by, "http://shadow.splits/received", 200, { count: 1 });
    return (JSON.parse(report.lastBody) as { received: Record<string, number> }).received;
  };

  test("copies keep their Host and the caller's identity, and their answers go nowhere", async () => {
    await apply("web", `${weights(1, 0)}, mirror: {service: shadow, percent: 100}`);
    const report = await expectStatus(mesh(), "frontend", `${url}copied`, 200, { count: 100 });
    expect(report.servers).toEqual({ a: 100 });
    await vi.waitFor(async () => expect((await received())[`web.splits/copied ${frontend}`]).toBe(100), {
      timeout: 20_000,
    });
  });

  test("a percentage of the requests is copied", async () => {
    await apply("web", `${weights(1, 1)}, mirror: {service: shadow, percent: 20}`);
    await expectStatus(mesh(), "frontend", `${url}part`, 200, { count: 1000 });
    // 1,000 draws at 20 % have a standard deviation of 12.6; five of them are allowed.
    await vi.waitFor(
      async () => expect(Math.abs(((await received())[`web.splits/part ${frontend}`] ?? 0) - 200)).toBeLessThan(63),
      { timeout: 20_000 },
    );
  });

  test("of the rest, which is not the split's, nothing is copied", async () => {
    await apply("web", `${weights(1, 0)}, matches: [{method: POST}], mirror: {service: shadow, percent: 100}`);
    await expectStatus(mesh(), "frontend", `${url}rest`, 200, { count: 50 });
    await expectStatus(mesh(), "frontend", `${url}matched`, 200, { count: 50, method: "POST" });
    await vi.waitFor(async () => expect((await received())[`web.splits/matched ${frontend}`]).toBe(50), {
      timeout: 20_000,
    });
    expect(await received()).not.toHaveProperty([`web.splits/rest ${frontend}`]);
  });

  test("a policy of the mirror judges the caller; a denied copy is nothing to the caller", async () => {
    await mesh().applyAndWait(
      "apiVersion: heddle.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: shadow, namespace: splits}\nspec: {selector: {matchLabels: {app: shadow}}, action: DENY, rules: [{from: [{source: {serviceAccounts: [shop/frontend]}}]}]}\n",
    );
    await apply("web", `${weights(1, 0)}, mirror: {service: shadow, percent: 100}`);
    await expectStatus(mesh(), "frontend", "http://shadow.splits/", 403);
    const report = await expectStatus(mesh(), "frontend", `${url}denied`, 200, { count: 100 });
    expect(report.servers).toEqual({ a: 100 });
    await expectStatus(mesh(), "checkout", `${url}allowed`, 200, { count: 1 });
    const allowed = "web.splits/allowed spiffe://cluster.local/ns/shop/sa/checkout";
    await vi.waitFor(async () => expect((await received("checkout"))[allowed]).toBe(1), { timeout: 20_000 });
    expect(await received("checkout")).not.toHaveProperty([`web.splits/denied ${frontend}`]);
    await mesh().remove("authorizationpolicies.heddle.dev", "splits", "shadow");
  });

  test("a mirror that does not exist breaks nothing, and is said not to be resolved", async () => {
    await apply("web", "backends: [{service: web-a, weight: 1}], mirror: {service: nowhere, percent: 100}");
    await expectStatus(mesh(), "frontend", url, 200, { count: 50 });
    expect(await said("web", "ResolvedRefs")).toMatchObject({ status: "False", reason: "MirrorNotFound" });
  });
});

test("no request is lost while affinity and mirror come, change and go", async () => {
  await apply("web", weights(1, 1));
  const load = await mesh().load("shop", "frontend", url, { rate: 200, headers: { "x-user": "user-#" } });
  for (const more of [
    "affinity: {header: x-user}",
    "affinity: {header: x-user}, mirror: {service: shadow, percent: 100}",
    "affinity: {cookie: {name: version, ttl: 1h}}, mirror: {service: shadow, percent: 5}",
    "mirror: {service: nowhere, percent: 5}",
    "matches: [{headers: [{type: RegularExpression, name: x-user, value: user-.*}]}]",
  ]) {
    await apply("web", `${weights(1, 1)}, ${more}`);
  }
  const report = await load.finish();
  expect(report.failures).toBe(0);
  expect(Object.keys(report.statuses)).toEqual(["200"]);
}, 120_000);

describe("matches", () => {
  const serverAt = async (path: string, options: CallOptions = {}): Promise<string[]> =>
    Object.keys((await expectStatus(mesh(), "frontend", `http://web.splits${path}`, 200, options)).servers);

  test("of every type, over path, method and headers", async () => {
    await apply("web", weights(1, 0));
    await apply(
      "special",
      `${weights(0, 1)}, matches: [{path: {type: Exact, value: /exact}}, {path: {type: PathPrefix, value: /prefix}}, {path: {type: RegularExpression, value: "/v[0-9]+/.*"}}, {method: DELETE}, {headers: [{type: Exact, name: X-Exact, value: "1"}]}, {headers: [{type: RegularExpression, name: x-expression, value: "[a-z]+"}]}]`,
    );
    const special: [string, CallOptions?][] = [
      ...["/exact?query", "//exact", "/prefix", "/prefix/x", "/v12/x"].map((path): [string] => [path]),
      ["/", { method: "DELETE" }],
      ["/", { headers: { "x-exact": "1" } }],
      ["/", { headers: { "X-Expression": "abc" } }],
    ];
    const others: [string, CallOptions?][] = [
      ...["/", "/exact/", "/Exact", "/prefixed", "/a/v1/x"].map((path): [string] => [path]),
      ["/", { method: "PUT" }],
      ["/", { headers: { "x-exact": "11" } }],
      ["/", { headers: { "x-expression": "abc1" } }],
    ];
    const seen = async (calls: readonly [string, CallOptions?][]) =>
      Promise.all(calls.map(async (given) => [given, await serverAt(...given)]));
    expect(await seen(special)).toEqual(special.map((given) => [given, ["b"]]));
    expect(await seen(others)).toEqual(others.map((given) => [given, ["a"]]));
  }, 60_000);

  test("of several splits are tried in Gateway API's order, and of equals the oldest first", async () => {
    const header = (name: string) => `{type: Exact, name: ${name}, value: "1"}`;
    await apply(
      "older",
      `${weights(1, 0)}, matches: [{path: {type: PathPrefix, value: /p}, method: GET}, {headers: [${header("x-a")}, ${header("x-b")}]}, {headers: [${header("x-c")}]}]`,
    );
    // Ages are told apart by the second.
    const { metadata } = await mesh().get<{ metadata: { creationTimestamp: string } }>(kind, "splits", "older");
    await vi.waitUntil(() => Date.now() >= Date.parse(metadata.creationTimestamp) + 1000, { timeout: 5000 });
    await apply(
      "a-younger",
      `${weights(0, 1)}, matches: [{path: {type: Exact, value: /p/exact}}, {path: {type: PathPrefix, value: /p/longer}}, {method: POST}, {headers: [${header("x-c")}, ${header("x-d")}]}, {headers: [${header("x-e")}]}]`,
    );
    expect(await serverAt("/p/exact")).toEqual(["b"]);
    expect(await serverAt("/p/longer/x")).toEqual(["b"]);
    expect(await serverAt("/p/other")).toEqual(["a"]);
    expect(await serverAt("/", { method: "POST", headers: { "x-a": "1", "x-b": "1" } })).toEqual(["b"]);
    expect(await serverAt("/", { headers: { "x-c": "1", "x-d": "1" } })).toEqual(["b"]);
    expect(await serverAt("/", { headers: { "x-c": "1", "x-e": "1" } })).toEqual(["a"]);
    const rest = await expectStatus(mesh(), "frontend", url, 200, { count: 100 });
    expect(Object.keys(rest.servers)).toEqual(["a", "b"]);
  });
});

describe("what cannot be reached", () => {
  /** Requests that found no endpoint (response flag UH), by cluster, since the sidecar of the caller was started. */
  const unanswered = () => statsOf("upstream_cx_none_healthy");

  /** The clusters that were found empty by a call, and how often. */
  async function reasonsOf(target: string, count: number): Promise<Readonly<Record<string, number>>> {
    const before = await unanswered();
    const report = await call(mesh(), "frontend", target, { count });
    expect(report.failures).toBe(0);
    const after = await unanswered();
    const reasons = [...after].map(([cluster, total]) => [cluster, total - (before.get(cluster) ?? 0)] as const);
    const found = Object.fromEntries(reasons.filter(([, more]) => more > 0));
    expect(Object.values(found).reduce((sum, more) => sum + more, 0)).toBe(report.statuses["503"] ?? 0);
    return found;
  }

  test("a missing backend keeps its share as 503, and the rest is not re-weighted", async () => {
    await apply("web", "backends: [{service: web-a, weight: 7}, {service: nowhere, weight: 3}]");
    const found = await reasonsOf(url, draws);
    expect(Object.keys(found)).toEqual(["unavailable-missing-backend"]);
    expect(Math.abs((found["unavailable-missing-backend"] ?? 0) - 0.3 * draws)).toBeLessThan(tolerance);
    expect(await said("web", "ResolvedRefs")).toMatchObject({ status: "False", reason: "BackendNotFound" });
  });

  test("an empty backend keeps its share as 503, which is a finding", async () => {
    await apply("web", "backends: [{service: web-a, weight: 7}, {service: empty, weight: 3}]", "web");
    const found = await reasonsOf(url, draws);
    expect(Object.keys(found)).toEqual(["outbound/splits/empty/80"]);
    expect(Math.abs((found["outbound/splits/empty/80"] ?? 0) - 0.3 * draws)).toBeLessThan(tolerance);
    const { status } = await mesh().get(kind, "splits", "web");
    expect(status?.findings?.map(({ code }) => code)).toEqual(["BackendWithoutEndpoints"]);
  });

  test("no backend with endpoints is 503 and a condition, never the root", async () => {
    await apply("web", "backends: [{service: empty, weight: 1}]");
    expect(await reasonsOf(url, 50)).toEqual({ "outbound/splits/empty/80": 50 });
    expect(await said("web", "ResolvedRefs")).toMatchObject({ status: "False", reason: "NoEndpoints" });
    expect(await said("web", "Ready")).toMatchObject({ status: "False", reason: "NoEndpoints" });
  });

  test("all weights zero is 503 and a condition", async () => {
    await apply("web", weights(0, 0));
    expect(await reasonsOf(url, 50)).toEqual({ "unavailable-no-weight": 50 });
    expect(await said("web", "ResolvedRefs")).toMatchObject({ status: "False", reason: "NoWeight" });
  });

  test("a backend that lacks a port is left out there; where none is left it is 503", async () => {
    await apply("web", weights(1, 9));
    const other = await expectStatus(mesh(), "frontend", "http://web.splits:81/", 200, { count: 100 });
    expect(other.servers).toEqual({ a: 100 });
    expect(await said("web", "ResolvedRefs")).toMatchObject({ status: "False", reason: "PortNotFound" });
    await apply("web", "backends: [{service: web-b, weight: 1}]");
    expect(await reasonsOf("http://web.splits:81/", 50)).toEqual({ "unavailable-missing-port": 50 });
  });
});

test("the port that a backend listens on is its own", async () => {
  // web-a listens on 8080, web-b on 9090; both are behind port 80 of the root.
  await apply("web", weights(1, 1));
  const { servers } = await expectStatus(mesh(), "frontend", url, 200, { count: draws });
  expect(Math.abs((servers["b"] ?? 0) - draws / 2)).toBeLessThan(tolerance);
});

test("TCP connections are divided by weight", async () => {
  const split = (spec: string) =>
    `apiVersion: heddle.dev/v1alpha1\nkind: TrafficSplit\nmetadata: {name: echo, namespace: shop}\nspec: {service: echo, ${spec}}\n`;
  await mesh().applyAndWait(
    split(
      "backends: [{service: echo-a, weight: 3}, {service: echo-b, weight: 1}], affinity: {header: x-user}, mirror: {service: echo-b, percent: 5}",
    ),
  );
  const { servers } = await expectStatus(mesh(), "frontend", "tcp://echo.shop:9000", 200, { count: draws });
  expect(Math.abs((servers["echo-b"] ?? 0) - draws / 4)).toBeLessThan(tolerance);
  const { status } = await mesh().get(kind, "shop", "echo");
  expect(status?.findings?.map(({ code }) => code)).toEqual(["AffinityOnTCPPort", "MirrorOnTCPPort"]);
  await mesh().remove(kind, "shop", "echo");
});

test("copies that hang are given up, as the first test of this file left them", async () => {
  await vi.waitFor(async () => expect(await hangingCopies()).toBe(0), { timeout: 60_000, interval: 1000 });
  await mesh().remove(kind, "splits", "hanging");
}, 90_000);
