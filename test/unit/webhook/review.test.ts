import { describe, expect, test } from "vitest";
import { createInjectionHandlers } from "../../../src/webhook/handler.ts";
import { type AdmissionDecision, decodeReview, encodeDecision, ReviewError } from "../../../src/webhook/review.ts";
import { inject, podWith, settings } from "./pods.ts";

const bytes = (value: unknown): Uint8Array => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const request = {
  uid: "705ab4f5",
  kind: { group: "", version: "v1", kind: "Pod" },
  operation: "CREATE",
  namespace: "shop",
  object: podWith(),
};
const review = (changes: object = {}) => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: { ...request, ...changes },
});

describe("reading a review", () => {
  test("takes what the API server sends", () => {
    expect(decodeReview(bytes(review()))).toEqual({
      uid: "705ab4f5",
      apiVersion: "v1",
      kind: "Pod",
      operation: "CREATE",
      namespace: "shop",
      object: podWith(),
    });
    const ours = { group: "heddle.dev", version: "v1alpha1", kind: "MeshTLS" };
    expect(decodeReview(bytes(review({ kind: ours }))).apiVersion).toBe("heddle.dev/v1alpha1");
  });

  test.each([
    ["nothing", "", "the body is empty"],
    ["no JSON", "{", "not JSON in UTF-8"],
    ["no UTF-8", Buffer.from([0x22, 0xff, 0x22]), "not JSON in UTF-8"],
    ["null", "null", "the body must be an object"],
    ["a list", "[]", "the body must be an object"],
    [
      "another version",
      { ...review(), apiVersion: "admission.k8s.io/v1beta1" },
      "AdmissionReview of admission.k8s.io/v1",
    ],
    ["another kind", { ...review(), kind: "Pod" }, "AdmissionReview of admission.k8s.io/v1"],
    ["no request", { ...review(), request: undefined }, "request must be an object"],
    ["no uid", review({ uid: undefined }), "request.uid must be a string"],
    ["an empty uid", review({ uid: "" }), "request.uid is empty"],
    ["a uid that is a number", review({ uid: 1 }), "request.uid must be a string"],
    ["no kind", review({ kind: null }), "request.kind must be an object"],
    ["a kind without a version", review({ kind: { kind: "Pod" } }), "request.kind.version must be a string"],
    ["no operation", review({ operation: undefined }), "request.operation must be a string"],
    ["a namespace that is an object", review({ namespace: {} }), "request.namespace must be a string"],
  ])("%s is an error for people", (_, body, message) => {
    const read = () => decodeReview(body instanceof Uint8Array ? body : bytes(body));
    expect(read).toThrow(ReviewError);
    expect(read).toThrow(message);
  });

  test("an error never quotes the body", () => {
    expect(() => decodeReview(bytes('{"password": hunter2}'))).toThrow(/^the body is not JSON in UTF-8$/);
  });
});

