import { describe, expect, test } from "vitest";
import type { KindName } from "../../../src/api/kinds.ts";
import type { KubernetesObject } from "../../../src/api/kubernetes.ts";
import { createMeshController } from "../../../src/controllers/mesh-controller.ts";
import type { ProxyTarget } from "../../../src/envoy/resource.ts";
import type { ProxyState } from "../../../src/model/acknowledgement.ts";
import type { MeshSettings } from "../../../src/model/snapshot.ts";
import { createMetrics } from "../../../src/ops/metrics.ts";
import type { ObjectStatus } from "../../../src/reconcilers/programmed.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { authorizationPolicy, clusterOf, meshTLS, pod, service, testSettings } from "../../support/objects.ts";
import { syncedProxy, wholeTargets } from "../../support/proxies.ts";

type Objects = ReadonlyMap<KindName, ReadonlyMap<string, KubernetesObject>>;

/** One Ready pod, and other objects. */
function objectsWith(...others: Parameters<typeof clusterOf>[0]): Objects {
  const cluster = clusterOf([pod("shop/a-1", { labels: { app: "a" }, addresses: ["10.1.0.1"] }), ...others]);
  return new Map<KindName, ReadonlyMap<string, KubernetesObject>>([
    ["Pod", cluster.pods],
    ["Service", cluster.services],
    ["EndpointSlice", cluster.endpointSlices],
    ["AuthorizationPolicy", cluster.authorizationPolicies],
    ["MeshTLS", cluster.meshTLS],
  ]);
}

/** The loop over one Ready pod and the policy of its namespace. What it hands on is noted, in its order. */
function setUp(
  settings: MeshSettings = testSettings,
  first = objectsWith(authorizationPolicy("shop/policy", { rules: [{}] })),
) {
  const clock = createFakeClock();
  let objects = first;
  let fault: Error | undefined;
  const calls: string[] = [];
  const proxies = new Map<string, ProxyState>();
  let targets: ReadonlyMap<string, ProxyTarget> = new Map();
  let listeningSince: number | undefined;
  let status: ObjectStatus | undefined;
  const controller = createMeshController({
    observed: (kind) => {
      if (fault !== undefined) throw fault;
      return objects.get(kind) ?? new Map();
    },
    seen: { synced: true, isSynced: () => true, stateOf: () => "watching" },
    settings,
    clock,
    logger: { debug() {}, info() {}, warn() {}, error: (_fields, message) => calls.push(`error: ${message}`) },
    metrics: createMetrics(),
    publish: (published, reachGroups) => {
      calls.push("serve");
      targets = wholeTargets({ targets: published, reachGroups });
    },
    states: () => proxies,
    listeningSince: () => listeningSince,
    isManaged: () => true,
    publisher: {
      setDesired: (outputs) => calls.push(`record ${outputs.size}`),
      observe() {},
      resync() {},
      restoring: [],
      stop: async () => {},
    },
    identities: { setIdentities() {}, observe() {}, resync() {}, faults: [], restoring: [], stop: async () => {} },
    statusWriter: {
      setStatuses: (statuses) => {
        const [first] = statuses.values();
        calls.push("status");
        status = first?.status;
      },
      observe() {},
      resync() {},
      stop: async () => {},
    },
  });
  const connect = (connected: boolean): void => {
    const target = targets.get("shop/a-1");
    if (target === undefined) throw new Error("nothing was served yet");
    proxies.set("shop/a-1", { ...syncedProxy(target), connected, since: clock.now() });
    controller.acknowledged();
  };
  return {
    clock,
    calls,
    controller,
    connect,
    change: (...others: Parameters<typeof clusterOf>[0]) => {
      objects = objectsWith(...others);
      controller.dirty();
    },
    /** No compile succeeds as long as there is a fault. */
    setFault: (error: Error | undefined) => {
      fault = error;
    },
    /** How often something was handed on since the last time that this was asked. */
    count: (call: string) => {
      const found = calls.filter((other) => other === call).length;
      calls.length = 0;
      return found;
    },
    listen: () => {
      listeningSince = clock.now();
      controller.acknowledged();
    },
    programmed: () => {
      const condition = status?.conditions.find(({ type }) => type === "Programmed");
      return `${condition?.status} ${condition?.reason}`;
    },
  };
}

describe("what is compiled", () => {
  test("is served before it is recorded", async () => {
    const { clock, calls, controller } = setUp();
    controller.dirty();
    await clock.advance(1);
    expect(calls).toEqual(["serve"]);
    await clock.advance(1000);
    expect(calls.toSorted()).toEqual(["record 2", "serve", "status"]);
    await controller.stop();
  });

  test("is served, and its status told, even if it cannot be recorded; and again after the next change", async () => {
    const xdsAddress = {
      // Nothing but a bootstrap, which is a part of the record, says where the operator is.
      get host(): string {
        throw new Error("no record today");
      },
      port: 15010,
    };
    const { clock, calls, controller } = setUp({ ...testSettings, xdsAddress });
    const failure = "error: the record of a compile failed; what was served before stays";
    for (let change = 0; change < 2; change += 1) {
      calls.length = 0;
      controller.dirty();
      await clock.advance(1000);
      expect(calls.toSorted()).toEqual([failure, "serve", "status"]);
      expect(calls[0]).toBe("serve");
    }
    expect(controller.passes).toBe(2);
    await controller.stop();
  });
});

