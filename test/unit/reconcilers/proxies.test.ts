import { describe, expect, test } from "vitest";
import type { ProxyState, ProxyStates } from "../../../src/model/acknowledgement.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import { objectStatus } from "../../../src/reconcilers/programmed.ts";
import { modesTaken } from "../../../src/reconcilers/proxies.ts";
import { clusterOf, meshTLS, pod, service, testSettings } from "../../support/objects.ts";
import { syncedProxies } from "../../support/proxies.ts";

const objects = [
  pod("shop/cart-1", { labels: { app: "cart" }, serviceAccount: "cart", addresses: ["10.1.0.1"] }),
  pod("shop/cart-2", { labels: { app: "cart" }, serviceAccount: "cart", addresses: ["10.1.0.2"] }),
  pod("shop/web-1", { labels: { app: "web" }, serviceAccount: "web", addresses: ["10.1.0.3"] }),
  service("shop/cart", { selector: { app: "cart" } }),
  meshTLS("shop/cart", { selector: { matchLabels: { app: "cart" } }, mode: "Strict" }),
];
const cluster = clusterOf(objects);
const compilation = compile(cluster, testSettings);
const hasTaken = modesTaken(compilation);
const classId = compilation.mesh.classOfPod.get("shop/cart-1") ?? "";

/** All proxies synced, but for one. */
function statesWith(name: string, change: (state: ProxyState) => ProxyState | undefined): ProxyStates {
  const states = new Map(syncedProxies(compilation));
  const state = states.get(name);
  if (state === undefined) throw new Error(`there is no ${name}`);
  const changed = change(state);
  if (changed === undefined) states.delete(name);
  else states.set(name, changed);
  return states;
}

const withOld = (type: string) => (state: ProxyState) => ({
  ...state,
  resource: (ofType: string, name: string) =>
    ofType === type ? { acknowledged: "old" } : state.resource(ofType, name),
});

describe("a step of a change of mode", () => {
  test("is taken when the servers and all who call them say so", () => {
    expect(hasTaken(classId, syncedProxies(compilation))).toBe(true);
    for (const [name, type, taken] of [
      ["shop/cart-2", "listener", false],
      // Before the one that was waited for last.
      ["shop/cart-1", "listener", false],
      ["shop/web-1", "endpoint", false],
      ["shop/web-1", "cluster", false],
      // What a caller's own inbound side is like says nothing.
      ["shop/web-1", "listener", true],
      ["shop/web-1", "route", true],
    ] as const) {
      expect([name, type, hasTaken(classId, statesWith(name, withOld(type)))]).toEqual([name, type, taken]);
    }
  });

  test("waits for a proxy whose stream is gone, and not for one that never had any", () => {
    const gone = statesWith("shop/web-1", (state) => ({ ...state, connected: false }));
    expect(hasTaken(classId, gone)).toBe(false);
    expect(
      hasTaken(
        classId,
        statesWith("shop/web-1", () => undefined),
      ),
    ).toBe(true);
  });

  test("makes servers accept both, clients speak as it says, and the MeshTLS wait", () => {
    const holds = new Map([
      [classId, new Map([["other" as const, { server: "Permissive", clients: "plaintext" } as const]])],
    ]);
    const held = compile({ ...cluster, holds }, testSettings);
    expect(held.mesh.classes.get(classId)?.mode).toBe("Permissive");
    expect(compilation.mesh.classes.get(classId)?.mode).toBe("Strict");
    const [decision] = held.decisions.values();
    if (decision === undefined) throw new Error("there is no decision");
    expect(decision.interim).toEqual(["shop/cart-1", "shop/cart-2"]);
    const { conditions, proxies } = objectStatus(decision, held, syncedProxies(held), 0);
    expect(conditions.find(({ type }) => type === "Programmed")).toMatchObject({ status: "False", reason: "Pending" });
    expect(proxies.summary).toBe("0/2");
    expect(held.tls).toEqual(compilation.tls);
  });
});
