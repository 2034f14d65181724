/**
 * Warnings for the authors of policies and namespaces, which `kubectl` shows as they apply one. Nothing is ever refused
 * here: what must not be stored is refused by its schema, which needs no webhook.
 */
import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import { type Kind, kinds } from "../api/kinds.ts";
import { annotationPrefix } from "../model/annotations.ts";
import { keys } from "../model/sidecar.ts";
import type { AdmissionHandler } from "./handler.ts";
import { warnOfNamespace } from "./namespace-warnings.ts";
import { type AdmissionRequest, ReviewError } from "./review.ts";

/** Paths on which the API server asks for warnings. */
export const warningsPaths = { policies: "/warnings", namespaces: "/warnings/namespaces" } as const;

/** Most warnings of one object: clients are shown no more than 4096 characters, and no more than 256 of each. */
const mostWarnings = 16;

/** Only on what its author changes; what controllers write again and again is not worth a word. */
export const policyConditions = [
  { name: "spec-changes", expression: "oldObject == null || object.spec != oldObject.spec" },
] as const;

const labels = (object: string) => `${object}.metadata.?labels.orValue({})`;
const annotations = (object: string) => `${object}.metadata.?annotations.orValue({})`;

/** Of all namespaces, which many write to, only those that say something to the mesh, and only when that changes. */
export const namespaceConditions = [
  {
    name: "concerns-the-mesh",
    expression: `'${keys.inject}' in ${labels("object")} || ${annotations("object")}.exists(key, key.startsWith('${annotationPrefix}'))`,
  },
  {
    name: "metadata-changes",
    expression: [
      "oldObject == null",
      ...[labels, annotations].map((of) => `${of("object")} != ${of("oldObject")}`),
    ].join(" || "),
  },
] as const;

/** What the author of a policy should know, a line each, the gravest first; undefined when that is not known in time. */
export type WarningsOfPolicy = (
  policy: AuthorizationPolicy,
) => readonly string[] | undefined | Promise<readonly string[] | undefined>;

const unchecked =
  "this policy could not be checked for warnings in time: the operator is starting, or busy with a large change. It is taken all the same; its status will say what becomes of it";

/** The handlers of {@link warningsPaths}, by path. */
export function createWarningsHandlers(
  warningsOf: WarningsOfPolicy,
  isManaged: (namespace: string) => boolean = () => true,
): ReadonlyMap<string, AdmissionHandler> {
  return new Map([
    [
      warningsPaths.policies,
      handler(
        kinds.AuthorizationPolicy,
        async ({ object, namespace }) => (await warningsOf(policyOf(object, namespace))) ?? [unchecked],
      ),
    ],
    [
      warningsPaths.namespaces,
      handler(kinds.Namespace, ({ object }) => {
        const { name, ...metadata } = namespaceMetadataOf(object);
        return warnOfNamespace(metadata, isManaged(name));
      }),
    ],
  ]);
}

function handler(
  { apiVersion, kind }: Kind,
  warningsOf: (request: AdmissionRequest) => readonly string[] | Promise<readonly string[]>,
): AdmissionHandler {
  return async (request) => {
    if (request.apiVersion !== apiVersion || request.kind !== kind) {
      throw new ReviewError(
        `only ${kind} of ${apiVersion} can be reviewed here; correct the rules of the webhook configuration`,
      );
    }
    const warnings = await warningsOf(request);
    const rest = warnings.length - mostWarnings + 1;
    const shown = rest > 1 ? [...warnings.slice(0, -rest), `and ${rest} more`] : warnings;
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

function namespaceMetadataOf(object: unknown) {
  const { metadata } = fieldsOf(object, "request.object");
  const { name, labels, annotations } = fieldsOf(metadata, "request.object.metadata");
  return {
    name: typeof name === "string" ? name : "",
    labels: stringsOf(labels, "request.object.metadata.labels"),
    annotations: stringsOf(annotations, "request.object.metadata.annotations"),
  };
}

function stringsOf(value: unknown, path: string): Readonly<Record<string, string>> {
  const fields = fieldsOf(value ?? {}, path);
  const isStrings = (record: Readonly<Record<string, unknown>>): record is Readonly<Record<string, string>> =>
    Object.values(record).every((each) => typeof each === "string");
  if (!isStrings(fields)) throw new ReviewError(`${path} must be a map of strings`);
  return fields;
}

function fieldsOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ReviewError(`${path} must be an object`);
  return value as Readonly<Record<string, unknown>>;
}