describe("writing an answer", () => {
  const answer = (decision: AdmissionDecision) => JSON.parse(encodeDecision("u", decision));

  test("a patch", () => {
    const patch = [{ op: "add" as const, path: "/metadata/annotations", value: { é: "1" } }];
    const { apiVersion, kind, response } = answer({ allowed: true, patch, warnings: ["w".repeat(300)] });
    expect({ apiVersion, kind }).toEqual({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" });
    expect(response).toMatchObject({ uid: "u", allowed: true, patchType: "JSONPatch", warnings: ["w".repeat(256)] });
    expect(JSON.parse(Buffer.from(response.patch, "base64").toString())).toEqual(patch);
  });

  test("no change has neither patch nor type", () => {
    expect(answer({ allowed: true, patch: [], warnings: [] }).response).toEqual({ uid: "u", allowed: true });
  });

  test("a refusal", () => {
    expect(answer({ allowed: false, message: "no" }).response).toEqual({
      uid: "u",
      allowed: false,
      status: { code: 403, reason: "Forbidden", message: "no" },
    });
  });
});

describe("deciding", () => {
  const handlers = createInjectionHandlers(settings, () => ({}));
  const decide = (changes: object, path = "/inject") => {
    const handler = handlers.get(path);
    if (handler === undefined) throw new Error(`no handler for ${path}`);
    return handler(decodeReview(bytes(review(changes)))) as AdmissionDecision;
  };

  test("a pod is patched, an injected one is not", () => {
    expect(decide({})).toMatchObject({
      allowed: true,
      patch: [{ path: "/metadata/annotations" }, { path: "/spec/initContainers" }, { path: "/spec/volumes" }],
    });
    expect(decide({ object: inject(podWith()) })).toEqual({ allowed: true, patch: [], warnings: [] });
  });

  test("the path says whether a pod may opt out", () => {
    const object = podWith({}, { labels: { "heddle.dev/inject": "disabled" } });
    expect(decide({ object })).toEqual({ allowed: true, patch: [], warnings: [] });
    expect(decide({ object }, "/inject/enforced")).toMatchObject({
      allowed: true,
      patch: expect.arrayContaining([expect.anything()]),
    });
  });

  test("a refusal names the pod, also one without a name yet", () => {
    const bad = podWith({ hostNetwork: false, securityContext: { runAsUser: 1337 } });
    expect(decide({ object: bad })).toMatchObject({
      allowed: false,
      message: expect.stringMatching(/^Pod "cart-5c9-\*" in namespace shop: spec\.securityContext/),
    });
    const named = { ...bad, metadata: { name: "cart-0" } };
    expect(decide({ object: named })).toMatchObject({ message: expect.stringMatching(/^Pod "cart-0" /) });
  });

  test.each([
    ["another kind", { kind: { group: "apps", version: "v1", kind: "Deployment" } }, "only the creation of v1 Pods"],
    ["another operation", { operation: "UPDATE" }, "only the creation of v1 Pods"],
    ["no namespace", { namespace: "" }, "request.namespace is empty"],
    ["no object", { object: null }, "request.object is missing"],
    ["a text", { object: "pod" }, "request.object must be an object"],
    ["no specification", { object: { metadata: {} } }, "request.object.spec is missing"],
    [
      "containers that are an object",
      { object: { metadata: {}, spec: { containers: { length: 1 } } } },
      "request.object.spec.containers must be a list",
    ],
    [
      "a container that is null",
      { object: { metadata: {}, spec: { containers: [null] } } },
      "request.object.spec.containers[0] is missing",
    ],
    [
      "a container without a name",
      { object: { metadata: {}, spec: { containers: [{}] } } },
      "request.object.spec.containers[0].name is missing",
    ],
    [
      "a port that is a text",
      { object: { metadata: {}, spec: { containers: [{ name: "a", ports: [{ containerPort: "1" }] }] } } },
      "request.object.spec.containers[0].ports[0].containerPort must be a number",
    ],
    [
      "a label that is a number",
      { object: { metadata: { labels: { a: 1 } }, spec: { containers: [] } } },
      'request.object.metadata.labels["a"] must be a string',
    ],
    [
      "a volume without a name",
      { object: { metadata: {}, spec: { containers: [], volumes: [{}] } } },
      "request.object.spec.volumes[0].name is missing",
    ],
  ])("%s cannot be reviewed", (_, changes, message) => {
    expect(() => decide(changes)).toThrow(ReviewError);
    expect(() => decide(changes)).toThrow(message);
  });

  test("lists that are null are empty", () => {
    const object = {
      metadata: { labels: null, annotations: null },
      spec: {
        containers: [{ name: "a", ports: null, env: null, volumeMounts: null }],
        initContainers: null,
        volumes: null,
      },
    };
    expect(decide({ object })).toMatchObject({
      allowed: true,
      patch: expect.arrayContaining([expect.objectContaining({ path: "/spec/initContainers" })]),
    });
    expect(decide({ object: { metadata: {}, spec: { containers: null } } })).toEqual({
      allowed: true,
      patch: [],
      warnings: [],
    });
  });

  test("keys that every object has are keys like others", () => {
    const object = JSON.parse(
      '{"metadata":{"labels":{"__proto__":"x","constructor":"y"},"annotations":{"__proto__":"z"}},"spec":{"containers":[{"name":"__proto__"}]}}',
    );
    expect(decide({ object })).toMatchObject({ allowed: true });
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });
});
