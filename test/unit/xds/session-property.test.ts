import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ResourceType } from "../../../src/envoy/resource.ts";
import { resourceTypes } from "../../../src/envoy/resource.ts";
import { lookup } from "../../../src/xds/ordering.ts";
import { createResourceIndex } from "../../../src/xds/references.ts";
import { isBad } from "./fake-envoy.ts";
import { actionOf, planOf, targetOf, World } from "./session-world.ts";

/** What a proxy should have of a type once all is quiet and nothing is refused. */
function expected(world: World, type: ResourceType): [string, string][] {
  const names = new Set(world.target.groups.flatMap((group) => [...group.byType[type].keys()]));
  if (type === "listener") names.add("readiness");
  return [...names].sort().map((name) => [name, lookup(world.target, type, name)?.version ?? ""]);
}

const actual = (world: World, type: ResourceType): [string, string][] =>
  [...world.envoy.has[type].values()]
    .map(({ name, version }): [string, string] => [name, version])
    .sort(([a], [b]) => (a < b ? -1 : 1));

const runs = { numRuns: Number(process.env["HEDDLE_PROPERTY_RUNS"] ?? 400) };

describe("a session against Envoy's rules", () => {
  test("ends with exactly the target, in an order that breaks nothing", () => {
    fc.assert(
      fc.property(planOf(false), fc.array(actionOf(false), { maxLength: 60, size: "max" }), (first, actions) => {
        const world = new World(targetOf(first));
        for (const action of actions) world.act(action);
        world.settle();
        expect(world.allProblems()).toEqual([]);
        for (const type of resourceTypes) {
          expect([type, actual(world, type)]).toEqual([type, expected(world, type)]);
          for (const [name, version] of expected(world, type)) {
            expect(world.session.resource(type, name)).toEqual({ acknowledged: version });
          }
          expect(world.session.types[type].open.size).toBe(0);
        }
        const before = world.sent;
        world.publish({ ...world.target });
        world.connect();
        world.settle();
        expect(world.sent - before).toBe(0);
      }),
      runs,
    );
  });

  test("keeps the last good version of what is refused, says so of exactly that, and lets all else through", () => {
    fc.assert(
      fc.property(planOf(true), fc.array(actionOf(true), { maxLength: 60, size: "max" }), (first, actions) => {
        const world = new World(targetOf(first));
        for (const action of actions) world.act(action);
        world.settle();
        expect(world.allProblems()).toEqual([]);
        const refusedClusters = new Set<string>();
        for (const group of world.target.groups) {
          for (const one of group.byType.cluster.values()) {
            if (isBad(one) && world.session.resource("cluster", one.name)?.acknowledged === undefined)
              refusedClusters.add(one.name);
          }
        }
        for (const type of resourceTypes) {
          for (const [name, version] of expected(world, type)) {
            if (
              name === "readiness" ||
              (type !== "cluster" && type !== "listener" && !world.envoy.subscribed[type].has(name))
            )
              continue;
            const desired = lookup(world.target, type, name);
            if (desired === undefined) throw new Error(`${type} ${name} is not in the target`);
            // What leads to a cluster that the proxy refused may stay as it was.
            const names = createResourceIndex().names(desired);
            if ([...refusedClusters].some((refused) => names.has(refused))) continue;
            const state = world.session.resource(type, name);
            if (isBad(desired)) {
              expect([type, name, state?.rejected?.version]).toEqual([type, name, version]);
              expect(world.envoy.has[type].get(name)?.version).not.toBe(version);
            } else {
              expect([type, name, state]).toEqual([type, name, { acknowledged: version }]);
              expect(world.envoy.has[type].get(name)?.version).toBe(version);
            }
          }
        }
      }),
      runs,
    );
  });

  test("a proxy whose first configuration has a refused part is never ready", () => {
    fc.assert(
      fc.property(planOf(true), (plan) => {
        const world = new World(targetOf(plan));
        world.settle();
        const bad = world.target.groups.some((group) =>
          resourceTypes.some((type) => [...group.byType[type].values()].some(isBad)),
        );
        expect(world.envoy.has.listener.has("readiness")).toBe(!bad);
      }),
      runs,
    );
  });
});
