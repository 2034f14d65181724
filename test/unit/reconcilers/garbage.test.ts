import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compile } from "../../../src/reconcilers/compile.ts";
import { objectStatus } from "../../../src/reconcilers/programmed.ts";
import { sidecarPorts } from "../../../src/reconcilers/services.ts";
import { garbage } from "../../support/garbage.ts";
import {
  authorizationPolicy,
  clusterOf,
  namespace,
  pod,
  service,
  snapshotOf,
  testSettings,
  trafficSplit,
} from "../../support/objects.ts";
import { syncedProxies } from "../../support/proxies.ts";
import { brokenInvariants } from "../../support/status-invariants.ts";

/** A namespace as it should be, next door. */
const shop = [
  namespace("shop"),
  pod("shop/cart-1", { labels: { app: "cart" }, serviceAccount: "cart", addresses: ["10.2.0.1"] }),
  pod("shop/web-1", { labels: { app: "web" }, serviceAccount: "web", addresses: ["10.2.0.2"] }),
  service("shop/cart", { selector: { app: "cart" }, addresses: ["10.97.0.1"] }),
  authorizationPolicy("shop/p", { rules: [{ from: [{ source: { serviceAccounts: ["web"] } }] }] }),
  trafficSplit("shop/s", { service: "cart", backends: [{ service: "cart", weight: 1 }] }),
];
const neighbour = clusterOf(shop);
const alone = compile(neighbour, testSettings);

/** The neighbour and the nonsense, as they are: nothing is completed. */
function both(objects: Parameters<typeof snapshotOf>[0]) {
  const strange = snapshotOf(objects);
  const join = <T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>) => new Map([...b, ...a]);
  return {
    ...neighbour,
    namespaces: join(neighbour.namespaces, snapshotOf([namespace("junk")]).namespaces),
    services: join(neighbour.services, strange.services),
    endpointSlices: join(neighbour.endpointSlices, strange.endpointSlices),
    pods: join(neighbour.pods, strange.pods),
    trafficSplits: join(neighbour.trafficSplits, strange.trafficSplits),
    authorizationPolicies: join(neighbour.authorizationPolicies, strange.authorizationPolicies),
    meshTLS: join(neighbour.meshTLS, strange.meshTLS),
  };
}

// It takes some seconds where nothing else runs.
describe("nonsense in a namespace", { timeout: 120_000 }, () => {
  test("never makes a compile throw, nor its outputs, nor a status; and changes nothing for its neighbour", () => {
    fc.assert(
      fc.property(garbage("junk"), (objects) => {
        const compilation = compile(both(objects), testSettings);
        expect(compilation.outputs.size).toBeGreaterThan(0);
        const states = syncedProxies(compilation);
        for (const decision of compilation.decisions.values()) {
          const status = objectStatus(decision, compilation, states, 0);
          const { generation } = decision.object;
          expect(brokenInvariants(status, generation), JSON.stringify(decision.object)).toEqual([]);
        }
        expect(compilation.serviceResources.get("shop/cart")).toEqual(alone.serviceResources.get("shop/cart"));
        for (const [id, resources] of alone.classResources)
          expect(compilation.classResources.get(id)).toEqual(resources);
        const ofNeighbour = (of: typeof alone) =>
          [...of.decisions.values()]
            .filter(({ object }) => object.namespace === "shop")
            .map(({ pods: _pods, ...decision }) => decision);
        expect(ofNeighbour(compilation)).toEqual(ofNeighbour(alone));
        for (const key of alone.targets.keys()) expect(compilation.targets.has(key)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test("gives Envoy no address and no port that it would refuse or that is not the mesh's", () => {
    fc.assert(
      fc.property(garbage("junk"), (objects) => {
        const { mesh } = compile(both(objects), testSettings);
        const seen = new Set<string>();
        for (const { addresses, ports } of mesh.services.values()) {
          for (const address of addresses) {
            expect(seen.has(address)).toBe(false);
            seen.add(address);
          }
          const destinations = ports.flatMap(({ endpoints }) => endpoints);
          for (const address of [...addresses, ...destinations.map((endpoint) => endpoint.address)])
            expect(address).toMatch(/^(10\.(1|2|96|97)\.0\.\d{1,2}|fd00::1)$/i);
          for (const { port } of [...ports, ...destinations])
            expect(port >= 1 && port <= 65_535 && Number.isInteger(port)).toBe(true);
          for (const { port } of destinations.filter(({ mutualTLS }) => mutualTLS))
            expect(sidecarPorts.has(port)).toBe(false);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("comes out the same in whatever order it came", () => {
    fc.assert(
      fc.property(garbage("junk"), (objects) => {
        const [there, back] = [objects, [...objects].reverse()].map((order) => compile(both(order), testSettings));
        expect(back?.mesh).toEqual(there?.mesh);
        expect(back?.decisions).toEqual(there?.decisions);
      }),
      { numRuns: 100 },
    );
  });
});
