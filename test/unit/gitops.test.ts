/** What Argo CD makes of our objects, by the script that users are given, run by a real Lua over every status of the goldens. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LuaEngine, LuaFactory } from "wasmoon";
import { parse, parseAllDocuments } from "yaml";
import { compileObjects, goldenCases } from "../support/golden.ts";
import { type Kstatus, kstatusOf, type WaitedFor } from "../support/kstatus.ts";
import { momentsOf } from "../support/moments.ts";

const repository = resolve(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(repository, "examples/gitops", path), "utf8");
const script = read("argocd/health.lua");

/** Health in Argo CD's words. */
const words: Readonly<Record<Exclude<Kstatus, "Terminating">, string>> = {
  Current: "Healthy",
  Failed: "Degraded",
  InProgress: "Progressing",
};

let lua: LuaEngine;
beforeAll(async () => {
  lua = await new LuaFactory().createEngine();
});
afterAll(() => lua.global.close());

/** The script is given the object as a table of its own, as Argo CD makes one of JSON: `null` is nothing there. */
function healthOf(object: WaitedFor): { readonly status: string; readonly message: string } {
  const table = (value: unknown): string => {
    if (Array.isArray(value)) return `{${value.map(table).join(",")}}`;
    if (typeof value !== "object" || value === null) return value === null ? "nil" : JSON.stringify(value);
    return `{${Object.entries(value).map(([key, part]) => `[${JSON.stringify(key)}]=${table(part)}`)}}`;
  };
  return lua.doStringSync(`local obj = ${table(object)}\n${script}`);
}

describe("Argo CD", () => {
  test("says what kstatus says, at every moment of every object, and why", () => {
    const seen = new Set<string>();
    for (const { name, objects } of goldenCases()) {
      for (const { moment, object, generation, status } of momentsOf(compileObjects(objects))) {
        const waitedFor = { metadata: { generation }, status };
        const verdict = kstatusOf(waitedFor);
        if (verdict === "Terminating") throw new Error("nothing is deleted here");
        const { status: health, message } = healthOf(waitedFor);
        expect(health, `${name}, ${moment}: ${object}`).toBe(words[verdict]);
        const condition = status.conditions.find(({ type }) => type === (health === "Degraded" ? "Stalled" : "Ready"));
        expect(message).toBe(`${condition?.reason}: ${condition?.message}`);
        seen.add(health);
      }
    }
    expect([...seen].sort()).toEqual(["Degraded", "Healthy", "Progressing"]);
  });

  test.each([
    ["without a status", { metadata: { generation: 1 } }],
    ["with the schema's default", { metadata: { generation: 1 }, status: { observedGeneration: -1 } }],
    [
      "that was edited",
      {
        metadata: { generation: 2 },
        status: { observedGeneration: 1, conditions: [{ type: "Ready", status: "True" }] },
      },
    ],
    ["without conditions", { metadata: { generation: 1 }, status: { observedGeneration: 1 } }],
  ])("an object %s is on its way", (_, object) => {
    expect(healthOf(object).status).toBe("Progressing");
  });

  test("is given this script for the whole group", () => {
    const { data } = parse(read("argocd/argocd-cm.yaml")) as { data: Record<string, string> };
    const customizations = parse(data["resource.customizations"] ?? "") as Record<string, Record<string, string>>;
    expect(customizations).toEqual({ "heddle.dev/*": { "health.lua": script } });
  });
});

test.each(["argocd/applications.yaml", "flux/heddle.yaml"])("%s names the chart where it is", (path) => {
  const documents = parseAllDocuments(read(path));
  expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
  const text = JSON.stringify(documents.map((document) => document.toJS()));
  expect(text).toContain('"charts/heddle"');
  expect(readFileSync(join(repository, "charts/heddle/Chart.yaml"), "utf8")).toContain("name: heddle");
});
