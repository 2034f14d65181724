/**
 * What a sidecar stands between, all in one network namespace: an application, the redirect of iptables, and the sidecar
 * itself. For `sidecar-scenario.ts`.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { createServer as createHTTPServer } from "node:http";
import { createServer as createHTTP2Server } from "node:http2";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTLSServer } from "node:tls";
import { bootstrapFiles } from "../../src/envoy/bootstrap.ts";
import { commonResources, readinessListener } from "../../src/envoy/common.ts";
import { classResources } from "../../src/envoy/inbound.ts";
import type { EnvoyResource } from "../../src/envoy/resource.ts";
import type { WorkloadClass } from "../../src/model/mesh.ts";
import { proxyUser, ports as sidecarPorts } from "../../src/model/sidecar.ts";
import type { AccessLogSetting } from "../../src/model/snapshot.ts";
import { ownWorkloadTags } from "../../src/webhook/proxy-container.ts";
import { startProcess, until } from "../../tools/processes.ts";
import { envoyBinary, writeIdentity, writeResources } from "../support/load-envoy.ts";
import { testSettings } from "../support/objects.ts";
import type { TestIdentity } from "../support/test-identity.ts";
import { statusOf } from "./sidecar-callers.ts";

/** Addresses of the pod; callers have 10.0.0.2 besides. */
export const pod = "10.0.0.1";
export const pod6 = "fd00::1";
/** The Service's address. */
export const vip = "10.96.0.10";
/** Ports of the application. */
export const ports = { http: 8080, http2: 9090, serverFirst: 3306, undeclared: 9000, echo: 9001, applicationTLS: 8443 };
export const families = { ipv4: true, ipv6: true };

/** Puts the addresses and the redirect into the network namespace. */
export function redirect(): void {
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

/**
 * The application: HTTP that tells what it saw, a server that speaks first, an echo, and TLS of its own. The result tells
 * how often the server that speaks first was connected to.
 */
export async function startApplication(own: TestIdentity): Promise<() => number> {
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
  let greetings = 0;
  const greeter = createServer((socket) => {
    greetings++;
    socket.on("error", () => undefined);
    socket.end("hello\n");
  });
  await listen(greeter, ports.serverFirst, pod);
  const echo = createServer((socket) => void socket.on("error", () => undefined).pipe(socket));
  await listen(echo, ports.undeclared, pod);
  const declaredEcho = createServer((socket) => void socket.on("error", () => undefined).pipe(socket));
  await listen(declaredEcho, ports.echo, pod);
  const tls = createTLSServer(
    { cert: own.certificate, key: own.key },
    (socket) => void socket.end("application TLS\n"),
  );
  tls.on("tlsClientError", () => undefined);
  await listen(tls, ports.applicationTLS, pod);
  return () => greetings;
}

/** One line of an access log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** Gives a running sidecar another inbound side; resolves once it is in use. */
export type Change = (workload: WorkloadClass) => Promise<void>;

/** How long Envoy lets connections of a chain live that changed, in seconds. */
const drainSeconds = 5;

/** The shipped statistics, and the one by which a test sees that a change of a listener was taken. */
function withUpdates(shipped: unknown): unknown {
  const config = structuredClone(shipped) as { stats_matcher: { inclusion_list: { patterns: object[] } } };
  config.stats_matcher.inclusion_list.patterns.push({ exact: "listener_manager.lds.update_success" });
  return config;
}

/** A counter or gauge of Envoy's, as its admin interface tells it. */
export async function counter(name: string): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${sidecarPorts.admin}/stats?usedonly&format=json&filter=^${name}$`);
  const { stats } = (await answer.json()) as { stats: readonly { readonly value?: number }[] };
  return stats[0]?.value ?? 0;
}

/** Runs a sidecar with these resources while `use` calls through it. `use` may read the access log, whose every line must be JSON. */
export async function withSidecar<T>(
  own: TestIdentity,
  workload: WorkloadClass,
  use: (accessLog: () => readonly LogLine[], change: Change) => Promise<T>,
  services: readonly EnvoyResource[] = [],
  logged: AccessLogSetting = "errors",
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "heddle-sidecar-"));
  const resourcesOf = (one: WorkloadClass): EnvoyResource[] => [
    ...commonResources(families, logged),
    ...classResources(one, logged),
    ...services,
    readinessListener(families),
  ];
  const shipped = bootstrapFiles(testSettings).bootstrap;
  const bootstrap = {
    // As in the shipped bootstrap.
    stats_config: withUpdates(shipped["stats_config"]),
    deferred_stat_options: shipped["deferred_stat_options"],
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
  };
  await writeResources(directory, resourcesOf(workload), bootstrap);
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
  const user = ["--reuid", String(proxyUser), "--regid", String(proxyUser), "--clear-groups", "--"];
  const configuration = ["-c", join(directory, "bootstrap.yaml"), "--concurrency", "1", "--disable-hot-restart"];
  const namespaced = ownWorkloadTags.replace("$(POD_NAMESPACE)", workload.namespace);
  const tags = ["--config-yaml", namespaced.replace("$(POD_SERVICE_ACCOUNT)", workload.serviceAccount)];
  const times = [
    "--file-flush-interval-msec",
    "50",
    "--drain-time-s",
    String(drainSeconds),
    "--drain-strategy",
    "immediate",
  ];
  const program = [await envoyBinary(), ...configuration, ...tags, ...times, "-l", process.env["LEVEL"] ?? "error"];
  const logFile = join(directory, "log");
  const envoy = startProcess("sidecar", "setpriv", [...user, ...program], { logFile });
  // A line of Envoy's own log begins with a bracket; one without an end is being written.
  const accessLog = (): readonly LogLine[] =>
    readFileSync(logFile, "utf8")
      .split("\n")
      .slice(0, -1)
      .filter((line) => line !== "" && !line.startsWith("["))
      .map((line) => JSON.parse(line) as LogLine);
  try {
    const ready = async (): Promise<boolean> => (await statusOf({ port: sidecarPorts.status }, "/ready")) === "200";
    await until("the sidecar is ready", ready, { timeout: 60_000, interval: 20, process: envoy });
    return await use(accessLog, async (next) => {
      const before = await counter("listener_manager.lds.update_success");
      await writeResources(directory, resourcesOf(next), bootstrap);
      // Envoy looks at what is moved into its place. Listeners come last: they refer to the rest.
      const files = readdirSync(directory).filter((file) => file.startsWith("extension-"));
      for (const file of [...files, "listeners.yaml"]) {
        copyFileSync(join(directory, file), join(directory, "next"));
        chmodSync(join(directory, "next"), 0o644);
        renameSync(join(directory, "next"), join(directory, file));
      }
      const taken = async (): Promise<boolean> => (await counter("listener_manager.lds.update_success")) > before;
      await until("the change is taken", taken, { timeout: 60_000, interval: 20, process: envoy });
    });
  } finally {
    // Waits for its end: the next one listens where this one did.
    await envoy.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
