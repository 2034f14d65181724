import type { CustomResource, Schema } from "./custom-resources.ts";

/** A section of a page: one object of the schema, under the path at which it stands. */
interface Section {
  readonly path: string;
  readonly schema: Schema;
}

/** The reference page of a kind: a table for each object of its schema, and the rules that bind it. */
export function referencePage(resource: CustomResource): string {
  const { spec, status } = resource.schema.properties ?? {};
  if (spec === undefined || status === undefined) {
    throw new Error(`${resource.file}: the schema lacks spec or status`);
  }
  const lines = [
    `<!-- Generated from crds/${resource.file} by tools/generate.ts. Do not edit. -->`,
    "",
    `# ${resource.kind}`,
    "",
    `\`${resource.group}/${resource.version}\`, namespaced. On the command line: \`kubectl get ${resource.plural}.${resource.group}\`.`,
    "",
    resource.schema.description ?? "",
    "",
    "A field without a value (`rules:` and nothing behind it, which is null) is refused, and so is an empty list. Unknown",
    "fields are refused by `kubectl`, and dropped by clients that do not ask the API server for strict validation.",
    "",
    ...sectionsOf("spec", spec).flatMap(sectionLines),
    ...sectionsOf("status", status).flatMap(sectionLines),
    "[Conditions, reasons and findings](status.md) explains what the status can say.",
    "",
  ];
  return lines.join("\n");
}

/** The object at a path and those within it, outermost first. */
function sectionsOf(path: string, schema: Schema): readonly Section[] {
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
    const [item, suffix] = value.items === undefined ? [value, ""] : [value.items, "[]"];
    return item.properties === undefined ? [] : sectionsOf(`${path}.${name}${suffix}`, item);
  });
  return [{ path, schema }, ...inner];
}

function sectionLines({ path, schema }: Section): readonly string[] {
  const fields = Object.entries(schema.properties ?? {});
  const rules = rulesOf(schema, "");
  return [
    `## ${path}`,
    "",
    [schema.description ?? "", schema.minProperties === undefined ? "" : "At least one field."].join(" ").trim(),
    "",
    "| Field | Type | Bounds | Meaning |",
    "|---|---|---|---|",
    ...fields.map(([name, value]) => {
      const required = schema.required?.includes(name) === true ? ", required" : "";
      const cells = [`\`${name}\`${required}`, typeOf(path, name, value), boundsOf(value), value.description ?? ""];
      return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
    }),
    "",
    ...(rules.length === 0 ? [] : ["Rules, in the words of the refusals:", "", ...rules, ""]),
  ];
}

const anchor = (path: string): string => path.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

function typeOf(path: string, name: string, schema: Schema): string {
  if (schema["x-kubernetes-int-or-string"] === true) return "integer or string";
  if (schema.enum !== undefined) return oneOf(schema.enum);
  if (schema.items !== undefined) {
    const at = `${path}.${name}[]`;
    const items = schema.items.properties === undefined ? `${schema.items.type}s` : `[objects](#${anchor(at)})`;
    const [key] = schema["x-kubernetes-list-map-keys"] ?? [];
    return `list of ${items}${key === undefined ? "" : `, by \`${key}\``}`;
  }
  if (schema.additionalProperties !== undefined) return `map of ${schema.additionalProperties.type}s`;
  if (schema.properties !== undefined) return `[object](#${anchor(`${path}.${name}`)})`;
  return schema.format === "date-time" ? "time (RFC 3339)" : (schema.type ?? "");
}

function oneOf(values: readonly string[]): string {
  const quoted = values.map((value) => `\`${value}\``);
  return [quoted.slice(0, -1).join(", "), quoted.at(-1)].filter((part) => part !== "").join(" or ");
}

/** Such as `1 to 64 items, each once, of 1 to 253 characters`. */
function boundsOf(schema: Schema): string {
  const once = schema["x-kubernetes-list-type"] === "set" ? "each once" : "";
  const inner = schema.items ?? schema.additionalProperties;
  const ofItems = inner === undefined || inner.properties !== undefined ? "" : boundsOf(inner);
  return [
    range(schema.minItems, schema.maxItems, "items"),
    once,
    schema.properties === undefined ? range(schema.minProperties, schema.maxProperties, "entries") : "",
    range(schema.minLength, schema.maxLength, "characters"),
    range(schema.minimum, schema.maximum, ""),
    ofItems === "" ? "" : `of ${ofItems}`,
  ]
    .filter((text) => text !== "")
    .join(", ");
}

function range(least: number | undefined, greatest: number | undefined, unit: string): string {
  if (least === undefined && greatest === undefined) return "";
  const numbers =
    greatest === undefined
      ? `at least ${least}`
      : least === undefined
        ? `at most ${greatest}`
        : `${least} to ${greatest}`;
  return `${numbers} ${unit}`.trim();
}

/** Rules on the object and on those of its fields that have no section of their own. */
function rulesOf(schema: Schema, path: string): readonly string[] {
  const at = path === "" ? "" : `\`${path}\`: `;
  const own = [
    ...(schema["x-kubernetes-validations"] ?? []).map(({ message = "" }) => `- ${at}${message}`),
    ...(schema.pattern === undefined ? [] : [`- ${at}must fit \`${schema.pattern}\``]),
  ];
  const fields = path === "" ? Object.entries(schema.properties ?? {}) : [];
  const within = [
    ...fields.map(([name, value]) => [name, value] as const),
    ...(schema.items === undefined ? [] : [[`${path}[]`, schema.items] as const]),
    ...(schema.additionalProperties === undefined ? [] : [[`${path}.*`, schema.additionalProperties] as const]),
  ].filter(([, value]) => value.properties === undefined);
  return [...own, ...within.flatMap(([name, value]) => rulesOf(value, name))];
}