describe("a Ready proxy without a stream", () => {
  test("that has never had one is given 30 seconds from when proxies could connect, and is then unknown", async () => {
    const { clock, controller, connect, listen, programmed } = setUp();
    controller.dirty();
    // Long: the kinds are listed, or the authority is not there yet.
    await clock.advance(40_000);
    controller.acknowledged();
    await clock.advance(1000);
    expect(programmed()).toBe("False Pending");
    listen();
    await clock.advance(29_999);
    expect(programmed()).toBe("False Pending");
    // Nothing is seen and nothing is said: time alone does it.
    await clock.advance(10);
    expect(programmed()).toBe("Unknown ProxiesDisconnected");
    connect(true);
    await clock.advance(10);
    expect(programmed()).toBe("True Programmed");
    await controller.stop();
  });

  test("that had one is given 30 seconds, is then unknown, and known when it comes back", async () => {
    const { clock, controller, connect, listen, programmed } = setUp();
    controller.dirty();
    await clock.advance(10);
    listen();
    connect(true);
    await clock.advance(100_000);
    expect(programmed()).toBe("True Programmed");
    connect(false);
    await clock.advance(29_999);
    expect(programmed()).toBe("True Programmed");
    await clock.advance(10);
    expect(programmed()).toBe("Unknown ProxiesDisconnected");
    await clock.advance(100_000);
    expect(programmed()).toBe("Unknown ProxiesDisconnected");
    connect(true);
    await clock.advance(10);
    expect(programmed()).toBe("True Programmed");
    await controller.stop();
  });
});

describe("what waits for time", () => {
  const onTCP = service("shop/a", { selector: { app: "a" }, ports: [{ name: "sql", port: 3306 }] });
  const deny = authorizationPolicy("shop/deny", {
    action: "DENY",
    rules: [{ from: [{ source: { serviceAccounts: ["shop/b"] } }] }],
  });
  const [disabled, strict] = (["Disabled", "Strict"] as const).map((mode) => meshTLS("shop/mode", { mode }));
  if (disabled === undefined || strict === undefined) throw new Error("there are two modes");

  test.each([3_600_000, -3_600_000])("drains for its time, though the wall clock jumps by %d ms", async (jump) => {
    const { clock, controller, change, connect, programmed } = setUp(testSettings, objectsWith(onTCP));
    controller.dirty();
    await clock.advance(10);
    change(onTCP, deny);
    await clock.advance(10);
    connect(true);
    await clock.advance(10);
    expect(programmed()).toBe("False Draining");
    clock.jump(jump);
    controller.acknowledged();
    await clock.advance(29_000);
    expect(programmed()).toBe("False Draining");
    await clock.advance(3000);
    expect(programmed()).toBe("True Programmed");
    await controller.stop();
  });

  test.each([3_600_000, -3_600_000])("takes its steps in time, though the wall clock jumps by %d ms", async (jump) => {
    const { clock, controller, change, connect, count } = setUp(testSettings, objectsWith(strict));
    controller.dirty();
    await clock.advance(10);
    connect(true);
    await clock.advance(1000);
    count("serve");
    // Nobody acknowledges it.
    change(disabled);
    await clock.advance(1000);
    expect(count("serve")).toBe(1);
    clock.jump(jump);
    controller.acknowledged();
    await clock.advance(28_000);
    expect(count("serve")).toBe(0);
    await clock.advance(2000);
    expect(count("serve")).toBe(1);
    await controller.stop();
  });

  test("is tried ever more slowly while no compile succeeds, a change at once; then goes on", async () => {
    const { clock, controller, change, connect, count, setFault } = setUp(testSettings, objectsWith(strict));
    const failure = "error: the compile failed; what was served before stays";
    controller.dirty();
    await clock.advance(10);
    connect(true);
    change(disabled);
    await clock.advance(29_000);
    setFault(new Error("not today"));
    count(failure);
    await clock.advance(1500);
    expect(count(failure)).toBe(1);
    // What proxies say changes nothing of it.
    for (let turn = 0; turn < 5; turn++) {
      controller.acknowledged();
      await clock.advance(10);
    }
    expect(count(failure)).toBe(0);
    // After 1, 2, 4, 8, 16, 32 seconds, then each minute.
    await clock.advance(3_600_000);
    expect(count(failure)).toBe(64);
    controller.dirty();
    await clock.advance(10);
    expect(count(failure)).toBe(1);
    setFault(undefined);
    await clock.advance(61_000);
    expect([count("serve"), count(failure)]).toEqual([1, 0]);
    await controller.stop();
  });
});
