import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { authorizationResources, dryRunFilters, requestFilters } from "../../../src/envoy/rbac.ts";
import { connectionFilters } from "../../../src/envoy/rbac-connection.ts";
import { rules } from "../../../src/envoy/rbac-rules.ts";
import type { AuthorizationRule, DryRun } from "../../../src/model/mesh.ts";
import { anyPolicies } from "../../support/mesh-arbitraries.ts";
import { meshPolicy, meshRule, workloadClass } from "../../support/mesh-samples.ts";
import { walkObjects } from "../../support/walk.ts";
import { compiled, domain, exact } from "./rbac-support.ts";

describe("rules", () => {
  test("no policy is no rules, which lets everything pass", () => {
    const filters = authorizationResources(workloadClass(), ["http", "tcp"]).map(
      ({ config }) => config["typed_config"],
    );
    expect(filters).toHaveLength(2);
    for (const filter of filters) expect(filter).not.toHaveProperty("rules");
    expect(connectionFilters(workloadClass(), 3306, "identified")).toEqual([]);
  });

  test("an ALLOW policy without rules allows nothing", () => {
    expect(rules("ALLOW", [meshPolicy("shop/none", [])], "http", domain)).toEqual({ action: "ALLOW" });
    const workload = workloadClass({ allow: [meshPolicy("shop/none", [])] });
    const resources = authorizationResources(workload, ["http"]);
    expect(resources.find(({ name }) => name === "authorization-http-allow")?.config["typed_config"]).toHaveProperty(
      "rules",
      {},
    );
    expect(connectionFilters(workload, 3306, "identified")).toMatchObject([
      { typedConfig: { rules: { action: "ALLOW" } } },
    ]);
  });

  test("a rule without sources and operations matches everything", () => {
    expect(compiled("DENY", "tcp", meshRule())).toEqual({
      "shop/p/0": { permissions: [{ any: true }], principals: [{ any: true }] },
    });
    expect(compiled("DENY", "http", meshRule({}, {}))).toEqual({
      "shop/p/0": { permissions: [{ any: true }], principals: [{ any: true }] },
    });
  });

  test("each rule is named by its object and its index", () => {
    const given = [meshPolicy("mesh/a", [meshRule(), meshRule()]), meshPolicy("shop/constructor", [meshRule()])];
    expect(Object.keys(rules("ALLOW", given, "http", domain).policies ?? {})).toEqual([
      "mesh/a/0",
      "mesh/a/1",
      "shop/constructor/0",
    ]);
  });

  test("any source and any operation", () => {
    const rule: AuthorizationRule = {
      sources: [{ namespaces: { any: [exact("a")] } }, { namespaces: { any: [exact("b")] } }],
      operations: [{ ports: { any: [1] } }, { ports: { any: [2] } }],
    };
    expect(compiled("ALLOW", "http", rule)?.["shop/p/0"]).toEqual({
      principals: ["a", "b"].map((name) => ({
        authenticated: { principalName: { prefix: `spiffe://cluster.local/ns/${name}/sa/` } },
      })),
      permissions: [{ destinationPort: 1 }, { destinationPort: 2 }],
    });
  });
});

describe("an HTTP field on a connection whose requests cannot be seen", () => {
  const mixed: AuthorizationRule = {
    sources: [],
    operations: [{ methods: { any: [exact("GET")] }, ports: { any: [3306] } }, { ports: { any: [5432] } }],
  };

  test("in ALLOW that rule cannot match, and others still can", () => {
    expect(rules("ALLOW", [meshPolicy("shop/p", [mixed])], "tcp", domain)).toEqual({ action: "ALLOW" });
    expect(Object.keys(compiled("ALLOW", "tcp", mixed, meshRule()) ?? {})).toEqual(["shop/p/1"]);
  });

  test("in DENY only the rest of it counts", () => {
    expect(compiled("DENY", "tcp", mixed)?.["shop/p/0"]?.permissions).toEqual([
      { destinationPort: 3306 },
      { destinationPort: 5432 },
    ]);
    const hostOnly = meshRule(undefined, { hosts: { none: [exact("a")] } });
    expect(compiled("DENY", "tcp", hostOnly)?.["shop/p/0"]?.permissions).toEqual([{ any: true }]);
  });

  test("no TCP rule has an HTTP matcher", () => {
    fc.assert(
      fc.property(anyPolicies, fc.constantFrom("ALLOW" as const, "DENY" as const), (policies, action) => {
        walkObjects(rules(action, policies, "tcp", domain), (object) => {
          for (const field of ["header", "urlPath", "uriTemplate"]) expect(object).not.toHaveProperty(field);
        });
      }),
    );
  });
});

describe("filters", () => {
  test("deny everything until their policies are there, and wait for them", () => {
    for (const filter of requestFilters({})) {
      expect(filter.configDiscovery).toMatchObject({
        defaultConfig: { rules: { action: "ALLOW" } },
        configSource: { ads: {} },
      });
      expect(filter.configDiscovery.defaultConfig).not.toHaveProperty("rules.policies");
      expect(filter.configDiscovery).not.toHaveProperty("applyDefaultConfigWithoutWarming");
    }
  });

  test("of a dry run come first, count by its name, and enforce nothing, known or not", () => {
    const policy: DryRun = { ...meshPolicy("shop/a.b", [meshRule()]), action: "DENY" };
    const workload = workloadClass({ dryRuns: [policy] });
    const [first] = requestFilters(workload);
    expect(dryRunFilters("tcp", workload).map(({ name }) => name)).toEqual(["dry-run-tcp/shop/a.b"]);
    expect(first?.name).toBe("dry-run-http/shop/a.b");
    expect(Object.keys(first?.configDiscovery.defaultConfig ?? {})).toEqual(["@type"]);
    const [http, , , tcp] = authorizationResources(workload, ["http", "tcp"]).map(
      ({ config }) => config["typed_config"],
    );
    expect(http).toMatchObject({
      shadow_rules: { action: "DENY" },
      shadow_rules_stat_prefix: "dry-run/shop/a_b.",
    });
    expect(tcp).toMatchObject({ shadow_rules: { action: "DENY" }, stat_prefix: "dry-run/shop/a_b." });
    for (const config of [http, tcp]) expect(config).not.toHaveProperty("rules");
  });

  test("have statistics of their own", () => {
    const names = requestFilters({}).map(({ name }) => name);
    const resources = authorizationResources(workloadClass(), ["http", "tcp"]);
    expect(resources.map(({ name }) => name)).toEqual(names);
    expect(resources.map(({ config }) => config["typed_config"])).toMatchObject([
      { rules_stat_prefix: "heddle.deny_", track_per_rule_stats: true },
      { rules_stat_prefix: "heddle.allow_", track_per_rule_stats: true },
    ]);
    const judged = workloadClass({ deny: [meshPolicy("shop/d", [meshRule()])], allow: [] });
    expect(connectionFilters(judged, 3306, "identified")).toMatchObject([
      { name: "authorization-tcp-deny", typedConfig: { statPrefix: "heddle.deny_" } },
      { name: "authorization-tcp-allow", typedConfig: { statPrefix: "heddle.allow_" } },
    ]);
  });
});
