/**
 * Ways in which policies of proxies and meshes have been bypassed, by the classes of public advisories, each as requests and
 * connections with the verdict that they must get. `bypass.test.ts` sends them to a real sidecar, byte for byte.
 */
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

const of = (fate: Fate, attempts: readonly Attempt[]) => attempts.map((attempt) => [fate, attempt] as const);
const paths = (...list: string[]): Attempt[] => list.map((path) => ({ request: { path } }));
const hosts = (...list: string[]): Attempt[] => list.map((host) => ({ request: { host } }));
const lines = (name: string, ...values: string[]): Attempt => ({
  request: { headers: values.map((value) => [name, value]) },
});
const to = (operation: object): AuthorizationPolicySpec["rules"] => [{ to: [{ operation }] }];
const from = (source: object): AuthorizationPolicySpec["rules"] => [{ from: [{ source }] }];
const deny = (rules: AuthorizationPolicySpec["rules"]): AuthorizationPolicySpec => ({
  action: "DENY",
  ...(rules === undefined ? {} : { rules }),
});
const allow = (rules: AuthorizationPolicySpec["rules"]): AuthorizationPolicySpec =>
  rules === undefined ? {} : { rules };
const when = (key: string, given: object): AuthorizationPolicySpec["rules"] => [{ when: [{ key, ...given }] }];
const pseudo = (path: string, ...more: RawHeaders): RawHeaders => [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", path],
  [":authority", "app.local"],
  ...more,
];
const everyEscape = Array.from({ length: 255 }, (_, index) => `%${(index + 1).toString(16).padStart(2, "0")}`);
const denyAdmin = deny(to({ paths: ["/admin", "/admin/*"] }));

