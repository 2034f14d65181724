/** Scenarios with network namespaces of their own: what a test of this folder starts, and reads as JSON. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * Runs a file of this folder where it is process 1 of its own network, so that nothing it makes outlives it.
 * Resolves with what it printed, at most 64 MiB.
 */
export async function runScenario(name: string, ...args: readonly (string | number)[]): Promise<string> {
  const isolated = ["--net", "--pid", "--fork", "--kill-child", "--"];
  const scenario = [process.execPath, join(import.meta.dirname, `${name}-scenario.ts`), ...args.map(String)];
  const { stdout } = await promisify(execFile)("unshare", [...isolated, ...scenario], { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}
