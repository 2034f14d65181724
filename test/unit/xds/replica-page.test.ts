/** What one replica tells of its proxies, and another reads. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ProxyTarget } from "../../../src/envoy/resource.ts";
import { resourceTypes } from "../../../src/envoy/resource.ts";
import type { ProxyState } from "../../../src/model/acknowledgement.ts";
import { createLedger, type Ledger } from "../../../src/xds/ledger.ts";
import { createReplicaFeed } from "../../../src/xds/replica-feed.ts";
import { createPageReader, parsePage, type ReplicaPage, replicaPath } from "../../../src/xds/replica-page.ts";
import { askFeed } from "../../support/replica-feed.ts";
import { live, serviceA, serviceB } from "./driver.ts";
import { cluster, endpoint, extension, listener, target } from "./fixtures.ts";
import { actionOf, planOf, targetOf, World } from "./session-world.ts";

/** Two replicas: what one has in its ledger, and what the other has read of it. */
class Replicas {
  readonly ledger: Ledger;
  readonly read = new Map<string, ProxyState>();
  /** As it came. */
  readonly pages: string[] = [];
  readonly #deferred: (() => void)[] = [];
  readonly #feed;
  #reader = createPageReader();
  #connection = {};
  #cursor = 0;

  constructor(limits?: Parameters<typeof createReplicaFeed>[3]) {
    this.ledger = createLedger(
      () => 1_000,
      (run) => this.#deferred.push(run),
    );
    this.#feed = createReplicaFeed(this.ledger, "epoch", () => 5_000, limits);
  }

