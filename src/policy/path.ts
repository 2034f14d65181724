/**
 * Paths as a sidecar makes them before any policy looks, and as it forwards them (`normalize_path`, `merge_slashes`,
 * `path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD` of Envoy's connection manager; RFC 3986, section 6.2.2). In this
 * order: escaped slashes and backslashes are decoded, backslashes become slashes, what need not be escaped is decoded, what
 * must be is escaped, dot segments are resolved, slashes are merged.
 */
import type { Rejection } from "./rejection.ts";
import { reject } from "./rejection.ts";

/** The path without its query, or why the request is not served at all. */
export function normalizePath(target: string): string | Rejection {
  if (!/^[\x21-\x7e]*$/.test(target) || target.includes("#")) {
    return reject("path", "a path has characters of ASCII only, none of them a space, a control character or `#`");
  }
  const path = target.split("?", 1)[0] ?? "";
  if (!path.startsWith("/")) return reject("path", "a path begins with `/`");
  const slashed = path.replaceAll(/%2f/gi, "/").replaceAll(/%5c|\\/gi, "/");
  const spelled = slashed.split("/").map(spell);
  if (spelled.some(({ text }) => text.includes("%00"))) return reject("path", "a path has no zero byte");
  const merged = mergeSlashes(withoutDots(spelled));
  if (merged.startsWith("//")) return reject("path", "a path does not consist of several slashes and nothing else");
  if (merged.split("/").some(isDisguised)) {
    return reject(
      "path",
      "a segment `..;` or `.;` is read as `..` or `.` by some applications, so it cannot be judged",
    );
  }
  return merged;
}

/** One segment. `dots`: it is a dot segment, whatever parameters follow it. */
interface Segment {
  readonly text: string;
  readonly dots: "." | ".." | undefined;
}

function spell(raw: string): Segment {
  const text = raw
    .replaceAll(/%[0-9a-f]{2}/gi, (escaped) => {
      const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
      // RFC 3986, section 2.3.
      return /[A-Za-z0-9._~-]/.test(character) ? character : escaped;
    })
    .replaceAll(/["<>^`{|}]/g, escapeOf);
  if (text === "." || text === "..") return { text, dots: text };
  // Parameters of a dot segment are dropped with it, where its dots were not escaped.
  const dots = /^\.\.?(?=;)/.exec(raw)?.[0];
  return { text, dots: dots === "." || dots === ".." ? dots : undefined };
}

const escapeOf = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`;

/** RFC 3986, section 5.2.4. */
function withoutDots(segments: readonly Segment[]): string {
  const kept: string[] = [];
  for (const [index, { text, dots }] of segments.entries()) {
    // Before the first slash there is nothing.
    if (index === 0) continue;
    if (dots === "..") kept.pop();
    if (dots === undefined) kept.push(text);
    else if (index === segments.length - 1) kept.push("");
  }
  return `/${kept.join("/")}`;
}

/** Envoy leaves two of a path that is nothing but slashes. */
function mergeSlashes(path: string): string {
  if (/^\/\/+$/.test(path)) return "//";
  return path.replaceAll(/\/\/+/g, "/");
}

const isDisguised = (segment: string): boolean => /^\.\.?(;|%3b)/i.test(segment);
