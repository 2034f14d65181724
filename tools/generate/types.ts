import { compile, type JSONSchema } from "json-schema-to-typescript";
import type { CustomResource, Schema } from "./custom-resources.ts";

const lineWidth = 120;

/** The schema as json-schema-to-typescript takes it: without bounds, which types cannot say, and closed. */
function shape(schema: Schema): JSONSchema {
  if (schema["x-kubernetes-int-or-string"] === true) {
    return { description: schema.description, type: ["integer", "string"] };
  }
  return {
    ...(schema.title === undefined ? {} : { title: schema.title }),
    ...(schema.description === undefined ? {} : { description: schema.description }),
    ...(schema.type === undefined ? {} : { type: schema.type }),
    ...(schema.enum === undefined ? {} : { enum: [...schema.enum] }),
    ...(schema.required === undefined ? {} : { required: [...schema.required] }),
    ...(schema.items === undefined ? {} : { items: shape(schema.items) }),
    ...(schema.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(schema.properties).map(([name, inner]) => [name, shape(inner)]),
          ),
        }),
    ...(schema.type === "object"
      ? { additionalProperties: schema.additionalProperties === undefined ? false : shape(schema.additionalProperties) }
      : {}),
  };
}

/**
 * The module with the types of a kind: an interface of its name, and one for each schema that has a title. `source` says
 * where the schema is from, `kubernetes` where the module with the types of Kubernetes is.
 */
export async function typesOf(
  resource: CustomResource,
  source = `crds/${resource.file}`,
  kubernetes = "../kubernetes.ts",
): Promise<string> {
  const { properties, ...rest } = resource.schema;
  const schema = shape({ ...rest, required: ["apiVersion", "kind", "metadata", ...(resource.schema.required ?? [])] });
  const fields = Object.fromEntries(Object.entries(properties ?? {}).map(([name, inner]) => [name, shape(inner)]));
  const code = await compile(
    {
      ...schema,
      properties: {
        ...fields,
        apiVersion: { ...fields["apiVersion"], enum: [`${resource.group}/${resource.version}`] },
        kind: { ...fields["kind"], enum: [resource.kind] },
        metadata: { description: "The object's metadata.", tsType: "ObjectMeta" },
      },
    },
    resource.kind,
    {
      bannerComment: [
        `// Generated from ${source} by tools/generate.ts. Do not edit.`,
        `import type { ObjectMeta } from "${kubernetes}";`,
      ].join("\n"),
      ignoreMinAndMaxItems: true,
      style: { printWidth: lineWidth },
      unknownAny: true,
    },
  );
  return readonly(code);
}

/** Objects of the API server are never changed in place: every field and list becomes readonly. */
function readonly(source: string): string {
  return source
    .replaceAll(/^( +)([A-Za-z]+\??: |\[k: string\]: )/gm, "$1readonly $2")
    .replaceAll(/(: )([A-Za-z]+\[\]|\(.+\)\[\]);$/gm, "$1readonly $2;");
}
