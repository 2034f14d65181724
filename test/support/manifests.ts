/** Objects of manifests: of those that are shipped, and of any text. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Document, parseAllDocuments } from "yaml";

const file = join(import.meta.dirname, "../../install.yaml");

/** What YAML gives; each case looks at a few fields. */
type Manifest = ReturnType<Document["toJS"]>;

/** The objects of a text of YAML documents, such as a rendered chart. */
export function objectsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text).flatMap((document) => document.toJS() ?? []);
}

/** The objects of install.yaml: the chart with its default values. */
export const shippedObjects = (): readonly Manifest[] => objectsOf(readFileSync(file, "utf8"));

/** The one object of a kind and name in install.yaml. @throws when there are none or several */
export function shippedObject(kind: string, name = "heddle"): Manifest {
  const found = shippedObjects().filter((object) => object.kind === kind && object.metadata.name === name);
  if (found.length !== 1) throw new Error(`install.yaml has ${found.length} objects of kind ${kind} called ${name}`);
  return found[0];
}
