/** What must hold of every CRD, whatever fields it gets. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { kinds } from "../../../src/api/kinds.ts";
import { isLabelOfInstances } from "../../../src/model/workload.ts";
import { readCustomResources, type Schema } from "../../../tools/generate/custom-resources.ts";

const root = join(import.meta.dirname, "../../..");
const resources = await readCustomResources(join(root, "crds"));

interface Field {
  readonly path: string;
  readonly schema: Schema;
}

/** The schema and all within it. */
function walk(schema: Schema, path: string): readonly Field[] {
  return [
    { path, schema },
    ...(schema.items === undefined ? [] : walk(schema.items, `${path}[]`)),
    ...(schema.additionalProperties === undefined ? [] : walk(schema.additionalProperties, `${path}.*`)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => walk(inner, `${path}.${name}`)),
  ];
}

const partOf = (resource: (typeof resources)[number], name: string): Schema => {
  const part = resource.schema.properties?.[name];
  if (part === undefined) throw new Error(`${resource.kind} has no ${name}`);
  return part;
};

test("there is one CRD for each of our kinds", () => {
  const listed = Object.values(kinds).filter(({ apiVersion }) => apiVersion.startsWith("heddle.dev/"));
  const defined = resources.map(({ kind, group, version, plural }) => ({
    apiVersion: `${group}/${version}`,
    kind,
    plural,
    namespaced: true,
  }));
  expect(defined.sort((a, b) => a.kind.localeCompare(b.kind))).toEqual(
    [...listed].sort((a, b) => a.kind.localeCompare(b.kind)),
  );
});

describe.each(resources)("$kind", (resource) => {
  const spec = walk(partOf(resource, "spec"), "spec");
  const all = [...spec, ...walk(partOf(resource, "status"), "status")];

  test("every field and object is described", () => {
    const described = all.filter(({ path }) => !path.endsWith("[]") || path === "[]");
    expect(described.filter(({ schema }) => (schema.description ?? "").length < 8).map(({ path }) => path)).toEqual([]);
  });

  test("every list, string and map of a user is bounded", () => {
    const unbounded = spec.filter(({ schema }) => {
      if (schema.type === "array") return schema.minItems !== 1 || schema.maxItems === undefined;
      if (schema.type === "string") return schema.enum === undefined && schema.maxLength === undefined;
      if (schema.additionalProperties !== undefined)
        return schema.minProperties !== 1 || schema.maxProperties === undefined;
      return schema.type === "integer" && (schema.minimum === undefined || schema.maximum === undefined);
    });
    expect(unbounded.map(({ path }) => path)).toEqual([]);
  });

  test("no object may be empty, but for the two whose emptiness has a meaning", () => {
    const mayBeEmpty = spec.filter(({ schema }) => {
      return schema.properties !== undefined && schema.minProperties === undefined && schema.required === undefined;
    });
    expect(mayBeEmpty.map(({ path }) => path)).toEqual(
      resource.kind === "AuthorizationPolicy" ? ["spec", "spec.rules[]"] : [],
    );
  });

  test("every list says how it is merged", () => {
    const silent = all.filter(
      ({ schema }) => schema.type === "array" && schema["x-kubernetes-list-type"] === undefined,
    );
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  test("nothing that a user writes has a default", () => {
    expect(spec.filter(({ schema }) => schema.default !== undefined).map(({ path }) => path)).toEqual([]);
  });

  test("every rule of CEL says what to do", () => {
    const rules = all.flatMap(({ schema }) => schema["x-kubernetes-validations"] ?? []);
    expect(rules.length).toBeGreaterThan(0);
    expect(rules.filter(({ message = "" }) => message.length < 15)).toEqual([]);
  });

  // A null in a field that is not nullable is dropped by the API server, in silence.
  test("no optional field takes null", () => {
    const optional = spec.flatMap(({ path, schema }) => {
      const names = Object.keys(schema.properties ?? {}).filter((name) => schema.required?.includes(name) !== true);
      return names.map((name) => ({ path, schema, name }));
    });
    expect(optional.length).toBeGreaterThan(1);
    for (const { path, schema, name } of optional) {
      const field = schema.properties?.[name] ?? {};
      expect(field.nullable, `${path}.${name} keeps a null for the rules to see`).toBe(true);
      // The API server applies enum to null, and no other rule.
      if (field.enum !== undefined) continue;
      const guards = (schema.allOf ?? []).flatMap(({ anyOf }) => anyOf.map(({ not }) => not?.properties?.[name]));
      const guard = guards.find((candidate) => candidate !== undefined) ?? {};
      const beyond =
        field.type === "array"
          ? [guard.minItems, field.maxItems]
          : field.type === "string"
            ? [guard.minLength, field.maxLength]
            : field.type === "integer"
              ? [guard.minimum, field.maximum]
              : [guard.minProperties, Object.keys(field.properties ?? {}).length];
      expect(beyond[0], `${path}.${name}: what only null fits`).toBe((beyond[1] ?? Number.NaN) + 1);
    }
  });

  test("the status is the same as on the other kinds", () => {
    const withoutNames = (schema: Schema) =>
      walk(schema, "status").map(
        ({ path, schema: { title: _title, description, properties: _inner, items: _items, ...rest } }) => {
          return { path, description: path === "status.summary" ? "" : description, ...rest };
        },
      );
    const [first = resource] = resources;
    expect(withoutNames(partOf(resource, "status"))).toEqual(withoutNames(partOf(first, "status")));
    expect(partOf(resource, "status").default).toEqual({ observedGeneration: -1 });
  });

  test("columns of `kubectl get`", () => {
    const { spec: definition } = parse(readFileSync(join(root, "crds", resource.file), "utf8"));
    const columns = definition.versions[0].additionalPrinterColumns.map(({ name }: { name: string }) => name);
    expect(columns.slice(-4)).toEqual(["Ready", "Proxies", "Reason", "Age"]);
    expect(definition.names.shortNames).toBeUndefined();
  });
});

describe("selectors", () => {
  test.each(["AuthorizationPolicy", "MeshTLS"])(
    "of %s refuse the labels that the model leaves out of a class",
    (kind) => {
      const resource = resources.find((candidate) => candidate.kind === kind);
      const spec = resource?.schema.properties?.["spec"];
      const rules = spec?.properties?.["selector"]?.properties?.["matchLabels"]?.["x-kubernetes-validations"] ?? [];
      const rule = rules.find(({ message = "" }) => message.startsWith("select by labels"))?.rule ?? "";
      const refused = [...rule.matchAll(/'([^']+)'/g)].map(([, label = ""]) => label);
      expect(refused.every((label) => isLabelOfInstances(label.endsWith("/") ? `${label}x` : label))).toBe(true);

      const source = readFileSync(join(root, "src/model/workload.ts"), "utf8");
      const list = /const labelsOfInstances = \[([^\]]+)\]/.exec(source)?.[1] ?? "";
      const known = [...list.matchAll(/"([^"]+)"/g)].map(([, label = ""]) => label);
      expect(known.length).toBeGreaterThan(0);
      expect([...refused].sort()).toEqual([...known].sort());
    },
  );
});
