/** YAML that Envoy reads as it was meant. */

/** Keys that no YAML reader takes for anything but text, but for the words below. */
const plainKey = /^[a-z][a-z0-9_]*$/;
const words = new Set(["y", "n", "yes", "no", "on", "off", "true", "false", "null"]);

/** The keys that say what an object is. */
const firstKeys: readonly string[] = ["@type", "name"];

/**
 * Block YAML in which every string is quoted, since Envoy's reader takes a bare `no`, `on` or `1_000` for something else
 * (a Service may be called `no`). Keys are sorted, so equal values give equal texts. Written here and not by a library
 * because every change of a policy writes some 40 KB of it: this takes a twentieth of the time.
 *
 * @param value JSON: a field that is undefined is left out. A string is written as JSON writes it, which YAML 1.2 reads
 *   alike (section 5.2 and 7.3.1).
 */
export function envoyYAML(value: unknown): string {
  return `${block(value, "")}\n`;
}

/** The value without padding before its first line; further lines begin with `padding`. */
function block(value: unknown, padding: string): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const deeper = `${padding}  `;
  let text = "";
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === "" ? "" : `\n${padding}`}- ${block(item, deeper)}`;
    return text === "" ? "[]" : text;
  }
  const record = value as Readonly<Record<string, unknown>>;
  for (const key of keysOf(record)) {
    const field = record[key];
    if (field === undefined) continue;
    const name = plainKey.test(key) && !words.has(key) ? key : JSON.stringify(key);
    const separator = isBlock(field) ? `\n${deeper}` : " ";
    text += `${text === "" ? "" : `\n${padding}`}${name}:${separator}${block(field, deeper)}`;
  }
  return text === "" ? "{}" : text;
}

/** In the order of UTF-16 code units, but for those that come first. */
function keysOf(record: Readonly<Record<string, unknown>>): readonly string[] {
  const keys = Object.keys(record).sort();
  const first = firstKeys.filter((key) => Object.hasOwn(record, key));
  return first.length === 0 ? keys : [...first, ...keys.filter((key) => !firstKeys.includes(key))];
}

/** Whether a value takes lines of its own below its key. */
function isBlock(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return typeof value === "object" && value !== null && Object.values(value).some((field) => field !== undefined);
}
