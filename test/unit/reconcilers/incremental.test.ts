/** A compile that follows a cluster, event by event, is as one that is made from nothing. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ProxyState } from "../../../src/model/acknowledgement.ts";
import { compile, createCompileCache } from "../../../src/reconcilers/compile.ts";
import { objectStatus } from "../../../src/reconcilers/programmed.ts";
import { createStatuses } from "../../../src/reconcilers/statuses.ts";
import { textOf } from "../../support/compilation-text.ts";
import { FollowedCluster, listedKinds } from "../../support/followed-cluster.ts";
import { authorizationPolicy, clusterOf, pod, testSettings } from "../../support/objects.ts";
import { saying, syncedProxies } from "../../support/proxies.ts";
import { clusters } from "../../support/random-cluster.ts";

/** Many more by `make soak`. */
const scale = process.env["HEDDLE_SOAK"] === "1" ? 50 : 1;
/** Of one test, in milliseconds. */
const timeout = scale * 60_000;

const fromNothing = (cluster: FollowedCluster): string => textOf(compile(cluster.snapshot, testSettings));

const change = fc.oneof(
  { weight: 6, arbitrary: fc.record({ objects: clusters, order: fc.nat(), pause: fc.nat({ max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ relist: fc.constantFrom(...listedKinds) }) },
  { weight: 1, arbitrary: fc.constant({ restart: true }) },
);

describe("a compile that follows a cluster", { timeout }, () => {
  test("is as one from nothing, after any sequence of events, relists and restarts", () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 2, maxLength: 6 }), (changes) => {
        const cluster = new FollowedCluster();
        let cache = createCompileCache();
        const check = () => {
          const followed = compile(cluster.snapshot, testSettings, cache);
          expect(textOf(followed)).toBe(fromNothing(cluster));
        };
        for (const step of changes) {
          if ("restart" in step) cache = createCompileCache();
          else if ("relist" in step) cluster.relist(step.relist);
          else {
            for (const [index, event] of cluster.eventsTo(step.objects, step.order).entries()) {
              cluster.see(event);
              // In the midst of it too, where objects miss each other.
              if (index === step.pause) check();
            }
          }
          check();
        }
      }),
      { numRuns: 20 * scale },
    );
  });

  test("does not depend on the order of events", () => {
    fc.assert(
      fc.property(clusters, clusters, fc.nat(), fc.nat(), (first, second, order, another) => {
        const texts = [order, another].map((number) => {
          const cluster = new FollowedCluster();
          const cache = createCompileCache();
          for (const objects of [first, second]) {
            for (const event of cluster.eventsTo(objects, number)) cluster.see(event);
            compile(cluster.snapshot, testSettings, cache);
          }
          return textOf(compile(cluster.snapshot, testSettings, cache));
        });
        expect(texts[1]).toBe(texts[0]);
      }),
      { numRuns: 15 * scale },
    );
  });

  test("is not even asked for by what no compile reads, and would say the same", () => {
    fc.assert(
      fc.property(clusters, (objects) => {
        const cluster = new FollowedCluster();
        for (const event of cluster.eventsTo(objects, 0)) cluster.see(event);
        const cache = createCompileCache();
        const before = compile(cluster.snapshot, testSettings, cache);
        const { outputs } = before;
        cluster.isDirty = false;
        cluster.disturb();
        for (const kind of listedKinds) cluster.relist(kind);
        expect(cluster.isDirty).toBe(false);
        const after = compile(cluster.snapshot, testSettings, cache);
        expect(textOf(after)).toBe(textOf(before));
        for (const [pod, target] of after.targets) expect(target).toBe(before.targets.get(pod));
        for (const [key, reach] of after.reachGroups) expect(reach).toBe(before.reachGroups.get(key));
        for (const [key, output] of after.outputs) expect(output).toBe(outputs.get(key));
      }),
      { numRuns: 15 * scale },
    );
  });
});

describe("statuses that follow what proxies say", { timeout }, () => {
  test("are those of each object by itself", () => {
    const said = fc.constantFrom("nothing", "synced", "old", "gone", "refused");
    const step = fc.record({ objects: clusters, said: fc.array(said, { minLength: 1, maxLength: 5 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 4 }), (steps) => {
        const cluster = new FollowedCluster();
        const cache = createCompileCache();
        const statuses = createStatuses();
        const states = new Map<string, ProxyState>();
        let now = 0;
        for (const { objects, said: all } of steps) {
          for (const event of cluster.eventsTo(objects, 0)) cluster.see(event);
          const compilation = compile(cluster.snapshot, testSettings, cache);
          const synced = syncedProxies(compilation);
          const changed = new Set<string>();
          for (const pod of states.keys()) if (!compilation.targets.has(pod) && states.delete(pod)) changed.add(pod);
          for (const [index, [pod, state]] of [...synced].entries()) {
            const what = all[index % all.length];
            if (what === "nothing") continue;
            changed.add(pod);
            const isGone = what === "gone";
            if (what === "synced") states.set(pod, state);
            else if (isGone) states.set(pod, { ...state, connected: false, since: now });
            else {
              const refused = { version: "another", message: "no" };
              states.set(
                pod,
                saying(state, () => (what === "old" ? undefined : { rejected: refused })),
              );
            }
          }
          for (const passed of [0, 40_000]) {
            now += passed;
            const found = statuses.of({
              ...{ compilation, states, now, listeningSince: 0, changed: passed === 0 ? changed : new Set() },
              ...{ restoring: () => undefined, draining: () => undefined },
            });
            const each = [...compilation.decisions.values()].map((decision) => ({
              object: decision.object,
              status: objectStatus(decision, compilation, states, now, 0),
            }));
            expect([...found.values()]).toEqual(each);
          }
        }
      }),
      { numRuns: 20 * scale },
    );
  });

  test("judge a pod that becomes another class by what it is to have now, before its proxy says anything", () => {
    const podOf = (name: string, app: string) =>
      pod(`shop/${name}`, { labels: { app, all: "yes" }, addresses: [`10.1.0.${name.length}`] });
    const others = [podOf("a", "one"), podOf("bb", "two")];
    const policy = (app: string, port: string) =>
      authorizationPolicy(`shop/${app}`, {
        selector: { matchLabels: { app } },
        rules: [{ to: [{ operation: { ports: [port] } }] }],
      });
    const ofAll = authorizationPolicy("shop/all", { rules: [{}] });
    const cluster = (app: string) => [...others, podOf("moving", app), policy("one", "81"), policy("two", "82"), ofAll];
    const cache = createCompileCache();
    const statuses = createStatuses();
    const before = compile(clusterOf(cluster("one")), testSettings, cache);
    const states = syncedProxies(before);
    const inputs = { states, now: 0, listeningSince: 0, restoring: () => undefined, draining: () => undefined };
    statuses.of({ ...inputs, compilation: before, changed: undefined });
    const after = compile(clusterOf(cluster("two")), testSettings, cache);
    const found = statuses.of({ ...inputs, compilation: after, changed: new Set() });
    expect([...found.values()].map(({ object, status }) => [object.name, status.proxies?.summary])).toEqual([
      ["all", "2/3"],
      ["one", "1/1"],
      ["two", "1/2"],
    ]);
  });
});
