import type { KubernetesObject } from "../api/kubernetes.ts";
import type { SchemaProblem } from "../api/validate.ts";
import type { Verdict } from "../model/finding.ts";
import type { ObjectReference } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { compare } from "../model/workload.ts";

/** Thrown where an object cannot be understood; becomes `Accepted=False, Invalid` with this message. */
export class InvalidObject extends Error {
  override readonly name = "InvalidObject";
}

/**
 * Throws InvalidObject unless the object has the shape that its schema demands. The API server has seen to it, but perhaps
 * by the schema of another version. The status is the operator's own and no part of what the user wants.
 */
export function demandShape(object: KubernetesObject, validate: (value: unknown) => SchemaProblem | undefined): void {
  const { status: _status, ...given } = object as KubernetesObject & { readonly status?: unknown };
  const problem = validate(given);
  if (problem !== undefined) throw new InvalidObject(`${problem.field || "object"}: ${problem.message}`);
}

/** The value of a key that may be any word, such as `constructor`: only the record's own keys count. */
export function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

/** Whether an object with these labels has every label of the selector. An empty selector fits everything. */
export function fitsLabels(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(selector).every(([name, value]) => own(labels, name) === value);
}

/** The namespace of a namespaced object; the API server never sends one without. */
export const namespaceOf = (object: KubernetesObject): string => object.metadata.namespace ?? "";

/** The oldest first, then by namespace and name: the order in which objects that claim the same are heard. */
export function byAge(a: KubernetesObject, b: KubernetesObject): number {
  return (
    compare(a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? "") ||
    compare(namespaceOf(a), namespaceOf(b)) ||
    compare(a.metadata.name, b.metadata.name)
  );
}

/** The version of an object of ours that a compile speaks of. */
export function referenceTo(kind: ObjectReference["kind"], object: KubernetesObject): ObjectReference {
  return {
    kind,
    namespace: namespaceOf(object),
    name: object.metadata.name,
    uid: object.metadata.uid ?? "",
    generation: object.metadata.generation ?? 0,
  };
}

/** A key for one object of ours, by its kind and its name. */
export const keyOfKind = (kind: ObjectReference["kind"], key: ObjectKey): string => `${kind} ${key}`;

/** The same of a reference, whatever its version. */
export const keyOfReference = ({
  kind,
  namespace,
  name,
}: Pick<ObjectReference, "kind" | "namespace" | "name">): string => keyOfKind(kind, `${namespace}/${name}`);

/** Order of references in lists: by kind, namespace, name. */
export function compareReferences(a: ObjectReference, b: ObjectReference): number {
  return compare(a.kind, b.kind) || compare(a.namespace, b.namespace) || compare(a.name, b.name);
}

/** A set of references by identity of the object, not of the JavaScript value; sorted. */
export function distinctReferences(references: Iterable<ObjectReference>): readonly ObjectReference[] {
  const byName = new Map<string, ObjectReference>();
  for (const reference of references) byName.set(keyOfReference(reference), reference);
  return [...byName.values()].sort(compareReferences);
}

/** The verdict of an object that nothing is wrong with. */
export const accepted: Verdict = { status: "True", reason: "Accepted", message: "The object is valid." };

/** The verdict of an object that names nothing that is missing. */
export const resolved: Verdict = {
  status: "True",
  reason: "ResolvedRefs",
  message: "Everything that it names exists.",
};

/** The verdict of an object that cannot be understood. */
export const invalid = (message: string): Verdict => ({ status: "False", reason: "Invalid", message });

/** The message of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
