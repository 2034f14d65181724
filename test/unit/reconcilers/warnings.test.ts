import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AuthorizationPolicy, AuthorizationPolicySpec } from "../../../src/api/generated/AuthorizationPolicy.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import { garbage } from "../../support/garbage.ts";
import type { GivenObject } from "../../support/objects.ts";
import { authorizationPolicy, clusterOf, meshTLS, pod, service, testSettings } from "../../support/objects.ts";

const ports = [{ containerPort: 8080 }];
const world = [
  pod("shop/cart-0", { labels: { app: "cart" }, addresses: ["10.1.0.1"], ports }),
  pod("shop/cart-1", { labels: { app: "cart" }, addresses: ["10.1.0.2"], ports }),
  pod("shop/pay-0", { labels: { app: "pay" }, addresses: ["10.1.0.3"], ports }),
  service("shop/cart", { selector: { app: "cart" } }),
  service("shop/pay", { selector: { app: "pay" } }),
];
const cart = { matchLabels: { app: "cart" } };
const fromFrontend = [{ from: [{ source: { serviceAccounts: ["shop/frontend"] } }] }];
const strict = meshTLS("shop/default", { mode: "Strict" });

/** What the author of `shop/new` is told in a mesh that has these objects too. */
function warnings(spec: AuthorizationPolicySpec, ...others: readonly GivenObject[]): readonly string[] {
  const policy = authorizationPolicy("shop/new", spec) as AuthorizationPolicy;
  return compile(clusterOf([...world, ...others]), testSettings).warningsOf(policy);
}

describe("the first ALLOW that turns a workload default-deny", () => {
  const ofCart =
    "No other ALLOW policy applies to the workload of pod shop/cart-0: what no rule of this one matches is denied from " +
    "now on. `enforcement: DryRun` counts it beforehand.";

  test("names the workload", () => {
    expect(warnings({ selector: cart, rules: fromFrontend })).toEqual([ofCart]);
  });

  test("counts workloads, and says when nothing is let in", () => {
    expect(warnings({})).toEqual([
      "No other ALLOW policy applies to 2 workloads, such as the one of pod shop/cart-0: every call is denied from now " +
        "on. `enforcement: DryRun` counts it beforehand.",
    ]);
  });

  test("is about those workloads only that have no other", () => {
    const other = authorizationPolicy("shop/other", { selector: { matchLabels: { app: "pay" } }, rules: [{}] });
    expect(warnings({ rules: fromFrontend }, other)).toEqual([ofCart]);
  });

  test("a policy that was a dry run or a DENY before becomes the first", () => {
    const before = [
      authorizationPolicy("shop/new", { selector: cart, enforcement: "DryRun", rules: fromFrontend }),
      authorizationPolicy("shop/new", { selector: cart, action: "DENY", rules: fromFrontend }),
    ];
    for (const policy of before) expect(warnings({ selector: cart, rules: fromFrontend }, policy)).toEqual([ofCart]);
  });

  test.each<[string, AuthorizationPolicySpec, readonly GivenObject[]]>([
    ["where another applies", { selector: cart, rules: fromFrontend }, [authorizationPolicy("shop/other", {})]],
    [
      "where one of the mesh applies",
      { selector: cart, rules: fromFrontend },
      [authorizationPolicy("heddle-system/other", {})],
    ],
    [
      "that is there already and only changes its rules",
      { selector: cart, rules: [{}] },
      [authorizationPolicy("shop/new", { selector: cart, rules: fromFrontend })],
    ],
    ["as a dry run", { selector: cart, enforcement: "DryRun", rules: fromFrontend }, []],
  ])("no warning %s", (_, spec, others) => {
    expect(warnings(spec, ...others)).toEqual([]);
  });
});

describe("a DENY on a positive identity", () => {
  const deny: AuthorizationPolicySpec = { action: "DENY", selector: cart, rules: fromFrontend };

  test("is a warning where the mode is not Strict, and not where it is", () => {
    expect(warnings(deny)).toEqual([
      "spec.rules[0].from[0].source.serviceAccounts: Callers in plaintext have no identity, so this denies none of them, " +
        "and the workload accepts plaintext. Demand mutual TLS with a MeshTLS of mode Strict.",
    ]);
    expect(warnings(deny, strict)).toEqual([]);
  });

  test("a negated one denies plaintext callers too", () => {
    const rules = [{ from: [{ source: { notServiceAccounts: ["shop/frontend"] } }] }];
    expect(warnings({ ...deny, rules })).toEqual([]);
  });
});

describe("other findings", () => {
  test("one line for what is the same of several fields", () => {
    const rules = [{ to: [{ operation: { paths: ["/admin", "/admin/*"], ports: ["8080"] } }] }];
    expect(warnings({ action: "DENY", selector: cart, rules }, strict)).toEqual([
      expect.stringMatching(/^spec\.rules\[0\]\.to\[0\]\.operation\.paths\[0\] \(and 1 more\): .*upper case/),
    ]);
  });

  test("a selector or a Service that means no pod", () => {
    expect(warnings({ selector: { matchLabels: { app: "kart" } } })).toEqual([
      expect.stringContaining("spec.selector.matchLabels: No pod with a sidecar has these labels"),
    ]);
    expect(warnings({ targetRefs: [{ kind: "Service", name: "kart" }] })).toEqual([
      expect.stringContaining("spec.targetRefs: Service kart does not exist in namespace shop"),
    ]);
  });

  test("what the API server takes and a compile does not: what comes of it, and nothing else", () => {
    const rules = [{ to: [{ operation: { ports: ["70000"] } }] }];
    expect(warnings({ selector: cart, rules })).toEqual([
      expect.stringMatching(/ports\[0\].*Until then, everything that it selects is denied\.$/),
    ]);
  });

  test("nonsense never makes it throw", () => {
    const { warningsOf } = compile(clusterOf(world), testSettings);
    fc.assert(
      fc.property(garbage("junk"), (objects) => {
        for (const object of objects) warningsOf({ ...object, kind: "AuthorizationPolicy" } as AuthorizationPolicy);
      }),
      { numRuns: 30 },
    );
  });

  test("each fits what clients are shown of a warning", () => {
    const all = [
      ...warnings({ rules: fromFrontend }),
      ...warnings({ action: "DENY", rules: [...fromFrontend, { to: [{ operation: { paths: ["/a"] } }] }] }),
      ...warnings({ targetRefs: [{ kind: "Service", name: "kart" }] }),
    ];
    expect(all).toHaveLength(4);
    for (const line of all) expect(line.length).toBeLessThanOrEqual(256);
  });
});
