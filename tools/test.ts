/**
 * `make test`: all tests but those that need kind, in runs of vitest side by side, since much of the time of each is
 * waiting. Each has network namespaces of its own (outer-namespace.sh), two of them a mesh. Arguments are vitest's.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { raiseInotifyInstances } from "./inotify.ts";
import { endOf } from "./processes.ts";
import { readReports, reportsEnvironment, reportsFolder } from "./reports.ts";

/** Runs one after another; lanes go side by side. */
type Lane = readonly (readonly string[])[];

const meshes: readonly Lane[] = [[["dataplane"]], [["dataplane-operator"], ["node"]]];
const others: Lane = [["unit", "apiserver"]];

/** The whole lines that both write, as they come. */
function tell(child: ChildProcess): void {
  if (child.stdout !== null) createInterface({ input: child.stdout }).on("line", (line) => console.log(line));
  if (child.stderr !== null) createInterface({ input: child.stderr }).on("line", (line) => console.error(line));
}

function startRun(projects: readonly string[], reports: string, vitestArguments: readonly string[]): ChildProcess {
  const namespace = [join(import.meta.dirname, "outer-namespace.sh"), "--scratch", "--"];
  const chosen = projects.map((project) => `--project=${project}`);
  // The cases of a mesh come one after another, and everything else fills the time in which they wait.
  const priority = others.includes(projects) ? ["nice", "-n", "5"] : [];
  const vitest = [...priority, "vitest", "run", "--passWithNoTests", ...chosen, ...vitestArguments];
  const colours = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {};
  const child = spawn("bash", [...namespace, ...vitest], {
    stdio: ["ignore", "pipe", "pipe"],
    // API servers, kubectl and Helm do not live long: with more room to litter they need an eighth less of the processor.
    env: { GOGC: "400", ...process.env, ...colours, ...reportsEnvironment(reports) },
  });
  tell(child);
  return child;
}

async function main(vitestArguments: readonly string[]): Promise<number> {
  const given = reportsFolder();
  const reports = given ?? mkdtempSync(join(tmpdir(), "heddle-reports-"));
  const start = performance.now();
  const children: ChildProcess[] = [];
  let stopped = false;
  const run = async (projects: readonly string[]): Promise<void> => {
    if (stopped) return;
    const child = startRun(projects, reports, vitestArguments);
    children.push(child);
    await endOf(child);
  };
  // Ctrl-C reaches them too; each is to end in its own way.
  process.on("SIGINT", () => {
    stopped = true;
  });
  process.on("SIGTERM", () => {
    stopped = true;
    for (const child of children) child.kill("SIGTERM");
  });
  // Where sidecars of two meshes are too many for the machine, one mesh comes after the other.
  const lanes = raiseInotifyInstances() ? [...meshes, others] : [meshes.flat(), others];
  await Promise.all(
    lanes.map(async (lane) => {
      for (const projects of lane) await run(projects);
    }),
  );
  const found = readReports(reports);
  if (given === undefined) rmSync(reports, { recursive: true });
  const passed = found.reduce((sum, report) => sum + report.passed, 0);
  const failures = found.flatMap((report) => report.failures);
  // The runs wrote side by side: here they are together.
  for (const { where, message } of failures) console.log(`FAILED ${where}\n${message}`);
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(`${passed} passed, ${failures.length} failed in ${seconds} s`);
  if (passed + failures.length === 0) console.error("No test was found.");
  return passed > 0 && !stopped && children.every((child) => child.exitCode === 0) ? 0 : 1;
}

process.exit(await main(process.argv.slice(2)));
