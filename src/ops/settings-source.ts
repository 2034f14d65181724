/** Where settings come from: flags, then environment, then a file, then defaults. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parseDocument } from "yaml";
import { type OptionName, options, variableOf } from "./options.ts";

/** A setting that cannot be used. The message names the setting, where it is from, and what it takes. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/** The flag, and the environment variable, that name the file. */
export const fileFlag = "config";
const fileVariable = "HEDDLE_CONFIG";

/** One value with its origin, for messages. */
export interface SettingText {
  readonly text: string;
  /** Empty for a flag or a default; else ` (from ...)`. */
  readonly origin: string;
}

/**
 * Looks settings up. An empty environment variable counts as absent.
 * @throws SettingsError for an unknown flag, a file that cannot be read, or a key of it that is unknown or no plain value
 */
export function settingsSource(
  flags: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): (name: OptionName) => SettingText {
  const given = readFlags(flags);
  const variable = (name: string): string | undefined => environment[name] || undefined;
  const path = given.get(fileFlag) ?? variable(fileVariable);
  const file = path === undefined ? new Map<string, string>() : readFile(path);
  return (name) => {
    const option = options.find((candidate) => candidate.name === name);
    const flag = given.get(name);
    if (flag !== undefined || option === undefined) return { text: flag ?? "", origin: "" };
    const variableName = variableOf(option);
    const fromEnvironment = variable(variableName);
    if (fromEnvironment !== undefined) return { text: fromEnvironment, origin: ` (from ${variableName})` };
    const fromFile = file.get(name);
    if (fromFile !== undefined) return { text: fromFile, origin: ` (from the file ${path})` };
    return { text: option.fallback, origin: "" };
  };
}

function readFlags(flags: readonly string[]): ReadonlyMap<string, string> {
  try {
    const { values } = parseArgs({
      args: [...flags],
      options: Object.fromEntries(
        [fileFlag, ...options.map(({ name }) => name)].map((name) => [name, { type: "string" as const }]),
      ),
      strict: true,
    });
    return new Map(
      Object.entries(values).flatMap(([name, value]) => (typeof value === "string" ? [[name, value] as const] : [])),
    );
  } catch (error) {
    throw new SettingsError(error instanceof Error ? error.message : String(error));
  }
}

function readFile(path: string): ReadonlyMap<string, string> {
  const refuse = (what: string): SettingsError => new SettingsError(`the settings file ${path} ${what}`);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw refuse(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw refuse(`is not YAML: ${problem.message}`);
  const content: unknown = document.toJS({ mapAsMap: true });
  if (content === null) return new Map();
  if (!(content instanceof Map)) throw refuse("must be a mapping of settings, such as 'log-level: debug'");
  const known = new Set<unknown>(options.map(({ name }) => name));
  const values = new Map<string, string>();
  for (const [key, value] of content as ReadonlyMap<unknown, unknown>) {
    if (typeof key !== "string" || !known.has(key)) throw refuse(`has the unknown key '${String(key)}'; see --help`);
    if (typeof value !== "string" && typeof value !== "number")
      throw refuse(`must have a string or a number for '${key}'`);
    values.set(key, String(value));
  }
  return values;
}
