import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PrincipalJson } from "../../../src/envoy/generated/envoy/config/rbac/v3/rbac_pb.js";
import { escapeRE2 } from "../../../src/envoy/matching.ts";
import { authorizationResources, dryRunFilters, requestFilters } from "../../../src/envoy/rbac.ts";
import { connectionFilters } from "../../../src/envoy/rbac-connection.ts";
import { unidentifiedPart } from "../../../src/envoy/rbac-principal.ts";
import { rules } from "../../../src/envoy/rbac-rules.ts";
import type {
  AuthorizationRule,
  DryRun,
  OperationMatch,
  SourceMatch,
  StringMatch,
  Values,
} from "../../../src/model/mesh.ts";
import { anyPolicies } from "../../support/mesh-arbitraries.ts";
import { identityOf, meshPolicy, meshRule, workloadClass } from "../../support/mesh-samples.ts";
import { walkObjects } from "../../support/walk.ts";

const domain = "cluster.local";
const exact = (value: string): StringMatch => ({ type: "exact", value });
const compiled = (action: "ALLOW" | "DENY", layer: "http" | "tcp", ...given: AuthorizationRule[]) =>
  rules(action, [meshPolicy("shop/p", given)], layer, domain).policies;
const principalsOf = (action: "ALLOW" | "DENY", source: SourceMatch) =>
  compiled(action, "http", meshRule(source))?.["shop/p/0"]?.principals;
const permissionsOf = (operation: OperationMatch) =>
  compiled("ALLOW", "http", meshRule(undefined, operation))?.["shop/p/0"]?.permissions;

/** Whether a caller without a certificate fits a principal; `isNear` answers for its address. */
function fitsUnidentified(principal: PrincipalJson, isNear: (range: string) => boolean): boolean {
  const fits = (inner: PrincipalJson) => fitsUnidentified(inner, isNear);
  if (principal.andIds !== undefined) return principal.andIds.ids?.every(fits) ?? false;
  if (principal.orIds !== undefined) return principal.orIds.ids?.some(fits) ?? false;
  if (principal.notId !== undefined) return !fits(principal.notId);
  if (principal.directRemoteIp !== undefined) return isNear(JSON.stringify(principal.directRemoteIp));
  if (principal.authenticated !== undefined) return false;
  if (principal.any === true) return true;
  throw new Error(`unknown: ${JSON.stringify(principal)}`);
}

test("what is left out of an ALLOW where callers have no certificate fits none of them", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(anyPolicies, fc.func(fc.boolean()), (policies, isNear) => {
      const whole = rules("ALLOW", policies, "tcp", domain).policies ?? {};
      const left = rules("ALLOW", policies, "tcp", domain, unidentifiedPart).policies ?? {};
      for (const [name, { principals = [], permissions }] of Object.entries(whole)) {
        const isLetIn = principals.some((principal) => fitsUnidentified(principal, isNear));
        const part = left[name];
        expect(part?.principals?.some((principal) => fitsUnidentified(principal, isNear)) ?? false).toBe(isLetIn);
        if (part !== undefined) expect(part.permissions).toEqual(permissions);
        seen.add(`${isLetIn} ${part !== undefined}`);
      }
      expect(Object.keys(whole)).toEqual(expect.arrayContaining(Object.keys(left)));
      expect(JSON.stringify(left)).not.toContain("authenticated");
    }),
    { numRuns: 300 },
  );
  expect([...seen]).toEqual(expect.arrayContaining(["false false", "true true"]));
});

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

