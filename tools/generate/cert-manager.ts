/** Types of cert-manager's API, from the CustomResourceDefinitions of its Go module. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { certManagerDefinition } from "../definitions.ts";
import { customResourceOf, type Schema } from "./custom-resources.ts";
import { typesOf } from "./types.ts";

/** Writes `src/api/cert-manager/generated`. */
export async function generateCertManagerTypes(root: string): Promise<void> {
  const folder = join(root, "src/api/cert-manager/generated");
  await mkdir(folder, { recursive: true });
  for (const file of ["certificates", "clusterissuers"] as const) {
    const resource = customResourceOf(await certManagerDefinition(file), `crd-${file}.yaml`);
    const source = `deploy/crds/${resource.file} of the Go module github.com/cert-manager/cert-manager`;
    const bare = { ...resource, schema: withoutDescriptions(resource.schema) };
    await writeFile(join(folder, `${resource.kind}.ts`), await typesOf(bare, source, "../../kubernetes.ts"));
  }
}

/** The words are cert-manager's, and its own documentation has them. */
function withoutDescriptions(schema: Schema): Schema {
  const { description: _description, properties, items, additionalProperties, ...rest } = schema;
  return {
    ...rest,
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, inner]) => [name, withoutDescriptions(inner)]),
          ),
        }),
    ...(items === undefined ? {} : { items: withoutDescriptions(items) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: withoutDescriptions(additionalProperties) }),
  };
}
