import { describe, expect, test } from "vitest";
import type { AuthorizationRule, SourceMatch, StringMatch, Values } from "../../../src/model/mesh.ts";
import type { Call, Caller, Request } from "../../../src/policy/call.ts";
import type { JudgingWorkload } from "../../../src/policy/evaluate.ts";
import { evaluate } from "../../../src/policy/evaluate.ts";
import { identityOf, meshPolicy, meshRule } from "../../support/mesh-samples.ts";

const workload = (parts: Partial<JudgingWorkload> = {}): JudgingWorkload => ({
  identity: identityOf("shop", "cart"),
  ports: [
    { port: 8080, protocol: "http", mode: "Permissive" },
    { port: 9000, protocol: "tcp", mode: "Permissive" },
    { port: 3306, protocol: "tcp", mode: "Permissive", serverFirst: true },
  ],
  mode: "Permissive",
  deny: [],
  allow: undefined,
  ...parts,
});

const frontend: Caller = { speaks: "mutual-tls", identity: identityOf("shop", "frontend") };
const plaintext: Caller = { speaks: "plaintext" };
const applicationTLS: Caller = { speaks: "tls" };
const request: Request = { method: "GET", path: "/", host: "cart.shop" };

const http = (of: Partial<Request> = {}, caller: Caller = frontend): Call => ({
  caller,
  source: "10.0.0.2",
  destination: { address: "10.1.0.1", port: 8080 },
  request: { ...request, ...of },
});
const tcp = (caller: Caller = frontend, port = 9000): Call => ({
  caller,
  source: "10.0.0.2",
  destination: { address: "10.1.0.1", port },
});

const exact = (value: string): StringMatch => ({ type: "exact", value });
const anything: AuthorizationRule = { sources: [], operations: [] };
const nothing = meshRule({ principals: { any: [exact("nobody")] } });
const byFrontend: SourceMatch = { serviceAccounts: { any: [{ namespace: "shop", name: "frontend" }] } };
const policy = (...rules: AuthorizationRule[]) => [meshPolicy("shop/p", rules)];
const verdictOf = (of: JudgingWorkload, call: Call) => evaluate(of, call).verdict;

/** Who gets in, and who is denied, by one rule. */
const allows = (rule: AuthorizationRule, call: Call): boolean =>
  verdictOf(workload({ allow: policy(rule) }), call).allowed;
const denies = (rule: AuthorizationRule, call: Call): boolean =>
  !verdictOf(workload({ deny: policy(rule) }), call).allowed;

describe("the order", () => {
  const rule = (index: number) => ({ policy: "shop/p", index });
  test.each([
    ["no policy allows", {}, { allowed: true }],
    ["a DENY that does not fit allows", { deny: policy(nothing) }, { allowed: true }],
    [
      "a DENY that fits denies",
      { deny: policy(nothing, anything) },
      { allowed: false, because: "denied", rule: rule(1) },
    ],
    ["an ALLOW that fits allows", { allow: policy(nothing, anything) }, { allowed: true, rule: rule(1) }],
    ["an ALLOW that does not fit denies", { allow: policy(nothing) }, { allowed: false, because: "not-allowed" }],
    ["an ALLOW without rules denies", { allow: policy() }, { allowed: false, because: "not-allowed" }],
    [
      "a DENY beats an ALLOW",
      { allow: policy(anything), deny: policy(anything) },
      { allowed: false, because: "denied", rule: rule(0) },
    ],
    [
      "a DENY that does not fit leaves it to the ALLOW",
      { allow: policy(anything), deny: policy(nothing) },
      { allowed: true, rule: rule(0) },
    ],
    [
      "a DENY that does not fit is no ALLOW",
      { allow: policy(nothing), deny: policy(nothing) },
      { allowed: false, because: "not-allowed" },
    ],
  ] as const)("%s", (_what, parts, expected) => {
    expect(verdictOf(workload(parts), http())).toEqual(expected);
    expect(verdictOf(workload(parts), tcp())).toEqual(expected);
  });

  test("of several rules that fit the first by its name is told, as in access logs", () => {
    const allow = [
      meshPolicy("shop/b", [anything]),
      meshPolicy("shop/a", [nothing, ...Array.from({ length: 10 }, () => anything)]),
    ];
    expect(verdictOf(workload({ allow }), http())).toEqual({ allowed: true, rule: { policy: "shop/a", index: 1 } });
    const late = [meshPolicy("shop/a", [nothing, nothing, ...Array.from({ length: 9 }, () => anything)])];
    // As texts `10` comes before `2`.
    expect(verdictOf(workload({ allow: late }), http())).toEqual({
      allowed: true,
      rule: { policy: "shop/a", index: 10 },
    });
  });

  test("a dry run tells what it would do alone", () => {
    const dryRuns = [
      { ...meshPolicy("shop/a", [nothing]), action: "ALLOW" as const },
      { ...meshPolicy("shop/b", [anything]), action: "DENY" as const },
    ];
    expect(evaluate(workload({ dryRuns, allow: policy(anything) }), http())).toEqual({
      verdict: { allowed: true, rule: { policy: "shop/p", index: 0 } },
      dryRuns: [
        { policy: "shop/a", allowed: false },
        { policy: "shop/b", allowed: false, rule: { policy: "shop/b", index: 0 } },
      ],
    });
  });
});

