import { Agent, createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { resourceGroup } from "../../src/envoy/encode.ts";
import type { EnvoyResource, ProxyTarget } from "../../src/envoy/resource.ts";
import { createXdsServer, type XdsServer } from "../../src/xds/server.ts";
import { createTestCA, type Pair, type TestCA } from "./certificates.ts";
import { until } from "./client.ts";
import {
  authorization,
  badCluster,
  badListener,
  EnvoyProcess,
  edsCluster,
  endpoints,
  freePort,
  httpListener,
  httpRoute,
  readinessListener,
} from "./envoy-process.ts";

const identity = "spiffe://cluster.local/ns/shop/sa/cart";
const serverIdentity = "spiffe://cluster.local/ns/heddle-system/sa/heddle";
const pod = "shop/cart-1";

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One request; status 0 means that the connection failed. */
function get(port: number, agent?: Agent): Promise<Answer> {
  return new Promise((resolve) => {
    const call = request({ port, host: "127.0.0.1", ...(agent ? { agent } : { agent: false }) }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      response.on("error", () => resolve({ status: 0, body: "broken" }));
    });
    call.on("error", (error) => resolve({ status: 0, body: error.message }));
    call.end();
  });
}

/** Sends requests without a pause over kept and over new connections, until told to stop; then gives what failed. */
function pressure(port: number): () => Promise<{ readonly total: number; readonly failed: readonly Answer[] }> {
  let stopped = false;
  let total = 0;
  const failed: Answer[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  const loop = async (kept: boolean): Promise<void> => {
    while (!stopped) {
      const answer = await get(port, kept ? agent : undefined);
      total++;
      if (answer.status !== 200) failed.push(answer);
    }
  };
  const loops = Promise.all([loop(true), loop(true), loop(false)]);
  return async () => {
    stopped = true;
    await loops;
    agent.destroy();
    return { total, failed };
  };
}

let ca: TestCA;
let serverPair: Pair;
let clientPair: Pair;
let server: XdsServer;
let envoy: EnvoyProcess | undefined;
let backends: Server[];
let backendPorts: number[];
let ports: { readonly service: number; readonly second: number; readonly readiness: number };
let problems: string[];
let responses: { readonly type: string; readonly resources: number }[];

const silent = { debug() {}, info() {} };

async function startServer(port = 0): Promise<void> {
  server = createXdsServer({
    logger: {
      ...silent,
      warn: (fields, message) => problems.push(`${message} ${JSON.stringify(fields)}`),
      error: (fields, message) => problems.push(`${message} ${String(fields["error"])}`),
    },
    metrics: {
      streams() {},
      response: (type, resources) => responses.push({ type, resources }),
      refusal() {},
      ended() {},
    },
  });
  server.setCredentials({ ...serverPair, ca: ca.ca });
  await server.listen(port, "127.0.0.1");
}

async function startEnvoy(): Promise<void> {
  envoy = await EnvoyProcess.start({
    xdsPort: server.address?.port ?? 0,
    node: `${pod}/uid-1`,
    credentials: clientPair,
    ca: ca.ca,
    serverIdentity,
  });
}

function publish(...resources: readonly EnvoyResource[]): void {
  const target: ProxyTarget = {
    pod,
    podUid: "uid-1",
    addresses: ["127.0.0.1"],
    identity,
    groups: [resourceGroup(resources)],
    readiness: readinessListener(ports.readiness),
  };
  server.publish(new Map([[pod, target]]));
}

const state = (type: string, name: string) => server.states.get(pod)?.resource(type, name);
const acknowledged = (...resources: readonly EnvoyResource[]): boolean =>
  resources.every(({ type, name, version }) => state(type, name)?.acknowledged === version);
const live = (...resources: readonly EnvoyResource[]): Promise<void> =>
  until(
    `${resources.map(({ name }) => name).join(", ")} to be acknowledged; ${envoy?.log}`,
    () => acknowledged(...resources),
    15_000,
  );

beforeEach(async () => {
  problems = [];
  responses = [];
  ca ??= await createTestCA();
  serverPair ??= await ca.issue([{ type: "url", value: serverIdentity }]);
  clientPair ??= await ca.issue([{ type: "url", value: identity }]);
  backends = ["a", "b"].map((name) => createServer((_request, response) => response.end(name)));
  for (const backend of backends) await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
  backendPorts = backends.map((backend) => (backend.address() as AddressInfo).port);
  ports = { service: await freePort(), second: await freePort(), readiness: await freePort() };
  await startServer();
});

afterEach(async () => {
  await envoy?.stop();
  envoy = undefined;
  await server.close(500);
  for (const backend of backends) backend.closeAllConnections();
  for (const backend of backends) await new Promise((resolve) => backend.close(resolve));
});

const [a = 0, b = 1] = [0, 1];
const portOf = (backend: number): number => backendPorts[backend] ?? 0;

describe("with the real Envoy", () => {
  test("the first configuration comes whole, and the readiness listener last", async () => {
    const all = [
      edsCluster("a"),
      endpoints("a", portOf(a)),
      httpRoute("r", "a"),
      httpListener("service", ports.service, "r", ["authorization"]),
      authorization("authorization", "GET"),
    ];
    publish(...all);
    await startEnvoy();
    await live(...all, readinessListener(ports.readiness));
    expect(responses.at(-1)).toEqual({ type: "listener", resources: 1 });
    expect(responses.map(({ type }) => type).slice(0, 3)).toEqual(["cluster", "endpoint", "listener"]);
    expect(responses.length).toBe(6);
    expect(await get(ports.service)).toEqual({ status: 200, body: "a" });
    expect((await get(ports.readiness)).status).toBe(200);
    expect(problems).toEqual([]);

    const nobody = authorization("authorization", "NOBODY");
    publish(...all.slice(0, 4), nobody);
    await live(nobody);
    expect((await get(ports.service)).status).toBe(403);
    expect(await envoy?.statistic("listener_manager.listener_modified")).toBe(0);
  });

  test("a refused listener is named, and what stands beside it goes live", async () => {
    const base = [
      edsCluster("a"),
      endpoints("a", portOf(a)),
      httpRoute("r", "a"),
      httpListener("service", ports.service, "r"),
    ];
    publish(...base);
    await startEnvoy();
    await live(...base);
    const good = httpListener("second", ports.second, "r");
    const bad = badListener("broken", await freePort());
    publish(...base, bad, good);
    await live(good);
    await until("the refusal", () => state("listener", "broken")?.rejected !== undefined);
    expect(state("listener", "broken")?.rejected?.version).toBe(bad.version);
    expect(state("listener", "broken")?.rejected?.message).toContain("broken");
    expect((await get(ports.second)).body).toBe("a");
    const before = responses.length;
    const other = endpoints("a", portOf(b));
    publish(edsCluster("a"), other, ...base.slice(2), bad, good);
    await live(other);
    expect(responses.slice(before)).toEqual([{ type: "endpoint", resources: 1 }]);

    // A change of the good service turns bad: the last good one stays.
    publish(edsCluster("a"), other, httpRoute("r", "a"), badListener("service", ports.service), good);
    await until("the refusal", () => state("listener", "service")?.rejected !== undefined);
    expect(state("listener", "service")?.acknowledged).toBe(base[3]?.version);
    expect((await get(ports.service)).status).toBe(200);
  });

  test("refused clusters are named one by one", async () => {
    const goods = ["g1", "g2", "g3", "g4"].flatMap((name) => [edsCluster(name), endpoints(name, portOf(a))]);
    const base = [httpRoute("r", "g4"), httpListener("service", ports.service, "r")];
    publish(...goods, ...base);
    await startEnvoy();
    await live(...goods, ...base);
    const changed = ["g1", "g2", "g3", "g4"].flatMap((name) => [edsCluster(name, "2s"), endpoints(name, portOf(a))]);
    const bads = ["bad1", "bad2"].flatMap((name) => [badCluster(name), endpoints(name, portOf(a))]);
    publish(...bads, ...changed, ...base);
    await live(...changed);
    await until(
      "the refusals",
      () => ["bad1", "bad2"].every((name) => state("cluster", name)?.rejected !== undefined),
      5_000,
    );
  });

  test("with a refused listener in its first configuration a proxy is not ready until that is mended", async () => {
    const base = [
      edsCluster("a"),
      endpoints("a", portOf(a)),
      httpRoute("r", "a"),
      httpListener("service", ports.service, "r"),
    ];
    publish(...base, badListener("inbound", ports.second));
    await startEnvoy();
    await live(...base);
    await until("the refusal", () => state("listener", "inbound")?.rejected !== undefined);
    expect((await get(ports.service)).status).toBe(200);
    expect(state("listener", "readiness")).toBeUndefined();
    expect((await get(ports.readiness)).status).toBe(0);
    publish(...base, httpListener("inbound", ports.second, "r"));
    await live(readinessListener(ports.readiness));
    expect((await get(ports.readiness)).status).toBe(200);
  });

  test("a cluster that changes is warm at once, though Envoy asks for no endpoints", async () => {
    const rest = [endpoints("a", portOf(a)), httpRoute("r", "a"), httpListener("service", ports.service, "r")];
    publish(edsCluster("a"), ...rest);
    await startEnvoy();
    await live(edsCluster("a"), ...rest, readinessListener(ports.readiness));
    const stop = pressure(ports.service);
    const times: number[] = [];
    for (let i = 2; i < 12; i++) {
      const next = edsCluster("a", `${i}s`);
      const started = performance.now();
      publish(next, ...rest);
      await live(next);
      times.push(performance.now() - started);
    }
    const { total, failed } = await stop();
    expect(total).toBeGreaterThan(10);
    expect(failed).toEqual([]);
    expect(Math.max(...times)).toBeLessThan(3_000);
  });

  test("routes move between clusters that come and go, and no request fails", async () => {
    const listener = httpListener("service", ports.service, "r");
    const step = (i: number): EnvoyResource[] => [
      edsCluster(`c${i}`),
      endpoints(`c${i}`, portOf(i % 2)),
      httpRoute("r", `c${i}`),
      listener,
    ];
    publish(...step(0));
    await startEnvoy();
    await live(...step(0), readinessListener(ports.readiness));
    const stop = pressure(ports.service);
    for (let i = 1; i <= 150; i++) {
      publish(...step(i));
      // Every third change comes before the one before it is taken.
      if (i % 3 === 0) continue;
      await live(...step(i));
    }
    await live(...step(150));
    await until("the removal of old clusters", () => state("cluster", "c149") === undefined);
    const { total, failed } = await stop();
    expect(total).toBeGreaterThan(10);
    expect(failed).toEqual([]);
    const clusters = await envoy?.statistic("cluster_manager.active_clusters");
    expect(clusters).toBe(2);
    expect(problems).toEqual([]);
  });

  test("a service that is removed, and one that takes its place, leave nothing behind", async () => {
    const first = [
      edsCluster("a"),
      endpoints("a", portOf(a)),
      httpRoute("ra", "a"),
      httpListener("la", ports.service, "ra", ["x"]),
      authorization("x", "GET"),
    ];
    const second = [
      edsCluster("b"),
      endpoints("b", portOf(b)),
      httpRoute("rb", "b"),
      httpListener("lb", ports.second, "rb"),
    ];
    publish(...first);
    await startEnvoy();
    await live(...first, readinessListener(ports.readiness));
    publish(...second);
    await live(...second);
    expect((await get(ports.second)).body).toBe("b");
    // The route and the extension are unsubscribed after the drain (2 s here); only then does the cluster go.
    let clusters: number | undefined;
    const end = Date.now() + 15_000;
    do clusters = await envoy?.statistic("cluster_manager.active_clusters");
    while (clusters !== 2 && Date.now() < end);
    expect(clusters).toBe(2);
    expect((await get(ports.service)).status).toBe(0);
  });

  test("a proxy that reconnects is sent only what changed meanwhile", async () => {
    const base = [
      edsCluster("a"),
      endpoints("a", portOf(a)),
      httpRoute("r", "a"),
      httpListener("service", ports.service, "r", ["x"]),
      authorization("x", "GET"),
    ];
    publish(...base);
    await startEnvoy();
    await live(...base, readinessListener(ports.readiness));
    const port = server.address?.port ?? 0;
    const stop = pressure(ports.service);
    await server.close(200);
    responses = [];
    await startServer(port);
    publish(...base);
    await live(...base, readinessListener(ports.readiness));
    expect(responses).toEqual([]);
    await server.close(200);
    await startServer(port);
    const next = [edsCluster("b"), endpoints("b", portOf(b)), httpRoute("r", "b"), ...base.slice(3)];
    publish(...next);
    await live(...next);
    let clusters: number | undefined;
    const end = Date.now() + 10_000;
    do clusters = await envoy?.statistic("cluster_manager.active_clusters");
    while (clusters !== 2 && Date.now() < end);
    expect(clusters).toBe(2);
    expect((await get(ports.service)).body).toBe("b");
    const { total, failed } = await stop();
    expect(total).toBeGreaterThan(10);
    expect(failed).toEqual([]);
  });
});
