/** What runs of vitest counted, left in a folder as JSON: for `make test`, and for `.ci/run`, which names the folder. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Folder of the reports; undefined when nobody asks for any. */
export const reportsFolder = (): string | undefined => process.env["HEDDLE_REPORTS"];

/** The arguments that make vitest leave a report of this name in a folder, beside what it prints. */
export function reportArguments(folder: string | undefined, name: string): readonly string[] {
  if (folder === undefined) return [];
  return ["--reporter=default", "--reporter=json", `--outputFile.json=${join(folder, `${name}.json`)}`];
}

/** How many tests the reports of a folder count. */
export function countTests(folder: string): { readonly passed: number; readonly failed: number } {
  const sum = { passed: 0, failed: 0 };
  for (const file of readdirSync(folder)) {
    const report = JSON.parse(readFileSync(join(folder, file), "utf8")) as Record<string, number>;
    sum.passed += report["numPassedTests"] ?? 0;
    sum.failed += report["numFailedTests"] ?? 0;
  }
  return sum;
}
