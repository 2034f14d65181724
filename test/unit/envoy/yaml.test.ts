import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { envoyYAML } from "../../../src/envoy/yaml.ts";

describe("envoyYAML", () => {
  test("quotes every string, and the keys that a reader could take for something else", () => {
    const value = {
      name: "no",
      count: 3,
      flag: true,
      "1_000": "1_000",
      no: ["on", "y", "~", ""],
      "@type": "x",
      "a.b/c": {},
    };
    expect(envoyYAML(value)).toBe(
      [
        '"@type": "x"',
        'name: "no"',
        '"1_000": "1_000"',
        '"a.b/c": {}',
        "count: 3",
        "flag: true",
        '"no":',
        '  - "on"',
        '  - "y"',
        '  - "~"',
        '  - ""',
        "",
      ].join("\n"),
    );
  });

  test("does not depend on the order of keys", () => {
    expect(envoyYAML({ b: [{ d: 1, c: 2 }], a: 1 })).toBe(envoyYAML({ a: 1, b: [{ c: 2, d: 1 }] }));
  });

  test("never folds a string or refers to another place", () => {
    const long = "word ".repeat(100);
    const shared = { text: "first\nsecond" };
    const text = envoyYAML({ long, one: shared, two: shared });
    expect(text).toContain(JSON.stringify(long));
    expect(text.split("\n").filter((line) => line.includes(String.raw`"first\nsecond"`))).toHaveLength(2);
  });

  test("a reader gets what was written", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (json) => {
        // A JavaScript object with the key __proto__ is not what any compiled resource is.
        const value: unknown = JSON.parse(JSON.stringify(json).replaceAll("__proto__", "proto"));
        expect(parse(envoyYAML(value))).toEqual(value);
      }),
    );
  });
});