describe("identity", () => {
  const frontend = { namespace: "shop", name: "frontend" };
  const identity = { authenticated: { principalName: { exact: identityOf("shop", "frontend") } } };

  test("positive fields name the peer", () => {
    expect(principalsOf("ALLOW", { serviceAccounts: { any: [frontend] } })).toEqual([identity]);
    expect(principalsOf("ALLOW", { principals: { any: [exact("cluster.local/ns/shop/sa/frontend")] } })).toEqual([
      identity,
    ]);
    expect(principalsOf("ALLOW", { principals: { any: [{ type: "present" }] } })).toEqual([{ authenticated: {} }]);
    expect(
      principalsOf("ALLOW", { principals: { any: [{ type: "prefix", value: "cluster.local/ns/shop" }] } }),
    ).toEqual([{ authenticated: { principalName: { prefix: "spiffe://cluster.local/ns/shop" } } }]);
    expect(principalsOf("ALLOW", { principals: { any: [{ type: "suffix", value: "/sa/frontend" }] } })).toEqual([
      { authenticated: { principalName: { suffix: "/sa/frontend" } } },
    ]);
  });

  test("a negated one means authenticated-and-not in ALLOW, and denies the unknown in DENY", () => {
    const source: SourceMatch = { serviceAccounts: { none: [frontend] } };
    expect(principalsOf("ALLOW", source)).toEqual([{ andIds: { ids: [{ authenticated: {} }, { notId: identity }] } }]);
    expect(principalsOf("DENY", source)).toEqual([{ notId: identity }]);
  });

  test("a negated address needs no identity", () => {
    const range = { directRemoteIp: { addressPrefix: "10.0.0.0", prefixLen: 8 } };
    const source: SourceMatch = { ipBlocks: { none: [{ address: "10.0.0.0", prefixLength: 8 }] } };
    expect(principalsOf("ALLOW", source)).toEqual([{ notId: range }]);
  });

  test("a namespace is the whole of its place in the identity", () => {
    const namespace = (match: StringMatch) => principalsOf("ALLOW", { namespaces: { any: [match] } });
    expect(namespace(exact("a.b"))).toEqual([
      { authenticated: { principalName: { prefix: "spiffe://cluster.local/ns/a.b/sa/" } } },
    ]);
    expect(namespace({ type: "prefix", value: "a.b" })).toEqual([
      { authenticated: { principalName: { prefix: "spiffe://cluster.local/ns/a.b" } } },
    ]);
    expect(namespace({ type: "prefix", value: "shop/sa/front" })).toEqual([{ notId: { any: true } }]);
    expect(namespace({ type: "suffix", value: "a.b" })).toEqual([
      {
        authenticated: {
          principalName: { safeRegex: { regex: String.raw`spiffe\:\/\/cluster\.local\/ns\/[^/]*a\.b/sa/[^/]+` } },
        },
      },
    ]);
    expect(namespace({ type: "present" })).toEqual([{ authenticated: {} }]);
  });
});

describe("operations", () => {
  test("hosts ignore case, methods do not", () => {
    expect(permissionsOf({ hosts: { any: [exact("a.b")] } })).toEqual([
      { header: { name: ":authority", stringMatch: { exact: "a.b", ignoreCase: true } } },
    ]);
    expect(permissionsOf({ methods: { any: [exact("GET")] } })).toEqual([
      { header: { name: ":method", stringMatch: { exact: "GET" } } },
    ]);
  });

  test("paths are compared without their query", () => {
    expect(permissionsOf({ paths: { any: [exact("/a"), { type: "suffix", value: ".txt" }] } })).toEqual([
      { orRules: { rules: [{ urlPath: { path: { exact: "/a" } } }, { urlPath: { path: { suffix: ".txt" } } }] } },
    ]);
  });

  test("a template's segments match segments, and the rest of it itself", () => {
    const regexOf = (value: string) => permissionsOf({ paths: { any: [{ type: "template", value }] } });
    const path = (regex: string) => [{ urlPath: { path: { safeRegex: { regex } } } }];
    expect(regexOf("/a/{*}/b.c")).toEqual(path(String.raw`\/a\/[^/]+\/b\.c`));
    expect(regexOf("/{*}/{**}")).toEqual(path(String.raw`\/[^/]+\/.*`));
    expect(regexOf("/a b/{**}")).toEqual(path(String.raw`\/a\ b\/.*`));
  });

  test("fields of an operation are ANDed, and so are `any` and `none` of a field", () => {
    expect(permissionsOf({ ports: { any: [1, 2], none: [3] }, methods: { none: [exact("PUT")] } })).toEqual([
      {
        andRules: {
          rules: [
            { orRules: { rules: [{ destinationPort: 1 }, { destinationPort: 2 }] } },
            { notRule: { destinationPort: 3 } },
            { notRule: { header: { name: ":method", stringMatch: { exact: "PUT" } } } },
          ],
        },
      },
    ]);
  });

  test("a list without values matches nothing", () => {
    expect(permissionsOf({ ports: { any: [] } })).toEqual([{ notRule: { any: true } }]);
    expect(principalsOf("ALLOW", { namespaces: { any: [] } })).toEqual([{ notId: { any: true } }]);
  });
});

