import { describe, expect, test, vi } from "vitest";
import type { Drains } from "../../../src/controllers/drains.ts";
import { advanceDrains, drainMargin, nextDrained, nextDrains, noDrains } from "../../../src/controllers/drains.ts";
import { watches } from "../../../src/controllers/watches.ts";
import type { ResourceState } from "../../../src/model/acknowledgement.ts";
import { drainSecondsOf } from "../../../src/model/drain.ts";
import { createCompileCache } from "../../../src/reconcilers/cache.ts";
import type { Compilation } from "../../../src/reconcilers/compile.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import { hasLiveListeners } from "../../../src/reconcilers/proxies.ts";
import { authorizationPolicy, clusterOf, meshTLS, pod, service, testSettings } from "../../support/objects.ts";
import { proxiesSaying, syncedProxies } from "../../support/proxies.ts";

type Objects = Parameters<typeof clusterOf>[0];

const cache = createCompileCache();
const cart = pod("shop/cart-1", { labels: { app: "cart" }, serviceAccount: "cart", addresses: ["10.1.0.1"] });
const onTCP = service("shop/cart", { selector: { app: "cart" }, ports: [{ name: "sql", port: 3306 }] });
const onHTTP = service("shop/cart", { selector: { app: "cart" }, ports: [{ name: "http", port: 8080 }] });

const compiled = (...objects: Objects): Compilation => compile(clusterOf([cart, ...objects]), testSettings, cache);
/** Names of the objects that wait after a change from one to the other. */
const waiting = (from: Objects, to: Objects): string[] => {
  const after = compiled(...to);
  const drains = nextDrains(noDrains, compiled(...from), after);
  return [...drains].map(([version, pods]) => {
    expect([...pods.keys()]).toEqual(["shop/cart-1"]);
    const [kind, uid, generation] = version.split(" ");
    const found = [...after.decisions.values()].find(({ object }) => object.kind === kind && object.uid === uid);
    expect(String(found?.object.generation)).toBe(generation);
    return found?.object.name ?? "";
  });
};

const from = (...names: string[]) => ({ from: [{ source: { serviceAccounts: names } }] });
const allow = authorizationPolicy("shop/allow", { rules: [from("shop/a", "shop/b")] });
const deny = authorizationPolicy("shop/deny", { action: "DENY", rules: [from("shop/a")] });
const elsewhere = authorizationPolicy("shop/deny", {
  action: "DENY",
  rules: [{ to: [{ operation: { ports: ["8080"] } }] }],
});
const strict = meshTLS("shop/strict", { mode: "Strict" });
const permissive = meshTLS("shop/strict", { mode: "Permissive" });

