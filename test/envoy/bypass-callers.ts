/** Callers who pass for others, connections, policies that do not say much, and headers of proxies. */
import type { BypassClass } from "./bypass-class.ts";
import { allow, deny, denyAdmin, from, lines, of, to, when } from "./bypass-class.ts";

export const callerClasses: readonly BypassClass[] = [
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