describe("conditions", () => {
  const header = (name: string, values: Values<StringMatch>): AuthorizationRule => ({
    sources: [],
    operations: [],
    conditions: [{ operation: { header: { name, values } } }],
  });
  const policyOf = (action: "ALLOW" | "DENY", layer: "http" | "tcp", rule: AuthorizationRule) =>
    compiled(action, layer, rule)?.["shop/p/0"];

  test("hold whatever source and operation fit", () => {
    const rule: AuthorizationRule = {
      sources: [{ namespaces: { any: [exact("a")] } }, { namespaces: { any: [exact("b")] } }],
      operations: [{ ports: { any: [1] } }, { ports: { any: [2] } }],
      conditions: [
        { source: { ipBlocks: { any: [{ address: "10.0.0.0", prefixLength: 8 }] } } },
        { operation: { addresses: { none: [{ address: "10.1.0.1", prefixLength: 32 }] } } },
      ],
    };
    const range = { directRemoteIp: { addressPrefix: "10.0.0.0", prefixLen: 8 } };
    const address = { notRule: { destinationIp: { addressPrefix: "10.1.0.1", prefixLen: 32 } } };
    expect(policyOf("ALLOW", "tcp", rule)).toEqual({
      principals: ["a", "b"].map((name) => ({
        andIds: {
          ids: [{ authenticated: { principalName: { prefix: `spiffe://cluster.local/ns/${name}/sa/` } } }, range],
        },
      })),
      permissions: [1, 2].map((port) => ({ andRules: { rules: [{ destinationPort: port }, address] } })),
    });
  });

  test("on a negated identity demand an identity in ALLOW, and deny the unknown in DENY", () => {
    const rule: AuthorizationRule = {
      sources: [],
      operations: [],
      conditions: [{ source: { namespaces: { none: [exact("a")] } } }],
    };
    const not = { notId: { authenticated: { principalName: { prefix: "spiffe://cluster.local/ns/a/sa/" } } } };
    expect(policyOf("ALLOW", "http", rule)?.principals).toEqual([{ andIds: { ids: [{ authenticated: {} }, not] } }]);
    expect(policyOf("DENY", "http", rule)?.principals).toEqual([not]);
  });

  test("on a header are read narrowly where they allow, and widely where they deny", () => {
    const regex = String.raw`(.*[,;])?[ \t"]*a\.b[ \t"]*([,;].*)?`;
    const perhaps = { header: { name: "x-a", stringMatch: { safeRegex: { regex } } } };
    const some = header("x-a", { any: [exact("a.b")] });
    const none = header("x-a", { none: [exact("a.b")] });
    expect(policyOf("ALLOW", "http", some)).toMatchObject({ permissions: [{ any: true }], condition: {} });
    expect(policyOf("DENY", "http", some)).toEqual({ permissions: [perhaps], principals: [{ any: true }] });
    expect(policyOf("ALLOW", "http", none)).toEqual({
      permissions: [{ notRule: perhaps }],
      principals: [{ any: true }],
    });
    expect(policyOf("DENY", "http", none)).toMatchObject({
      permissions: [{ any: true }],
      condition: { callExpr: { function: "!_" } },
    });
  });

  test("on a header are HTTP's: in ALLOW the rule cannot match a connection, in DENY the rest counts", () => {
    const rule = { ...header("x-a", { any: [exact("a")] }), operations: [{ ports: { any: [1] } }] };
    expect(rules("ALLOW", [meshPolicy("shop/p", [rule])], "tcp", domain)).toEqual({ action: "ALLOW" });
    expect(policyOf("DENY", "tcp", rule)).toEqual({
      permissions: [{ destinationPort: 1 }],
      principals: [{ any: true }],
    });
  });

  test("on the server name take an unknown one for whatever denies", () => {
    const rule = (values: Values<StringMatch>): AuthorizationRule => ({
      sources: [],
      operations: [],
      conditions: [{ operation: { serverNames: values } }],
    });
    const name = (value: string) => ({ requestedServerName: { exact: value } });
    const or = (...list: object[]) => ({ orRules: { rules: list } });
    const permissionsWith = (action: "ALLOW" | "DENY", layer: "http" | "tcp", values: Values<StringMatch>) =>
      policyOf(action, layer, rule(values))?.permissions;
    const any = { any: [exact("a.b")] };
    const none = { none: [exact("a.b")] };
    expect(permissionsWith("ALLOW", "tcp", any)).toEqual([name("a.b")]);
    expect(permissionsWith("ALLOW", "tcp", none)).toEqual([{ notRule: or(name("a.b"), name("a.b."), name("")) }]);
    expect(permissionsWith("DENY", "http", any)).toEqual([or(name("a.b"), name("a.b."))]);
    expect(permissionsWith("DENY", "tcp", any)).toEqual([or(name("a.b"), name("a.b."), name(""))]);
    expect(permissionsWith("DENY", "tcp", none)).toEqual([{ notRule: name("a.b") }]);
  });
});

