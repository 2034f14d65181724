import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";

/** A rule of `x-kubernetes-validations`. */
export interface CELRule {
  readonly rule: string;
  readonly message?: string;
  readonly fieldPath?: string;
}

/** How a schema refuses a null in one of its fields: what fits the bounds of `not`, which no other value does. */
export interface NullGuard {
  readonly anyOf: readonly {
    readonly required?: readonly string[];
    readonly not?: { readonly required?: readonly string[]; readonly properties?: Readonly<Record<string, Schema>> };
  }[];
}

/** The parts of a structural OpenAPI v3 schema that our CRDs use (apiextensions.k8s.io/v1 JSONSchemaProps). */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "boolean";
  readonly title?: string;
  readonly description?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly allOf?: readonly NullGuard[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly CELRule[];
}

/** One of our kinds as its CRD defines it. */
export interface CustomResource {
  readonly kind: string;
  readonly group: string;
  readonly plural: string;
  readonly version: string;
  /** File name in `crds/`. */
  readonly file: string;
  readonly schema: Schema;
}

interface CustomResourceDefinition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly {
      readonly name: string;
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

/** The stored version of every CRD in a folder, sorted by file name. */
export async function readCustomResources(folder: string): Promise<CustomResource[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".yaml")).sort();
  return Promise.all(files.map(async (file) => customResourceOf(await readFile(join(folder, file), "utf8"), file)));
}

/** The stored version of a CRD. */
export function customResourceOf(text: string, file: string): CustomResource {
  const { spec } = parse(text) as CustomResourceDefinition;
  const version = spec.versions.find(({ storage }) => storage);
  if (version === undefined) {
    throw new Error(`${file}: no version has storage: true`);
  }
  return {
    kind: spec.names.kind,
    group: spec.group,
    plural: spec.names.plural,
    version: version.name,
    file,
    schema: version.schema.openAPIV3Schema,
  };
}
