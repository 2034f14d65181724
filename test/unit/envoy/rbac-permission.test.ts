import { describe, expect, test } from "vitest";
import { rules } from "../../../src/envoy/rbac-rules.ts";
import type { AuthorizationRule, StringMatch, Values } from "../../../src/model/mesh.ts";
import { meshPolicy } from "../../support/mesh-samples.ts";
import { compiled, domain, exact, permissionsOf, principalsOf } from "./rbac-support.ts";

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
