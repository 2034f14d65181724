import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { conditionTypes, findingCodes, reasons } from "../../../src/api/conditions.ts";
import { readCustomResources } from "../../../tools/generate/custom-resources.ts";
import { referencePage } from "../../../tools/generate/reference.ts";
import { typesOf } from "../../../tools/generate/types.ts";
import { validatorsOf } from "../../../tools/generate/validators.ts";

const root = join(import.meta.dirname, "../../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const page = read("docs/reference/status.md");

/** The first column of the table under a heading. */
function rowsOf(heading: string): readonly string[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(heading)) ?? "";
  return [...section.matchAll(/^\| `([A-Za-z]+)` \|/gm)].map(([, name = ""]) => name);
}

describe("docs/reference/status.md explains", () => {
  test("every condition, in their order", () => {
    expect(rowsOf("Conditions")).toEqual([...conditionTypes]);
  });

  test("every reason", () => {
    expect([...rowsOf("Reasons")].sort()).toEqual(Object.keys(reasons).sort());
  });

  test("what each reason and finding means, and what to do", () => {
    for (const line of page.split("\n").filter((text) => /^\| `[A-Za-z]+` \|/.test(text))) {
      const [name, ...columns] = line.split(/(?<!\\)\|/).slice(1, -1);
      for (const column of columns) expect(column.trim(), name).not.toBe("");
    }
  });

  test("every finding", () => {
    expect([...rowsOf("Findings")].sort()).toEqual(Object.keys(findingCodes).sort());
  });
});

describe("what is committed is what crds/ gives", async () => {
  const resources = await readCustomResources(join(root, "crds"));

  test.each(resources)("types and page of $kind", async (resource) => {
    expect(read(`src/api/generated/${resource.kind}.ts`)).toBe(await typesOf(resource));
    expect(read(`docs/reference/${resource.kind.toLowerCase()}.md`)).toBe(referencePage(resource));
  });

  test("validators", () => {
    for (const [name, content] of validatorsOf(resources)) {
      expect(read(`src/api/generated/${name}`) === content, `${name}: run \`make generate\``).toBe(true);
    }
  });
});
