/**
 * What the evaluator and a sidecar have ever disagreed on, each a case by name: policies, calls, and who is right. Both answer
 * them at every run of `evaluator.test.ts`.
 */
import type { AuthorizationPolicySpec } from "../../src/api/generated/AuthorizationPolicy.ts";
import type { TLSMode } from "../../src/model/mesh.ts";
import type { Call } from "../../src/policy/call.ts";
import { identityOf } from "../support/mesh-samples.ts";
import { applicationPorts } from "../support/policy-arbitraries.ts";

/** One disagreement. */
export interface EvaluatorCase {
  readonly name: string;
  readonly policies: readonly AuthorizationPolicySpec[];
  readonly mode?: TLSMode;
  /** The address of the destination is filled in. */
  readonly calls: readonly { readonly call: Call; readonly verdict: "allowed" | "refused" }[];
}

const frontend = { speaks: "mutual-tls", identity: identityOf("shop", "frontend") } as const;
const at = (port: number) => ({ source: "10.0.0.2", destination: { address: "", port } });
const connection = (port: number = applicationPorts.tcp): Call => ({ caller: frontend, ...at(port) });
const request = (path: string, host = "cart.shop", port: number = applicationPorts.http): Call => ({
  caller: frontend,
  ...at(port),
  request: { method: "GET", path, host, ...(port === applicationPorts.http2 ? { http2: true } : {}) },
});
const withCookies = (port: number, ...cookies: readonly string[]): Call => {
  const { request: asked, ...others } = request("/", "cart.shop", port);
  const headers = cookies.map((cookie) => ["cookie", cookie] as const);
  return { ...others, ...(asked === undefined ? {} : { request: { ...asked, headers } }) };
};
const denyPaths = (...paths: string[]): AuthorizationPolicySpec => ({
  action: "DENY",
  rules: [{ to: [{ operation: { paths } }] }],
});

/** All of them. */
export const evaluatorCases: readonly EvaluatorCase[] = [
  {
    name: "a dry run counts who is let in by the handshake, where the server speaks first",
    policies: [
      { rules: [{ from: [{ source: { serviceAccounts: ["shop/frontend"] } }] }] },
      { rules: [{}], enforcement: "DryRun" },
    ],
    calls: [{ call: connection(applicationPorts.serverFirst), verdict: "allowed" }],
  },
  {
    name: "a cookie that is empty is none over HTTP/2, for policies as for the application",
    policies: [{ action: "DENY", rules: [{ when: [{ key: "request.headers[cookie]", values: ["*"] }] }] }],
    calls: [
      { call: withCookies(applicationPorts.http2, ""), verdict: "allowed" },
      { call: withCookies(applicationPorts.http2, "", ""), verdict: "allowed" },
      { call: withCookies(applicationPorts.http2, "", "a=b"), verdict: "refused" },
      { call: withCookies(applicationPorts.http, ""), verdict: "refused" },
    ],
  },
  {
    name: "cookies that come in crumbs are one",
    policies: [{ rules: [{ when: [{ key: "request.headers[cookie]", values: ["a=b; c=d", "e=f*"] }] }] }],
    calls: [
      { call: withCookies(applicationPorts.http2, "a=b", "c=d"), verdict: "allowed" },
      { call: withCookies(applicationPorts.http2, "", "a=b", "c=d"), verdict: "allowed" },
      { call: withCookies(applicationPorts.http2, "a=b", "", "c=d"), verdict: "refused" },
      { call: withCookies(applicationPorts.http2, "c=d", "a=b"), verdict: "refused" },
      { call: withCookies(applicationPorts.http2, "e=f", "g=h"), verdict: "allowed" },
    ],
  },
  {
    name: "the end of a principal is not the end of its scheme",
    policies: [
      {
        action: "DENY",
        rules: [
          { from: [{ source: { principals: ["*//cluster.local/ns/shop/sa/frontend"] } }] },
          { from: [{ source: { principals: ["*/cluster.local/ns/shop/sa/frontend"] } }] },
        ],
      },
    ],
    calls: [
      { call: connection(), verdict: "allowed" },
      { call: request("/"), verdict: "allowed" },
    ],
  },
  {
    name: "a path that keeps out does so with a character escaped",
    policies: [denyPaths("/v1/x:delete", "/caf%c3%a9", "/a/{*}/x:y", "*;end")],
    calls: ["/v1/x:delete", "/v1/x%3Adelete", "/v1/x%3adelete", "/caf%C3%A9", "/a/b/x%3Ay", "/x%3Bend"].map((path) => ({
      call: request(path),
      verdict: "refused",
    })),
  },
  {
    name: "a path of slashes only is not the path `/`, and is served to nobody",
    policies: [denyPaths("/")],
    calls: ["/", "//", "/%2f", "/x/..//"].map((path) => ({ call: request(path), verdict: "refused" })),
  },
  {
    name: "a dot segment whose dots are escaped keeps its parameters, and is served to nobody",
    policies: [denyPaths("/admin*")],
    calls: ["/x/..;/admin", "/x/%2e%2e;/admin", "/x/..%3b/admin", "/x\\..;\\admin"].map((path) => ({
      call: request(path),
      verdict: "refused",
    })),
  },
  {
    name: "of a host with two ports, or what is none, nothing is stripped until it is another",
    policies: [{ action: "DENY", rules: [{ to: [{ operation: { hosts: ["cart.shop"] } }] }] }],
    calls: ["cart.shop:80:80", "cart.shop:", "cart.shop..", "u@cart.shop", "%63art.shop", "cart.shop;x"].flatMap(
      (host) => [
        { call: request("/", host), verdict: "refused" as const },
        { call: request("/", host, applicationPorts.http2), verdict: "refused" as const },
      ],
    ),
  },
  {
    name: "what is not ASCII in a path of HTTP/2 is escaped",
    policies: [denyPaths("/caf%C3%A9")],
    calls: [{ call: request("/caf\u00e9", "a", applicationPorts.http2), verdict: "refused" }],
  },
];
