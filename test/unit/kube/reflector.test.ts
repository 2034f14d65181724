import { describe, expect, test } from "vitest";
import { settle } from "../../support/fake-clock.ts";
import { configMap, failure, keys, setUp } from "./reflector-world.ts";

describe("reflector", () => {
  test("lists, then watches from the list's version, and follows", async () => {
    const { server, store, states, reflector } = setUp({ selection: { labelSelector: "app=cart" } });
    server.answer(() => ({ items: [configMap("a", "3"), configMap("b", "5")], resourceVersion: "7" }));
    expect(reflector.synced).toBe(false);
    reflector.start();
    expect(await reflector.whenSynced()).toBe(true);
    await settle();
    expect(server.watch.options).toMatchObject({ resourceVersion: "7", labelSelector: "app=cart" });
    expect(server.watch.options.timeoutSeconds).toBe(450);
    server.watch.accept();
    server.watch.send("ADDED", configMap("c", "8"));
    server.watch.send("MODIFIED", configMap("a", "9"));
    server.watch.send("DELETED", configMap("b", "10"));
    expect(keys(store)).toEqual(["shop/a", "shop/c"]);
    expect(store.get("shop/a")?.metadata.resourceVersion).toBe("9");
    expect(states).toEqual(["listing", "watching"]);
    await reflector.stop();
    expect(reflector.state).toBe("stopped");
  });

  test("goes on from the last version seen, bookmarks included, without a list", async () => {
    const { clock, server, states, reflector } = setUp();
    reflector.start();
    await settle();
    server.watch.accept();
    server.watch.send("BOOKMARK", configMap("", "40"));
    await clock.advance(400_000);
    await server.watch.end();
    expect(server.watches).toHaveLength(2);
    expect(server.watch.options.resourceVersion).toBe("40");
    expect(server.lists).toHaveLength(1);
    expect(states).toEqual(["listing", "watching"]);
    await reflector.stop();
  });

  test("lists anew when its version is gone: one batch, with the deletes that were missed", async () => {
    const { clock, server, store, reflector } = setUp();
    server.answer(() => ({ items: [configMap("a", "1"), configMap("b", "2")], resourceVersion: "2" }));
    reflector.start();
    await settle();
    server.watch.accept();
    const batches: number[] = [];
    store.listen((changes) => batches.push(changes.length));
    server.answer(() => ({ items: [configMap("b", "2"), configMap("c", "9")], resourceVersion: "9" }));
    await server.watch.fail(failure(410, "Expired"));
    await clock.advance(200);
    expect(keys(store)).toEqual(["shop/b", "shop/c"]);
    expect(batches).toEqual([2]);
    expect(server.watch.options.resourceVersion).toBe("9");
    expect(reflector.synced).toBe(true);
    await reflector.stop();
  });

  test("a server of another history (a restored backup) makes it list anew", async () => {
    const { clock, server, reflector } = setUp();
    reflector.start();
    await settle();
    const causes = [{ reason: "ResourceVersionTooLarge" }];
    await server.watch.fail(failure(504, "Timeout", { details: { causes } }));
    await clock.advance(200);
    expect(server.lists).toHaveLength(2);
    await reflector.stop();
  });

  test("keeps what it has while the server is away, with growing pauses, and comes back without a list", async () => {
    const { clock, server, store, states, reflector } = setUp();
    server.answer(() => ({ items: [configMap("a", "1")], resourceVersion: "1" }));
    reflector.start();
    await settle();
    server.watch.accept();
    await clock.advance(60_000);
    await server.watch.fail(failure(0, "Unreachable"));
    expect(reflector.state).toBe("retrying");
    const opened: number[] = [];
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const count = server.watches.length;
      while (server.watches.length === count) await clock.advance(50);
      opened.push(clock.monotonic());
      await server.watch.fail(failure(0, "Unreachable"));
    }
    const pauses = opened.slice(1).map((at, index) => at - (opened[index] ?? 0));
    expect(pauses[0]).toBeLessThanOrEqual(200);
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(7_000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(15_000);
    expect(keys(store)).toEqual(["shop/a"]);
    await clock.advance(15_000);
    server.watch.accept();
    expect(states).toEqual(["listing", "watching", "retrying", "watching"]);
    expect(server.lists).toHaveLength(1);
    await reflector.stop();
  });

  test("does not hammer a server that accepts every watch and ends it at once", async () => {
    const { clock, server, reflector } = setUp();
    reflector.start();
    await settle();
    const begun = clock.monotonic();
    for (let round = 0; round < 8; round += 1) {
      const count = server.watches.length;
      server.watch.accept();
      await server.watch.end();
      while (server.watches.length === count) await clock.advance(50);
    }
    expect(clock.monotonic() - begun).toBeGreaterThan(10_000);
    await reflector.stop();
  });

  test("does not hammer a server that says gone to each new list", async () => {
    const { clock, server, reflector } = setUp();
    reflector.start();
    await settle();
    for (let elapsed = 0; elapsed < 60_000; elapsed += 100) {
      if (server.watches.length > 0) await server.watch.fail(failure(410, "Gone"));
      await clock.advance(100);
    }
    expect(server.lists.length).toBeGreaterThan(5);
    expect(server.lists.length).toBeLessThan(25);
    await reflector.stop();
  });

  test("waits for a kind that is missing, says so, and takes what is there when it comes", async () => {
    const { clock, server, store, states, reflector } = setUp();
    server.answer(() => {
      throw failure(404, "NotFound");
    });
    reflector.start();
    await clock.advance(60_000);
    expect(states).toEqual(["listing", "waiting"]);
    expect(reflector.synced).toBe(false);
    expect(server.lists.length).toBeGreaterThan(10);
    expect(server.lists.length).toBeLessThan(60);
    server.answer(() => ({ items: [configMap("a", "1")], resourceVersion: "1" }));
    await clock.advance(5_000);
    server.watch.accept();
    expect(reflector.state).toBe("watching");
    expect(keys(store)).toEqual(["shop/a"]);
    await reflector.stop();
  });

  test("keeps what it has when the kind goes away, and then counts what exists", async () => {
    const { clock, server, store, reflector } = setUp();
    server.answer(() => ({ items: [configMap("a", "1")], resourceVersion: "1" }));
    reflector.start();
    await settle();
    server.watch.accept();
    server.answer(() => {
      throw failure(404, "NotFound");
    });
    await server.watch.fail(failure(404, "NotFound"));
    await clock.advance(30_000);
    expect(reflector.state).toBe("waiting");
    expect(keys(store)).toEqual(["shop/a"]);
    server.answer(() => ({ items: [configMap("b", "1")], resourceVersion: "1" }));
    await clock.advance(5_000);
    expect(keys(store)).toEqual(["shop/b"]);
    await reflector.stop();
  });

  test("says that it is forbidden, keeps what it has, and goes on when it is granted", async () => {
    const { clock, server, store, reflector } = setUp();
    server.answer(() => ({ items: [configMap("a", "1")], resourceVersion: "1" }));
    reflector.start();
    await settle();
    server.watch.accept();
    await server.watch.fail(failure(403, "Forbidden"));
    expect(reflector.state).toBe("forbidden");
    expect(keys(store)).toEqual(["shop/a"]);
    await clock.advance(200);
    server.watch.accept();
    expect(reflector.state).toBe("watching");
    await reflector.stop();
  });

  test("waits as long as the server asks", async () => {
    const { clock, server, reflector } = setUp();
    server.answer(() => {
      throw failure(429, "TooManyRequests", { details: { retryAfterSeconds: 10 } });
    });
    reflector.start();
    await clock.advance(9_000);
    expect(server.lists).toHaveLength(1);
    await clock.advance(4_000);
    expect(server.lists).toHaveLength(2);
    await reflector.stop();
  });

  test("survives a sink, a transform and reporters that throw", async () => {
    const applied: string[] = [];
    const { server, errors, reflector } = setUp({
      sink: {
        reset: () => {
          throw new Error("reset");
        },
        apply: (object) => {
          applied.push(object.metadata.name);
          if (object.metadata.name === "bad") throw new Error("apply");
        },
        delete: () => {
          throw new Error("delete");
        },
      },
      transform: (object) => {
        if (object.metadata.name === "odd") throw new Error("transform");
        return object;
      },
      onState: () => {
        throw new Error("state");
      },
    });
    server.answer(() => ({ items: [configMap("odd", "1"), configMap("a", "1")], resourceVersion: "1" }));
    reflector.start();
    await settle();
    server.watch.accept();
    server.watch.send("ADDED", configMap("bad", "2"));
    server.watch.send("DELETED", configMap("bad", "3"));
    server.watch.send("ADDED", configMap("odd", "4"));
    server.watch.send("ADDED", configMap("good", "5"));
    expect(applied).toEqual(["bad", "good"]);
    expect(errors.map((error) => (error as Error).message)).toEqual([
      "transform",
      "reset",
      "apply",
      "delete",
      "transform",
    ]);
    expect(server.watches).toHaveLength(1);
    expect(reflector.state).toBe("watching");
    await reflector.stop();
  });

  test("hands on what the transform keeps", async () => {
    const { server, store, reflector } = setUp({
      transform: ({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata, data: { kept: "yes" } }),
    });
    server.answer(() => ({ items: [configMap("a", "1")], resourceVersion: "1" }));
    reflector.start();
    await settle();
    server.watch.send("ADDED", configMap("b", "2"));
    expect([...store.entries().values()].map(({ data }) => data)).toEqual([{ kept: "yes" }, { kept: "yes" }]);
    await reflector.stop();
  });

  test("knows when the server last said anything", async () => {
    const { clock, server, reflector } = setUp();
    expect(reflector.lastContact).toBeUndefined();
    await clock.advance(1_000);
    reflector.start();
    await settle();
    expect(reflector.lastContact).toBe(1_000);
    await clock.advance(1_000);
    server.watch.accept();
    expect(reflector.lastContact).toBe(2_000);
    await clock.advance(1_000);
    server.watch.send("BOOKMARK", configMap("", "2"));
    expect(reflector.lastContact).toBe(3_000);
    await reflector.stop();
  });

  test("stopped before it is synced, tells those who wait; nothing is left behind", async () => {
    const { clock, server, store, reflector } = setUp();
    server.answer(() => {
      throw failure(0, "Unreachable");
    });
    reflector.start();
    reflector.start();
    const synced = reflector.whenSynced();
    await clock.advance(1_000);
    await reflector.stop();
    expect(await synced).toBe(false);
    expect(clock.pending).toBe(0);
    const count = server.lists.length;
    server.answer(() => ({ items: [configMap("a", "1")], resourceVersion: "1" }));
    await clock.advance(60_000);
    expect(server.lists).toHaveLength(count);
    expect(store.size).toBe(0);
  });

  test("drops a list that arrives after it was stopped", async () => {
    const { server, store, reflector } = setUp();
    server.answer(() => ({ items: [configMap("a", "1")], resourceVersion: "1" }));
    reflector.start();
    await reflector.stop();
    expect(store.size).toBe(0);
    expect(server.watches).toHaveLength(0);
    expect(reflector.synced).toBe(false);
  });
});
