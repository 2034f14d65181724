import { type AddressInfo, connect as connectTCP, createServer, type Socket } from "node:net";
import { connect as connectTLS } from "node:tls";
import { beforeEach, describe, expect, test } from "vitest";
import type { EnvoyResource } from "../../src/envoy/resource.ts";
import { encodeRequest, framed, methodPath, nodeOf, until } from "./client.ts";
import { cluster, node, targetOf, targets, useServer } from "./server-world.ts";

const world = useServer();

describe("what may not be", () => {
  beforeEach(() => world.server.publish(targets(targetOf([cluster("a")]))));

  test.each([
    ["a compressed message", framed(Buffer.from("x"), 1), "12"],
    ["a message over the limit", Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), "8"],
    ["what is no request", framed(Buffer.from([0x0a, 0xff, 0xff, 0xff])), "3"],
    ["an unknown type", encodeRequest({ node: nodeOf(node), typeUrl: "type.googleapis.com/x" }), "3"],
  ])("%s ends the stream", async (_what, bytes, status) => {
    const proxy = world.client();
    proxy.stream.write(bytes);
    expect(await proxy.ended()).toBe(status);
  });

  test.each([
    ["another path", { ":path": "/grpc.health.v1.Health/Check" }, "12"],
    ["another content type", { "content-type": "text/plain" }, "3"],
  ])("%s is refused", async (_what, headers, status) => {
    expect(await world.client({}, headers).ended()).toBe(status);
  });

  test("a request that comes byte by byte is understood", async () => {
    const proxy = world.client();
    const bytes = encodeRequest({ node: nodeOf(node), typeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster" });
    for (const byte of bytes) {
      await new Promise((resolve) => proxy.stream.write(Buffer.from([byte]), resolve));
      // The server has taken the byte when it has answered the ping behind it.
      await new Promise((resolve) => proxy.session.ping(resolve));
    }
    await proxy.next(1);
  });

  test("huge headers and bytes that are no HTTP/2 end their connection only", async () => {
    const proxy = world.client();
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    const huge = world.client({}, { "x-huge": "x".repeat(100_000) });
    await until("the end of the connection", () => huge.disconnected);
    expect(huge.headers).toBeUndefined();
    const garbage = connectTLS({
      port: world.server.address?.port ?? 0,
      host: "127.0.0.1",
      ...world.clientPair,
      ca: world.ca.ca,
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
    world.server.publish(targets(targetOf([cluster("a", 3)])));
    proxy.answer(await proxy.next(1));
    await proxy.next(2);
  });

  test("a client that speaks HTTP/1 only gets nothing", async () => {
    const socket = connectTLS({
      port: world.server.address?.port ?? 0,
      host: "127.0.0.1",
      ...world.clientPair,
      ca: world.ca.ca,
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
    await world.server.close(0);
    await world.start({ requestBurst: 100, requestsPerSecond: 1 });
    world.server.publish(targets(targetOf([cluster("a")])));
    const proxy = world.client();
    proxy.subscribe("cluster", [], node);
    for (let i = 0; i < 200; i++) proxy.subscribe("route", [`r${i}`]);
    expect(await proxy.ended()).toBe("8");
  });

  test("more streams than the bound are refused", async () => {
    await world.server.close(0);
    await world.start({ streams: 1 });
    const first = world.client();
    await until("the first stream", () => first.headers !== undefined);
    expect(await world.client().ended()).toBe("8");
  });
});

describe("slow and dead peers", () => {
  test("a client that reads slowly gets one response, and then the newest state", async () => {
    const many = (generation: number): EnvoyResource[] =>
      Array.from({ length: 200 }, (_, i) => cluster(`cluster-${i}-${"x".repeat(100)}`, generation * 1_000 + i + 1));
    world.server.publish(targets(targetOf(many(0))));
    const slow = world.client({ window: 1_000 });
    slow.stream.pause();
    slow.subscribe("cluster", [], node);
    await until("the first response", () => world.sent.length === 1);
    for (let generation = 1; generation <= 50; generation++) world.server.publish(targets(targetOf(many(generation))));
    expect(world.sent.length).toBe(1);
    slow.stream.resume();
    slow.answer(await slow.next(1));
    const second = await slow.next(2);
    const newest = new Map(many(50).map(({ name, version }) => [name, version]));
    expect(second.resources.map(({ name, version }) => [name, version])).toEqual([...newest]);
  });

  test("a client that acknowledges without reading is not read any more", async () => {
    const big = Array.from({ length: 400 }, (_, i) => cluster(`cluster-${i}-${"x".repeat(150)}`));
    world.server.publish(targets(targetOf(big)));
    const rude = world.client({ window: 1_000 });
    rude.stream.pause();
    rude.subscribe("cluster", [], node);
    await until("the first response", () => world.sent.length === 1);
    for (let nonce = 1; nonce <= 50; nonce++) {
      rude.stream.write(
        encodeRequest({
          typeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
          responseNonce: nonce.toString(36),
          resourceNamesSubscribe: big.map(({ name }) => name),
        }),
      );
    }
    const probe = world.client();
    probe.subscribe("cluster", [], "shop/unknown/uid");
    await probe.ended();
    expect(world.sent.length).toBe(1);
  });

  test("a peer that answers no ping is cut", async () => {
    await world.server.close(0);
    await world.start({ keepaliveMs: 150, keepaliveTimeoutMs: 300 });
    world.server.publish(targets(targetOf([cluster("a")])));
    // The network between them, which can be cut without a word.
    const sockets: Socket[] = [];
    const relay = createServer((near) => {
      const far = connectTCP(world.server.address?.port ?? 0, "127.0.0.1");
      sockets.push(near, far);
      for (const socket of [near, far]) socket.on("error", () => undefined);
      near.pipe(far).pipe(near);
    });
    await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
    const { port } = relay.address() as AddressInfo;
    const proxy = world.client({ port });
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    // Longer than the limit: a live peer is not cut.
    const end = Date.now() + 800;
    await until("time", () => Date.now() > end);
    expect(world.server.states.get("shop/cart-1")?.connected).toBe(true);
    for (const socket of sockets) socket.unpipe().pause();
    await until("the cut", () => world.server.states.get("shop/cart-1")?.connected === false);
    for (const socket of sockets) socket.destroy();
    relay.close();
  });

  test("a stream without a request, and a connection without a stream, are ended", async () => {
    await world.server.close(0);
    await world.start({ keepaliveMs: 150, idleMs: 200, firstRequestMs: 200 });
    const proxy = world.client();
    expect(await proxy.ended()).toBe("14");
    await until("the end of the connection", () => proxy.disconnected);
  });
});
