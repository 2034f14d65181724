/** What runs of vitest counted, left in a folder as JSON: for `make test`, and for `.ci/run`, which names the folder. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

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

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly startTime: number;
    readonly endTime: number;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** A report as a table: of each file, in order of time, how many of the cases that ran have passed, and its seconds. Empty when there is none. */
export function tableOfReport(file: string): readonly string[] {
  if (!existsSync(file)) return [];
  const { testResults } = JSON.parse(readFileSync(file, "utf8")) as VitestReport;
  const rows = testResults
    .toSorted((a, b) => a.startTime - b.startTime)
    .flatMap(({ name, startTime, endTime, assertionResults }) => {
      const run = assertionResults.filter(({ status }) => status === "passed" || status === "failed");
      if (run.length === 0) return [];
      const cases = `${run.filter(({ status }) => status === "passed").length}/${run.length}`;
      return [[basename(name, ".test.ts"), cases, ((endTime - startTime) / 1000).toFixed(1)] as const];
    });
  return [["file", "cases", "seconds"] as const, ...rows].map(
    ([name, cases, seconds]) => `${name.padEnd(28)}${cases.padStart(8)}${seconds.padStart(10)}`,
  );
}
