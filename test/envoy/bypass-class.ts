/** What the corpus of bypasses is made of, and the words in which it is written. */
import type { AuthorizationPolicySpec } from "../../src/api/generated/AuthorizationPolicy.ts";
import type { Request } from "../../src/policy/call.ts";
import type { RawHeaders } from "./raw-http2.ts";

/** Who calls: `frontend` is `shop/frontend`, `dotted` is `shop/front.end`, `undotted` is `shop/frontxend`. */
export type BypassCaller = "frontend" | "dotted" | "undotted" | "plaintext";

/** One try, over HTTP/1.1 and HTTP/2 unless it is raw, or a connection. */
export interface Attempt {
  readonly caller?: BypassCaller;
  /** What differs from `GET /` of `app.local`. */
  readonly request?: Partial<Request>;
  /** The version that it is tried over, where it has a meaning in one only. */
  readonly only?: "HTTP/1.1" | "HTTP/2";
  /** Bytes for HTTP/1.1. */
  readonly bytes?: string;
  /** All headers, pseudo-headers too, for HTTP/2. */
  readonly headers?: RawHeaders;
  /** A connection to this port, of which the sidecar sees no requests. */
  readonly connection?: "tcp" | "undeclared" | "serverFirst";
}

/** What must come of it: served, denied by a policy, or refused to everybody (4xx, or the end of the stream). */
export type Fate = "served" | "denied" | "refused";

/** One class, or a part of one, under these policies. */
export interface BypassClass {
  /** The class of the advisories, and what it is about. */
  readonly name: string;
  readonly policies: readonly AuthorizationPolicySpec[];
  readonly attempts: readonly (readonly [Fate, Attempt])[];
}

/** Attempts with what must come of them. */
export const of = (fate: Fate, attempts: readonly Attempt[]) => attempts.map((attempt) => [fate, attempt] as const);
/** One attempt for each path. */
export const paths = (...list: string[]): Attempt[] => list.map((path) => ({ request: { path } }));
/** One attempt for each host. */
export const hosts = (...list: string[]): Attempt[] => list.map((host) => ({ request: { host } }));
/** An attempt with a line of a header for each value. */
export const lines = (name: string, ...values: string[]): Attempt => ({
  request: { headers: values.map((value) => [name, value]) },
});
/** The rules with one operation. */
export const to = (operation: object): AuthorizationPolicySpec["rules"] => [{ to: [{ operation }] }];
/** The rules with one source. */
export const from = (source: object): AuthorizationPolicySpec["rules"] => [{ from: [{ source }] }];
/** A policy that denies what the rules fit. */
export const deny = (rules: AuthorizationPolicySpec["rules"]): AuthorizationPolicySpec => ({
  action: "DENY",
  ...(rules === undefined ? {} : { rules }),
});
/** A policy that allows what the rules fit. */
export const allow = (rules: AuthorizationPolicySpec["rules"]): AuthorizationPolicySpec =>
  rules === undefined ? {} : { rules };
/** The rules with one condition. */
export const when = (key: string, given: object): AuthorizationPolicySpec["rules"] => [{ when: [{ key, ...given }] }];
/** Headers of HTTP/2 for a path, and more of them behind. */
export const pseudo = (path: string, ...more: RawHeaders): RawHeaders => [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", path],
  [":authority", "app.local"],
  ...more,
];
/** Nobody gets to `/admin`, or to what is below it. */
export const denyAdmin = deny(to({ paths: ["/admin", "/admin/*"] }));
