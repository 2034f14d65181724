/**
 * One sidecar with real traffic, inside a network namespace of its own: run it with `unshare --net`. Prints what each caller
 * saw, as JSON, for `sidecar.test.ts` to judge.
 */
import { serviceResources } from "../../src/envoy/service.ts";
import type { MeshPolicy, OperationMatch, SourceMatch, TLSMode, WorkloadClass } from "../../src/model/mesh.ts";
import { ports as sidecarPorts } from "../../src/model/sidecar.ts";
import {
  identityOf,
  meshEndpoint,
  meshPolicy,
  meshRule,
  meshService,
  servicePort,
  workloadClass,
} from "../support/mesh-samples.ts";
import { createTestAuthority } from "../support/test-identity.ts";
import type { Caller } from "./sidecar-callers.ts";
import { exchange, http, http2, mesh, plaintext, statusOf } from "./sidecar-callers.ts";
import { families, pod, pod6, ports, redirect, startApplication, vip, withSidecar } from "./sidecar-world.ts";

const authority = await createTestAuthority();
const frontend = await authority.issue(identityOf("shop", "frontend"));
const stranger = await authority.issue(identityOf("other", "stranger"));
const foreign = await (await createTestAuthority()).issue(identityOf("shop", "frontend"));
const otherDomain = await authority.issue("spiffe://elsewhere/ns/shop/sa/frontend");
const own = await authority.issue(identityOf("shop", "checkout"));

const ofMode = (mode: TLSMode, parts: Partial<WorkloadClass> = {}): WorkloadClass =>
  workloadClass({
    mode,
    ports: [
      { port: ports.serverFirst, protocol: "tcp", mode },
      { port: ports.http, protocol: "http", mode },
      { port: ports.applicationTLS, protocol: "http", mode },
      { port: ports.http2, protocol: "grpc", mode },
    ],
    families,
    ...parts,
  });

const policies = (source?: SourceMatch, operation?: OperationMatch): readonly MeshPolicy[] => [
  meshPolicy("shop/policy", [meshRule(source, operation)]),
];

/** Calls at once, and gives the results the names of the calls. */
async function all(calls: Readonly<Record<string, () => Promise<unknown>>>): Promise<Record<string, unknown>> {
  return Object.fromEntries(
    await Promise.all(Object.entries(calls).map(async ([name, call]) => [name, await call()] as const)),
  );
}

const echo = (caller: Caller): Promise<string> =>
  exchange({ ...caller, port: ports.undeclared, enough: (text) => text.length >= 14 }, "ping-ping-ping");

/** Who gets through to what in a mode. */
async function callers(): Promise<Record<string, unknown>> {
  const before = greetings();
  const seen = await all({
    mesh: () => http(mesh(frontend), "/"),
    meshHTTP2: () => http2({ identity: frontend }, { ":path": "/" }),
    meshIPv6: () => statusOf({ ...mesh(frontend), host: pod6 }, "/"),
    plaintext: () => http(plaintext, "/"),
    plaintextHTTP2: () => http2({}, { ":path": "/" }),
    foreignAuthority: () => statusOf(mesh(foreign), "/"),
    otherTrustDomain: () => statusOf(mesh(otherDomain), "/"),
    withoutCertificate: () => statusOf({ alpn: "heddle" }, "/"),
    applicationTLS: () => exchange({ alpn: "http/1.1", port: ports.applicationTLS }, ""),
    serverFirst: () => exchange({ port: ports.serverFirst }, "", 1_500),
    serverFirstMesh: () => exchange({ ...mesh(frontend), port: ports.serverFirst }, ""),
    undeclared: () => echo(plaintext),
    undeclaredMesh: () => echo(mesh(frontend)),
    inboundPort: () => exchange({ port: sidecarPorts.inbound }, "GET / HTTP/1.1\r\n\r\n"),
    outboundPort: () => exchange({ port: sidecarPorts.outbound }, "GET / HTTP/1.1\r\n\r\n"),
  });
  return { ...seen, greetings: greetings() - before };
}

const spellings = [
  ...["/admin", "//admin", "/x/../admin", "/x/%2e%2e/admin", "/x%2f..%2fadmin", "/%2fadmin", "/\\admin", "/%5cadmin"],
  ...["/%61dmin", "/./admin", "/admin?x", "/admin/x?y=/ok", "/ok", "/ok?x=/admin"],
];
const hosts = ["secret.local", "SECRET.local", "secret.local:80", "secret.local.", "secret.local.:80", "open.local"];

const byEach = (items: readonly string[], call: (item: string) => Promise<string>): Promise<Record<string, unknown>> =>
  all(Object.fromEntries(items.map((item) => [item, () => call(item)])));

