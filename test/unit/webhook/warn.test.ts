import { describe, expect, test } from "vitest";
import type { AuthorizationPolicy } from "../../../src/api/generated/AuthorizationPolicy.ts";
import type { AdmissionHandler } from "../../../src/webhook/handler.ts";
import { type AdmissionRequest, ReviewError } from "../../../src/webhook/review.ts";
import { createWarningsHandlers, type WarningsOfPolicy, warningsPaths } from "../../../src/webhook/warn.ts";

/** The handler of a path. */
function handlerOf(path: string, warningsOf: WarningsOfPolicy = () => []): AdmissionHandler {
  const handler = createWarningsHandlers(warningsOf).get(path);
  if (handler === undefined) throw new Error(path);
  return handler;
}
const createWarningsHandler = (warningsOf: WarningsOfPolicy) => handlerOf(warningsPaths.policies, warningsOf);

const request: AdmissionRequest = {
  uid: "1",
  apiVersion: "heddle.dev/v1alpha1",
  kind: "AuthorizationPolicy",
  operation: "CREATE",
  namespace: "shop",
  object: { metadata: { name: "new", managedFields: [] }, spec: { action: "DENY" }, status: { conditions: [] } },
};

test("who enrols a namespace that is none of the operator's is told what follows", async () => {
  const handler = createWarningsHandlers(
    () => [],
    (name) => name === "shop",
  ).get(warningsPaths.namespaces);
  const warningsOf = (name: string, inject: string) => {
    const object = { metadata: { name, labels: { "heddle.dev/inject": inject } } };
    return handler?.({ ...request, apiVersion: "v1", kind: "Namespace", object });
  };
  expect(await warningsOf("shop", "enabled")).toEqual({ allowed: true, patch: [], warnings: [] });
  expect(await warningsOf("other", "disabled")).toEqual({ allowed: true, patch: [], warnings: [] });
  expect(await warningsOf("other", "enforced")).toMatchObject({
    allowed: true,
    warnings: [expect.stringMatching(/^pods of the mesh are refused here: .* rbac\.namespaces/)],
  });
});

describe("warnings", () => {
  test("are of the policy's spec, in the namespace of the request; it is always allowed", async () => {
    const asked: AuthorizationPolicy[] = [];
    const handler = createWarningsHandler((policy) => {
      asked.push(policy);
      return ["a", "b"];
    });
    expect(await handler(request)).toEqual({ allowed: true, patch: [], warnings: ["a", "b"] });
    expect(asked).toEqual([
      {
        apiVersion: "heddle.dev/v1alpha1",
        kind: "AuthorizationPolicy",
        metadata: { name: "new", namespace: "shop" },
        spec: { action: "DENY" },
      },
    ]);
  });

  test.each([
    [0, 0, undefined],
    [16, 16, "15"],
    [17, 16, "and 2 more"],
    [40, 16, "and 25 more"],
  ])("%i of them are %i lines", async (count, lines, last) => {
    const handler = createWarningsHandler(() => Array.from({ length: count }, (_, index) => String(index)));
    const decision = await handler(request);
    const { warnings } = decision as { readonly warnings: readonly string[] };
    expect(warnings).toHaveLength(lines);
    expect(warnings.at(-1)).toBe(last);
  });

  test.each<[string, Partial<AdmissionRequest>]>([
    ["another kind", { kind: "MeshTLS" }],
    ["another version", { apiVersion: "heddle.dev/v2" }],
    ["a deletion, which has no object", { object: null }],
    ["an object without metadata", { object: { spec: {} } }],
  ])("%s cannot be reviewed, so that the API server goes on without", async (_, changes) => {
    await expect(createWarningsHandler(() => [])({ ...request, ...changes })).rejects.toThrow(ReviewError);
  });
});

describe("the author of a namespace is told", () => {
  const warningsOf = async (labels?: object, annotations?: object): Promise<readonly string[]> => {
    const object = { metadata: { name: "shop", labels, annotations } };
    const review = { ...request, apiVersion: "v1", kind: "Namespace", object };
    const decision = await handlerOf(warningsPaths.namespaces)(review);
    expect(decision).toMatchObject({ allowed: true, patch: [] });
    return (decision as { readonly warnings: readonly string[] }).warnings;
  };
  const inject = (value: string) => ({ "heddle.dev/inject": value });
  const level = (value: string) => ({ "pod-security.kubernetes.io/enforce": value });

  test.each<[string, object, object, RegExp]>([
    [
      "a value that puts nothing into the mesh",
      inject("true"),
      {},
      /^label heddle.dev\/inject is "true", which has no/,
    ],
    ["the label as an annotation", {}, inject("enabled"), /is a label, and has no effect as an annotation/],
    [
      "a standard that refuses the redirect",
      { ...inject("enabled"), ...level("baseline") },
      {},
      /enforce is baseline, which refuses pods of the mesh: their container heddle-redirect needs NET_ADMIN/,
    ],
    ["the stricter one", { ...inject("enforced"), ...level("restricted") }, {}, /enforce is restricted, which refuses/],
    [
      "a bound that is none",
      {},
      { "heddle.dev/bound-proxy-cpu-limit": "lots" },
      /^annotation heddle.dev\/bound-proxy-cpu-limit must be .*, not 'lots'; pods with heddle.dev\/proxy-cpu-limit are/,
    ],
    [
      "an annotation of pods",
      {},
      { "heddle.dev/proxy-cpu-limit": "1" },
      /has no effect on a namespace: it is for pods; heddle.dev\/bound-proxy-cpu-limit bounds it here/,
    ],
    ["a misspelt one", {}, { "heddle.dev/bound-cpu": "1" }, /has no effect on a namespace: Heddle does not know it/],
  ])("of %s", async (_, labels, annotations, message) => {
    const warnings = await warningsOf(labels, annotations);
    expect(warnings).toEqual([expect.stringMatching(message)]);
    expect(warnings[0]?.length).toBeLessThanOrEqual(256);
  });

  test("nothing of what has its effect", async () => {
    expect(await warningsOf()).toEqual([]);
    expect(await warningsOf({ ...inject("enabled"), ...level("privileged") }, { other: "x" })).toEqual([]);
    expect(await warningsOf({ ...inject("disabled"), ...level("restricted") })).toEqual([]);
    expect(await warningsOf(level("restricted"))).toEqual([]);
    expect(await warningsOf(inject("enforced"), { "heddle.dev/bound-exclude-outbound-ports": "25,3306" })).toEqual([]);
  });

  test("labels that are no strings cannot be reviewed", async () => {
    await expect(warningsOf({ "heddle.dev/inject": 1 })).rejects.toThrow(ReviewError);
  });
});
