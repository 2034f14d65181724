import { describe, expect, test } from "vitest";
import type { AuthorizationPolicy } from "../../../src/api/generated/AuthorizationPolicy.ts";
import { type AdmissionRequest, ReviewError } from "../../../src/webhook/review.ts";
import { createWarningsHandler } from "../../../src/webhook/warn.ts";

const request: AdmissionRequest = {
  uid: "1",
  apiVersion: "heddle.dev/v1alpha1",
  kind: "AuthorizationPolicy",
  operation: "CREATE",
  namespace: "shop",
  object: { metadata: { name: "new", managedFields: [] }, spec: { action: "DENY" }, status: { conditions: [] } },
};

describe("warnings", () => {
  test("are of the policy's spec, in the namespace of the request; it is always allowed", () => {
    const asked: AuthorizationPolicy[] = [];
    const handler = createWarningsHandler((policy) => {
      asked.push(policy);
      return ["a", "b"];
    });
    expect(handler(request)).toEqual({ allowed: true, patch: [], warnings: ["a", "b"] });
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
    [17, 16, "and 2 more; see its status"],
    [40, 16, "and 25 more; see its status"],
  ])("%i of them are %i lines", (count, lines, last) => {
    const handler = createWarningsHandler(() => Array.from({ length: count }, (_, index) => String(index)));
    const decision = handler(request);
    const { warnings } = decision as { readonly warnings: readonly string[] };
    expect(warnings).toHaveLength(lines);
    expect(warnings.at(-1)).toBe(last);
  });

  test.each<[string, Partial<AdmissionRequest>]>([
    ["another kind", { kind: "MeshTLS" }],
    ["another version", { apiVersion: "heddle.dev/v2" }],
    ["a deletion, which has no object", { object: null }],
    ["an object without metadata", { object: { spec: {} } }],
  ])("%s cannot be reviewed, so that the API server goes on without", (_, changes) => {
    expect(() => createWarningsHandler(() => [])({ ...request, ...changes })).toThrow(ReviewError);
  });
});
