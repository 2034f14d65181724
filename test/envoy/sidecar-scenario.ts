/**
 * One sidecar with real traffic, inside a network namespace of its own: run it with `unshare --net`. The application, its
 * sidecar and its callers share the namespace; the redirect of iptables stands between them. Prints what each caller saw,
 * as JSON, for `sidecar.test.ts` to judge.
 */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer as createHTTPServer } from "node:http";
import { connect as connectHTTP2, createServer as createHTTP2Server } from "node:http2";
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTLS, createServer as createTLSServer } from "node:tls";
import { commonResources, readinessListener } from "../../src/envoy/common.ts";
import { classResources } from "../../src/envoy/inbound.ts";
import type { EnvoyResource } from "../../src/envoy/resource.ts";
import { serviceResources } from "../../src/envoy/service.ts";
import type { MeshPolicy, OperationMatch, SourceMatch, TLSMode, WorkloadClass } from "../../src/model/mesh.ts";
import { proxyUser, ports as sidecarPorts } from "../../src/model/sidecar.ts";
import { envoyBinary, writeIdentity, writeResources } from "../support/load-envoy.ts";
import {
  identityOf,
  meshEndpoint,
  meshPolicy,
  meshRule,
  meshService,
  servicePort,
  workloadClass,
} from "../support/mesh-samples.ts";
import type { TestIdentity } from "../support/test-identity.ts";
import { createTestAuthority } from "../support/test-identity.ts";

const pod = "10.0.0.1";
const pod6 = "fd00::1";
const vip = "10.96.0.10";
const ports = { http: 8080, http2: 9090, serverFirst: 3306, undeclared: 9000, applicationTLS: 8443 };
const families = { ipv4: true, ipv6: true };

const authority = await createTestAuthority();
const frontend = await authority.issue(identityOf("shop", "frontend"));
const stranger = await authority.issue(identityOf("other", "stranger"));
const foreign = await (await createTestAuthority()).issue(identityOf("shop", "frontend"));
const otherDomain = await authority.issue("spiffe://elsewhere/ns/shop/sa/frontend");
const own = await authority.issue(identityOf("shop", "checkout"));

function redirect(): void {
  const run = (command: string): unknown =>
    execFileSync("sh", ["-ec", command], { stdio: ["ignore", "ignore", "inherit"] });
  run("ip link set lo up");
  run(`ip addr add ${pod}/32 dev lo && ip addr add 10.0.0.2/32 dev lo`);
  run(`ip -6 addr add ${pod6}/128 dev lo nodad && ip -6 addr add ::6/128 dev lo nodad`);
  run("ip route add 10.96.0.0/16 dev lo");
  const rules = [
    { program: "iptables", address: pod, source: "127.0.0.6/32", services: "10.96.0.0/16" },
    { program: "ip6tables", address: pod6, source: "::6/128", services: "fd96::/16" },
  ];
  for (const { program, address, source, services } of rules) {
    run(`${program} -w -t nat -A OUTPUT -p tcp -s ${source} -j RETURN`);
    run(`${program} -w -t nat -A OUTPUT -p tcp --dport ${sidecarPorts.status} -j RETURN`);
    run(`${program} -w -t nat -A OUTPUT -p tcp -d ${address} -j REDIRECT --to-ports ${sidecarPorts.inbound}`);
    run(
      `${program} -w -t nat -A OUTPUT -p tcp -d ${services} -m owner ! --uid-owner ${proxyUser} -j REDIRECT --to-ports ${sidecarPorts.outbound}`,
    );
  }
}

let greetings = 0;

/** The application: HTTP that tells what it saw, a server that speaks first, an echo, and TLS of its own. */
async function startApplication(): Promise<void> {
  const listen = (
    server: { listen(port: number, host: string, done: () => void): unknown },
    port: number,
    host: string,
  ) => new Promise<void>((resolve) => void server.listen(port, host, resolve));
  for (const host of [pod, pod6]) {
    const http = createHTTPServer((request, response) => {
      const { url, headers, socket, httpVersion } = request;
      response.setHeader("server", "application");
      response.end(JSON.stringify({ url, headers, peer: socket.remoteAddress, httpVersion }));
    });
    await listen(http, ports.http, host);
  }
  const http2Server = createHTTP2Server((request, response) => {
    response.setHeader("x-seen-authority", request.headers[":authority"] ?? "");
    response.setHeader("x-seen-host", String(request.headers.host ?? ""));
    response.end();
  });
  await listen(http2Server, ports.http2, pod);
  const greeter = createServer((socket) => {
    greetings++;
    socket.on("error", () => undefined);
    socket.end("hello\n");
  });
  await listen(greeter, ports.serverFirst, pod);
  const echo = createServer((socket) => void socket.on("error", () => undefined).pipe(socket));
  await listen(echo, ports.undeclared, pod);
  const tls = createTLSServer(
    { cert: own.certificate, key: own.key },
    (socket) => void socket.end("application TLS\n"),
  );
  tls.on("tlsClientError", () => undefined);
  await listen(tls, ports.applicationTLS, pod);
}