describe("regular expressions", () => {
  test("no value that is exact becomes one", () => {
    const name = fc.stringMatching(/^[a-z.*+?()[\]{}|^$\\-]{1,12}$/);
    const field = name.map((value) => ({ any: [exact(value)], none: [exact(`${value}.x`)] }));
    const source = fc.record({ principals: field, namespaces: field });
    const operation = fc.record({ hosts: field, methods: field, paths: field });
    fc.assert(
      fc.property(source, operation, fc.constantFrom("ALLOW" as const, "DENY" as const), (from, to, action) => {
        const text = JSON.stringify(compiled(action, "http", meshRule(from, to)));
        expect(text).not.toMatch(/regex/i);
        for (const { any } of [...Object.values(from), ...Object.values(to)]) {
          expect(text).toContain(JSON.stringify(any[0]?.type === "exact" ? any[0].value : "").slice(1, -1));
        }
      }),
    );
  });

  test("only the end of a namespace, a template of paths and a member of a header need one", () => {
    const namespace = /^spiffe\\:\\\/\\\/cluster\\\.local\\\/ns\\\/\[\^\/\]\*.*\/sa\/\[\^\/\]\+$/s;
    let seen = 0;
    fc.assert(
      fc.property(anyPolicies, (policies) => {
        walkObjects(rules("DENY", policies, "http", domain), (object) => {
          if (object["safeRegex"] === undefined) return;
          seen++;
          const { regex } = object["safeRegex"] as { regex: string };
          const ofHeader = regex.startsWith('(.*[,;])?[ \\t"]*') || regex.endsWith('[ \\t"]*([,;].*)?');
          expect(ofHeader || namespace.test(regex) || regex.startsWith("\\/")).toBe(true);
        });
      }),
    );
    expect(seen).toBeGreaterThan(0);
  });

  test("an escaped text matches itself and nothing else", () => {
    const text = fc.string({ unit: "binary-ascii", maxLength: 12 });
    fc.assert(
      fc.property(text, text, (value, other) => {
        const pattern = new RegExp(`^${escapeRE2(value)}$`);
        expect(pattern.test(value)).toBe(true);
        expect(pattern.test(other)).toBe(value === other);
      }),
      { numRuns: 1_000 },
    );
    expect(escapeRE2("a.b_c-\0é")).toBe(String.raw`a\.b_c\-\x00é`);
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
