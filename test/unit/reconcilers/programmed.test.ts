import { describe, expect, test } from "vitest";
import type { EnvoyResource } from "../../../src/envoy/resource.ts";
import type { ProxyStates, ResourceState } from "../../../src/model/acknowledgement.ts";
import type { StatusDecision } from "../../../src/model/finding.ts";
import type { Compilation } from "../../../src/reconcilers/compile.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import { nextDeadline, objectStatus, withTransitionTimes } from "../../../src/reconcilers/programmed.ts";
import { authorizationPolicy, clusterOf, pod, service, testSettings, trafficSplit } from "../../support/objects.ts";
import { proxiesSaying, syncedProxies, syncedProxy } from "../../support/proxies.ts";

const twoPods = [1, 2].map((host) => pod(`shop/a-${host}`, { labels: { app: "a" }, addresses: [`10.1.0.${host}`] }));
const objects = [
  ...twoPods,
  service("shop/a", { selector: { app: "a" } }),
  service("shop/b", { selector: { app: "a" }, addresses: ["10.96.0.2"] }),
  service("shop/c", { selector: { app: "a" }, addresses: ["10.96.0.3"] }),
  authorizationPolicy("shop/policy", { rules: [{}] }, { generation: 7 }),
  trafficSplit("shop/split", { service: "a", backends: [{ service: "b", weight: 1 }] }, { generation: 3 }),
];
const compilation = compile(clusterOf(objects), testSettings);
const [policy, split] = [...compilation.decisions.values()] as [StatusDecision, StatusDecision];
const now = 1_000_000;

/** All proxies synced, but for what is said of some resources of the first pod's. */
const statesBut = (of: Compilation, said: (resource: EnvoyResource) => ResourceState | undefined): ProxyStates =>
  proxiesSaying(of, "shop/a-1", said);

/** All proxies synced, but the first one's stream ended then. */
function statesDisconnected(since: number): ProxyStates {
  const states = new Map(syncedProxies(compilation));
  const target = compilation.targets.get("shop/a-1");
  if (target === undefined) throw new Error("there is no target");
  return states.set("shop/a-1", { ...syncedProxy(target), connected: false, since });
}

function briefly(decision: StatusDecision, states: ProxyStates, at = now, listeningSince?: number): string {
  const { conditions, proxies } = objectStatus(decision, compilation, states, at, listeningSince);
  const parts = conditions.map(({ type, status, reason }) => `${type}=${status},${reason}`).slice(2);
  return [...parts, proxies.summary].join(" ");
}

