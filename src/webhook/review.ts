/**
 * The codec of admission reviews (admission.k8s.io/v1), as the API server posts them and reads the answer:
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
 */
import type { PatchOperation } from "./patch.ts";

/** What the API server asks about one request. */
export interface AdmissionRequest {
  /** Identifies the question; the answer repeats it. */
  readonly uid: string;
  /** Such as `v1` (the core group) or `heddle.dev/v1alpha1`. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly operation: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  /** The object as it would be stored. */
  readonly object: unknown;
}

/** The answer. Messages and warnings are shown to the user. */
export type AdmissionDecision =
  | { readonly allowed: true; readonly patch: readonly PatchOperation[]; readonly warnings: readonly string[] }
  | { readonly allowed: false; readonly message: string };

/** A body that is not an admission review, or one that this webhook cannot answer. The message says what is wrong. */
export class ReviewError extends Error {
  override readonly name = "ReviewError";
}

const reviewVersion = "admission.k8s.io/v1";

/** Longest warning in characters; the API server may truncate longer ones. */
const longestWarning = 256;

/**
 * Reads a review.
 * @throws ReviewError
 */
export function decodeReview(body: Uint8Array): AdmissionRequest {
  if (body.length === 0) throw new ReviewError("the body is empty; an AdmissionReview in JSON is expected");
  const review = objectOf(parseJson(body), "the body");
  if (review["kind"] !== "AdmissionReview" || review["apiVersion"] !== reviewVersion) {
    throw new ReviewError(`the body must be an AdmissionReview of ${reviewVersion}`);
  }
  const request = objectOf(review["request"], "request");
  const kind = objectOf(request["kind"], "request.kind");
  const group = text(kind, "group", "request.kind.group", "");
  const version = text(kind, "version", "request.kind.version");
  const uid = text(request, "uid", "request.uid");
  if (uid === "") throw new ReviewError("request.uid is empty");
  return {
    uid,
    apiVersion: group === "" ? version : `${group}/${version}`,
    kind: text(kind, "kind", "request.kind.kind"),
    operation: text(request, "operation", "request.operation"),
    namespace: text(request, "namespace", "request.namespace", ""),
    object: request["object"],
  };
}

/** Writes the answer to the request of that uid. */
export function encodeDecision(uid: string, decision: AdmissionDecision): string {
  return JSON.stringify({
    apiVersion: reviewVersion,
    kind: "AdmissionReview",
    response: { uid, ...responseOf(decision) },
  });
}

function responseOf(decision: AdmissionDecision): object {
  if (!decision.allowed) {
    return { allowed: false, status: { code: 403, reason: "Forbidden", message: decision.message } };
  }
  const { patch, warnings } = decision;
  return {
    allowed: true,
    ...(patch.length === 0
      ? {}
      : { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(patch)).toString("base64") }),
    ...(warnings.length === 0 ? {} : { warnings: warnings.map((warning) => warning.slice(0, longestWarning)) }),
  };
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    // The parser's message would quote the body, which may hold anything.
    throw new ReviewError("the body is not JSON in UTF-8");
  }
}

function objectOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ReviewError(`${path} must be an object`);
  return value as Readonly<Record<string, unknown>>;
}

function text(object: Readonly<Record<string, unknown>>, field: string, path: string, fallback?: string): string {
  const value = Object.hasOwn(object, field) ? object[field] : undefined;
  if (value === undefined && fallback !== undefined) return fallback;
  if (typeof value !== "string") throw new ReviewError(`${path} must be a string`);
  return value;
}
