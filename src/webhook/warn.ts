/**
 * Warnings for the authors of policies, which `kubectl` shows as they apply one. A policy is never refused here: what
 * must not be stored is refused by its schema, which needs no webhook.
 */
import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import { kinds } from "../api/kinds.ts";
import type { AdmissionHandler } from "./handler.ts";
import { ReviewError } from "./review.ts";

/** Path on which the API server asks for warnings. */
export const warningsPath = "/warnings";

/** Most warnings of one policy: clients are shown no more than 4096 characters, and no more than 256 of each. */
const mostWarnings = 16;

/** Only on what its author changes; what controllers write again and again is not worth a word. */
export const specChanges = {
  name: "spec-changes",
  expression: "oldObject == null || object.spec != oldObject.spec",
} as const;

/** What the author of a policy should know, a line each, the gravest first. */
export type WarningsOfPolicy = (policy: AuthorizationPolicy) => readonly string[];

/** The handler of {@link warningsPath}. */
export function createWarningsHandler(warningsOf: WarningsOfPolicy): AdmissionHandler {
  const { apiVersion, kind } = kinds.AuthorizationPolicy;
  return (request) => {
    if (request.apiVersion !== apiVersion || request.kind !== kind) {
      throw new ReviewError(
        `only ${kind}s of ${apiVersion} can be reviewed here; correct the rules of the webhook configuration`,
      );
    }
    const warnings = warningsOf(policyOf(request.object, request.namespace));
    const rest = warnings.length - mostWarnings + 1;
    const shown = rest > 1 ? [...warnings.slice(0, -rest), `and ${rest} more; see its status`] : warnings;
    return { allowed: true, patch: [], warnings: shown };
  };
}

/** What of a policy a compile reads. The schema was checked before, and is checked again by whoever reads the spec. */
function policyOf(object: unknown, namespace: string): AuthorizationPolicy {
  const { apiVersion, kind } = kinds.AuthorizationPolicy;
  const { metadata, spec } = fieldsOf(object, "request.object");
  const { name } = fieldsOf(metadata, "request.object.metadata");
  return {
    apiVersion,
    kind,
    metadata: { name: typeof name === "string" ? name : "", namespace },
    spec: spec as AuthorizationPolicy["spec"],
  };
}

function fieldsOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ReviewError(`${path} must be an object`);
  return value as Readonly<Record<string, unknown>>;
}
