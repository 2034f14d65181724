/** Random specs of our kinds from the schemas in crds/: whatever their shapes, bounds and patterns let in. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parse } from "yaml";

/** The words of OpenAPI that our schemas use. */
interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "boolean";
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly required?: readonly string[];
  readonly minProperties?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
}

/**
 * Values that mean something, by the names of the last fields that lead to them, so that the rules between fields let
 * enough through; elsewhere, and every now and then there too, what the schema lets in.
 */
const meaningful: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^spec\.service$/, ["a", "b", "missing", "constructor", "a.junk", "a.junk.svc.cluster.local", "a.junk.svc.other"]],
  [/\.service$|targetRefs\.name$/, ["a", "b", "missing", "constructor", "no"]],
  [/headers\.name$/, ["x-user", "X-A", "x_role", "te"]],
  [/\.header$|cookie\.name$/, ["x-user", "v"]],
  [/matchLabels$/, ["a", "b", ""]],
  [/[pP]orts$/, ["8080", "1", "65535", "9000"]],
  [/port$/, ["http", "missing", "constructor"]],
  [/[pP]aths$/, ["/a/*", "*", "/x/{*}", "/{**}/y", "*/z", `/${"a/".repeat(120)}*`]],
  [/[hH]osts$/, ["a.junk", "*.example.com", "*", "a.*"]],
  [/[iI]pBlocks$/, ["10.0.0.0/8", "::/0", "0.0.0.0/0", "fd00::1"]],
  [/[sS]erviceAccounts$/, ["a", "shop/b", "constructor"]],
  [/[nN]amespaces$/, ["shop", "no", "*", "s*"]],
  [/[mM]ethods?$/, ["GET", "POST", "OPTIONS"]],
  [/ttl$/, ["1h", "1s", "24h"]],
  [/key$/, ["request.headers[x-a]", "source.ip", "destination.port", "connection.sni", "source.principal"]],
  [/when\.(values|notValues)$/, ["1", "10.0.0.0/8", "8080", "*", "a*"]],
  // The largest, the deepest and the slowest to match that there are.
  [
    /value$/,
    [
      "/api",
      "/",
      "/(a+)+$",
      "/(((((((((((((((a*)*)*)*)*)*)*)*)*)*)*)*)*)*)*",
      "/a{1000}",
      "/(?i)\\pL{90}",
      `/(${"a|".repeat(400)}b)*`,
      "/[^\\x00-\\x7f]",
      "/(",
    ],
  ],
];

/** The field's place, as `list.field`. */
const within = (place: string, name: string): string => `${place.split(".").at(-1)}.${name}`;

function strings(schema: Schema, place: string): fc.Arbitrary<string> {
  const { minLength = 0, maxLength = 64, pattern } = schema;
  const any =
    pattern === undefined
      ? fc.string({ unit: fc.constantFrom(..."aZ0-_.*/:%\\\"'{}[]()^$ ~é\u0000"), minLength, maxLength })
      : fc.stringMatching(new RegExp(pattern)).filter(({ length }) => length >= minLength && length <= maxLength);
  const known = meaningful.find(([field]) => field.test(place))?.[1] ?? [];
  const pool = known.filter(({ length }) => length <= maxLength);
  if (pool.length === 0) return any;
  return fc.oneof({ weight: 30, arbitrary: fc.constantFrom(...pool) }, { weight: 1, arbitrary: any });
}

function objects(schema: Schema, place: string): fc.Arbitrary<unknown> {
  const { properties, additionalProperties, required = [], minProperties = 0 } = schema;
  if (properties === undefined) {
    const names = fc.constantFrom("app", "tier", "constructor");
    return fc.dictionary(names, strings(additionalProperties ?? {}, place), { minKeys: minProperties, maxKeys: 4 });
  }
  // Few at a time: fields that exclude each other are many.
  const optional = Object.keys(properties).filter((name) => !required.includes(name) && name !== "identity");
  const minLength = Math.max(0, minProperties - required.length);
  return fc
    .subarray(optional, { minLength, maxLength: Math.min(optional.length, Math.max(minLength, 3)) })
    .chain((some) =>
      fc.record(
        Object.fromEntries(
          [...required, ...some].map((name) => [name, valuesOf(properties[name] ?? {}, within(place, name))]),
        ),
      ),
    );
}

/** Members of a set are different, those of a map differ in its keys. */
function lists(schema: Schema, place: string): fc.Arbitrary<unknown> {
  const { items = {}, minItems = 0, maxItems = 16 } = schema;
  const { "x-kubernetes-list-type": type, "x-kubernetes-list-map-keys": keys = [] } = schema;
  const keyOf = (member: unknown): string =>
    JSON.stringify(type === "map" ? keys.map((key) => (member as Readonly<Record<string, unknown>>)[key]) : member);
  const list = (minLength: number, maxLength: number) =>
    type === "atomic"
      ? fc.array(valuesOf(items, place), { minLength, maxLength })
      : fc.uniqueArray(valuesOf(items, place), { minLength, maxLength, selector: keyOf });
  // Every now and then as long as it may be, where its members are cheap to make and can be so many.
  if (type !== "atomic" || items.type !== "string") return list(minItems, Math.min(maxItems, 3));
  return fc.oneof({ weight: 9, arbitrary: list(minItems, 3) }, { weight: 1, arbitrary: list(maxItems, maxItems) });
}

/** What a schema lets in at a place. */
function valuesOf(schema: Schema, place: string): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case "object":
      return objects(schema, place);
    case "array":
      return lists(schema, place);
    case "string":
      return strings(schema, place);
    case "integer":
      return fc.integer({ min: schema.minimum ?? -1, max: schema.maximum ?? 1000 });
    case "boolean":
      return fc.boolean();
    default:
      // int-or-string.
      return fc.oneof(fc.integer({ min: 0, max: 65_536 }), strings(schema, place));
  }
}

/** Specs of a kind, by the plural that its file has. */
export function specsOf(plural: "authorizationpolicies" | "meshtls" | "trafficsplits"): fc.Arbitrary<object> {
  const file = join(import.meta.dirname, `../../crds/${plural}.yaml`);
  const [version] = parse(readFileSync(file, "utf8")).spec.versions as readonly {
    readonly schema: { readonly openAPIV3Schema: { readonly properties: { readonly spec: Schema } } };
  }[];
  if (version === undefined) throw new Error(`${file} has no version`);
  return valuesOf(version.schema.openAPIV3Schema.properties.spec, "spec") as fc.Arbitrary<object>;
}
