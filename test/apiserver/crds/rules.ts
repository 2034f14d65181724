/** Every rule of a schema, and which rule a message of the API server speaks of: to see that each one has a sample. */
import type { Schema } from "../../../tools/generate/custom-resources.ts";

/** Names of rules, such as `spec.backends[].weight maximum` and `spec.service cel: name the root ...`. */
export function rulesOf(schema: Schema, path: string): readonly string[] {
  const bounds = ["minLength", "maxLength", "pattern", "minimum", "maximum", "minItems", "maxItems"] as const;
  const sizes = ["minProperties", "maxProperties", "enum"] as const;
  const listType = schema["x-kubernetes-list-type"];
  return [
    ...[...bounds, ...sizes].filter((keyword) => schema[keyword] !== undefined).map((keyword) => `${path} ${keyword}`),
    ...(listType === "set" || listType === "map" ? [`${path}[] unique`] : []),
    ...(schema.required ?? []).map((name) => `${path}.${name} required`),
    ...(schema["x-kubernetes-validations"] ?? []).map(({ message = "", fieldPath = "" }) => {
      return `${path}${fieldPath} cel: ${message}`;
    }),
    ...(schema.items === undefined ? [] : rulesOf(schema.items, `${path}[]`)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => rulesOf(inner, `${path}.${name}`)),
    ...(schema.additionalProperties === undefined ? [] : rulesOf(schema.additionalProperties, `${path}.*`)),
  ];
}

/** By what the API server's messages say a keyword was broken. */
const keywords: readonly (readonly [RegExp, string])[] = [
  [/Too many: .*must have at most/, "maxItems"],
  [/should have at least \d+ items/, "minItems"],
  [/should have at least \d+ properties/, "minProperties"],
  [/Too long/, "maxLength"],
  [/should be at least \d+ chars long/, "minLength"],
  [/should match '/, "pattern"],
  [/should be less than or equal/, "maximum"],
  [/should be greater than or equal/, "minimum"],
  [/Unsupported value/, "enum"],
  [/Duplicate value/, "unique"],
  [/Required value/, "required"],
];

/** The rules, as {@link rulesOf} names them, that a cause of a refusal may mean. */
export function rulesMeantBy(cause: { readonly field?: string; readonly message: string }): readonly string[] {
  const field = (cause.field ?? "")
    .replaceAll(/\[\d+\]/g, "[]")
    .replace(/(\.matchLabels)(\.[^.]+|\[[^\]]+\])$/, "$1.*");
  const keyword = keywords.find(([pattern]) => pattern.test(cause.message))?.[1];
  const message = cause.message.replace(/^Invalid value: (?:"(?:[^"\\]|\\.)*": |-?\d+: )?/, "");
  const ofCEL = message.replace(/^.* evaluating rule: /s, "");
  const names = keyword === undefined ? [] : [keyword, ...(keyword === "maxItems" ? ["maxProperties"] : [])];
  return [...names.map((name) => `${field} ${name}`), `${field} cel: ${ofCEL}`, `${field}.value cel: ${ofCEL}`];
}
