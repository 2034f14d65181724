import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { escapeRE2 } from "../../../src/envoy/matching.ts";
import { rules } from "../../../src/envoy/rbac-rules.ts";
import { anyPolicies } from "../../support/mesh-arbitraries.ts";
import { meshRule } from "../../support/mesh-samples.ts";
import { walkObjects } from "../../support/walk.ts";
import { compiled, domain, exact } from "./rbac-support.ts";

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