interface Caller {
  /** Absent: plaintext. */
  readonly identity?: TestIdentity;
  readonly alpn?: string;
  readonly port?: number;
  readonly host?: string;
  readonly from?: string;
  /** Hang up once this much has been received. */
  readonly enough?: number;
}

/** Sends bytes and returns what came back until the end, or `reset`. */
function exchange(caller: Caller, bytes: string, patience = 4_000): Promise<string> {
  const target = {
    host: caller.host ?? pod,
    port: caller.port ?? ports.http,
    ...(caller.from ? { localAddress: caller.from } : {}),
  };
  return new Promise((resolve) => {
    const socket: Socket =
      caller.alpn === undefined && caller.identity === undefined
        ? connect(target)
        : connectTLS({
            ...target,
            ...(caller.identity ? { cert: caller.identity.certificate, key: caller.identity.key } : {}),
            ...(caller.alpn ? { ALPNProtocols: [caller.alpn] } : {}),
            rejectUnauthorized: false,
          });
    let received = "";
    const finish = (result: string): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setEncoding("utf8");
    socket.setTimeout(patience, () => finish(received === "" ? "silence" : received));
    socket.on("error", () => finish("reset"));
    socket.on("data", (text: string) => {
      received += text;
      if (caller.enough !== undefined && received.length >= caller.enough) finish(received);
    });
    socket.on("close", () => finish(received === "" ? "reset" : received));
    if (bytes !== "") {
      socket.write(bytes);
    }
  });
}

interface Answer {
  readonly status: string;
  readonly seen?: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly peer: string };
  readonly headers: string;
}

async function http(
  caller: Caller,
  path: string,
  headers: readonly string[] = ["Host: checkout"],
  method = "GET",
): Promise<Answer> {
  const text = await exchange(
    caller,
    `${method} ${path} HTTP/1.1\r\n${headers.join("\r\n")}\r\nConnection: close\r\n\r\n`,
  );
  const status = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];
  const [head = "", ...body] = text.split("\r\n\r\n");
  const json = body.join("\r\n\r\n").match(/\{.*\}/s)?.[0];
  return {
    status: status ?? text,
    headers: head,
    ...(status === "200" && json !== undefined ? { seen: JSON.parse(json) } : {}),
  };
}

/** The status of a request by HTTP/2, and the host that the application saw. */
function http2(
  target: { readonly identity?: TestIdentity; readonly host?: string; readonly port?: number },
  headers: Record<string, string>,
): Promise<string> {
  const address = { host: target.host ?? pod, port: target.port ?? ports.http2 };
  return new Promise((resolve) => {
    const socket = target.identity
      ? connectTLS({
          ...address,
          cert: target.identity.certificate,
          key: target.identity.key,
          ALPNProtocols: ["heddle-h2"],
          rejectUnauthorized: false,
        })
      : connect(address);
    const session = connectHTTP2("http://checkout", { createConnection: () => socket });
    const finish = (result: string): void => {
      session.destroy();
      resolve(result);
    };
    session.on("error", () => finish("reset"));
    const stream = session.request(headers);
    stream.on("error", () => finish("reset"));
    stream.on("response", (answer) => {
      const seen = [answer["x-seen-authority"], answer["x-seen-host"]].filter(Boolean).map(String);
      finish([String(answer[":status"]), ...seen].join(" "));
    });
    stream.end();
  });
}

const mesh = (identity: TestIdentity): Caller => ({ identity, alpn: "heddle" });
const plaintext: Caller = {};
const statusOf = async (...call: Parameters<typeof http>): Promise<string> => (await http(...call)).status;

