/** What a sidecar makes of a request before any policy looks. */
import type { Request } from "./call.ts";
import { normalizeHost } from "./host.ts";
import { normalizePath } from "./path.ts";
import type { Rejection } from "./rejection.ts";
import { reject } from "./rejection.ts";

/** A request as policies see it. */
export interface JudgedRequest {
  readonly method: string;
  /** Normalised, without its query. */
  readonly path: string;
  /** In lower case, without port and trailing dot. Empty when the request names none. */
  readonly host: string;
  /** The values of each header's lines, by its name in lower case. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

/** The request as policies see it, or why it is not served. */
export function judgedRequest(request: Request): JudgedRequest | Rejection {
  const { host: authority, path: target } = splitTarget(request);
  if (request.method === "CONNECT") return reject("method", "CONNECT is not served");
  if (!isToken(request.method)) return reject("method", "a method is a token");
  const path = normalizePath(target);
  if (typeof path !== "string") return path;
  const host = normalizeHost(authority);
  if (typeof host !== "string") return host;
  const headers = new Map<string, string[]>();
  for (const [given, value] of request.headers ?? []) {
    const name = given.toLowerCase();
    if (!isToken(name) || name.includes("_")) {
      return reject("header", `the name ${JSON.stringify(given)} of a header is no token, or has \`_\``);
    }
    if (name === "host") return reject("host", "a request has one host");
    if (isRemoved(name)) continue;
    headers.set(name, [...(headers.get(name) ?? []), trim(value)]);
  }
  if (request.http2 === true) {
    const cookie = joinCrumbs(headers.get("cookie") ?? []);
    headers.delete("cookie");
    if (cookie !== "") headers.set("cookie", [cookie]);
  }
  return { method: request.method, path, host, headers };
}

/** An absolute URL as a target says the host, whatever the Host header says (RFC 9112, section 3.2.2). */
function splitTarget({ path, host }: Request): { readonly host: string; readonly path: string } {
  const [, authority, rest] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(path) ?? [];
  if (authority === undefined || rest === undefined) return { host, path };
  return { host: authority, path: rest === "" ? "/" : rest };
}

/** By HTTP/2 a cookie may come in crumbs, which are joined (RFC 9113, section 8.2.3); Envoy forwards none that is empty then. */
const joinCrumbs = (crumbs: readonly string[]): string =>
  crumbs.reduce((joined, crumb) => (joined === "" ? crumb : `${joined}; ${crumb}`), "");

/** RFC 9110, section 5.6.2. */
const isToken = (text: string): boolean => /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(text);

/** Optional white space around a value (RFC 9110, section 5.6.3). */
const trim = (value: string): string => value.replace(/^[ \t]+|[ \t]+$/g, "");

/** What callers could say of themselves with is taken away before any policy looks. */
const isRemoved = (name: string): boolean => name === "x-forwarded-client-cert" || name.startsWith("x-envoy-");
