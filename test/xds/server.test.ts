import { connect as connectTLS } from "node:tls";
import { describe, expect, test } from "vitest";
import { resourceGroup } from "../../src/envoy/encode.ts";
import type { EnvoyResource } from "../../src/envoy/resource.ts";
import { typeUrls } from "../../src/envoy/resource.ts";
import { createTestCA, rawURIs } from "./certificates.ts";
import { encodeRequest, nodeOf, until } from "./client.ts";
import { cluster, identity, node, other, targetOf, targets, useServer } from "./server-world.ts";

const world = useServer();

describe("serving", () => {
  test("sends the target in the shared bytes, says what was acknowledged, and sends only what changes", async () => {
    world.server.publish(targets(targetOf([cluster("a"), cluster("b")])));
    const changed: string[] = [];
    world.server.onChange((pods) => changed.push(...pods));
    const proxy = world.client();
    proxy.subscribe("cluster", [], node);
    const first = await proxy.next(1);
    expect(first.resources.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(first.resources[0]?.version).toBe(cluster("a").version);
    expect(first.nonce).not.toBe("");
    expect(world.server.states.get("shop/cart-1")?.resource("cluster", "a")).toBeUndefined();
    proxy.answer(first);
    await until(
      "the acknowledgement",
      () => world.server.states.get("shop/cart-1")?.resource("cluster", "a") !== undefined,
    );
    expect(world.server.states.get("shop/cart-1")?.resource("cluster", "a")).toEqual({
      acknowledged: cluster("a").version,
    });
    await until("the notification", () => changed.length > 0);
    world.server.publish(targets(targetOf([cluster("a"), cluster("b")])));
    world.server.publish(targets(targetOf([cluster("a"), cluster("b", 2)])));
    const second = await proxy.next(2);
    expect(second.resources.map(({ name }) => name)).toEqual(["b"]);
    proxy.answer(second, "no such luck");
    await until(
      "the refusal",
      () => world.server.states.get("shop/cart-1")?.resource("cluster", "b")?.rejected !== undefined,
    );
    expect(world.server.states.get("shop/cart-1")?.resource("cluster", "b")).toEqual({
      acknowledged: cluster("b").version,
      rejected: { version: cluster("b", 2).version, message: "no such luck" },
    });
    expect(world.sent.length).toBe(2);
  });

  test("what changes in the reach of a namespace is sent to its proxies, whose targets are the same", async () => {
    const published = targets(targetOf([cluster("own")]));
    const publish = (...reach: readonly EnvoyResource[]) =>
      world.server.publish(
        published,
        new Map([
          ["shop", resourceGroup(reach)],
          ["store", resourceGroup([cluster("of another")])],
        ]),
      );
    publish(cluster("a"), cluster("b"));
    const proxy = world.client();
    proxy.subscribe("cluster", [], node);
    const first = await proxy.next(1);
    expect(first.resources.map(({ name }) => name)).toEqual(["own", "a", "b"]);
    proxy.answer(first);
    const said = () => world.server.states.get("shop/cart-1");
    await until("the acknowledgement", () => said()?.resource("cluster", "b") !== undefined);
    publish(cluster("a"), cluster("b", 2));
    const second = await proxy.next(2);
    expect(second.resources.map(({ name }) => name)).toEqual(["b"]);
    proxy.answer(second);
    await until("the second", () => said()?.resource("cluster", "b")?.acknowledged === cluster("b", 2).version);
    expect(said()?.resource("cluster", "a")).toEqual({ acknowledged: cluster("a").version });
    expect(world.sent.length).toBe(2);
  });

  test("a proxy is brought up to date when those before it are, or have taken too long", async () => {
    await world.server.close(1_000);
    await world.start({ turns: 1, turnsOfIdentity: 1, turnMs: 60_000 });
    const pods = [1, 2].map((index) => ({ pod: `shop/cart-${index}`, podUid: `uid-${index}` }));
    world.server.publish(targets(...pods.map((pod) => targetOf([cluster("a")], pod))));
    const first = world.client();
    first.subscribe("cluster", [], node);
    first.answer(await first.next(1));
    const second = world.client();
    second.subscribe("cluster", [], "shop/cart-2/uid-2");
    // The second ping is answered after all that the server has to say of what came before the first one.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => second.session.ping(resolve));
    expect(second.headers).toBeUndefined();
    first.subscribe("listener");
    first.answer(await first.next(2));
    expect((await second.next(1)).resources.map(({ name }) => name)).toEqual(["a"]);
  });

  test("a proxy that is gone keeps its last states, a pod that is gone does not", async () => {
    world.server.publish(targets(targetOf([cluster("a")])));
    const proxy = world.client();
    proxy.subscribe("cluster", [], node);
    proxy.answer(await proxy.next(1));
    await until(
      "the acknowledgement",
      () => world.server.states.get("shop/cart-1")?.resource("cluster", "a") !== undefined,
    );
    const since = world.server.states.get("shop/cart-1")?.since ?? 0;
    proxy.close();
    await until("the end", () => world.server.states.get("shop/cart-1")?.connected === false);
    const state = world.server.states.get("shop/cart-1");
    expect(state?.since).toBeGreaterThanOrEqual(since);
    expect(state?.resource("cluster", "a")).toEqual({ acknowledged: cluster("a").version });
    world.server.publish(targets());
    expect(world.server.states.has("shop/cart-1")).toBe(false);
  });

  test("a newer stream takes the place of the older, which reports nothing any more", async () => {
    world.server.publish(targets(targetOf([cluster("a")])));
    const older = world.client();
    older.subscribe("cluster", [], node);
    await older.next(1);
    const newer = world.client();
    newer.subscribe("cluster", [], node);
    await newer.next(1);
    expect(await older.ended()).toBe("10");
    await until("the older stream to close", () => older.closed);
    expect(world.server.states.get("shop/cart-1")?.connected).toBe(true);
  });

  test("a pod that leaves the targets, or comes back as another, loses its stream", async () => {
    world.server.publish(targets(targetOf([cluster("a")])));
    const first = world.client();
    first.subscribe("cluster", [], node);
    await first.next(1);
    world.server.publish(targets(targetOf([cluster("a")], { podUid: "uid-2" })));
    expect(await first.ended()).toBe("5");
    const second = world.client();
    second.subscribe("cluster", [], "shop/cart-1/uid-2");
    await second.next(1);
    world.server.publish(targets());
    expect(await second.ended()).toBe("5");
  });

  test("a stream whose pod runs as another identity now is ended", async () => {
    world.server.publish(targets(targetOf([cluster("a")])));
    const proxy = world.client();
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    world.server.publish(targets(targetOf([cluster("a")], { identity: other })));
    expect(await proxy.ended()).toBe("7");
  });

  test("a closing server ends its streams and takes no more", async () => {
    world.server.publish(targets(targetOf([cluster("a")])));
    const proxy = world.client();
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    const closed = world.server.close(2_000);
    expect(await proxy.ended()).toBe("14");
    await closed;
    await world.start();
  });

  test("new credentials are used by new connections; the old ones go on", async () => {
    world.server.publish(targets(targetOf([cluster("a")])));
    const before = world.client();
    before.subscribe("cluster", [], node);
    await before.next(1);
    const otherCA = await createTestCA();
    const nextServer = await otherCA.issue([
      { type: "url", value: "spiffe://cluster.local/ns/heddle-system/sa/heddle" },
    ]);
    world.server.setCredentials({ ...nextServer, ca: otherCA.ca });
    const stranger = world.client({ ca: otherCA.ca });
    await until("the old root to be refused", () => stranger.disconnected);
    expect(stranger.headers).toBeUndefined();
    expect(before.closed).toBe(false);
    const proxy = world.client({
      ca: otherCA.ca,
      credentials: await otherCA.issue([{ type: "url", value: identity }]),
    });
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    expect(() =>
      world.server.setCredentials({ key: world.serverPair.key, cert: nextServer.cert, ca: otherCA.ca }),
    ).toThrow();
  });
});

describe("admission", () => {
  test.each([
    ["another identity", async () => world.ca.issue([{ type: "url", value: other }])],
    ["no URI", async () => world.ca.issue([{ type: "dns", value: "cart" }])],
    ["a DNS name that looks like a URI", async () => world.ca.issue([{ type: "dns", value: `x, URI:${identity}` }])],
    ["two URIs", async () => world.ca.issue([identity, other].map((value) => ({ type: "url" as const, value })))],
    ["the same URI twice", async () => world.ca.issue(rawURIs(identity, identity))],
    ["a NUL in the URI", async () => world.ca.issue(rawURIs(`${identity}\0.example`))],
    ["a quote in the URI", async () => world.ca.issue(rawURIs(`${identity}", URI:"${other}`))],
  ])("denies a certificate with %s at once", async (_what, issue) => {
    world.server.publish(targets(targetOf([cluster("a")])));
    const proxy = world.client({ credentials: await issue() });
    proxy.subscribe("cluster", [], node);
    expect(await proxy.ended()).toBe("7");
    expect(proxy.responses).toEqual([]);
  });

  test("a DNS name beside the one URI does no harm", async () => {
    world.server.publish(targets(targetOf([cluster("a")])));
    const credentials = await world.ca.issue([
      { type: "dns", value: "cart" },
      { type: "url", value: identity },
    ]);
    const proxy = world.client({ credentials });
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
  });

  test("denies a connection from another address", async () => {
    world.server.publish(targets(targetOf([cluster("a")])));
    const proxy = world.client({ localAddress: "127.0.0.2" });
    proxy.subscribe("cluster", [], node);
    expect(await proxy.ended()).toBe("7");
    expect(proxy.message).toContain("127.0.0.2");
  });

  test("knows an address in its other spellings", async () => {
    world.server.publish(targets(targetOf([cluster("a")], { addresses: ["fd00::1", "::ffff:127.0.0.1"] })));
    const proxy = world.client();
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
  });

  test("no client certificate, or one of another authority, or an expired one, gets no connection", async () => {
    const strangers = [
      world.client({ credentials: { cert: "", key: "" } }),
      world.client({ credentials: await (await createTestCA()).issue([{ type: "url", value: identity }]) }),
      world.client({
        credentials: await world.ca.issue([{ type: "url", value: identity }], new Date(Date.now() - 1_000)),
      }),
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
    world.server.publish(before);
    const proxy = world.client();
    proxy.subscribe("cluster", [], id);
    await until("the response headers", () => proxy.headers !== undefined);
    world.server.publish(targets(targetOf([cluster("a")])));
    await proxy.next(1);
    proxy.close();
    world.server.publish(before);
    const late = world.client();
    late.subscribe("cluster", [], id);
    expect(await late.ended()).toBe("14");
  });

  test.each([
    ["1.39.1", nodeOf(node, [1, 39, 1]), "Envoy 1.39.1"],
    ["0.99.99", nodeOf(node, [0, 99, 99]), "Envoy 0.99.99"],
    ["no version", { id: node }, "a proxy that does not tell its version"],
    [
      "a version that is not Envoy's",
      { id: node, userAgentVersionType: { case: "userAgentVersion" as const, value: "9.9.9" } },
      "a proxy that does not tell its version",
    ],
  ])("a proxy of %s is told why it is sent nothing", async (_what, told, message) => {
    world.server.publish(targets(targetOf([cluster("a")])));
    const proxy = world.client();
    proxy.stream.write(encodeRequest({ node: told, typeUrl: typeUrls.cluster }));
    expect(await proxy.ended()).toBe("9");
    expect(proxy.message).toContain(`pod shop/cart-1 runs ${message}, and is sent nothing`);
    expect(proxy.message).toContain("Heddle needs Envoy 1.39.2 or newer");
    expect(proxy.responses).toEqual([]);
    expect(world.server.states.get("shop/cart-1")?.connected).not.toBe(true);
    expect(world.ended).toEqual(["version"]);
  });

  test("the oldest proxy that may be is served", async () => {
    world.server.publish(targets(targetOf([cluster("a")])));
    const proxy = world.client();
    proxy.stream.write(encodeRequest({ node: nodeOf(node, [1, 39, 2]), typeUrl: typeUrls.cluster }));
    await proxy.next(1);
  });

  test("what waits is judged when its pod appears", async () => {
    const proxy = world.client();
    proxy.subscribe("cluster", [], node);
    await until("the response headers", () => proxy.headers !== undefined);
    world.server.publish(targets(targetOf([cluster("a")], { identity: other })));
    expect(await proxy.ended()).toBe("7");
  });

  test.each(["", "shop/cart-1", "shop/cart-1/uid-1/more", "//"])("refuses the node id %j", async (id) => {
    world.server.publish(targets(targetOf([cluster("a")])));
    const proxy = world.client();
    proxy.subscribe("cluster", [], id);
    expect(await proxy.ended()).toBe("3");
  });

  test("the node is read from the first request only", async () => {
    world.server.publish(targets(targetOf([cluster("a")])));
    const proxy = world.client();
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    proxy.subscribe("listener", [], "shop/other/uid-9");
    await proxy.next(2);
    expect([...world.server.states.keys()]).toEqual(["shop/cart-1"]);
  });

  test("no connection resumes the session of an earlier one, whose certificate would not be verified again", async () => {
    const open = (session?: Buffer) =>
      connectTLS({
        port: world.server.address?.port ?? 0,
        host: "127.0.0.1",
        ...world.clientPair,
        ca: world.ca.ca,
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
    const fresh = world.client();
    const tickets: Buffer[] = [];
    fresh.session.socket.on("session", (ticket: Buffer) => tickets.push(ticket));
    await until("the response headers", () => fresh.headers !== undefined);
    for (const ticket of tickets) {
      const third = connectTLS({
        port: world.server.address?.port ?? 0,
        host: "127.0.0.1",
        ...world.clientPair,
        ca: world.ca.ca,
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
    await world.server.close(0);
    await world.start({ keepaliveMs: 150 });
    world.server.publish(targets(targetOf([cluster("a")])));
    // Certificates count whole seconds.
    const proxy = world.client({
      credentials: await world.ca.issue([{ type: "url", value: identity }], new Date(Date.now() + 2_000)),
    });
    proxy.subscribe("cluster", [], node);
    await proxy.next(1);
    expect(await proxy.ended()).toBe("16");
  });
});
