/** Matches of a TrafficSplit: their one spelling, and the order in which they are tried. */
import type { TrafficSplit } from "../api/generated/TrafficSplit.ts";
import type { RouteMatch } from "../model/mesh.ts";
import { compare } from "../model/workload.ts";

type GivenMatch = NonNullable<TrafficSplit["spec"]["matches"]>[number];

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
