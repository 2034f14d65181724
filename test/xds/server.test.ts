import { type AddressInfo, connect as connectTCP, createServer, type Socket } from "node:net";
import { connect as connectTLS } from "node:tls";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { encodeResource, resourceGroup } from "../../src/envoy/encode.ts";
import type { EnvoyResource, ProxyTarget } from "../../src/envoy/resource.ts";
import { createXdsServer, type XdsLimits, type XdsServer } from "../../src/xds/server.ts";
import { createTestCA, type Pair, rawURIs, type TestCA } from "./certificates.ts";
import { type ClientOptions, encodeRequest, framed, methodPath, TestClient, until } from "./client.ts";

const identity = "spiffe://cluster.local/ns/shop/sa/cart";
const other = "spiffe://cluster.local/ns/shop/sa/other";
const node = "shop/cart-1/uid-1";

const cluster = (name: string, seconds = 1): EnvoyResource =>
  encodeResource("cluster", name, { name, type: "STATIC", connectTimeout: `${seconds}s` });
const readiness = encodeResource("listener", "readiness", {
  name: "readiness",
  address: { socketAddress: { address: "127.0.0.1", portValue: 15020 } },
});

const targetOf = (resources: readonly EnvoyResource[], fields: Partial<ProxyTarget> = {}): ProxyTarget => ({
  pod: "shop/cart-1",
  podUid: "uid-1",
  addresses: ["127.0.0.1"],
  identity,
  groups: [resourceGroup(resources)],
  readiness,
  ...fields,
});

const targets = (...all: readonly ProxyTarget[]): ReadonlyMap<string, ProxyTarget> =>
  new Map(all.map((target) => [target.pod, target]));

const silent = { debug() {}, info() {}, warn() {}, error() {} };

let ca: TestCA;
let serverPair: Pair;
let clientPair: Pair;
let server: XdsServer;
let errors: string[];
let sent: { type: string; bytes: number }[];
const clients: TestClient[] = [];

async function start(limits: Partial<XdsLimits> = {}): Promise<void> {
  errors = [];
  sent = [];
  server = createXdsServer({
    logger: { ...silent, error: (fields, message) => errors.push(`${message} ${String(fields["error"])}`) },
    metrics: {
      streams() {},
      response: (type, _resources, bytes) => sent.push({ type, bytes }),
      refusal() {},
      ended() {},
    },
    limits: { admissionMs: 300, ...limits },
  });
  server.setCredentials({ ...serverPair, ca: ca.ca });
  await server.listen(0, "127.0.0.1");
}

function client(options: Partial<ClientOptions> = {}, headers: Record<string, string> = {}): TestClient {
  const made = new TestClient(
    { port: server.address?.port ?? 0, credentials: clientPair, ca: ca.ca, ...options },
    headers,
  );
  clients.push(made);
  return made;
}

beforeAll(async () => {
  ca = await createTestCA();
  serverPair = await ca.issue([{ type: "url", value: "spiffe://cluster.local/ns/heddle-system/sa/heddle" }]);
  clientPair = await ca.issue([{ type: "url", value: identity }]);
});
beforeEach(() => start());
afterEach(async () => {
  for (const made of clients.splice(0)) made.close();
  await server.close(1_000);
  expect(errors).toEqual([]);
});

