import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { escapeRE2 } from "../../../src/envoy/matching.ts";
import { rules } from "../../../src/envoy/rbac-rules.ts";
import type { StringMatch } from "../../../src/model/mesh.ts";
import { mayFitPath } from "../../../src/policy/text.ts";
import { anyPolicies } from "../../support/mesh-arbitraries.ts";
import { meshRule } from "../../support/mesh-samples.ts";
import { walkObjects } from "../../support/walk.ts";
import { compiled, domain, exact, permissionsOf } from "./rbac-support.ts";

describe("regular expressions", () => {
  test("no value that is exact becomes one", () => {
    const name = fc.stringMatching(/^[a-z.*+?()[\]{}|^$\\-]{1,12}$/);
    const field = name.map((value) => ({ any: [exact(value)], none: [exact(`${value}.x`)] }));
    // In a path that keeps callers out every other character may be spelled in two ways (see below).
    const plain = fc
      .stringMatching(/^[/a-z0-9._~-]{1,12}$/)
      .map((value) => ({ any: [exact(value)], none: [exact("/x")] }));
    const source = fc.record({ principals: field, namespaces: field });
    const operation = fc.record({ hosts: field, methods: field, paths: plain });
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

  test("a path that keeps callers out fits in every spelling of it, and in no other; one that lets them in as it is", () => {
    const regexOf = (match: StringMatch): RegExp => {
      const [term] = permissionsOf({ paths: { any: [match] } }, "DENY") ?? [];
      const { regex } = (term as { urlPath: { path: { safeRegex: { regex: string } } } }).urlPath.path.safeRegex;
      return new RegExp(`^(${regex})$`);
    };
    const characters = fc.constantFrom("a", "/", ".", ":", "(", "+", "%3b", "%25", "%C3", "*");
    const text = fc.array(characters, { minLength: 1, maxLength: 6 }).map((parts) => `/:${parts.join("")}`);
    const other = fc.oneof(
      text,
      text.map((path) => path.replaceAll(":", "%3a").replaceAll("(", "%28")),
      text.map((path) => path.replaceAll("%3b", ";").replaceAll("%C3", "%c3")),
    );
    fc.assert(
      fc.property(text, other, (value, path) => {
        for (const match of [exact(value), { type: "prefix", value } as const, { type: "suffix", value } as const]) {
          expect(regexOf(match).test(path), `${match.type} ${value}, ${path}`).toBe(mayFitPath(match, path));
        }
        expect(JSON.stringify(permissionsOf({ paths: { any: [exact(value)] } }, "ALLOW"))).not.toMatch(/regex/i);
        expect(JSON.stringify(permissionsOf({ paths: { none: [exact(value)] } }, "DENY"))).not.toMatch(/regex/i);
      }),
      { numRuns: 1_000 },
    );
    expect(regexOf(exact("/v1/a:delete")).test("/v1/a%3Adelete")).toBe(true);
    expect(regexOf({ type: "template", value: "/{*}/a:delete" }).test("/v1/a%3Adelete")).toBe(true);
  });

  test("only the end of a namespace, paths and a member of a header need one", () => {
    const namespace = /^spiffe\\:\\\/\\\/cluster\\\.local\\\/ns\\\/\[\^\/\]\*.*\/sa\/\[\^\/\]\+$/s;
    let seen = 0;
    fc.assert(
      fc.property(anyPolicies, (policies) => {
        walkObjects(rules("DENY", policies, "http", domain), (object) => {
          if (object["safeRegex"] === undefined) return;
          seen++;
          const { regex } = object["safeRegex"] as { regex: string };
          const ofHeader = regex.startsWith('(.*[,;])?[ \\t"]*') || regex.endsWith('[ \\t"]*([,;].*)?');
          expect(ofHeader || namespace.test(regex) || /^(\.\*.*%|\\\/)/.test(regex)).toBe(true);
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