describe("Programmed", () => {
  test("is True when every proxy has acknowledged what it needs", () => {
    for (const decision of [policy, split]) {
      expect(briefly(decision, syncedProxies(compilation))).toBe("Programmed=True,Programmed Ready=True,Ready 2/2");
    }
  });

  test("is False while one has not, and Reconciling then", () => {
    const pending = "Programmed=False,Pending Ready=False,Pending Reconciling=True,Pending 1/2";
    const old = { acknowledged: "old" };
    const route = statesBut(compilation, ({ type, name }) =>
      type === "route" && name.includes("/a/") ? old : undefined,
    );
    expect(briefly(split, route)).toBe(pending);
    expect(briefly(policy, route)).toBe("Programmed=True,Programmed Ready=True,Ready 2/2");
    const rules = statesBut(compilation, ({ name }) => (name === "authorization-http-allow" ? old : undefined));
    expect(briefly(policy, rules)).toBe(pending);
    expect(briefly(split, rules)).toBe("Programmed=True,Programmed Ready=True,Ready 2/2");
  });

  test("of a split waits for the clusters and endpoints of its backends, and for nothing else", () => {
    const old = { acknowledged: "old" };
    const late = (type: string, part: string, state: ResourceState) =>
      briefly(
        split,
        statesBut(compilation, (found) => (found.type === type && found.name.includes(part) ? state : undefined)),
      );
    expect(late("cluster", "/b/", old)).toContain("1/2");
    expect(late("endpoint", "/b/", {})).toContain("1/2");
    expect(late("endpoint", "/b/", old)).toContain("2/2");
    expect(late("endpoint", "/a/", old)).toContain("2/2");
    expect(late("route", "/b/", old)).toContain("2/2");
    expect(late("cluster", "/c/", old)).toContain("2/2");
  });

  test("is False when a proxy refused what is wanted, in Envoy's words, and stalled", () => {
    const refused = statesBut(compilation, ({ name, version }) =>
      name === "authorization-http-allow"
        ? { acknowledged: "old", rejected: { version, message: "missing ]" } }
        : undefined,
    );
    expect(briefly(policy, refused)).toBe("Programmed=False,Rejected Ready=False,Rejected Stalled=True,Rejected 1/2");
    const { conditions, proxies } = objectStatus(policy, compilation, refused, now);
    expect(conditions[2]?.message).toContain("shop/a-1: missing ]");
    expect(proxies).toEqual({ total: 2, synced: 1, rejected: 1, disconnected: 0, summary: "1/2" });
  });

  test("does not mind what was refused before", () => {
    const before = statesBut(compilation, ({ name, version }) =>
      name === "authorization-http-allow"
        ? { acknowledged: version, rejected: { version: "old", message: "no" } }
        : undefined,
    );
    expect(briefly(policy, before)).toContain("2/2");
  });

  test("is Unknown once a Ready proxy has had no stream for 30 seconds", () => {
    expect(briefly(policy, statesDisconnected(now - 29_999))).toContain("Programmed=True");
    expect(briefly(policy, statesDisconnected(now - 30_000))).toBe(
      "Programmed=Unknown,ProxiesDisconnected Ready=Unknown,ProxiesDisconnected 1/2",
    );
  });

  test("is False rather than Unknown when another proxy is known not to have it", () => {
    const states = new Map(statesDisconnected(now - 60_000));
    states.set("shop/a-2", { connected: true, since: 0, resource: () => undefined, hasAll: () => false });
    expect(briefly(policy, states)).toContain("Programmed=False,Pending");
  });

  test("counts a pod that never connected from when the operator began to listen", () => {
    const states = new Map(syncedProxies(compilation));
    states.delete("shop/a-1");
    expect(briefly(policy, states)).toContain("Programmed=False,Pending");
    expect(briefly(policy, states, now, now - 30_000)).toContain("Programmed=Unknown,ProxiesDisconnected");
  });

  test("an unaccepted object has no synced proxy", () => {
    const conflicted: StatusDecision = {
      ...policy,
      accepted: { status: "False", reason: "Conflicted", message: "another" },
    };
    expect(briefly(conflicted, syncedProxies(compilation))).toBe(
      "Programmed=False,NotAccepted Ready=False,Conflicted Stalled=True,Conflicted 0/2",
    );
  });

  test("findings are at most 16 and every text fits the schema", () => {
    const finding = { code: "UnknownPort", field: "f".repeat(2000), message: "m".repeat(9000) } as const;
    const many = { ...policy, findings: Array.from({ length: 40 }, () => finding) };
    const { findings = [] } = objectStatus(many, compilation, syncedProxies(compilation), now);
    expect(findings).toHaveLength(16);
    expect([findings[0]?.field.length, findings[0]?.message.length]).toEqual([1024, 4096]);
  });
});

describe("nextDeadline", () => {
  test("is when the first disconnected proxy will have been so for 30 seconds", () => {
    expect(nextDeadline(compilation, syncedProxies(compilation), now)).toBeUndefined();
    expect(nextDeadline(compilation, statesDisconnected(now - 1000), now)).toBe(now + 29_000);
    expect(nextDeadline(compilation, statesDisconnected(now - 30_000), now)).toBeUndefined();
  });

  test("is the moment at which the answer changes", () => {
    const states = statesDisconnected(now - 1000);
    const deadline = nextDeadline(compilation, states, now) ?? 0;
    expect(briefly(policy, states, deadline - 1)).toContain("Programmed=True");
    expect(briefly(policy, states, deadline)).toContain("Programmed=Unknown");
  });
});

describe("withTransitionTimes", () => {
  const status = objectStatus(policy, compilation, syncedProxies(compilation), now);
  const first = withTransitionTimes(undefined, status, "2026-01-01T00:00:00Z");

  test("every condition of a new status begins now", () => {
    expect(new Set(first.conditions.map(({ lastTransitionTime }) => lastTransitionTime))).toEqual(
      new Set(["2026-01-01T00:00:00Z"]),
    );
  });

  test("a time moves only when the condition's own status does", () => {
    const later = objectStatus(policy, compilation, new Map(), now);
    const second = withTransitionTimes(first, later, "2026-01-02T00:00:00Z");
    expect(second.conditions.map(({ type, lastTransitionTime }) => `${type} ${lastTransitionTime}`)).toEqual([
      "Accepted 2026-01-01T00:00:00Z",
      "ResolvedRefs 2026-01-01T00:00:00Z",
      "Programmed 2026-01-02T00:00:00Z",
      "Ready 2026-01-02T00:00:00Z",
      "Reconciling 2026-01-02T00:00:00Z",
    ]);
    const again = withTransitionTimes(second, later, "2026-01-03T00:00:00Z");
    expect(again).toEqual(second);
  });

  test("what is on the object is not trusted", () => {
    for (const junk of [null, "x", { conditions: "x" }, { conditions: [null, 1, { type: "Ready", status: 1 }] }]) {
      expect(withTransitionTimes(junk, status, "2026-01-01T00:00:00Z")).toEqual(first);
    }
  });
});