async function authorization(): Promise<Record<string, unknown>> {
  const judged = (parts: Partial<WorkloadClass>, use: () => Promise<unknown>): Promise<unknown> =>
    withSidecar(own, ofMode("Permissive", parts), use);
  const who = (): Promise<unknown> =>
    all({
      frontend: () => statusOf(mesh(frontend), "/"),
      stranger: () => statusOf(mesh(stranger), "/"),
      plaintext: () => statusOf(plaintext, "/"),
      frontendTCP: () => exchange({ ...mesh(frontend), port: ports.serverFirst }, "anything"),
      strangerTCP: () => exchange({ ...mesh(stranger), port: ports.serverFirst }, "anything"),
      plaintextTCP: () => exchange({ port: ports.serverFirst }, "anything"),
      plaintextUndeclared: () => echo(plaintext),
      frontendUndeclared: () => echo(mesh(frontend)),
      applicationTLS: () => exchange({ alpn: "http/1.1", port: ports.applicationTLS }, ""),
    });
  const shop = { type: "exact", value: "shop" } as const;
  return {
    denyPath: await judged({ deny: policies({}, { paths: { any: [{ type: "prefix", value: "/admin" }] } }) }, () =>
      byEach(spellings, (path) => statusOf(mesh(frontend), path)),
    ),
    denyTemplate: await judged(
      {
        deny: policies(
          {},
          {
            paths: {
              any: [
                { type: "template", value: "/a/{*}/c" },
                { type: "template", value: "/r/{**}" },
              ],
            },
          },
        ),
      },
      () =>
        byEach(
          [
            "/a/b/c",
            "/a/b/c?x=1",
            "/a/b;p/c",
            "/a/b|c/c",
            '/a/"<b>/c',
            "/a/\xffb/c",
            "/a/\xc3\xa9/c",
            "/a/*/c",
            "/a/x/y/c",
            "/r/x/y",
            "/r/x?y=/a/b",
            "/r?x",
          ],
          (path) => statusOf(mesh(frontend), path),
        ),
    ),
    allowExactPath: await judged({ allow: policies({}, { paths: { any: [{ type: "exact", value: "/a.b" }] } }) }, () =>
      byEach(["/a.b", "/a.b?q", "/axb", "/a.b/"], (path) => statusOf(mesh(frontend), path)),
    ),
    denyHost: await judged(
      { deny: policies({}, { hosts: { any: [{ type: "exact", value: "secret.local" }] } }) },
      async () => ({
        ...(await byEach(hosts, (host) => statusOf(mesh(frontend), "/", [`Host: ${host}`]))),
        twice: await statusOf(mesh(frontend), "/", ["Host: open.local", "Host: secret.local"]),
        absolute: await statusOf(mesh(frontend), "http://secret.local/", ["Host: open.local"]),
        http2: await http2({ identity: frontend }, { ":path": "/", ":authority": "secret.local:80" }),
        http2BehindHost: await http2(
          { identity: frontend },
          { ":path": "/", ":authority": "open.local", host: "secret.local" },
        ),
      }),
    ),
    allowServiceAccount: await judged(
      { allow: policies({ serviceAccounts: { any: [{ namespace: "shop", name: "frontend" }] } }) },
      who,
    ),
    allowNotNamespace: await judged({ allow: policies({ namespaces: { none: [shop] } }) }, who),
    denyNotNamespace: await judged({ deny: policies({ namespaces: { none: [shop] } }) }, who),
    denyNamespace: await judged({ deny: policies({ namespaces: { any: [shop] } }) }, who),
    denyNamespaceSuffix: await judged(
      { deny: policies({ namespaces: { any: [{ type: "suffix", value: "hop" }] } }) },
      who,
    ),
    allowNothing: await judged({ allow: [meshPolicy("shop/none", [])] }, who),
    allowMethodOnly: await judged(
      { allow: policies(undefined, { methods: { any: [{ type: "exact", value: "GET" }] } }) },
      who,
    ),
    allowPort: await judged({ allow: policies(undefined, { ports: { any: [ports.http] } }) }, who),
    allowAddress: await judged(
      { allow: policies({ ipBlocks: { any: [{ address: "10.0.0.2", prefixLength: 32 }] } }) },
      async () => ({
        inside: await statusOf({ from: "10.0.0.2" }, "/"),
        outside: await statusOf({ from: "10.0.0.1" }, "/", ["Host: x", "X-Forwarded-For: 10.0.0.2"]),
      }),
    ),
    // The server's greeting comes to a caller who sends nothing, unless a policy is there that has not judged it.
    greetingOfDenied: await judged({ allow: [meshPolicy("shop/none", [])] }, () =>
      exchange({ port: ports.serverFirst }, "", 1_500),
    ),
    presence: await judged({ deny: policies({}, { hosts: { none: [{ type: "present" }] } }) }, async () => ({
      some: await statusOf(plaintext, "/"),
      empty: await statusOf(plaintext, "/", ["Host:"]),
    })),
  };
}