export const bypassClasses: readonly BypassClass[] = [
  {
    name: "A1 spellings of a denied path (CVE-2019-9901, CVE-2021-29492, CVE-2021-31920)",
    policies: [denyAdmin],
    attempts: [
      ...of("denied", [
        ...paths(
          "/admin",
          "/admin/",
          "/admin/x",
          "//admin",
          "/x/../admin",
          "/x/%2e%2e/admin",
          "/x%2f..%2fadmin",
          "/%2fadmin",
        ),
        ...paths(
          "/\\admin",
          "/%5cadmin",
          "/%61dmin",
          "/x/..;a=b/admin",
          "/./admin",
          "/x/.%2e/admin",
          "/admin/../admin",
        ),
        ...paths(
          "/%61%64%6d%69%6e",
          "/x/y/../../admin",
          "/../admin",
          "/admin//x",
          "/admin%2fx",
          "/admin\\x",
          "/x/..//admin",
        ),
      ]),
      ...of("served", paths("/", "/administrator", "/x/admin", "/admin/..", "/admin/%2e%2e/x")),
    ],
  },
  {
    name: "A1 any escape before what is resolved away",
    policies: [denyAdmin],
    attempts: everyEscape
      .flatMap((code) => of("denied", paths(`/x${code}y/../admin`)))
      // Escaped slashes make two segments of it.
      .map(([, attempt]) => {
        const isSlash = /%2f|%5c/.test(attempt.request?.path ?? "");
        return [isSlash ? "served" : "denied", attempt] as const;
      }),
  },
  {
    name: "A1 a character that need not be as it is (no advisory: RFC 3986, section 6.2.2)",
    policies: [deny(to({ paths: ["/v1/x:delete", "/caf%c3%a9/*", "/r/{*}/x;y"] }))],
    attempts: [
      ...of(
        "denied",
        paths("/v1/x:delete", "/v1/x%3Adelete", "/v1/%78%3adelete", "/caf%C3%A9/x", "/caf%c3%A9/", "/r/a/x%3By"),
      ),
      ...of("served", paths("/v1/x%253Adelete", "/caf%C3%A8/x", "/r/a/b/x;y")),
    ],
  },
  {
    name: "A1 what cannot be closed, and carries the finding PathPatternBypass: case, parameters, decoding twice",
    policies: [denyAdmin],
    attempts: of("served", paths("/Admin", "/;x/admin", "/admin;x", "/%252fadmin", "/x%252f..%252fadmin")),
  },
  {
    name: "A1 the same with a path that is allowed: none of them gets in",
    policies: [allow(to({ paths: ["/public/*"] }))],
    attempts: [
      ...of("served", paths("/public/x", "/x/../public/x", "//public/x")),
      ...of(
        "denied",
        paths("/public/../admin", "/public/%2e%2e/admin", "/public%2f..%2fadmin", "/public/..;/admin", "/Public/x"),
      ),
      ...of("denied", paths("/public\\..\\admin", "/public/%5c..%5c..%5cadmin", "/publicx", "/public")),
      ...of("refused", paths("/public/%2e%2e;/admin", "/public/..%3b/admin")),
    ],
  },
  {
    name: "A2 something behind an exact path (CVE-2021-39156, CVE-2021-32779, CVE-2020-8595)",
    policies: [deny(to({ paths: ["/admin"] }))],
    attempts: [
      ...of("denied", paths("/admin?x", "/admin?", "/admin?x=/y")),
      ...of("refused", paths("/admin#x", "/admin?x#y", "/#/../admin", "/admin%00")),
    ],
  },
  {
    name: "A2 a path of nothing but slashes",
    policies: [deny(to({ paths: ["/"] }))],
    attempts: [
      ...of("denied", paths("/", "/?x", "/.", "/x/..")),
      ...of("refused", paths("//", "///", "/%2f", "//?x", "/x/..//")),
    ],
  },
  {
    name: "A3 parameters and templates (CVE-2026-73551, CVE-2026-73511, CVE-2026-73553, CVE-2025-46821)",
    policies: [deny(to({ paths: ["/a/{*}/c", "/r/{**}"] }))],
    attempts: [
      ...of("denied", paths("/a/b/c", "/a/b;p/c", "/a/*/c", "/a/b|c/c", '/a/"x"/c', "/a/%2A/c")),
      ...of("denied", paths("/r/", "/r/*", "/r/;x", "/x/..;/r/y", "/r/x/y/z?w")),
      ...of("served", paths("/a/x/y/c", "/r", "/a//c")),
      ...of("refused", paths("/x/%2e%2e;/r/y", "/x/..%3bp/r/y")),
    ],
  },
  {
    name: "A1 other words for a denied method",
    policies: [deny(to({ methods: ["DELETE"] }))],
    attempts: [
      ...of("denied", [{ request: { method: "DELETE" } }]),
      ...of("refused", [{ request: { method: "delete" }, only: "HTTP/1.1" }]),
      // Documented: methods differ by case (RFC 9110, section 9.1), and a header by which another one is meant is a header.
      ...of("served", [
        { request: { method: "delete" }, only: "HTTP/2" },
        { request: { method: "POST", headers: [["x-http-method-override", "DELETE"]] } },
      ]),
    ],
  },
  {
    name: "A4 targets that are no path (CVE-2026-33186, CVE-2026-73547)",
    policies: [denyAdmin],
    attempts: [
      ...of("refused", [
        ...["admin", "*", "", "?x", "http://app.local/admin", "//"].map((path) => ({ headers: pseudo(path) })),
        {
          headers: [
            [":method", "GET"],
            [":scheme", "http"],
            [":authority", "app.local"],
          ],
        },
        { headers: [...pseudo("/"), [":path", "/admin"]] },
        { headers: pseudo("/", ["x-a", "1"], [":path", "/admin"]) },
        {
          headers: [
            [":method", "CONNECT"],
            [":authority", "app.local:8080"],
          ],
        },
        {
          headers: [
            [":method", "CONNECT"],
            [":protocol", "websocket"],
            [":scheme", "http"],
            [":path", "/admin"],
            [":authority", "a"],
          ],
        },
        {
          headers: [
            [":method", "OPTIONS"],
            [":scheme", "http"],
            [":path", "*"],
            [":authority", "app.local"],
          ],
        },
        { bytes: "GET admin HTTP/1.1\r\nHost: app.local\r\n\r\n" },
        { bytes: "OPTIONS * HTTP/1.1\r\nHost: app.local\r\n\r\n" },
        { bytes: "CONNECT app.local:8080 HTTP/1.1\r\nHost: app.local\r\n\r\n" },
        { bytes: "GET /\r\n\r\n" },
        { bytes: "GET / HTTP/1.1\r\n\r\n" },
      ]),
      ...of("denied", [
        { bytes: "GET http://app.local/admin HTTP/1.1\r\nHost: app.local\r\n\r\n" },
        { bytes: "GET http://app.local/x/../admin HTTP/1.1\r\nHost: app.local\r\n\r\n" },
        { bytes: "GET /admin HTTP/1.0\r\nHost: app.local\r\n\r\n" },
        { bytes: "GET  /admin HTTP/1.1\r\nHost: app.local\r\n\r\n" },
      ]),
    ],
  },
  {
    name: "A4 requests within requests",
    policies: [denyAdmin],
    attempts: of("refused", [
      {
        bytes:
          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n",
      },
      { bytes: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n" },
      { bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" },
      { bytes: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" },
      { headers: pseudo("/", ["transfer-encoding", "chunked"]) },
      { headers: pseudo("/", ["connection", "x-role"]) },
      { headers: pseudo("/", ["X-Role", "admin"]) },
      { headers: pseudo("/", ["x-a", "1\r\nx-role: admin"]) },
    ]),
  },
  {
    name: "A5 spellings of a denied host (CVE-2021-39155, ISTIO-SECURITY-2021-008)",
    policies: [deny(to({ hosts: ["secret.local"] }))],
    attempts: [
      ...of(
        "denied",
        hosts(
          "secret.local",
          "SECRET.local",
          "secret.local:80",
          "secret.local.",
          "secret.local.:80",
          "secret.local:80.",
        ),
      ),
      ...of("refused", [
        ...hosts(
          "secret.local:",
          "secret.local:80:80",
          "secret.local..",
          "secret.local:abc",
          "secret.local:0x50",
          "secret.local;x",
        ),
        ...hosts(
          "user@secret.local",
          "user:secret@secret.local",
          "%73ecret.local",
          "open.local,secret.local",
          "secret.local/x",
        ),
        { bytes: "GET / HTTP/1.1\r\nHost: open.local\r\nHost: secret.local\r\n\r\n" },
        { bytes: "GET / HTTP/1.1\r\nHost : secret.local\r\n\r\n" },
        { headers: pseudo("/", [":authority", "secret.local"]) },
      ]),
      ...of("denied", [
        { bytes: "GET http://secret.local/ HTTP/1.1\r\nHost: open.local\r\n\r\n" },
        { bytes: "GET http://secret.local:80/ HTTP/1.1\r\nHost: open.local\r\n\r\n" },
        {
          headers: [
            [":method", "GET"],
            [":scheme", "http"],
            [":path", "/"],
            ["host", "secret.local"],
          ],
        },
      ]),
      // The application is told the authority, which was judged, and not the Host header beside it.
      ...of("served", [
        ...hosts("open.local", "xsecret.local", "secret.localx"),
        { headers: pseudo("/", ["host", "app.local"]) },
      ]),
    ],
  },
  {
    name: "A6 a header of several values under DENY (CVE-2026-26308, CVE-2021-32777)",
    policies: [deny(when("request.headers[x-role]", { values: ["admin"] }))],
    attempts: [
      ...of("denied", [lines("x-role", "admin"), lines("x-role", "user", "admin"), lines("x-role", "admin", "user")]),
      ...of("denied", [lines("x-role", "user,admin"), lines("x-role", "admin, user"), lines("X-ROLE", "user , admin")]),
      ...of("denied", [
        lines("x-role", '"admin"'),
        lines("x-role", "admin;q=1"),
        lines("x-role", "user;admin"),
        lines("x-role", ",admin,"),
      ]),
      ...of("denied", [
        { bytes: "GET / HTTP/1.1\r\nHost: a\r\nx-role:\r\n admin\r\n\r\n" },
        { bytes: "GET / HTTP/1.1\r\nHost: a\r\nx-role: user,\r\n\tadmin\r\n\r\n" },
      ]),
      ...of("refused", [lines("x_role", "admin")]),
      ...of("served", [lines("x-role", "user"), lines("x-role", "administrator"), lines("x-role", "xadmin")]),
      // Documented: another case of the value is for the application to judge.
      ...of("served", [lines("x-role", "ADMIN")]),
    ],
  },
  {
    name: "A6 a header of several values under ALLOW",
    policies: [allow(when("request.headers[x-role]", { values: ["user"], notValues: ["admin"] }))],
    attempts: [
      ...of("served", [lines("x-role", "user")]),
      ...of("denied", [
        lines("x-role", "user", "admin"),
        lines("x-role", "admin", "user"),
        lines("x-role", "user,admin"),
        lines("x-role", "user", "user"),
      ]),
      ...of("denied", [
        lines("x-role", "user,"),
        lines("x-role", ""),
        lines("x-other", "user"),
        lines("x-role", '"user"'),
      ]),
    ],
  },
  {
    name: "A7 bytes that are not ASCII (CVE-2026-73552)",
    policies: [
      deny(when("request.headers[x-role]", { values: ["admin*"] })),
      deny(when("request.headers[x-group]", { values: ["*admin"] })),
    ],
    attempts: of("denied", [
      ...["admin\u00e9", "admin\u20ac", "\u00e9,admin", "\u00ff, admin\u00ff"].map((value) => lines("x-role", value)),
      ...["\u00e9admin", "\u20acadmin", "admin,\u00e9"].map((value) => lines("x-group", value)),
      { bytes: "GET / HTTP/1.1\r\nHost: a\r\nx-role: admin\x80\xff\r\n\r\n" },
      { bytes: "GET / HTTP/1.1\r\nHost: a\r\nx-role: \x80\xfe,admin\r\n\r\n" },
      { bytes: "GET / HTTP/1.1\r\nHost: a\r\nx-group: \xc3\x28admin\r\n\r\n" },
    ]),
  },
  {
    name: "A7 bytes that are not ASCII in a path",
    policies: [deny(to({ paths: ["/caf%C3%A9", "/a/{*}/c"] }))],
    attempts: [
      ...of("denied", [{ headers: pseudo("/caf\u00e9") }, { headers: pseudo("/a/\u00e9/c") }]),
      ...of("refused", [
        { bytes: "GET /caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n" },
        { bytes: "GET /a/\xff/c HTTP/1.1\r\nHost: a\r\n\r\n" },
      ]),
    ],
  },
  {
    name: "B1 the end of a principal on a connection (CVE-2020-16844)",
    policies: [deny(from({ principals: ["*/sa/frontend"] }))],
    attempts: [
      ...of("denied", [{}, { connection: "tcp" }, { connection: "undeclared" }]),
      ...of("served", [
        { caller: "dotted" },
        { caller: "dotted", connection: "tcp" },
        { caller: "undotted", connection: "undeclared" },
      ]),
    ],
  },
  {
    name: "B2 a dot in a name (CVE-2026-39350)",
    policies: [allow(from({ serviceAccounts: ["front.end"] })), deny(from({ namespaces: ["*x-end"] }))],
    attempts: [
      ...of("served", [{ caller: "dotted" }, { caller: "dotted", connection: "tcp" }]),
      ...of("denied", [{ caller: "undotted" }, { caller: "undotted", connection: "tcp" }, {}, { caller: "plaintext" }]),
    ],
  },
  {
    name: "B3 a caller without identity under DENY of all others (ISTIO-SECURITY-2021-004)",
    policies: [deny(from({ notPrincipals: ["cluster.local/ns/shop/sa/frontend"] }))],
    attempts: [
      ...of("served", [{}, { connection: "tcp" }]),
      ...of("denied", [
        { caller: "plaintext" },
        { caller: "plaintext", connection: "tcp" },
        { caller: "plaintext", connection: "undeclared" },
      ]),
      ...of("denied", [
        {
          caller: "plaintext",
          request: { headers: [["x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/shop/sa/frontend"]] },
        },
      ]),
    ],
  },
  {
    name: "B3 a caller without identity under ALLOW of all but one",
    policies: [allow(from({ notNamespaces: ["store"] }))],
    attempts: [
      ...of("served", [{}, { connection: "tcp" }]),
      ...of("denied", [{ caller: "plaintext" }, { caller: "plaintext", connection: "tcp" }]),
    ],
  },
  {
    name: "B4 an HTTP field on a port that is not HTTP, under ALLOW",
    policies: [
      allow([{ from: [{ source: { serviceAccounts: ["frontend"] } }], to: [{ operation: { methods: ["GET"] } }] }]),
    ],
    attempts: [
      ...of("served", [{}]),
      ...of("denied", [{ connection: "tcp" }, { connection: "undeclared" }, { connection: "serverFirst" }]),
    ],
  },
  {
    name: "B4 an HTTP field on a port that is not HTTP, under DENY",
    policies: [
      deny([{ from: [{ source: { serviceAccounts: ["frontend"] } }], to: [{ operation: { methods: ["DELETE"] } }] }]),
    ],
    attempts: [
      ...of("served", [{}, { caller: "dotted", connection: "tcp" }, { caller: "dotted", connection: "undeclared" }]),
      ...of("denied", [{ connection: "tcp" }, { connection: "undeclared" }, { request: { method: "DELETE" } }]),
    ],
  },
  {
    name: "B5 a default, an ALLOW and a DENY together (GO-2022-0895)",
    policies: [allow(undefined), allow(to({ methods: ["GET", "POST"] })), deny(to({ methods: ["POST", "PUT"] }))],
    attempts: [
      ...of("served", [{}]),
      ...of(
        "denied",
        ["POST", "PUT", "DELETE"].map((method) => ({ request: { method } })),
      ),
      ...of("denied", [{ connection: "tcp" }]),
    ],
  },
  {
    name: "B6 a set that is empty (GO-2025-4167)",
    policies: [allow(undefined)],
    attempts: of("denied", [
      {},
      { caller: "plaintext" },
      { connection: "tcp" },
      { connection: "undeclared" },
      { connection: "serverFirst" },
    ]),
  },
  {
    name: "B8 a port that no Service declares",
    policies: [allow(from({ serviceAccounts: ["frontend"] }))],
    attempts: [
      ...of("served", [{ connection: "undeclared" }]),
      ...of("denied", [
        { caller: "dotted", connection: "undeclared" },
        { caller: "plaintext", connection: "undeclared" },
      ]),
    ],
  },
  {
    name: "C6 headers by which a caller speaks for a proxy (CVE-2023-27487, ISTIO-SECURITY-2024-006)",
    policies: [denyAdmin, deny(when("request.headers[x-envoy-original-path]", { values: ["*"] }))],
    attempts: [
      ...of("denied", [
        {
          request: {
            path: "/admin",
            headers: [
              ["x-envoy-original-path", "/"],
              ["x-original-url", "/"],
              ["x-rewrite-url", "/"],
            ],
          },
        },
        {
          request: {
            path: "/admin",
            headers: [
              ["x-envoy-internal", "true"],
              ["x-forwarded-for", "127.0.0.1"],
            ],
          },
        },
      ]),
      // Taken away before any policy looks, and before the application does.
      ...of("served", [lines("x-envoy-original-path", "/admin")]),
    ],
  },
];

/** Classes that are about handshakes: `bypass-scenario.ts` has their attempts, which are no data. */
export const handshakeClasses = {
  names: "C4 certificates whose names look like another's (CVE-2025-66220, CVE-2026-47778)",
  resumption: "C5 sessions of TLS that outlive a change of trust (CVE-2022-21654, CVE-2025-68121)",
} as const;
