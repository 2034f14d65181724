/** What runs of vitest found, left in a folder as JSON: for `make test`, for `make e2e`, and for `.ci/run`, which names the folder. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Reporter, TestModule, Vitest } from "vitest/node";

/** What one run found. */
export interface Report {
  readonly passed: number;
  /** Every test that failed, and every hook, file or promise that did beside them: their tests did not run at all. */
  readonly failures: readonly Failure[];
  /** In the order in which they ended; those none of whose tests ran are left out. */
  readonly files: readonly {
    readonly name: string;
    readonly run: number;
    readonly passed: number;
    readonly seconds: number;
  }[];
}

export interface Failure {
  /** File, and names of what is around it: `test/unit/a.test.ts > a group > a test`. */
  readonly where: string;
  readonly message: string;
}

/** Folder of the reports; undefined when nobody asks for any. */
export const reportsFolder = (): string | undefined => process.env["HEDDLE_REPORTS"];

/** The environment in which vitest leaves a report in a folder. */
export const reportsEnvironment = (folder: string): Readonly<Record<string, string>> => ({ HEDDLE_REPORTS: folder });

/** Leaves a report in the folder, named after the projects of the run, as `unit-apiserver.json`. */
export function createReporter(folder: string): Reporter {
  let vitest: Vitest | undefined;
  const ended: TestModule[] = [];
  return {
    onInit: (started) => {
      vitest = started;
    },
    onTestModuleEnd: (testModule) => {
      ended.push(testModule);
    },
    onTestRunEnd: (_, unhandledErrors) => {
      const failures = ended.flatMap(failuresOf);
      for (const { message } of unhandledErrors) failures.push({ where: "outside of any test", message });
      const files = ended.map(fileOf).filter(({ run }) => run > 0);
      const report: Report = { passed: files.reduce((sum, { passed }) => sum + passed, 0), failures, files };
      const name = vitest?.projects.map((project) => project.name).join("-");
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(report));
    },
  };
}

function failuresOf(testModule: TestModule): readonly Failure[] {
  const file = testModule.relativeModuleId;
  const failures: Failure[] = testModule.errors().map(({ message }) => ({ where: file, message }));
  for (const suite of testModule.children.allSuites()) {
    for (const { message } of suite.errors()) failures.push({ where: `${file} > ${suite.fullName}`, message });
  }
  for (const test of testModule.children.allTests("failed")) {
    const errors = test.result().errors ?? [];
    const message = errors
      .map((error) => [error.message, stripVTControlCharacters(error.diff ?? "")].join("\n").trim())
      .join("\n");
    failures.push({ where: `${file} > ${test.fullName}`, message });
  }
  return failures;
}

function fileOf(testModule: TestModule): Report["files"][number] {
  const passed = [...testModule.children.allTests("passed")].length;
  const run = passed + [...testModule.children.allTests("failed")].length;
  const name = basename(testModule.moduleId, ".test.ts");
  return { name, run, passed, seconds: testModule.diagnostic().duration / 1000 };
}

/** The reports of a folder. */
export const readReports = (folder: string): readonly Report[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as Report);

/** The report of a project as a table: of each file how many of the cases that ran have passed, and its seconds. Empty when there is none. */
export function tableOfReport(folder: string, project: string): readonly string[] {
  const file = join(folder, `${project}.json`);
  if (!existsSync(file)) return [];
  const { files } = JSON.parse(readFileSync(file, "utf8")) as Report;
  const rows = files.map(({ name, run, passed, seconds }) => [name, `${passed}/${run}`, seconds.toFixed(1)] as const);
  return [["file", "cases", "seconds"] as const, ...rows].map(
    ([name, cases, seconds]) => `${name.padEnd(28)}${cases.padStart(8)}${seconds.padStart(10)}`,
  );
}
