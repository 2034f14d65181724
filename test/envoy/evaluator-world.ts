/**
 * One Envoy that is the sidecar of many workloads, in one network namespace: each workload has an address and a listener of
 * its own, compiled as for its pods, and the redirect of its address. For `evaluator-scenario.ts` and `bypass-scenario.ts`.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHTTPServer, type IncomingHttpHeaders } from "node:http";
import { createServer as createHTTP2Server } from "node:http2";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commonResources, readinessListener } from "../../src/envoy/common.ts";
import { classResources } from "../../src/envoy/inbound.ts";
import type { EnvoyConfig, EnvoyResource } from "../../src/envoy/resource.ts";
import type { WorkloadClass } from "../../src/model/mesh.ts";
import { ports as sidecarPorts } from "../../src/model/sidecar.ts";
import { startProcess, until } from "../../tools/processes.ts";
import { envoyBinary, writeIdentity, writeResources } from "../support/load-envoy.ts";
import { applicationPorts, sourceAddresses } from "../support/policy-arbitraries.ts";
import type { TestIdentity } from "../support/test-identity.ts";
import { statusOf } from "./sidecar-callers.ts";
import type { LogLine } from "./sidecar-world.ts";

const firstPort = 20_000;

/** The address of the n-th workload. */
export const addressOf = (index: number): string => `10.1.${index >> 8}.${index & 255}`;

/** Puts the addresses of callers, and the redirect of so many workloads, into the network namespace. */
export function redirectWorkloads(count: number): void {
  const run = (command: string, input?: string): unknown =>
    execFileSync("sh", ["-ec", command], { stdio: ["pipe", "ignore", "inherit"], input });
  run("ip link set lo up && ip route add local 10.1.0.0/16 dev lo");
  for (const address of sourceAddresses) run(`ip addr add ${address}/32 dev lo`);
  const rules = Array.from(
    { length: count },
    (_, index) => `-A OUTPUT -p tcp -d ${addressOf(index)} -j REDIRECT --to-ports ${firstPort + index}`,
  );
  run("iptables-restore", ["*nat", "-A OUTPUT -p tcp -s 127.0.0.6 -j RETURN", ...rules, "COMMIT", ""].join("\n"));
}

/** What an application tells of a request. */
export interface Seen {
  readonly url: string;
  readonly host: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** An application at each port of every workload. It tells what it saw, says the same again, or speaks first. */
export async function startApplications(): Promise<void> {
  const listen = (server: { listen(port: number, host: string, done: () => void): unknown }, port: number) =>
    new Promise<void>((resolve) => void server.listen(port, "0.0.0.0", resolve));
  const tell = ({ url = "", headers }: { url?: string | undefined; headers: IncomingHttpHeaders }): string =>
    JSON.stringify({ url, host: headers.host ?? String(headers[":authority"] ?? ""), headers } satisfies Seen);
  await listen(
    createHTTPServer((request, response) => void response.end(tell(request))),
    applicationPorts.http,
  );
  await listen(
    createHTTP2Server((request, response) => {
      response.end(tell(request));
    }),
    applicationPorts.http2,
  );
  for (const port of [applicationPorts.tcp, applicationPorts.undeclared]) {
    await listen(
      createServer((socket) => void socket.on("error", () => undefined).pipe(socket)),
      port,
    );
  }
  await listen(
    createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end("hello\n");
    }),
    applicationPorts.serverFirst,
  );
}

/** The inbound side of a class with names, and a port, of its own. */
function ownResources(workload: WorkloadClass, index: number): EnvoyResource[] {
  const compiled = classResources(workload, "all");
  const names = new Set(compiled.filter(({ type }) => type === "extension").map(({ name }) => name));
  const rename = (value: unknown): unknown => {
    if (typeof value === "string") return names.has(value) ? `${value}-${index}` : value;
    if (Array.isArray(value)) return value.map(rename);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, rename(inner)]));
  };
  return compiled.map((resource) => {
    const config = rename(resource.config) as EnvoyConfig;
    if (resource.type === "extension") return { ...resource, name: `${resource.name}-${index}`, config };
    if (resource.type !== "listener") throw new Error(`a class has a ${resource.type}`);
    const name = `${resource.name}-${index}`;
    const address = { socket_address: { address: "0.0.0.0", port_value: firstPort + index } };
    return { ...resource, name, config: { ...config, name, address } };
  });
}

/** A sidecar that runs. */
export interface SharedSidecar {
  /** The lines of the access log so far. */
  readonly accessLog: () => readonly LogLine[];
  /** Counters whose names match, by their names. */
  readonly counters: (filter: string) => Promise<ReadonlyMap<string, number>>;
}

/** Runs one sidecar for all the workloads while `use` calls them. */
export async function withSharedSidecar<T>(
  own: TestIdentity,
  workloads: readonly WorkloadClass[],
  use: (sidecar: SharedSidecar) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "heddle-evaluator-"));
  const families = { ipv4: true, ipv6: false };
  const admin = { address: { socket_address: { address: "127.0.0.1", port_value: sidecarPorts.admin } } };
  const endpoint = { lb_endpoints: [{ endpoint: admin }] };
  const resources = [
    ...commonResources(families, "all"),
    ...workloads.flatMap(ownResources),
    readinessListener(families),
  ];
  try {
    await writeResources(directory, resources, {
      admin,
      static_resources: {
        clusters: [{ name: "admin", load_assignment: { cluster_name: "admin", endpoints: [endpoint] } }],
      },
    });
    await writeIdentity(directory, own);
    chmodSync(directory, 0o755);
    const logFile = join(directory, "log");
    const options = ["--concurrency", "1", "--disable-hot-restart", "--file-flush-interval-msec", "50", "-l", "error"];
    const program = await envoyBinary();
    const envoy = startProcess("sidecar", program, ["-c", join(directory, "bootstrap.yaml"), ...options], { logFile });
    const lines = (): readonly string[] => readFileSync(logFile, "utf8").split("\n").slice(0, -1);
    try {
      const ready = async (): Promise<boolean> =>
        (await statusOf({ host: "127.0.0.1", port: sidecarPorts.status }, "/ready")) === "200";
      await until("the sidecar is ready", ready, { timeout: 120_000, interval: 50, process: envoy });
      const refused = lines().filter((line) => line.startsWith("["));
      if (refused.length > 0) throw new Error(refused.slice(0, 5).join("\n"));
      return await use({
        accessLog: () =>
          lines()
            .filter((line) => line.startsWith("{"))
            .map((line) => JSON.parse(line) as LogLine),
        counters: async (filter) => {
          const answer = await fetch(`http://127.0.0.1:${sidecarPorts.admin}/stats?format=json&filter=${filter}`);
          const { stats } = (await answer.json()) as { stats: readonly { name?: string; value?: number }[] };
          return new Map(stats.map(({ name = "", value = 0 }) => [name, value]));
        },
      });
    } finally {
      await envoy.stop();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