/** Runs a sidecar with these resources while `use` calls through it. */
async function withSidecar<T>(
  workload: WorkloadClass,
  use: () => Promise<T>,
  services: readonly EnvoyResource[] = [],
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "heddle-sidecar-"));
  await writeResources(
    directory,
    [...commonResources(families), ...classResources(workload), ...services, readinessListener(families)],
    {
      admin: { address: { socket_address: { address: "127.0.0.1", port_value: sidecarPorts.admin } } },
      static_resources: {
        clusters: [
          {
            name: "admin",
            load_assignment: {
              cluster_name: "admin",
              endpoints: [
                {
                  lb_endpoints: [
                    {
                      endpoint: {
                        address: { socket_address: { address: "127.0.0.1", port_value: sidecarPorts.admin } },
                      },
                    },
                  ],
                },
              ],
            },
          },
        ],
      },
    },
  );
  await writeIdentity(directory, own);
  chmodSync(directory, 0o755);
  const give = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      chownSync(path, proxyUser, proxyUser);
      if (entry.isDirectory()) give(path);
    }
  };
  give(directory);
  const program = await envoyBinary();
  const envoy = spawn(
    "setpriv",
    ["--reuid", String(proxyUser), "--regid", String(proxyUser), "--clear-groups", "--", program]
      .concat(["-c", join(directory, "bootstrap.yaml"), "--concurrency", "1", "-l", process.env["LEVEL"] ?? "error"])
      .concat(["--disable-hot-restart"]),
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  try {
    for (const end = Date.now() + 20_000; ; await delay(20)) {
      const answer = await exchange(
        { port: sidecarPorts.status },
        "GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      );
      if (answer.startsWith("HTTP/1.1 200")) break;
      if (Date.now() > end || envoy.exitCode !== null) throw new Error(`the sidecar does not become ready: ${answer}`);
    }
    return await use();
  } finally {
    envoy.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
}

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
  exchange({ ...caller, port: ports.undeclared, enough: 12 }, "ping-ping-ping");

/** Who gets through to what in a mode. */
async function callers(): Promise<Record<string, unknown>> {
  const before = greetings;
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
    serverFirst: () => exchange({ port: ports.serverFirst }, ""),
    serverFirstMesh: () => exchange({ ...mesh(frontend), port: ports.serverFirst }, ""),
    undeclared: () => echo(plaintext),
    undeclaredMesh: () => echo(mesh(frontend)),
    inboundPort: () => exchange({ port: sidecarPorts.inbound }, "GET / HTTP/1.1\r\n\r\n"),
    outboundPort: () => exchange({ port: sidecarPorts.outbound }, "GET / HTTP/1.1\r\n\r\n"),
  });
  return { ...seen, greetings: greetings - before };
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
    withSidecar(ofMode("Permissive", parts), use);
  const who = (): Promise<unknown> =>
    all({
      frontend: () => statusOf(mesh(frontend), "/"),
      stranger: () => statusOf(mesh(stranger), "/"),
      plaintext: () => statusOf(plaintext, "/"),
      plaintextGreeting: () => exchange({ port: ports.serverFirst }, "", 1_500),
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
        byEach(["/a/b/c", "/a/b/c?x=1", "/a/b;p/c", "/a/*/c", "/a/x/y/c", "/r/x/y", "/r/x?y=/a/b", "/r?x"], (path) =>
          statusOf(mesh(frontend), path),
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
    presence: await judged({ deny: policies({}, { hosts: { none: [{ type: "present" }] } }) }, async () => ({
      some: await statusOf(plaintext, "/"),
      empty: await statusOf(plaintext, "/", ["Host:"]),
    })),
  };
}

async function headers(): Promise<Record<string, unknown>> {
  return withSidecar(ofMode("Permissive"), async () => ({
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
    metrics: (
      await exchange(
        { port: sidecarPorts.status },
        "GET /stats/prometheus HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      )
    ).slice(0, 15),
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
await startApplication();
const result = {
  Permissive: await withSidecar(ofMode("Permissive"), callers),
  Strict: await withSidecar(ofMode("Strict"), callers),
  Disabled: await withSidecar(ofMode("Disabled"), callers),
  authorization: await authorization(),
  headers: await headers(),
  outbound: await outbound(),
};
process.stdout.write(`${JSON.stringify(result, null, 1)}\n`, () => process.exit(0));