describe("callers", () => {
  const not = (source: SourceMatch) => source;
  const negated = meshRule(not({ namespaces: { none: [exact("store")] } }));

  test.each([http({}, plaintext), tcp(plaintext), tcp(applicationTLS)])(
    "without identity fit no identity, and a negated one under DENY only (%#)",
    (call) => {
      for (const rule of [meshRule(byFrontend), meshRule({ principals: { any: [{ type: "present" }] } })]) {
        expect([allows(rule, call), denies(rule, call)]).toEqual([false, false]);
      }
      expect([allows(negated, call), denies(negated, call)]).toEqual([false, true]);
    },
  );

  test("of the mesh fit their names", () => {
    const fits = (source: SourceMatch) => allows(meshRule(source), http());
    const one = (field: "principals" | "namespaces", match: StringMatch) => fits({ [field]: { any: [match] } });
    expect(fits(byFrontend)).toBe(true);
    expect(fits({ serviceAccounts: { any: [{ namespace: "shop", name: "front" }] } })).toBe(false);
    expect(one("principals", exact("cluster.local/ns/shop/sa/frontend"))).toBe(true);
    expect(one("principals", exact("spiffe://cluster.local/ns/shop/sa/frontend"))).toBe(false);
    expect(one("principals", { type: "suffix", value: "//cluster.local/ns/shop/sa/frontend" })).toBe(false);
    expect(one("principals", { type: "prefix", value: "cluster.local/ns/sh" })).toBe(true);
    expect(one("namespaces", { type: "suffix", value: "op" })).toBe(true);
    expect(one("namespaces", { type: "suffix", value: "frontend" })).toBe(false);
    expect(one("namespaces", { type: "prefix", value: "shop/sa" })).toBe(false);
  });

  test("of another trust domain, and in plaintext under Strict, are refused", () => {
    const foreign: Caller = { speaks: "mutual-tls", identity: "spiffe://cluster.local.evil/ns/shop/sa/frontend" };
    const required = { allowed: false, because: "mutual-tls-required" };
    expect(verdictOf(workload(), http({}, foreign))).toEqual(required);
    const strict = workload({ mode: "Strict", ports: [{ port: 8080, protocol: "http", mode: "Strict" }] });
    for (const call of [http({}, plaintext), http({}, applicationTLS), tcp(plaintext, 7000)])
      expect(verdictOf(strict, call)).toEqual(required);
    expect(verdictOf(strict, http()).allowed).toBe(true);
  });

  test("are told by the addresses of both ends", () => {
    const block = (address: string, prefixLength: number) => ({ any: [{ address, prefixLength }] });
    expect(allows(meshRule({ ipBlocks: block("10.0.0.0", 30) }), tcp())).toBe(true);
    expect(allows(meshRule({ ipBlocks: block("10.0.0.4", 30) }), tcp())).toBe(false);
    expect(allows(meshRule({ ipBlocks: block("::", 0) }), tcp())).toBe(false);
    expect(allows(meshRule(undefined, { addresses: block("10.1.0.1", 32) }), tcp())).toBe(true);
    expect(allows(meshRule(undefined, { ports: { any: [8080] } }), tcp())).toBe(false);
  });
});

