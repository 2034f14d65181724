import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ProxyState, ResourceState } from "../../../src/model/acknowledgement.ts";
import type { Compilation } from "../../../src/reconcilers/compile.ts";
import { compile, createCompileCache } from "../../../src/reconcilers/compile.ts";
import { objectStatus } from "../../../src/reconcilers/programmed.ts";
import { textOf } from "../../support/compilation-text.ts";
import { objectsOf } from "../../support/desired-record.ts";
import type { GivenObject } from "../../support/objects.ts";
import {
  authorizationPolicy,
  clusterOf,
  meshTLS,
  pod,
  service,
  snapshotOf,
  testSettings,
  trafficSplit,
} from "../../support/objects.ts";
import { wholeTargets } from "../../support/proxies.ts";
import { clusters, policySpecs, tlsSpecs } from "../../support/random-cluster.ts";
import { brokenInvariants } from "../../support/status-invariants.ts";

const compileObjects = (objects: readonly GivenObject[]) => compile(clusterOf(objects), testSettings);

/** The next of a stream without an end. */
function nextOf<T>(stream: Iterator<T>): T {
  const { value, done } = stream.next();
  if (done === true) throw new Error("the stream has ended");
  return value;
}

const shuffled = clusters.chain((objects) =>
  fc.tuple(
    fc.constant(objects),
    fc.shuffledSubarray([...objects], { minLength: objects.length, maxLength: objects.length }),
  ),
);

