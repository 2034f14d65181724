import { describe, expect, test } from "vitest";
import type { FindingCode } from "../../../src/api/conditions.ts";
import type { AuthorizationPolicySpec } from "../../../src/api/generated/AuthorizationPolicy.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import type { GivenObject } from "../../support/objects.ts";
import { authorizationPolicy, clusterOf, meshTLS, pod, service, testSettings } from "../../support/objects.ts";

const workload = [
  pod("shop/a-1", {
    labels: { app: "a" },
    addresses: ["10.1.0.1"],
    ports: [{ containerPort: 8080 }, { containerPort: 5432 }],
  }),
  service("shop/a", {
    selector: { app: "a" },
    ports: [
      { name: "http", port: 8080 },
      { name: "db", port: 5432 },
    ],
  }),
];

function decide(spec: AuthorizationPolicySpec, ...others: readonly GivenObject[]) {
  const compilation = compile(clusterOf([...workload, authorizationPolicy("shop/x", spec), ...others]), testSettings);
  const decision = compilation.decisions.find(({ object }) => object.kind === "AuthorizationPolicy");
  const [target] = compilation.mesh.classes.values();
  if (decision === undefined || target === undefined) throw new Error("there is no decision");
  return { decision, workload: target };
}

describe("a stored policy that the API server would refuse", () => {
  const source = (given: object): AuthorizationPolicySpec => ({ rules: [{ from: [{ source: given }] }] });
  const operation = (given: object): AuthorizationPolicySpec => ({ rules: [{ to: [{ operation: given }] }] });

  test.each<[string, AuthorizationPolicySpec, string]>([
    ["a DENY without rules", { action: "DENY" }, "spec.rules"],
    ["a port above 65535", operation({ ports: ["70000"] }), "ports[0]"],
    ["a port that is no number", operation({ notPorts: ["http"] }), "notPorts[0]"],
    ["a host with a port", operation({ hosts: ["cart.shop:8080"] }), "hosts[0]"],
    ["a host with a trailing dot", operation({ hosts: ["cart.shop."] }), "hosts[0]"],
    ["an asterisk within a method", operation({ methods: ["G*T"] }), "methods[0]"],
    ["a pattern with two asterisks", operation({ methods: ["*E*"] }), "methods[0]"],
    ["a path without a slash", operation({ paths: ["cart"] }), "paths[0]"],
    ["a template segment that is not whole", operation({ paths: ["/cart/a{*}"] }), "paths[0]"],
    ["a template segment behind `{**}`", operation({ paths: ["/{**}/{*}"] }), "paths[0]"],
    ["a template and an asterisk", operation({ paths: ["/{*}/x*"] }), "paths[0]"],
    ["a template name", operation({ paths: ["/{name}"] }), "paths[0]"],
    ["a principal with its scheme", source({ principals: ["spiffe://cluster.local/ns/a/sa/b"] }), "principals[0]"],
    ["an asterisk in a service account", source({ serviceAccounts: ["shop/*"] }), "serviceAccounts[0]"],
    ["a service account of three parts", source({ serviceAccounts: ["a/b/c"] }), "serviceAccounts[0]"],
    ["a service account without a name", source({ serviceAccounts: ["shop/"] }), "serviceAccounts[0]"],
    ["a block that is none", source({ notIpBlocks: ["10.0.0.0/33"] }), "notIpBlocks[0]"],
    ["an empty source", source({}), "source"],
    ["an empty list", source({ namespaces: [] }), "namespaces"],
    ["an unknown field", source({ requestPrincipals: ["x"] }), "requestPrincipals"],
    ["an unknown action", { action: "AUDIT" as "DENY" }, "spec.action"],
  ])("%s is invalid, names the field, and denies everything", (_what, spec, field) => {
    const { decision, workload: target } = decide(spec);
    expect(decision.accepted).toMatchObject({ status: "False", reason: "Invalid" });
    expect(decision.accepted.message).toContain(field);
    expect(target.deny.map(({ rules }) => rules)).toEqual([[{ sources: [], operations: [] }]]);
    expect(target.allow).toBeUndefined();
  });
});

describe("findings", () => {
  const codes = (spec: AuthorizationPolicySpec, ...others: readonly GivenObject[]): readonly FindingCode[] =>
    decide(spec, ...others).decision.findings.map(({ code }) => code);
  const denyShop = (to?: object): AuthorizationPolicySpec => ({
    action: "DENY",
    rules: [{ from: [{ source: { namespaces: ["shop"] } }], ...(to === undefined ? {} : { to: [{ operation: to }] }) }],
  });

  test("a denied identity is uncertain only on the ports that the rule covers", () => {
    const strictButHTTP = meshTLS("shop/tls", { mode: "Strict", ports: [{ port: 8080, mode: "Permissive" }] });
    expect(codes(denyShop(), strictButHTTP)).toEqual(["IdentityWithoutStrict"]);
    expect(codes(denyShop({ ports: ["8080"] }), strictButHTTP)).toEqual(["IdentityWithoutStrict"]);
    expect(codes(denyShop({ ports: ["5432"] }), strictButHTTP)).toEqual([]);
    expect(codes(denyShop({ notPorts: ["8080"] }), strictButHTTP)).toEqual([]);
    const strictHTTP = meshTLS("shop/tls", { mode: "Permissive", ports: [{ port: 8080, mode: "Strict" }] });
    expect(codes(denyShop({ ports: ["8080"] }), strictHTTP)).toEqual([]);
    expect(codes(denyShop({ ports: ["5432"] }), strictHTTP)).toEqual(["IdentityWithoutStrict"]);
  });

  test("an HTTP field is unseen only on the TCP ports that the operation covers", () => {
    const get = (ports: object): AuthorizationPolicySpec => ({
      rules: [{ to: [{ operation: { methods: ["GET"], ...ports } }] }],
    });
    expect(codes(get({}))).toEqual(["HTTPFieldOnTCPPort"]);
    expect(codes(get({ ports: ["8080"] }))).toEqual([]);
    expect(codes(get({ ports: ["5432"] }))).toEqual(["HTTPFieldOnTCPPort"]);
    expect(codes(get({ notPorts: ["5432"] }))).toEqual([]);
    expect(codes({ rules: [{ to: [{ operation: { ports: ["5432"] } }] }] })).toEqual([]);
  });

  test("a port that nobody declares is named once for each place", () => {
    expect(codes({ rules: [{ to: [{ operation: { ports: ["8080", "9999"] } }] }] })).toEqual(["UnknownPort"]);
  });
});
