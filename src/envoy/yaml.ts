/** YAML that Envoy reads as it was meant. */
import { compare } from "../model/workload.ts";

/** Keys that no YAML reader takes for anything but text, but for the words below. */
const plainKey = /^[a-z][a-z0-9_]*$/;
const words = new Set(["y", "n", "yes", "no", "on", "off", "true", "false", "null"]);

/** The keys that say what an object is come first. */
const rank = (key: string): number => (key === "@type" ? 0 : key === "name" ? 1 : 2);

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
  const deeper = `${padding}  `;
  if (Array.isArray(value)) {
    return value.length === 0 ? "[]" : value.map((item) => `- ${block(item, deeper)}`).join(`\n${padding}`);
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = fields(value);
  if (entries.length === 0) return "{}";
  return entries
    .map(([key, field]) => {
      const name = plainKey.test(key) && !words.has(key) ? key : JSON.stringify(key);
      return isBlock(field) ? `${name}:\n${deeper}${block(field, deeper)}` : `${name}: ${block(field, deeper)}`;
    })
    .join(`\n${padding}`);
}

function fields(value: object): [string, unknown][] {
  return Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => rank(a) - rank(b) || compare(a, b));
}

/** Whether a value takes lines of its own below its key. */
function isBlock(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return typeof value === "object" && value !== null && fields(value).length > 0;
}