describe("compile", () => {
  test("does not depend on the order of objects", () => {
    fc.assert(
      fc.property(shuffled, ([objects, others]) => {
        expect(textOf(compileObjects(others))).toBe(textOf(compileObjects(objects)));
      }),
      { numRuns: 60 },
    );
  });

  test("gives the same with a cache, whatever was compiled before", () => {
    const edits = clusters.chain((objects) =>
      fc.tuple(
        fc.constant(objects),
        fc.infiniteStream(fc.subarray([...objects], { minLength: Math.max(0, objects.length - 1) })),
      ),
    );
    fc.assert(
      fc.property(edits, ([objects, versions]) => {
        const cache = createCompileCache();
        for (const version of [objects, nextOf(versions), nextOf(versions), objects]) {
          const cached = compile(clusterOf(version), testSettings, cache);
          expect(textOf(cached)).toBe(textOf(compileObjects(version)));
        }
      }),
      { numRuns: 30 },
    );
  });

  test("with a cache, sees every change of a workload's policies and modes", () => {
    const cache = createCompileCache();
    const workload = pod("shop/a-1", { labels: { app: "a" }, addresses: ["10.1.0.1"] });
    const versions = [
      [],
      [authorizationPolicy("shop/x", {})],
      [authorizationPolicy("shop/x", { rules: [{}] })],
      [authorizationPolicy("shop/x", { action: "DENY", rules: [{}] })],
      [meshTLS("shop/x", { mode: "Strict" })],
      [meshTLS("shop/x", { ports: [{ port: "http", mode: "Strict" }] })],
    ].map((objects) => [...wholeTargets(compile(clusterOf([workload, ...objects]), testSettings, cache)).values()][0]);
    const hashes = versions.map((target) => target?.groups.map(({ hash }) => hash).join());
    expect(new Set(hashes).size).toBe(versions.length);
  });

  test("what the same policies say of requests is encoded once for all whom they select", () => {
    const workload = (name: string) => pod(`shop/${name}-1`, { labels: { app: name }, addresses: ["10.1.0.1"] });
    const ofMesh = authorizationPolicy("heddle-system/all", { rules: [{}] });
    const own = authorizationPolicy("shop/own", { selector: { matchLabels: { app: "c" } }, rules: [{}] });
    const objects = ["a", "b", "c"].map((name) => [
      workload(name),
      service(`shop/${name}`, { selector: { app: name }, ports: [{ name: "http", port: 80 }] }),
    ]);
    const { classResources } = compile(clusterOf([...objects.flat(), ofMesh, own]), testSettings);
    const [a, b, c] = [...classResources.values()].map((resources) =>
      resources.find(({ name }) => name === "authorization-http-allow"),
    );
    expect(a).toBeDefined();
    expect(b).toBe(a);
    expect(c?.version).not.toBe(a?.version);
  });

  test("a cache forgets what is not there any more", () => {
    const cache = createCompileCache();
    const snapshot = clusterOf([pod("shop/a-1", { addresses: ["10.1.0.1"] })]);
    const targetOf = () => compile(snapshot, testSettings, cache).targets.get("shop/a-1");
    const first = targetOf();
    expect(targetOf()).toBe(first);
    compile(snapshotOf([]), testSettings, cache);
    expect(targetOf()).not.toBe(first);
  });

  test("with a cache, makes nothing anew when nothing changed", () => {
    fc.assert(
      fc.property(clusters, (objects) => {
        const cache = createCompileCache();
        const first = compile(clusterOf(objects), testSettings, cache);
        const { outputs } = first;
        const second = compile(clusterOf(objects), testSettings, cache);
        for (const [key, target] of second.targets) expect(target).toBe(first.targets.get(key));
        for (const [key, reach] of second.reachGroups) expect(reach).toBe(first.reachGroups.get(key));
        for (const [key, resources] of second.serviceResources) expect(resources).toBe(first.serviceResources.get(key));
        for (const [key, output] of second.outputs) expect(output).toBe(outputs.get(key));
      }),
      { numRuns: 20 },
    );
  });

  test("a policy or MeshTLS of one namespace changes nothing of another's workloads", () => {
    const added = fc.oneof(
      policySpecs.map((spec) => authorizationPolicy("store/added", spec)),
      tlsSpecs.map((spec) => meshTLS("store/added", spec)),
    );
    fc.assert(
      fc.property(clusters, added, (objects, more) => {
        const before = compileObjects(objects);
        const after = compileObjects([...objects, more]);
        for (const [id, workload] of before.mesh.classes) {
          if (workload.namespace !== "store") expect(after.mesh.classes.get(id)).toEqual(workload);
        }
        for (const [key, known] of before.mesh.services) {
          if (known.namespace !== "store") expect(after.mesh.services.get(key)).toEqual(known);
        }
        const inOthers = (compilation: Compilation) =>
          objectsOf(compilation).filter(
            ({ metadata }) => metadata.namespace !== "store" && !metadata.name.startsWith("heddle-reach-"),
          );
        expect(inOthers(after)).toEqual(inOthers(before));
        const ofShop = ({ decisions }: Compilation) =>
          [...decisions.values()].filter(({ object }) => object.namespace === "shop");
        expect(ofShop(after)).toEqual(ofShop(before));
      }),
      { numRuns: 60 },
    );
  });

  test("every status holds together, whatever the proxies say", () => {
    const said = fc.constantFrom<"nothing" | "old" | "current" | "refused">("nothing", "old", "current", "refused");
    const proxy = fc.record({
      connected: fc.boolean(),
      since: fc.constantFrom(0, 50_000),
      said: fc.infiniteStream(said),
    });
    fc.assert(
      fc.property(clusters, fc.infiniteStream(fc.option(proxy)), (objects, proxies) => {
        const compilation = compileObjects(objects);
        const states = new Map<string, ProxyState>();
        for (const [key, target] of wholeTargets(compilation)) {
          const state = nextOf(proxies);
          if (state === null) continue;
          const known = new Map<string, ResourceState>();
          for (const { byType } of target.groups) {
            for (const resource of Object.values(byType).flatMap((ofType) => [...ofType.values()])) {
              const { version } = resource;
              const answers = {
                nothing: {},
                old: { acknowledged: "old" },
                current: { acknowledged: version },
                refused: { acknowledged: "old", rejected: { version, message: "no" } },
              };
              known.set(`${resource.type} ${resource.name}`, answers[nextOf(state.said)]);
            }
          }
          const resource = (type: string, name: string) => known.get(`${type} ${name}`);
          states.set(key, { connected: state.connected, since: state.since, resource, hasAll: () => false });
        }
        for (const decision of compilation.decisions.values()) {
          const status = objectStatus(decision, compilation, states, 60_000, 0);
          expect(brokenInvariants(status, decision.object.generation)).toEqual([]);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("nothing that is stored makes it throw, and what a policy selects is closed when the policy is broken", () => {
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom("selector", "rules", "mode", "ports"), fc.jsonValue()),
    );
    fc.assert(
      fc.property(junk, fc.constantFrom("TrafficSplit", "AuthorizationPolicy", "MeshTLS"), (spec, kind) => {
        const broken = { apiVersion: "heddle.dev/v1alpha1", kind, metadata: { namespace: "shop", name: "x" }, spec };
        const compilation = compileObjects([
          pod("shop/a-1", { labels: { app: "a" }, addresses: ["10.1.0.1"] }),
          service("shop/a", { selector: { app: "a" } }),
          broken as GivenObject,
        ]);
        const [decision, ...others] = compilation.decisions.values();
        expect([decision, others]).toEqual([expect.anything(), []]);
        expect(compilation.targets.size).toBe(1);
        const [workload] = compilation.mesh.classes.values();
        const isInvalid = decision?.accepted.reason === "Invalid";
        if (kind === "AuthorizationPolicy" && isInvalid) expect(workload?.deny).toHaveLength(1);
        if (kind === "MeshTLS" && isInvalid) expect(workload?.mode).toBe("Strict");
        expect(isInvalid || decision?.accepted.status === "True").toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test("the shares of a port are the weights of the backends that have it", () => {
    const weight = fc.integer({ min: 0, max: 1_000_000 });
    const state = fc.constantFrom<"there" | "missing" | "without port">("there", "missing", "without port");
    const backends = fc.array(fc.record({ weight, state }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(backends, (given) => {
        const named = given.map((backend, index) => ({ ...backend, service: `b${index}` }));
        const compilation = compileObjects([
          pod("shop/a-1", { labels: { app: "a" }, addresses: ["10.1.0.1"] }),
          service("shop/root", { addresses: ["10.96.1.1"] }),
          ...named
            .filter((backend) => backend.state !== "missing")
            .map((backend, index) =>
              service(`shop/${backend.service}`, {
                addresses: [`10.96.0.${index + 1}`],
                ports: [{ port: backend.state === "there" ? 80 : 81 }],
              }),
            ),
          trafficSplit("shop/split", {
            service: "root",
            backends: named.map((backend) => ({ service: backend.service, weight: backend.weight })),
          }),
        ]);
        const shares = compilation.mesh.services.get("shop/root")?.ports[0]?.routing.routes[0]?.backends ?? [];
        const total = (of: typeof named) => of.reduce((sum, backend) => sum + backend.weight, 0);
        const ofState = (wanted: string) => named.filter((backend) => backend.state === wanted);
        const nameOf = ({ target }: (typeof shares)[number]) =>
          target.kind === "service" ? target.service : target.reason;
        const byName = new Map<string, number>();
        for (const share of shares) byName.set(nameOf(share), (byName.get(nameOf(share)) ?? 0) + share.weight);
        for (const share of shares) expect(share.weight).toBeGreaterThan(0);
        if (total(named) === 0) expect([...byName]).toEqual([["no-weight", 1]]);
        else if (total(ofState("there")) + total(ofState("missing")) === 0) {
          expect([...byName]).toEqual([["missing-port", 1]]);
        } else {
          // Who is missing has its place among the others.
          expect(shares.map(nameOf)).toEqual(
            named
              .filter(({ weight: own, state: itsState }) => own > 0 && itsState !== "without port")
              .map(({ service: name, state: itsState }) => (itsState === "missing" ? "missing-backend" : name)),
          );
          for (const backend of ofState("there")) expect(byName.get(backend.service) ?? 0).toBe(backend.weight);
          expect(byName.get("missing-backend") ?? 0).toBe(total(ofState("missing")));
          expect(shares.reduce((sum, share) => sum + share.weight, 0)).toBe(
            total(ofState("there")) + total(ofState("missing")),
          );
        }
      }),
      { numRuns: 100 },
    );
  });

  test("an object that cannot be encoded harms no other of its service or workload", () => {
    const notUnicode = "\ud800";
    const method = (of: string) => ({ rules: [{ to: [{ operation: { methods: [of] } }] }] });
    const compilation = compileObjects([
      pod("shop/a-1", { labels: { app: "a" }, addresses: ["10.1.0.1"] }),
      service("shop/a", { selector: { app: "a" } }),
      trafficSplit("shop/bad", {
        service: "a",
        backends: [{ service: "a", weight: 1 }],
        matches: [{ headers: [{ type: "Exact", name: "x", value: notUnicode }] }],
      }),
      trafficSplit("shop/good", {
        service: "a",
        backends: [{ service: "a", weight: 1 }],
        matches: [{ method: "GET" }],
      }),
      authorizationPolicy("shop/bad", method(notUnicode)),
      authorizationPolicy("shop/good", method("GET")),
    ]);
    const verdicts = [...compilation.decisions.values()].map(({ object, accepted }) => [
      object.kind,
      object.name,
      accepted.reason,
    ]);
    expect(verdicts).toEqual([
      ["AuthorizationPolicy", "bad", "Invalid"],
      ["AuthorizationPolicy", "good", "Accepted"],
      ["TrafficSplit", "bad", "Invalid"],
      ["TrafficSplit", "good", "Accepted"],
    ]);
    const [target] = wholeTargets(compilation).values();
    const byName = (type: "route" | "extension", name: string) =>
      JSON.stringify(target?.groups.map(({ byType }) => byType[type].get(name)?.config).find((found) => found));
    expect(byName("route", "outbound/shop/a/80")).toContain("GET");
    expect(byName("extension", "authorization-http-deny")).toContain("shop/bad");
    expect(byName("extension", "authorization-http-allow")).toContain("shop/good");
  });

  test("pods whose ReplicaSet was replaced stay one class", () => {
    const replica = (name: string, hash: string, host: number) =>
      pod(`shop/${name}`, { labels: { app: "a", "pod-template-hash": hash }, addresses: [`10.1.0.${host}`] });
    const { mesh } = compileObjects([replica("a-1", "1", 1), replica("a-2", "2", 2)]);
    expect([...mesh.classes.values()].map(({ pods }) => pods)).toEqual([["shop/a-1", "shop/a-2"]]);
  });

  test("a snapshot without objects compiles to nothing", () => {
    const { mesh, targets, outputs, decisions, identities } = compile(snapshotOf([]), testSettings);
    expect([mesh.services.size, mesh.classes.size, targets.size]).toEqual([0, 0, 0]);
    expect([outputs.size, decisions.size, identities]).toEqual([0, 0, []]);
  });
});
