/** Requests that look like others: paths, methods, targets, hosts and headers. */
import type { BypassClass } from "./bypass-class.ts";
import { allow, deny, denyAdmin, hosts, lines, of, paths, pseudo, to, when } from "./bypass-class.ts";

const everyEscape = Array.from({ length: 255 }, (_, index) => `%${(index + 1).toString(16).padStart(2, "0")}`);

export const requestClasses: readonly BypassClass[] = [
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
];
