/** Matches of a TrafficSplit: their one spelling, and the order in which they are tried. */
import type { TrafficSplit } from "../api/generated/TrafficSplit.ts";
import type { RouteMatch } from "../model/mesh.ts";
import { quote } from "../model/quote.ts";
import { compare } from "../model/workload.ts";
import { InvalidObject } from "./objects.ts";
import { demandExpression } from "./regular-expression.ts";
import { token } from "./split-affinity.ts";

type GivenMatch = NonNullable<TrafficSplit["spec"]["matches"]>[number];

/** Throws InvalidObject for what the API server refuses by CEL, since a stored object may be older. */
export function demandMatches(given: TrafficSplit["spec"]["matches"]): void {
  for (const [index, { path, method, headers = [] }] of (given ?? []).entries()) {
    const field = `spec.matches[${index}]`;
    if (path?.type === "RegularExpression") demandExpression(`${field}.path.value`, path.value);
    else if (path !== undefined) demandPath(`${field}.path.value`, path.value);
    if (method !== undefined && !/^[A-Z][A-Z0-9_-]*$/.test(method)) {
      throw new InvalidObject(`${field}.method: ${quote(method)}: write the method in upper case, such as GET`);
    }
    for (const [at, { type, name, value }] of headers.entries()) {
      const header = `${field}.headers[${at}]`;
      if (!token.test(name)) {
        const hint = "write a legal header name of letters, digits and `-`, without `:` or spaces";
        throw new InvalidObject(`${header}.name: ${quote(name)}: ${hint}`);
      }
      if (headers.findIndex((other) => other.name.toLowerCase() === name.toLowerCase()) !== at) {
        throw new InvalidObject(`${header}.name: name each header once; upper and lower case make no difference`);
      }
      if (type === "RegularExpression") demandExpression(`${header}.value`, value);
      else if (hasControlCharacter(value) || value.trim() !== value) {
        const hint = "remove control characters, and space at the beginning and the end";
        throw new InvalidObject(`${header}.value: ${quote(value)}: ${hint}`);
      }
    }
  }
}

/** A path or prefix as requests have it after normalisation; another fits none. */
function demandPath(field: string, path: string): void {
  if (!/^\/[!-~]*$/.test(path) || /[?#\\]/.test(path)) {
    const hint =
      "begin it with `/`, and write it in printable ASCII, percent-encoded where needed, without spaces, backslashes, `?` and `#`";
    throw new InvalidObject(`${field}: ${quote(path)}: ${hint}`);
  }
  if (/\/\/|\/\.\.?(\/|$)|%2[fF]|%5[cC]/.test(path)) {
    const hint = "write it as it is after normalisation, without `//`, `/./`, `/../`, `%2F` and `%5C`";
    throw new InvalidObject(`${field}: ${quote(path)}: ${hint}`);
  }
}

const hasControlCharacter = (text: string): boolean =>
  [...text].some((character) => (character < " " && character !== "\t") || character === "\x7f");

/**
 * A match in its one spelling, so that equal ones are equal: header names in lower case and sorted, no trailing slash on a
 * prefix. Undefined when it fits every request, as the prefix `/` does.
 */
export function normaliseMatch(given: GivenMatch): RouteMatch | undefined {
  const path = normalisePath(given.path);
  const headers = (given.headers ?? [])
    .map(({ type, name, value }) => ({ type, name: name.toLowerCase(), value }))
    .sort((a, b) => compare(a.name, b.name) || compare(a.value, b.value));
  if (path === undefined && given.method === undefined && headers.length === 0) return undefined;
  return {
    ...(path === undefined ? {} : { path }),
    ...(given.method === undefined ? {} : { method: given.method }),
    headers,
  };
}

function normalisePath(given: GivenMatch["path"]): RouteMatch["path"] {
  if (given?.type !== "PathPrefix") return given;
  const value = given.value.replace(/\/+$/, "");
  return value === "" ? undefined : { type: "PathPrefix", value };
}

/** Equal for equal matches. */
export function matchKey(match: RouteMatch | undefined): string {
  if (match === undefined) return "";
  const { path, method, headers } = match;
  return JSON.stringify([
    path === undefined ? null : [path.type, path.value],
    method ?? null,
    headers.map(({ type, name, value }) => [type, name, value]),
  ]);
}

const rankOfPath = { Exact: 3, RegularExpression: 2, PathPrefix: 1 } as const;

/**
 * Gateway API's precedence (HTTPRouteRule): an exact path, then the longest prefix, then a method, then the number of
 * headers. Regular expressions, which it leaves open, stand between: they are written for single paths. Zero for equals,
 * whose order is that of their splits: the oldest first.
 */
export function compareMatches(a: RouteMatch | undefined, b: RouteMatch | undefined): number {
  const rank = (match: RouteMatch | undefined) => (match?.path === undefined ? 0 : rankOfPath[match.path.type]);
  const method = (match: RouteMatch | undefined) => (match?.method === undefined ? 0 : 1);
  const length = (match: RouteMatch | undefined) => match?.path?.value.length ?? 0;
  return (
    rank(b) - rank(a) ||
    length(b) - length(a) ||
    method(b) - method(a) ||
    (b?.headers.length ?? 0) - (a?.headers.length ?? 0)
  );
}
