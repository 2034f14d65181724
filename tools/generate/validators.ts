import { _, Ajv, type KeywordCxt } from "ajv";
import standalone from "ajv/dist/standalone/index.js";
import { buildSync } from "esbuild";
import type { CustomResource, Schema } from "./custom-resources.ts";

/** `validate.js` with one function per kind, and its declarations. */
export function validatorsOf(resources: readonly CustomResource[]): Map<string, string> {
  const ajv = new Ajv({
    code: { source: true, esm: true },
    strict: true,
    // `integer | string` is how OpenAPI's int-or-string reads.
    allowUnionTypes: true,
    inlineRefs: false,
    // required and properties are checked apart from each other in structural schemas.
    strictRequired: false,
  });
  addKubernetesVocabulary(ajv);
  for (const resource of resources) {
    ajv.addSchema(validated(resource), resource.kind);
  }
  const names = resources.map(({ kind }) => ({ kind, name: functionName(kind) }));
  const code = standalone.default(ajv, Object.fromEntries(names.map(({ kind, name }) => [name, kind])));
  return new Map([
    ["validate.js", `${banner}\n${bundle(code)}`],
    ["validate.d.ts", declarations(names)],
  ]);
}

const banner = "// Generated from crds/ by tools/generate.ts. Do not edit.";

/** `TrafficSplit` -> `trafficSplit`, `MeshTLS` -> `meshTLS`. */
const functionName = (kind: string): string => kind.slice(0, 1).toLowerCase() + kind.slice(1);

/** What the API server knows and JSON Schema does not: items of a list that have a name have it once. */
function addKubernetesVocabulary(ajv: Ajv): void {
  ajv.addKeyword({
    keyword: "x-kubernetes-list-map-keys",
    type: "array",
    schemaType: "array",
    error: { message: "must not have two items with the same key" },
    code(context: KeywordCxt) {
      const [key, ...more] = context.schema as string[];
      if (key === undefined || more.length > 0) {
        throw new Error("x-kubernetes-list-map-keys: one key is supported");
      }
      const { data } = context;
      context.fail(_`new Set(${data}.map((item) => item?.[${key}])).size !== ${data}.length`);
    },
  });
}

/** The part of a kind's schema that is a user's: all but its metadata and status. */
function validated(resource: CustomResource): object {
  const { spec } = resource.schema.properties ?? {};
  if (spec === undefined) {
    throw new Error(`${resource.file}: the schema has no spec`);
  }
  const definitions: Definitions = new Map();
  const properties = { spec: jsonSchema(spec, definitions) };
  return {
    type: "object",
    required: resource.schema.required ?? [],
    properties,
    $defs: Object.fromEntries(definitions),
  };
}

/** Schemas with a title, each compiled to one function: else the code nests as deep as the schema. */
type Definitions = Map<string, object>;

/** Keywords that mean the same to JSON Schema; `format` is left out, since the bounds of our integers say more. */
const sharedKeywords = [
  "type",
  "enum",
  "pattern",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
  "required",
  "x-kubernetes-list-map-keys",
] as const satisfies readonly (keyof Schema)[];

/**
 * The schema in JSON Schema's words. Closed, since the API server keeps no field that is not in the schema. CEL rules are
 * left out: they are the API server's, and the compile checks anew those that matter to safety.
 */
function jsonSchema(schema: Schema, definitions: Definitions): object {
  const { title, properties, items, additionalProperties } = schema;
  const shared = sharedKeywords.filter((keyword) => schema[keyword] !== undefined);
  const inner = (value: Schema) => jsonSchema(value, definitions);
  const result = {
    ...Object.fromEntries(shared.map((keyword) => [keyword, schema[keyword]])),
    ...(schema["x-kubernetes-int-or-string"] === true ? { type: ["integer", "string"] } : {}),
    ...(schema["x-kubernetes-list-type"] === "set" ? { uniqueItems: true } : {}),
    ...(items === undefined ? {} : { items: inner(items) }),
    ...(properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, inner(value)])) }),
    ...(schema.type === "object"
      ? { additionalProperties: additionalProperties === undefined ? false : inner(additionalProperties) }
      : {}),
  };
  if (title === undefined) {
    return result;
  }
  definitions.set(title, result);
  return { $ref: `#/$defs/${title}` };
}

/** One module without imports: the few functions that ajv's code calls are put in. */
function bundle(code: string): string {
  const { outputFiles } = buildSync({
    // The same text, wherever a link leads to the packages.
    preserveSymlinks: true,
    stdin: { contents: code, resolveDir: import.meta.dirname, loader: "js" },
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["main"],
    target: "es2024",
    legalComments: "none",
    write: false,
  });
  const [output] = outputFiles;
  if (output === undefined) {
    throw new Error("esbuild gave no output");
  }
  // esbuild names the files that it bundled; where they lie is of no use to readers.
  return output.text.replaceAll(/^ *\/\/ .*\n/gm, "");
}

function declarations(names: readonly { readonly kind: string; readonly name: string }[]): string {
  const imports = names.map(({ kind }) => `import type { ${kind} } from "./${kind}.ts";`).join("\n");
  const functions = names
    .map(({ kind, name }) =>
      [
        `/** Whether the value has the shape of a ${kind}'s schema, CEL rules left out; \`errors\` says what it has not. */`,
        `export declare const ${name}: Validator<${kind}>;`,
      ].join("\n"),
    )
    .join("\n\n");
  return `${banner}
${imports}

/** An error of ajv. */
export interface SchemaError {
  /** JSON pointer (RFC 6901) to the value at fault. */
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

/** A compiled schema. */
export interface Validator<T> {
  (value: unknown): value is T;
  /** Of the last call; null when it found none. */
  readonly errors?: readonly SchemaError[] | null;
}

${functions}
`;
}