describe("serving", () => {
  test("sends the target in the shared bytes, says what was acknowledged, and sends only what changes", async () => {
    server.publish(targets(targetOf([cluster("a"), cluster("b")])));
    const changed: string[] = [];
    server.onChange((pods) => changed.push(...pods));
    const proxy = client();
    proxy.subscribe("cluster", [], node);
    const first = await proxy.next(1);
    expect(first.resources.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(first.resources[0]?.version).toBe(cluster("a").version);
    expect(first.nonce).not.toBe("");
    expect(server.states.get("shop/cart-1")?.resource("cluster", "a")).toBeUndefined();
    proxy.answer(first);
    await until("the acknowledgement", () => server.states.get("shop/cart-1")?.resource("cluster", "a") !== undefined);
    expect(server.states.get("shop/cart-1")?.resource("cluster", "a")).toEqual({ acknowledged: cluster("a").version });
    await until("the notification", () => changed.length > 0);
    server.publish(targets(targetOf([cluster("a"), cluster("b")])));
    server.publish(targets(targetOf([cluster("a"), cluster("b", 2)])));
    const second = await proxy.next(2);
    expect(second.resources.map(({ name }) => name)).toEqual(["b"]);
    proxy.answer(second, "no such luck");
    await until(
      "the refusal",
      () => server.states.get("shop/cart-1")?.resource("cluster", "b")?.rejected !== undefined,
    );
    expect(server.states.get("shop/cart-1")?.resource("cluster", "b")).toEqual({
      acknowledged: cluster("b").version,
      rejected: { version: cluster("b", 2).version, message: "no such luck" },
    });
    expect(sent.length).toBe(2);
  });

  test("a proxy that is gone keeps its last states, a pod that is gone does not", async () => {
    server.publish(targets(targetOf([cluster("a")])));
    const proxy = client();
    proxy.subscribe("cluster", [], node);
    proxy.answer(await proxy.next(1));
    await until("the acknowledgement", () => server.states.get("shop/cart-1")?.resource("cluster", "a") !== undefined);
    const since = server.states.get("shop/cart-1")?.since ?? 0;
    proxy.close();
    await until("the end", () => server.states.get("shop/cart-1")?.connected === false);
    const state = server.states.get("shop/cart-1");
    expect(state?.since).toBeGreaterThanOrEqual(since);
    expect(state?.resource("cluster", "a")).toEqual({ acknowledged: cluster("a").version });
    server.publish(targets());
    expect(server.states.has("shop/cart-1")).toBe(false);
  });

  test("a newer stream takes the place of the older, which reports nothing any more", async () => {
    server.publish(targets(targetOf([cluster("a")])));
    const older = client();
    older.subscribe("cluster", [], node);
    await older.next(1);
    const newer = client();
    newer.subscribe("cluster", [], node);
    await newer.next(1);
    expect(await older.ended()).toBe("10");
    await until("the older stream to close", () => older.closed);
    expect(server.states.get("shop/cart-1")?.connected).toBe(true);
  });

  test("a pod that leaves the targets, or comes back as another, loses its stream", async () => {
    server.publish(targets(targetOf([cluster("a")])));
    const first = client();
    first.subscribe("cluster", [], node);
    await first.next(1);
    server.publish(targets(targetOf([cluster("a")], { podUid: "uid-2" })));
    expect(await first.ended()).toBe("5");
    const second = client();
    second.subscribe("cluster", [], "shop/cart-1/uid-2");
    await second.next(1);
    server.publish(targets());
    expect(await second.ended()).toBe("5");
  });

  test("a stream whose pod runs as another identity now is ended", async () => {
    server.publish(targets(targetOf([cluster("a")])));
    const proxy = client();
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    server.publish(targets(targetOf([cluster("a")], { identity: other })));
    expect(await proxy.ended()).toBe("7");
  });

  test("a closing server ends its streams and takes no more", async () => {
    server.publish(targets(targetOf([cluster("a")])));
    const proxy = client();
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    const closed = server.close(2_000);
    expect(await proxy.ended()).toBe("14");
    await closed;
    await start();
  });

  test("new credentials are used by new connections; the old ones go on", async () => {
    server.publish(targets(targetOf([cluster("a")])));
    const before = client();
    before.subscribe("cluster", [], node);
    await before.next(1);
    const otherCA = await createTestCA();
    const nextServer = await otherCA.issue([
      { type: "url", value: "spiffe://cluster.local/ns/heddle-system/sa/heddle" },
    ]);
    server.setCredentials({ ...nextServer, ca: otherCA.ca });
    const stranger = client({ ca: otherCA.ca });
    await until("the old root to be refused", () => stranger.disconnected);
    expect(stranger.headers).toBeUndefined();
    expect(before.closed).toBe(false);
    const proxy = client({ ca: otherCA.ca, credentials: await otherCA.issue([{ type: "url", value: identity }]) });
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    expect(() => server.setCredentials({ key: serverPair.key, cert: nextServer.cert, ca: otherCA.ca })).toThrow();
  });
});

describe("admission", () => {
  test.each([
    ["another identity", async () => ca.issue([{ type: "url", value: other }])],
    ["no URI", async () => ca.issue([{ type: "dns", value: "cart" }])],
    ["a DNS name that looks like a URI", async () => ca.issue([{ type: "dns", value: `x, URI:${identity}` }])],
    ["two URIs", async () => ca.issue([identity, other].map((value) => ({ type: "url" as const, value })))],
    ["the same URI twice", async () => ca.issue(rawURIs(identity, identity))],
    ["a NUL in the URI", async () => ca.issue(rawURIs(`${identity}\0.example`))],
    ["a quote in the URI", async () => ca.issue(rawURIs(`${identity}", URI:"${other}`))],
  ])("denies a certificate with %s at once", async (_what, issue) => {
    server.publish(targets(targetOf([cluster("a")])));
    const proxy = client({ credentials: await issue() });
    proxy.subscribe("cluster", [], node);
    expect(await proxy.ended()).toBe("7");
    expect(proxy.responses).toEqual([]);
  });

  test("a DNS name beside the one URI does no harm", async () => {
    server.publish(targets(targetOf([cluster("a")])));
    const credentials = await ca.issue([
      { type: "dns", value: "cart" },
      { type: "url", value: identity },
    ]);
    const proxy = client({ credentials });
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
  });

  test("denies a connection from another address", async () => {
    server.publish(targets(targetOf([cluster("a")])));
    const proxy = client({ localAddress: "127.0.0.2" });
    proxy.subscribe("cluster", [], node);
    expect(await proxy.ended()).toBe("7");
    expect(proxy.message).toContain("127.0.0.2");
  });

  test("knows an address in its other spellings", async () => {
    server.publish(targets(targetOf([cluster("a")], { addresses: ["fd00::1", "::ffff:127.0.0.1"] })));
    const proxy = client();
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
  });

  test("no client certificate, or one of another authority, or an expired one, gets no connection", async () => {
    const strangers = [
      client({ credentials: { cert: "", key: "" } }),
      client({ credentials: await (await createTestCA()).issue([{ type: "url", value: identity }]) }),
      client({ credentials: await ca.issue([{ type: "url", value: identity }], new Date(Date.now() - 1_000)) }),
    ];
    for (const stranger of strangers) {
      await until("the refusal", () => stranger.disconnected);
      expect(stranger.headers).toBeUndefined();
    }
  });

  test.each([
    ["an unknown pod", node, targets()],
    ["a pod of the same name", node, targets(targetOf([cluster("a")], { podUid: "uid-0", identity: other }))],
    ["a pod without an address yet", node, targets(targetOf([cluster("a")], { addresses: [] }))],
  ])("waits for %s, then serves it; or gives up", async (_what, id, before) => {
    server.publish(before);
    const proxy = client();
    proxy.subscribe("cluster", [], id);
    await until("the response headers", () => proxy.headers !== undefined);
    server.publish(targets(targetOf([cluster("a")])));
    await proxy.next(1);
    proxy.close();
    server.publish(before);
    const late = client();
    late.subscribe("cluster", [], id);
    expect(await late.ended()).toBe("14");
  });

  test("what waits is judged when its pod appears", async () => {
    const proxy = client();
    proxy.subscribe("cluster", [], node);
    await until("the response headers", () => proxy.headers !== undefined);
    server.publish(targets(targetOf([cluster("a")], { identity: other })));
    expect(await proxy.ended()).toBe("7");
  });

  test.each(["", "shop/cart-1", "shop/cart-1/uid-1/more", "//"])("refuses the node id %j", async (id) => {
    server.publish(targets(targetOf([cluster("a")])));
    const proxy = client();
    proxy.subscribe("cluster", [], id);
    expect(await proxy.ended()).toBe("3");
  });

  test("the node is read from the first request only", async () => {
    server.publish(targets(targetOf([cluster("a")])));
    const proxy = client();
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    proxy.subscribe("listener", [], "shop/other/uid-9");
    await proxy.next(2);
    expect([...server.states.keys()]).toEqual(["shop/cart-1"]);
  });

  test("no connection resumes the session of an earlier one, whose certificate would not be verified again", async () => {
    const open = (session?: Buffer) =>
      connectTLS({
        port: server.address?.port ?? 0,
        host: "127.0.0.1",
        ...clientPair,
        ca: ca.ca,
        ALPNProtocols: ["h2"],
        // Tickets of TLS 1.3 come after the handshake; with TLS 1.2 the session is there at once.
        maxVersion: "TLSv1.2",
        checkServerIdentity: () => undefined,
        ...(session && { session }),
      }).on("error", () => undefined);
    const first = open();
    await until("the handshake", () => first.getProtocol() !== null && first.getSession() !== undefined);
    const session = first.getSession();
    expect(session).toBeDefined();
    first.destroy();
    const second = open(session);
    await until("the handshake", () => second.authorized);
    expect(second.isSessionReused()).toBe(false);
    second.destroy();
    const fresh = client();
    const tickets: Buffer[] = [];
    fresh.session.socket.on("session", (ticket: Buffer) => tickets.push(ticket));
    await until("the response headers", () => fresh.headers !== undefined);
    for (const ticket of tickets) {
      const third = connectTLS({
        port: server.address?.port ?? 0,
        host: "127.0.0.1",
        ...clientPair,
        ca: ca.ca,
        session: ticket,
        ALPNProtocols: ["h2"],
        checkServerIdentity: () => undefined,
      });
      third.on("error", () => undefined);
      await until("the handshake", () => third.authorized);
      expect(third.isSessionReused()).toBe(false);
      third.destroy();
    }
  });

  test("a stream ends when the certificate that opened it expires", async () => {
    await server.close(0);
    await start({ keepaliveMs: 150 });
    server.publish(targets(targetOf([cluster("a")])));
    // Certificates count whole seconds.
    const proxy = client({
      credentials: await ca.issue([{ type: "url", value: identity }], new Date(Date.now() + 2_000)),
    });
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    expect(await proxy.ended()).toBe("16");
  });
});

describe("what may not be", () => {
  beforeEach(() => server.publish(targets(targetOf([cluster("a")]))));

  test.each([
    ["a compressed message", framed(Buffer.from("x"), 1), "12"],
    ["a message over the limit", Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), "8"],
    ["what is no request", framed(Buffer.from([0x0a, 0xff, 0xff, 0xff])), "3"],
    ["an unknown type", encodeRequest({ node: { id: node }, typeUrl: "type.googleapis.com/x" }), "3"],
  ])("%s ends the stream", async (_what, bytes, status) => {
    const proxy = client();
    proxy.stream.write(bytes);
    expect(await proxy.ended()).toBe(status);
  });

  test.each([
    ["another path", { ":path": "/grpc.health.v1.Health/Check" }, "12"],
    ["another content type", { "content-type": "text/plain" }, "3"],
  ])("%s is refused", async (_what, headers, status) => {
    expect(await client({}, headers).ended()).toBe(status);
  });

  test("a request that comes byte by byte is understood", async () => {
    const proxy = client();
    const bytes = encodeRequest({ node: { id: node }, typeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster" });
    for (const byte of bytes) {
      await new Promise((resolve) => proxy.stream.write(Buffer.from([byte]), resolve));
      // The server has taken the byte when it has answered the ping behind it.
      await new Promise((resolve) => proxy.session.ping(resolve));
    }
    await proxy.next(1);
  });

  test("huge headers and bytes that are no HTTP/2 end their connection only", async () => {
    const proxy = client();
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    const huge = client({}, { "x-huge": "x".repeat(100_000) });
    await until("the end of the connection", () => huge.disconnected);
    expect(huge.headers).toBeUndefined();
    const garbage = connectTLS({
      port: server.address?.port ?? 0,
      host: "127.0.0.1",
      ...clientPair,
      ca: ca.ca,
      ALPNProtocols: ["h2"],
      checkServerIdentity: () => undefined,
    });
    let over = false;
    garbage
      .on("error", () => undefined)
      .on("close", () => {
        over = true;
      });
    garbage.on("secureConnect", () => garbage.write(Buffer.alloc(4096, 0x41)));
    garbage.resume();
    await until("the end of the connection", () => over);
    server.publish(targets(targetOf([cluster("a", 3)])));
    proxy.answer(await proxy.next(1));
    await proxy.next(2);
  });

  test("a client that speaks HTTP/1 only gets nothing", async () => {
    const socket = connectTLS({
      port: server.address?.port ?? 0,
      host: "127.0.0.1",
      ...clientPair,
      ca: ca.ca,
      checkServerIdentity: () => undefined,
    });
    let over = false;
    let received = 0;
    socket
      .on("error", () => undefined)
      .on("close", () => {
        over = true;
      });
    socket.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    socket.on("secureConnect", () => socket.write(`POST ${methodPath} HTTP/1.1\r\nhost: x\r\n\r\n`));
    await until("the end of the connection", () => over);
    expect(received).toBe(0);
  });

  test("a flood of requests ends the stream", async () => {
    await server.close(0);
    await start({ requestBurst: 100, requestsPerSecond: 1 });
    server.publish(targets(targetOf([cluster("a")])));
    const proxy = client();
    proxy.subscribe("cluster", [], node);
    for (let i = 0; i < 200; i++) proxy.subscribe("route", [`r${i}`]);
    expect(await proxy.ended()).toBe("8");
  });

  test("more streams than the bound are refused", async () => {
    await server.close(0);
    await start({ streams: 1 });
    const first = client();
    await until("the first stream", () => first.headers !== undefined);
    expect(await client().ended()).toBe("8");
  });
});

describe("slow and dead peers", () => {
  test("a client that reads slowly gets one response, and then the newest state", async () => {
    const many = (generation: number): EnvoyResource[] =>
      Array.from({ length: 200 }, (_, i) => cluster(`cluster-${i}-${"x".repeat(100)}`, generation * 1_000 + i + 1));
    server.publish(targets(targetOf(many(0))));
    const slow = client({ window: 1_000 });
    slow.stream.pause();
    slow.subscribe("cluster", [], node);
    await until("the first response", () => sent.length === 1);
    for (let generation = 1; generation <= 50; generation++) server.publish(targets(targetOf(many(generation))));
    expect(sent.length).toBe(1);
    slow.stream.resume();
    slow.answer(await slow.next(1));
    const second = await slow.next(2);
    const newest = new Map(many(50).map(({ name, version }) => [name, version]));
    expect(second.resources.map(({ name, version }) => [name, version])).toEqual([...newest]);
  });

  test("a client that acknowledges without reading is not read any more", async () => {
    const big = Array.from({ length: 400 }, (_, i) => cluster(`cluster-${i}-${"x".repeat(150)}`));
    server.publish(targets(targetOf(big)));
    const rude = client({ window: 1_000 });
    rude.stream.pause();
    rude.subscribe("cluster", [], node);
    await until("the first response", () => sent.length === 1);
    for (let nonce = 1; nonce <= 50; nonce++) {
      rude.stream.write(
        encodeRequest({
          typeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
          responseNonce: nonce.toString(36),
          resourceNamesSubscribe: big.map(({ name }) => name),
        }),
      );
    }
    const probe = client();
    probe.subscribe("cluster", [], "shop/unknown/uid");
    await probe.ended();
    expect(sent.length).toBe(1);
  });

  test("a peer that answers no ping is cut", async () => {
    await server.close(0);
    await start({ keepaliveMs: 150, keepaliveTimeoutMs: 300 });
    server.publish(targets(targetOf([cluster("a")])));
    // The network between them, which can be cut without a word.
    const sockets: Socket[] = [];
    const relay = createServer((near) => {
      const far = connectTCP(server.address?.port ?? 0, "127.0.0.1");
      sockets.push(near, far);
      for (const socket of [near, far]) socket.on("error", () => undefined);
      near.pipe(far).pipe(near);
    });
    await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
    const { port } = relay.address() as AddressInfo;
    const proxy = client({ port });
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    // Longer than the limit: a live peer is not cut.
    const end = Date.now() + 800;
    await until("time", () => Date.now() > end);
    expect(server.states.get("shop/cart-1")?.connected).toBe(true);
    for (const socket of sockets) socket.unpipe().pause();
    await until("the cut", () => server.states.get("shop/cart-1")?.connected === false);
    for (const socket of sockets) socket.destroy();
    relay.close();
  });

  test("a stream without a request, and a connection without a stream, are ended", async () => {
    await server.close(0);
    await start({ keepaliveMs: 150, idleMs: 200, firstRequestMs: 200 });
    const proxy = client();
    expect(await proxy.ended()).toBe("14");
    await until("the end of the connection", () => proxy.disconnected);
  });
});
