/** Replicas tell each other of their proxies: one with a real server and a proxy, and one that asks it. */
import { connect } from "node:http2";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ProxyState } from "../../src/model/acknowledgement.ts";
import { systemClock } from "../../src/ops/clock.ts";
import type { StatesListener } from "../../src/xds/ledger.ts";
import { replicaPath } from "../../src/xds/replica-page.ts";
import { createReplicas, type Replicas } from "../../src/xds/replicas.ts";
import type { Pair } from "./certificates.ts";
import { until } from "./client.ts";
import { cluster, identity, node, targetOf, targets, useServer } from "./server-world.ts";

const world = useServer();
const pod = "shop/cart-1";
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** What the asking replica's own server knows. */
let local: Map<string, ProxyState>;
let tellLocal: (pods: ReadonlySet<string>) => void;
let replicas: Replicas;
const changed: string[] = [];

function ask(pair: Pair = world.serverPair): void {
  const port = world.server.address?.port ?? 0;
  const listeners = new Set<StatesListener>();
  local = new Map();
  tellLocal = (pods) => {
    for (const listener of listeners) listener(pods);
  };
  const onChange = (listener: StatesListener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  replicas = createReplicas({
    local: { states: local, onChange },
    port,
    clock: systemClock,
    random: Math.random,
    logger: silent,
  });
  replicas.onChange((pods) => changed.push(...pods));
  replicas.setCredentials({ ...pair, ca: world.ca.ca });
  replicas.setReplicas([{ name: "heddle-2", address: "127.0.0.1" }]);
}

beforeEach(() => {
  changed.length = 0;
  ask();
});
afterEach(() => replicas.stop());

const seen = (name: string) => replicas.states.get(pod)?.resource("cluster", name);

/** A proxy of the other replica that has acknowledged cluster a. */
async function connectProxy() {
  world.server.publish(targets(targetOf([cluster("a"), cluster("b")])));
  const proxy = world.client();
  proxy.subscribe("cluster", [], node);
  proxy.answer(await proxy.next(1));
  await until("the acknowledgement", () => seen("a") !== undefined);
  return proxy;
}

describe("a proxy of another replica", () => {
  test("is known here with what it acknowledged and refused, as it comes", async () => {
    const proxy = await connectProxy();
    expect(replicas.states.get(pod)?.connected).toBe(true);
    expect(seen("a")).toEqual({ acknowledged: cluster("a").version });
    expect(seen("nothing")).toBeUndefined();
    expect(changed).toContain(pod);
    world.server.publish(targets(targetOf([cluster("a"), cluster("b", 2)])));
    proxy.answer(await proxy.next(2), "no such luck");
    await until("the refusal", () => seen("b")?.rejected !== undefined);
    expect(seen("b")).toEqual({
      acknowledged: cluster("b").version,
      rejected: { version: cluster("b", 2).version, message: "no such luck" },
    });
    proxy.close();
    await until("the end of its stream", () => replicas.states.get(pod)?.connected === false);
    expect(seen("a")).toEqual({ acknowledged: cluster("a").version });
  });

  test("that comes to this replica is told of by this one, and its end there changes nothing", async () => {
    const proxy = await connectProxy();
    const state = (connected: boolean): ProxyState => ({
      connected,
      since: Date.now(),
      resource: () => ({ acknowledged: "here" }),
      hasAll: () => false,
    });
    local.set(pod, state(true));
    tellLocal(new Set([pod]));
    expect(seen("a")).toEqual({ acknowledged: "here" });
    proxy.close();
    await until("the end there", () => world.server.states.get(pod)?.connected === false);
    expect(seen("a")).toEqual({ acknowledged: "here" });
    expect(replicas.states.get(pod)?.connected).toBe(true);
  });

  test("is disconnected once that replica does not answer, with what it said last, and is back with it", async () => {
    await connectProxy();
    const port = world.server.address?.port ?? 0;
    expect(replicas.unreachable).toEqual([]);
    await world.server.close(0);
    await until("the loss", () => replicas.states.get(pod)?.connected === false);
    expect(seen("a")).toEqual({ acknowledged: cluster("a").version });
    expect(replicas.unreachable).toEqual(["heddle-2"]);
    await world.start({}, port);
    await until("the return", () => replicas.unreachable.length === 0, 20_000);
    // Another process: it does not know the proxy before it has come.
    expect(replicas.states.get(pod)?.connected).toBe(false);
    await connectProxy();
    await until("the proxy", () => replicas.states.get(pod)?.connected === true);
  }, 30_000);

  test("is remembered as disconnected when the replica is gone, and forgotten with its pod", async () => {
    await connectProxy();
    replicas.setReplicas([]);
    expect(replicas.states.get(pod)?.connected).toBe(false);
    expect(seen("a")).toEqual({ acknowledged: cluster("a").version });
    replicas.retain(() => false);
    expect(replicas.states.has(pod)).toBe(false);
  });
});

test("proxies come in pages, each of them once", async () => {
  const count = 450;
  const all = Array.from({ length: count }, (_, index) =>
    targetOf([cluster("a")], { pod: `shop/cart-${index}`, podUid: `uid-${index}` }),
  );
  world.server.publish(targets(...all));
  replicas.stop();
  for (const target of all) {
    const proxy = world.client();
    proxy.subscribe("cluster", [], `${target.pod}/${target.podUid}`);
    proxy.answer(await proxy.next(1));
    proxy.close();
  }
  ask();
  await until("all of them", () => replicas.states.size === count, 20_000);
  expect(new Set(changed).size).toBe(count);
  expect(changed).toHaveLength(count);
  expect(replicas.states.get(`shop/cart-${count - 1}`)?.resource("cluster", "a")).toEqual({
    acknowledged: cluster("a").version,
  });
}, 60_000);

describe("who asks", () => {
  const poll = async (pair: Pair): Promise<number> => {
    const session = connect(`https://127.0.0.1:${world.server.address?.port}`, {
      ...pair,
      ca: world.ca.ca,
      checkServerIdentity: () => undefined,
    });
    try {
      return await new Promise((resolve, reject) => {
        session.on("error", reject);
        const stream = session.request({ ":path": `${replicaPath}?epoch=&cursor=0` });
        stream.on("response", (headers) => resolve(Number(headers[":status"])));
        stream.on("error", reject);
      });
    } finally {
      session.destroy();
    }
  };

  test("is answered as a replica only", async () => {
    await connectProxy();
    expect(await poll(world.serverPair)).toBe(200);
    expect(await poll(world.clientPair)).toBe(403);
    const none = await world.ca.issue([{ type: "dns", value: "heddle" }]);
    expect(await poll(none)).toBe(403);
  });

  test("believes replicas only: a server of another identity is not asked", async () => {
    await connectProxy();
    replicas.stop();
    const impostor = await world.ca.issue([{ type: "url", value: identity }]);
    ask(impostor);
    await until("a try", () => replicas.unreachable.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(replicas.states.size).toBe(0);
  });
});