describe("connections", () => {
  const mixed = meshRule(byFrontend, { paths: { any: [exact("/x")] } });

  test("of an ALLOW with an HTTP field nothing fits, of a DENY the rest counts", () => {
    for (const call of [tcp(), tcp(frontend, 7000)]) {
      expect([allows(mixed, call), denies(mixed, call)]).toEqual([false, true]);
    }
    expect(denies(mixed, tcp({ speaks: "mutual-tls", identity: identityOf("shop", "other") }))).toBe(false);
    const header = {
      ...anything,
      conditions: [{ operation: { header: { name: "x-a", values: { none: [exact("1")] } } } }],
    };
    expect([allows(header, tcp()), denies(header, tcp())]).toEqual([false, true]);
    // The application's own TLS on a port of HTTP is a connection, too.
    expect([allows(meshRule(undefined, { hosts: { any: [exact("cart.shop")] } }), http({}, applicationTLS))]).toEqual([
      false,
    ]);
  });

  test("an unknown server name fits no ALLOW and every DENY; in a request it is not there", () => {
    const rule = (values: Values<StringMatch>): AuthorizationRule => ({
      ...anything,
      conditions: [{ operation: { serverNames: values } }],
    });
    const name = rule({ any: [exact("db")] });
    const notName = rule({ none: [exact("db")] });
    expect([allows(name, tcp()), denies(name, tcp()), allows(notName, tcp()), denies(notName, tcp())]).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect([denies(name, http()), denies(notName, http())]).toEqual([false, true]);
    const asks = (serverName: string): Call => ({ ...tcp(applicationTLS), serverName });
    expect([allows(name, asks("DB")), denies(name, asks("db"))]).toEqual([true, true]);
    expect([allows(name, asks("db.")), denies(name, asks("db."))]).toEqual([false, true]);
    expect([allows(notName, asks("db.")), denies(notName, asks("db."))]).toEqual([false, true]);
    expect([allows(notName, asks("x")), denies(name, asks("x"))]).toEqual([true, false]);
  });

  test("to a server that speaks first are judged by exact identities, or not at all", () => {
    const of = (parts: Partial<JudgingWorkload>, caller: Caller = frontend) =>
      verdictOf(workload(parts), tcp(caller, 3306));
    const closed = { allowed: false, because: "server-first-port" };
    expect(of({}, plaintext)).toEqual({ allowed: true });
    expect(of({ allow: policy(meshRule(byFrontend)) })).toMatchObject({ allowed: true });
    expect(of({ allow: policy(meshRule(byFrontend)) }, plaintext)).toMatchObject({ because: "mutual-tls-required" });
    expect(of({ allow: policy(mixed) })).toMatchObject({ because: "not-allowed" });
    expect(of({ allow: policy(anything) })).toEqual(closed);
    expect(of({ allow: policy(meshRule(byFrontend), meshRule({ namespaces: { any: [exact("shop")] } })) })).toEqual(
      closed,
    );
    expect(of({ allow: policy(meshRule(byFrontend), { ...anything, conditions: [{ source: byFrontend }] }) })).toEqual(
      closed,
    );
    expect(of({ deny: policy(nothing) })).toEqual(closed);
    expect(of({ deny: policy(meshRule(undefined, { ports: { any: [9000] } })) })).toEqual({ allowed: true });
  });
});

