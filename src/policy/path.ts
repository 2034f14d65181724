/**
 * Paths as a sidecar makes them before any policy looks, and as it forwards them (`normalize_path`, `merge_slashes`,
 * `path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD` of Envoy's connection manager; RFC 3986, section 6.2.2). In this
 * order: escaped slashes are decoded, parameters of dot segments are cut, backslashes become slashes, what need not be escaped
 * is decoded, what must be is escaped, dot segments are resolved, slashes are merged.
 */
import type { Rejection } from "./rejection.ts";
import { reject } from "./rejection.ts";

/** The path without its query, or why the request is not served at all. */
export function normalizePath(target: string): string | Rejection {
  // Over HTTP/1.1 a character beyond ASCII is refused; over HTTP/2 it is escaped. No client sends one.
  const given = target.replaceAll(/[^\0-\x7f]+/g, encodeURI);
  if (!/^[\x21-\x7e]*$/.test(given) || given.includes("#")) {
    return reject("path", "a path has no space, no control character and no `#`");
  }
  const path = given.split("?", 1)[0] ?? "";
  if (!path.startsWith("/")) return reject("path", "a path begins with `/`");
  if (path.includes("%00")) return reject("path", "a path has no zero byte");
  const merged = mergeSlashes(withoutDots(segmentsOf(path)));
  if (merged.startsWith("//")) return reject("path", "a path does not consist of several slashes and nothing else");
  if (merged.split("/").some(isDisguised)) {
    return reject(
      "path",
      "a segment `..;` or `.;` is read as `..` or `.` by some applications, so it cannot be judged",
    );
  }
  return merged;
}

function segmentsOf(path: string): string[] {
  return path
    .replaceAll(/%2f/gi, "/")
    .split("/")
    .map((segment) => segment.replace(/^(\.\.?);.*$/, "$1"))
    .flatMap((segment) => segment.split(/%5c|\\/i))
    .map(spell);
}

function spell(segment: string): string {
  return segment
    .replaceAll(/%[0-9a-f]{2}/gi, (escaped) => {
      const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
      // RFC 3986, section 2.3.
      return /[A-Za-z0-9._~-]/.test(character) ? character : escaped;
    })
    .replaceAll(/["<>^`{|}]/g, escapeOf);
}

const escapeOf = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`;

/** RFC 3986, section 5.2.4. */
function withoutDots([, ...segments]: readonly string[]): string {
  const kept: string[] = [];
  for (const [index, segment] of segments.entries()) {
    if (segment === "..") kept.pop();
    if (segment !== ".." && segment !== ".") kept.push(segment);
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