  /** Asks until nothing is left that was not told; fails if it never ends. */
  async tell(): Promise<void> {
    for (const run of this.#deferred.splice(0)) run();
    for (let pages = 0; pages < 100; pages++) {
      const page = await this.#ask();
      for (const [pod, state] of this.#reader.read(page, 5_000)) this.read.set(pod, state);
      this.#cursor = page.cursor;
      if (!page.more) return;
    }
    throw new Error("there is always more");
  }

  /** The connection breaks, and with it all that was told by it. */
  reconnect(): void {
    this.#reader = createPageReader();
    this.#connection = {};
  }

  async #ask(): Promise<ReplicaPage> {
    const path = `${replicaPath}?epoch=epoch&cursor=${this.#cursor}`;
    const body = await askFeed(this.#feed, this.#connection, path);
    this.pages.push(body);
    return parsePage(body);
  }
}

/** Every resource that a target has, and some that none has. */
const namesOf = ({ groups, readiness }: ProxyTarget) =>
  resourceTypes.flatMap((type) =>
    [...groups.flatMap(({ byType }) => [...byType[type].keys()]), "l0", "c0", "x9", readiness.name].map(
      (name) => [type, name] as const,
    ),
  );

describe("what another replica tells of proxies", () => {
  test("is what their sessions say, whatever happens", async () => {
    const happening = fc.record({
      who: fc.nat(2),
      action: actionOf(true),
      next: fc.constantFrom("nothing", "nothing", "tell", "tell", "reconnect"),
    });
    const limits = fc.record({ proxies: fc.integer({ min: 1, max: 3 }), resources: fc.nat(40), groups: fc.nat(8) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(planOf(true), { minLength: 3, maxLength: 3 }),
        fc.array(happening, { maxLength: 60, size: "max" }),
        limits,
        async (plans, happenings, given) => {
          const replicas = new Replicas(given);
          const worlds = plans.map((plan, index) => ({ pod: `shop/cart-${index}`, world: new World(targetOf(plan)) }));
          for (const { pod, world } of worlds) replicas.ledger.connected(pod, world.session);
          const compare = async (): Promise<void> => {
            await replicas.tell();
            for (const { pod, world } of worlds) {
              const [own, read] = [replicas.ledger.states.get(pod), replicas.read.get(pod)];
              const said = (state: ProxyState | undefined) =>
                namesOf(world.target).map(([type, name]) => [type, name, state?.resource(type, name)]);
              expect(said(read)).toEqual(said(own));
              const { groups } = world.target;
              expect(read?.hasAll(groups)).toBe(own?.hasAll(groups));
              if (own?.hasAll(groups) !== true) continue;
              for (const { byType } of groups) {
                for (const one of resourceTypes.flatMap((type) => [...byType[type].values()])) {
                  expect(own.resource(one.type, one.name)).toEqual({ acknowledged: one.version });
                }
              }
            }
          };
          for (const { who, action, next } of happenings) {
            const { pod, world } = worlds[who] ?? { pod: "", world: new World(target()) };
            const { session } = world;
            world.act(action);
            if (world.session === session) replicas.ledger.changed(pod);
            else replicas.ledger.connected(pod, world.session);
            if (next === "reconnect") replicas.reconnect();
            if (next !== "nothing") await compare();
          }
          for (const { pod, world } of worlds) {
            world.settle();
            replicas.ledger.changed(pod);
          }
          await compare();
        },
      ),
      { numRuns: 150 },
    );
  });

  test("names what proxies have in common once, and not again while the connection lasts", async () => {
    const replicas = new Replicas();
    const all = [...serviceA, ...serviceB];
    const drivers = Array.from({ length: 10 }, () => live(all));
    for (const [index, { session }] of drivers.entries()) replicas.ledger.connected(`shop/cart-${index}`, session);
    await replicas.tell();
    expect(replicas.pages).toHaveLength(1);
    expect(replicas.pages[0]?.split('"la"')).toHaveLength(2);
    expect(replicas.read.get("shop/cart-9")?.hasAll(target(all).groups)).toBe(true);
    replicas.ledger.changed("shop/cart-3");
    await replicas.tell();
    expect(replicas.pages[1]).not.toContain('"la"');
    replicas.reconnect();
    replicas.ledger.changed("shop/cart-3");
    await replicas.tell();
    expect(replicas.pages[2]).toContain('"la"');
    expect(replicas.read.get("shop/cart-3")?.resource("listener", "la")).toEqual({
      acknowledged: listener("la", { routes: ["ra"] }).version,
    });
  });

  test("is not that a proxy has all while it lacks, refuses or has not asked for something", () => {
    const has = (driver: ReturnType<typeof live>): boolean => {
      const replicas = new Replicas();
      replicas.ledger.connected("shop/cart-0", driver.session);
      return replicas.ledger.states.get("shop/cart-0")?.hasAll(driver.session.target.groups) === true;
    };
    const all = [...serviceA, extension("x")];
    expect(has(live(all))).toBe(true);
    const asked = live(serviceA);
    asked.target(target(all));
    expect(has(asked)).toBe(false);
    const waiting = live(all);
    waiting.target(target([...all, cluster("c")]));
    expect(has(waiting)).toBe(false);
    waiting.nack("cluster", "no");
    expect(has(waiting)).toBe(false);
    const answered = live(all);
    answered.target(target(all.map((one) => (one.type === "endpoint" ? endpoint("a", { n: 1 }) : one))));
    expect(has(answered)).toBe(false);
    answered.ack("endpoint");
    expect(has(answered)).toBe(true);
  });
});

describe("a page", () => {
  const page: ReplicaPage = {
    ...{ epoch: "a", cursor: 1, more: false, forgotten: [] },
    groups: [{ hash: "g", resources: [["cluster", "a", "1"]] }],
    proxies: [
      {
        ...{ pod: "shop/cart-0", connected: true, age: 0, groups: ["g"], types: ["cluster"] },
        ...{ said: [["listener", "l", "2"]], rejected: [["listener", "l", "3", "no"]], hasAll: false },
      },
    ],
  };
  test("is read as it is meant", () => {
    const state = createPageReader()
      .read(parsePage(JSON.stringify(page)), 9)
      .get("shop/cart-0");
    expect(state?.resource("cluster", "a")).toEqual({ acknowledged: "1" });
    expect(state?.resource("listener", "l")).toEqual({
      acknowledged: "2",
      rejected: { version: "3", message: "no" },
    });
    expect(state?.resource("route", "a")).toBeUndefined();
  });

  test.each<[string, object]>([
    ["without an epoch", { ...page, epoch: undefined }],
    ["whose cursor is no number", { ...page, cursor: "1" }],
    ["whose groups are no list", { ...page, groups: {} }],
    ["with a group of nothing", { ...page, groups: [{ hash: "g" }] }],
    ["with a proxy that is none", { ...page, proxies: [null] }],
    ["with a resource of two words", { ...page, proxies: [{ ...page.proxies[0], said: [["cluster", "a"]] }] }],
    ["without what was refused", { ...page, proxies: [{ ...page.proxies[0], rejected: undefined }] }],
  ])("%s is refused", (_what, broken) => {
    expect(() => parsePage(JSON.stringify(broken))).toThrow("not a page");
  });

  test("that names a group which was not told ends the connection", () => {
    const { groups: _groups, ...others } = page;
    expect(() => createPageReader().read({ ...others, groups: [] }, 0)).toThrow("has not told of");
    expect(() => createPageReader().read({ ...page, groups: [{ hash: "g", parts: ["h"] }] }, 0)).toThrow("told of");
    const reader = createPageReader();
    reader.read(page, 0);
    expect(() => reader.read({ ...others, groups: [], forgotten: ["g"] }, 0)).toThrow("has not told of");
  });
});