describe("requests", () => {
  const paths = (...any: StringMatch[]) => meshRule(undefined, { paths: { any } });
  const template = (value: string): StringMatch => ({ type: "template", value });

  test.each([
    ["/a/{*}/c", ["/a/b/c", "/a/x%2520/c"], ["/a/c", "/a//c", "/a/b/b/c", "/a/b/c/", "/a/b/C"]],
    ["/r/{**}", ["/r/", "/r/x", "/r/x/y/"], ["/r", "/rx", "/R/x"]],
    ["/{*}/{**}/end", ["/a/b/end", "/a/b/c/end"], ["/a/end", "/a/b/end/x"]],
    ["/a/{*}/", ["/a/b/"], ["/a/b"]],
  ])("a template %s", (value, fitting, others) => {
    const fits = (path: string) => allows(paths(template(value)), http({ path }));
    expect(fitting.map(fits)).toEqual(fitting.map(() => true));
    expect(others.map(fits)).toEqual(others.map(() => false));
  });

  test("a path that keeps out does so in every spelling; one that lets in is as it is", () => {
    const rule = paths(exact("/v1/x:delete"));
    const not = meshRule(undefined, { paths: { none: [exact("/v1/x:delete")] } });
    for (const path of ["/v1/x:delete", "/v1/x%3Adelete", "/v1/x%3adelete", "/v1/%78:delete"]) {
      expect([denies(rule, http({ path })), allows(not, http({ path }))]).toEqual([true, false]);
    }
    expect([allows(rule, http({ path: "/v1/x%3Adelete" })), denies(not, http({ path: "/v1/x%3Adelete" }))]).toEqual([
      false,
      true,
    ]);
    expect(denies(paths(exact("/%2561")), http({ path: "/%61" }))).toBe(false);
  });

  test("hosts in any case, methods in their own, and what is not there fits no `*`", () => {
    const operation = (field: "hosts" | "methods", match: StringMatch) =>
      meshRule(undefined, { [field]: { any: [match] } });
    expect(allows(operation("hosts", exact("cart.shop")), http({ host: "CART.shop:80" }))).toBe(true);
    expect(allows(operation("methods", exact("GET")), http({ method: "get" }))).toBe(false);
    expect(allows(operation("hosts", { type: "present" }), http({ host: "" }))).toBe(false);
  });

  test("a header certainly is a value, or perhaps", () => {
    const rule = (values: Values<StringMatch>, name = "x-a"): AuthorizationRule => ({
      ...anything,
      conditions: [{ operation: { header: { name, values } } }],
    });
    const lines = (...values: string[]) => http({ headers: values.map((value) => ["x-a", value]) });
    const blue = { any: [exact("blue")] };
    const notBlue = { none: [exact("blue")] };
    const both = (call: Call) => [
      allows(rule(blue), call),
      denies(rule(blue), call),
      allows(rule(notBlue), call),
      denies(rule(notBlue), call),
    ];
    expect(both(lines())).toEqual([false, false, true, true]);
    expect(both(lines("blue"))).toEqual([true, true, false, false]);
    expect(both(lines("red"))).toEqual([false, false, true, true]);
    for (const call of [lines("blue, red"), lines("red", "blue"), lines('"blue";q=1'), lines("red;blue")])
      expect(both(call)).toEqual([false, true, false, true]);
    const agent = http({ headers: [["user-agent", "blue, x"]] });
    expect(allows(rule({ any: [{ type: "prefix", value: "blue" }] }, "user-agent"), agent)).toBe(true);
    expect(allows(rule({ any: [{ type: "prefix", value: "blue" }] }), lines("blue, x"))).toBe(false);
    // One without a value is not there for whom it lets in, and is for whom it keeps out.
    const any = rule({ any: [{ type: "present" }] });
    expect([allows(any, lines("")), denies(any, lines("")), allows(any, lines()), denies(any, lines())]).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });

  test("that nobody is served are rejected before any policy", () => {
    const allow = policy(anything);
    expect(verdictOf(workload({ allow }), http({ path: "//" }))).toMatchObject({
      because: "rejected",
      rejected: "path",
    });
    expect(verdictOf(workload({ allow }), http({ host: "a,b" }))).toMatchObject({
      because: "rejected",
      rejected: "host",
    });
    expect(
      verdictOf(workload({ allow }), { ...tcp(), destination: { address: "10.1.0.1", port: 8080 } }),
    ).toMatchObject({
      because: "rejected",
      rejected: "request",
    });
  });
});
