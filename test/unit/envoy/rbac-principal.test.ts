import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PrincipalJson } from "../../../src/envoy/generated/envoy/config/rbac/v3/rbac_pb.js";
import { unidentifiedPart } from "../../../src/envoy/rbac-principal.ts";
import { rules } from "../../../src/envoy/rbac-rules.ts";
import type { SourceMatch, StringMatch } from "../../../src/model/mesh.ts";
import { anyPolicies } from "../../support/mesh-arbitraries.ts";
import { identityOf } from "../../support/mesh-samples.ts";
import { domain, exact, principalsOf } from "./rbac-support.ts";

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
    // `spiffe://` is no part of what is compared.
    for (const scheme of ["spiffe://", "//", "/"]) {
      const value = `${scheme}cluster.local/ns/shop/sa/frontend`;
      expect(principalsOf("ALLOW", { principals: { any: [{ type: "suffix", value }] } })).toEqual([
        { notId: { any: true } },
      ]);
    }
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
