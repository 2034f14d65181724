/**
 * The benchmarks of the operator one after another, and one table of all figures against their bars. A bar that is not met
 * is a figure, not a failure.
 *
 *   make bench-core [PODS=2000]
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { barsOf, machine, type Row } from "./figures.ts";

const [pods = "2000"] = process.argv.slice(2);

/** Runs one in a process of its own, which prints its own table. */
async function rowsOf(
  script: string,
  args: readonly string[],
  execArgv: readonly string[] = [],
): Promise<readonly Row[]> {
  console.log(`\n--- ${script}`);
  const child: ChildProcess = fork(join(import.meta.dirname, script), args, { execArgv: [...execArgv] });
  const rows: Row[] = [];
  child.on("message", (message) => rows.push(...(message as Row[])));
  const [status] = (await once(child, "exit")) as [number | null];
  if (status !== 0) throw new Error(`${script} ended with ${status}`);
  return rows;
}

const rows = [
  ...(await rowsOf("compile.ts", [pods], ["--expose-gc"])),
  ...(await rowsOf("operator.ts", [pods])),
  ...(await rowsOf("admission.ts", [])),
];
console.log(`\n${machine()}; 1,000 Services and ${pods} pods\n${barsOf(rows)}`);
