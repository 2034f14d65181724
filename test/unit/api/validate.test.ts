import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  type SchemaProblem,
  validateAuthorizationPolicy,
  validateMeshTLS,
  validateTrafficSplit,
} from "../../../src/api/validate.ts";
import { readCustomResources, type Schema } from "../../../tools/generate/custom-resources.ts";
import { readSamples } from "../../apiserver/crds/samples.ts";

const validators: ReadonlyMap<string, (value: unknown) => SchemaProblem | undefined> = new Map([
  ["TrafficSplit", validateTrafficSplit],
  ["AuthorizationPolicy", validateAuthorizationPolicy],
  ["MeshTLS", validateMeshTLS],
]);

/** The messages of all CEL rules in a schema. */
function messagesOf(schema: Schema): readonly string[] {
  const inner = [schema.items, schema.additionalProperties, ...Object.values(schema.properties ?? {})];
  return [
    ...(schema["x-kubernetes-validations"] ?? []).map(({ message = "" }) => message),
    ...inner.filter((value) => value !== undefined).flatMap(messagesOf),
  ];
}

const resources = await readCustomResources(join(import.meta.dirname, "../../../crds"));
const messages = resources.flatMap(({ schema }) => messagesOf(schema));
const samples = readSamples().map((sample) => {
  const said = sample.refusal?.replace(/^.*(Invalid value: "[^"]*"|evaluating rule): /s, "");
  return { ...sample, isCEL: said !== undefined && messages.some((message) => message.includes(said)) };
});

describe("the compiled validators and the API server agree", () => {
  test("the samples are of both sorts", () => {
    expect(samples.filter(({ isCEL }) => isCEL).length).toBeGreaterThan(100);
    expect(samples.filter(({ isCEL, refusal }) => !isCEL && refusal !== undefined).length).toBeGreaterThan(100);
    expect(samples.filter(({ refusal }) => refusal === undefined).length).toBeGreaterThan(100);
  });

  test.each(samples.filter(({ refusal }) => refusal === undefined))("$kind: $name", ({ kind, body }) => {
    expect(validators.get(kind)?.(body)).toBeUndefined();
  });

  test.each(samples.filter(({ refusal, isCEL }) => refusal !== undefined && !isCEL))(
    "$kind: $name",
    ({ kind, body }) => {
      expect(validators.get(kind)?.(body)).toBeDefined();
    },
  );
});

describe("problems are for people", () => {
  const split = (part: object) => ({ spec: { service: "a", backends: [{ service: "b", weight: 1 }], ...part } });
  const operation = (part: object) => ({ spec: { rules: [{ to: [{ operation: part }] }] } });
  const cases: readonly [string, SchemaProblem | undefined, string, string | RegExp][] = [
    ["no object", validateTrafficSplit(null), "", "must be an object"],
    ["no spec", validateTrafficSplit({}), "", "lacks spec; add it"],
    [
      "a type",
      validateTrafficSplit(split({ backends: [{ service: "b", weight: 1.5 }] })),
      "spec.backends[0].weight",
      "must be a whole number",
    ],
    ["a missing field", validateTrafficSplit(split({ backends: [{}] })), "spec.backends[0]", "lacks service; add it"],
    [
      "an unknown field",
      validateTrafficSplit(split({ retries: {} })),
      "spec",
      "has no field retries; remove it or correct its name",
    ],
    [
      "a least number",
      validateTrafficSplit(split({ backends: [{ service: "b", weight: -1 }] })),
      "spec.backends[0].weight",
      "must be at least 0",
    ],
    [
      "a greatest number",
      validateTrafficSplit(split({ backends: [{ service: "b", weight: 1e7 }] })),
      "spec.backends[0].weight",
      "must be at most 1000000",
    ],
    [
      "an empty list",
      validateTrafficSplit(split({ matches: [] })),
      "spec.matches",
      "must not be an empty list; fill it or leave it out",
    ],
    ["a null list", validateTrafficSplit(split({ matches: null })), "spec.matches", "must be a list"],
    [
      "an empty object",
      validateTrafficSplit(split({ matches: [{}] })),
      "spec.matches[0]",
      "must not be empty; fill it or leave it out",
    ],
    ["an empty string", validateTrafficSplit(split({ service: "" })), "spec.service", "must not be empty"],
    [
      "a long string",
      validateTrafficSplit(split({ service: "a".repeat(254) })),
      "spec.service",
      "must have at most 253 characters",
    ],
    [
      "a long list",
      validateTrafficSplit(split({ backends: Array.from({ length: 33 }, (_, at) => ({ service: `b${at}` })) })),
      "spec.backends",
      "must have at most 32 items",
    ],
    [
      "a key twice",
      validateTrafficSplit(split({ backends: [{ service: "b" }, { service: "b" }] })),
      "spec.backends",
      "must not have two items with the same key",
    ],
    [
      "a value twice",
      validateAuthorizationPolicy(operation({ ports: ["80", "81", "80"] })),
      "spec.rules[0].to[0].operation.ports",
      "must not have the same value twice (items 0 and 2)",
    ],
    ["a word", validateAuthorizationPolicy({ spec: { action: "AUDIT" } }), "spec.action", "must be one of ALLOW, DENY"],
    [
      "a character",
      validateAuthorizationPolicy(operation({ paths: ["/a b"] })),
      "spec.rules[0].to[0].operation.paths[0]",
      /^has a character or a form that it must not have/,
    ],
    [
      "a label",
      validateMeshTLS({ spec: { selector: { matchLabels: { "example.com/app": 1 } } } }),
      'spec.selector.matchLabels["example.com/app"]',
      "must be a string",
    ],
    [
      "a number or a string",
      validateMeshTLS({ spec: { ports: [{ port: true, mode: "Strict" }] } }),
      "spec.ports[0].port",
      "must be a whole number or a string",
    ],
  ];

  test.each(cases)("%s", (_name, problem, field, message) => {
    expect(problem?.field).toBe(field);
    if (typeof message === "string") expect(problem?.message).toBe(message);
    else expect(problem?.message).toMatch(message);
  });

  test("labels may be any word", () => {
    const matchLabels = JSON.parse('{"constructor": "a", "__proto__": "b", "toString": "c"}');
    expect(validateMeshTLS({ spec: { mode: "Strict", selector: { matchLabels } } })).toBeUndefined();
  });
});

describe("what is no path template", () => {
  test.each(["/a{*}", "/{*}a", "/a|b/{*}", "/a^/{*}", "a/{*}", "/{**}/{*}", "/a//{*}", "/{a}", '/a"/{*}'])(
    "%s is refused",
    (path) => {
      expect(
        validateAuthorizationPolicy({ spec: { rules: [{ to: [{ operation: { paths: [path] } }] }] } })?.field,
      ).toBe("spec.rules[0].to[0].operation.paths[0]");
    },
  );
});

test("a long value does not take long", () => {
  const path = `/${"a%41".repeat(20_000)}/{**}${"/b".repeat(20_000)}^`;
  const started = performance.now();
  expect(validateAuthorizationPolicy({ spec: { rules: [{ to: [{ operation: { paths: [path] } }] }] } })).toBeDefined();
  expect(performance.now() - started).toBeLessThan(200);
});