async function headers(): Promise<Record<string, unknown>> {
  return withSidecar(own, ofMode("Permissive"), async () => ({
    underscore: await statusOf(plaintext, "/", ["Host: x", "x_role: admin"]),
    claimed: await http(plaintext, "/", [
      "Host: checkout:8080",
      "x-forwarded-client-cert: By=x;URI=spiffe://cluster.local/ns/shop/sa/admin",
      "x-envoy-original-path: /x",
      "x-envoy-max-retries: 5",
      "x-envoy-internal: true",
      "x-forwarded-for: 192.0.2.1",
      "x-request-id: given",
    ]),
    http10: (await exchange(plaintext, "GET / HTTP/1.0\r\nHost: x\r\n\r\n")).split("\r\n")[0],
    connect: await statusOf(plaintext, "x:80", ["Host: x:80"], "CONNECT"),
    offersTLS: await statusOf(plaintext, "/", ["Host: x", "Upgrade: TLS/1.2", "Connection: Upgrade"]),
    metrics: await statusOf({ port: sidecarPorts.status }, "/stats/prometheus"),
    ...(await byEach(
      [
        "/quitquitquit",
        "/stats",
        "/stats/prometheus/../../config_dump",
        "//config_dump",
        "/stats/prometheus%2f..%2f..%2fconfig_dump",
        "/ready/",
      ],
      (path) => statusOf({ port: sidecarPorts.status }, path),
    )),
    postMetrics: await statusOf({ port: sidecarPorts.status }, "/stats/prometheus", ["Host: x"], "POST"),
  }));
}

/** Through the outbound side and back in by the inbound side. */
async function outbound(): Promise<Record<string, unknown>> {
  const target = { kind: "service", namespace: "shop", service: "checkout", port: 80 } as const;
  const unavailable = { kind: "unavailable", reason: "missing-backend" } as const;
  const endpoints = [meshEndpoint(pod, ports.http)];
  const services = serviceResources(
    meshService(
      [
        servicePort(80, "http", {
          endpoints,
          routing: {
            routes: [
              {
                match: { path: { type: "PathPrefix", value: "/gone" }, headers: [] },
                backends: [{ weight: 1, target: unavailable }],
              },
              { match: { path: { type: "PathPrefix", value: "/zero/" }, headers: [] }, backends: [] },
              { backends: [{ weight: 1, target }] },
            ],
          },
        }),
        servicePort(81, "http", { endpoints, serverIdentities: [identityOf("shop", "somebody-else")] }),
        servicePort(82, "http", { endpoints, serverIdentities: [] }),
        servicePort(83, "http", { endpoints: [] }),
        servicePort(84, "grpc", {
          endpoints: [meshEndpoint(pod, ports.http2)],
          routing: { routes: [{ backends: [{ weight: 1, target: { ...target, port: 84 } }] }] },
        }),
        servicePort(3306, "tcp", {
          endpoints: [meshEndpoint(pod, ports.serverFirst)],
          routing: { routes: [{ backends: [{ weight: 1, target: { ...target, port: 3306 } }] }] },
        }),
      ].map((port) =>
        port.port >= 81 && port.port <= 83
          ? { ...port, routing: { routes: [{ backends: [{ weight: 1, target: { ...target, port: port.port } }] }] } }
          : port,
      ),
      [vip],
    ),
  );
  return withSidecar(
    own,
    ofMode("Strict"),
    async () => ({
      call: await http({ host: vip, port: 80 }, "/path?q", ["Host: checkout", "x-forwarded-client-cert: forged"]),
      gone: await statusOf({ host: vip, port: 80 }, "/gone/x"),
      zero: await statusOf({ host: vip, port: 80 }, "/zero"),
      notPrefix: await statusOf({ host: vip, port: 80 }, "/gonex"),
      wrongServer: await statusOf({ host: vip, port: 81 }, "/"),
      unknownServer: await statusOf({ host: vip, port: 82 }, "/"),
      noEndpoints: await statusOf({ host: vip, port: 83 }, "/"),
      grpc: await http2({ host: vip, port: 84 }, { ":path": "/" }),
      serverFirst: await exchange({ host: vip, port: 3306 }, ""),
      captureItself: await exchange({ port: sidecarPorts.outbound, host: "127.0.0.1" }, "x"),
    }),
    services,
  );
}

redirect();
const greetings = await startApplication(own);
const result = {
  Permissive: await withSidecar(own, ofMode("Permissive"), callers),
  Strict: await withSidecar(own, ofMode("Strict"), callers),
  Disabled: await withSidecar(own, ofMode("Disabled"), callers),
  authorization: await authorization(),
  headers: await headers(),
  outbound: await outbound(),
};
process.stdout.write(`${JSON.stringify(result, null, 1)}\n`, () => process.exit(0));