describe("connections that were open before", () => {
  test.each<[string, Objects, Objects, string[]]>([
    ["the first ALLOW", [onTCP], [onTCP, allow], ["allow"]],
    ["a DENY", [onTCP], [onTCP, deny], ["deny"]],
    ["Strict", [onTCP], [onTCP, strict], ["strict"]],
    ["Strict after Permissive, with HTTP", [onHTTP, permissive], [onHTTP, strict], ["strict"]],
    ["a newer TLS", [onTCP], [onTCP, meshTLS("shop/tls", { tlsVersion: { min: "TLS13" } })], ["tls"]],
    ["nothing", [onTCP, allow, strict], [onTCP, allow, strict], []],
    ["the end of a DENY", [onTCP, deny], [onTCP], []],
    ["the end of Strict", [onTCP, strict], [onTCP, permissive], []],
    ["a DENY of another port", [onTCP], [onTCP, elsewhere], []],
    ["an ALLOW and a DENY for requests", [onHTTP], [onHTTP, allow, deny], []],
  ])("are waited for, or not, after %s", (_, before, after, expected) => {
    expect(waiting(before, after)).toEqual(expected);
  });

  test("are waited for when an ALLOW loses a caller, and not when it gets one", () => {
    const withRules = (generation: number, ...rules: object[]) => {
      const policy = authorizationPolicy("shop/allow", { rules });
      return { ...policy, metadata: { ...policy.metadata, generation } };
    };
    const [less, more] = [[from("shop/a")], [from("shop/a"), from("shop/b")]];
    expect(waiting([onTCP, withRules(1, ...more)], [onTCP, withRules(2, ...less)])).toEqual(["allow"]);
    expect(waiting([onTCP, withRules(1, ...less)], [onTCP, withRules(2, ...more)])).toEqual([]);
  });

  test("have ended a drain time after the acknowledgement, and no proxy waits that is gone", () => {
    const after = compiled(onTCP, deny);
    const started = nextDrains(noDrains, compiled(onTCP), after);
    const later = (drains: typeof started, isTaken: boolean, now: number, then = after) =>
      advanceDrains(
        drains,
        then,
        () => isTaken,
        () => 2000,
        now,
      );
    const unacknowledged = later(started, false, 1_000_000);
    expect([unacknowledged.size, nextDrained(unacknowledged)]).toEqual([1, undefined]);
    const acknowledged = later(unacknowledged, true, 2_000_000);
    const due = 2_000_000 + 2000 + drainMargin;
    expect(nextDrained(acknowledged)).toBe(due);
    // The acknowledgement of something newer changes nothing.
    expect(nextDrained(later(acknowledged, true, due - 1))).toBe(due);
    expect(later(acknowledged, true, due)).toEqual(noDrains);
    expect(later(acknowledged, true, 0, compiled(onTCP))).toEqual(noDrains);
    expect(later(acknowledged, true, 0, compile(clusterOf([onTCP, deny]), testSettings))).toEqual(noDrains);
  });

  test("begin to end once the listener is live: acknowledged, and what it waits for answered", () => {
    const compilation = compiled(onHTTP, allow, deny);
    type Said = Parameters<typeof proxiesSaying>[2];
    const isLive = (said: Said) =>
      hasLiveListeners("shop/cart-1", compilation, proxiesSaying(compilation, "shop/cart-1", said));
    const saying =
      (type: string, state: (version: string) => ResourceState): Said =>
      (resource) =>
        resource.type === type ? state(resource.version) : undefined;
    const refused = (version: string) => ({ rejected: { version, message: "no" } });
    expect(isLive(() => undefined)).toBe(true);
    expect(isLive(saying("listener", () => ({ acknowledged: "old" })))).toBe(false);
    expect(isLive(saying("listener", refused))).toBe(false);
    // The listener is acknowledged, and warming.
    expect(isLive(saying("extension", () => ({})))).toBe(false);
    expect(isLive(saying("extension", () => refused("old")))).toBe(false);
    // Refused, by nobody's fault here: it goes on with what there was before, or denies everything.
    expect(isLive(saying("extension", refused))).toBe(true);
    expect(isLive(saying("extension", () => ({ acknowledged: "old" })))).toBe(true);
    expect(isLive(saying("endpoint", refused))).toBe(true);
    expect(hasLiveListeners("shop/cart-1", compilation, new Map())).toBe(false);
    expect(hasLiveListeners("shop/gone", compilation, syncedProxies(compilation))).toBe(false);
  });

  test("are waited for by the next generation too, whether acknowledged or not", () => {
    const edited = (generation: number, policy: typeof deny, names: string[]) => {
      const rules = names.map((name) => from(name));
      return { ...policy, metadata: { ...policy.metadata, generation }, spec: { ...policy.spec, rules } };
    };
    const other = authorizationPolicy("shop/other", deny.spec);
    const [first, second, third] = [[], ["shop/a", "shop/b"], ["shop/a"]].map((names, index) =>
      compiled(onTCP, edited(index + 1, deny, names), other),
    ) as [Compilation, Compilation, Compilation];
    const acknowledging = (drains: Drains, isTaken: boolean, compilation: Compilation) =>
      advanceDrains(
        drains,
        compilation,
        () => isTaken,
        () => 2000,
        1_000_000,
      );
    const listed = (drains: Drains) => [...drains].map(([version, pods]) => [version, [...pods]]);
    const started = nextDrains(noDrains, first, second);
    const versions = [2, 3].map((generation) => `AuthorizationPolicy uid-AuthorizationPolicy-shop/deny ${generation}`);
    const due = 1_000_000 + 2000 + drainMargin;
    expect(listed(started)).toEqual([[versions[0], [["shop/cart-1", undefined]]]]);
    const carried = acknowledging(nextDrains(acknowledging(started, false, second), second, third), false, third);
    expect(listed(carried)).toEqual([[versions[1], [["shop/cart-1", undefined]]]]);
    const taken = acknowledging(nextDrains(acknowledging(started, true, second), second, third), false, third);
    expect(listed(taken)).toEqual([[versions[1], [["shop/cart-1", due]]]]);
    // What is deleted and made again is another object.
    const again = compiled(onTCP, { ...deny, metadata: { ...deny.metadata, uid: "again" } }, other);
    expect(listed(acknowledging(nextDrains(started, second, again), false, again))).toEqual([]);
  });

  test("are noted at a cost that grows with the pods, not with their square", () => {
    const spy = vi.spyOn(Map.prototype, Symbol.iterator);
    const mapsRead = (count: number) => {
      const pods = Array.from({ length: count }, (_, index) =>
        pod(`shop/cart-${index + 1}`, { labels: { app: "cart" }, addresses: [`10.1.1.${index}`] }),
      );
      const [before, after] = [[onTCP], [onTCP, deny]].map((objects) =>
        compile(clusterOf([...pods, ...objects]), testSettings),
      ) as [Compilation, Compilation];
      spy.mockClear();
      const drains = nextDrains(noDrains, before, after);
      const read = spy.mock.calls.length;
      expect([...drains.values()].map(({ size }) => size)).toEqual([count]);
      return read;
    };
    try {
      expect(mapsRead(20)).toBe(mapsRead(2));
    } finally {
      spy.mockRestore();
    }
  });

  test("end when the sidecar's own flag says, which the watch keeps", () => {
    const watch = watches.find(({ kind }) => kind === "Pod");
    const withArgs = (args?: string[]) => {
      const proxy = { name: "heddle-proxy", restartPolicy: "Always", ...(args === undefined ? {} : { args }) };
      const kept = watch?.trim({
        ...cart,
        spec: { ...cart.spec, initContainers: [proxy] },
      } as typeof cart) as typeof cart;
      return drainSecondsOf(kept.spec.initContainers);
    };
    expect(withArgs(["-c", "x", "--drain-time-s", "7", "--concurrency", "2"])).toBe(7);
    expect(withArgs(["--drain-time-s"])).toBe(30);
    expect(withArgs(["--drain-time-s", "many"])).toBe(30);
    expect(withArgs()).toBe(30);
    expect(drainSecondsOf(undefined)).toBe(30);
  });
});
