import { describe, expect, test } from "vitest";
import type { ResourceType } from "../../../src/envoy/resource.ts";
import { maxSubscriptions } from "../../../src/xds/type-state.ts";
import { Driver, live, serviceA, serviceB } from "./driver.ts";
import { cluster, endpoint, extension, listener, request, route, target } from "./fixtures.ts";

describe("the first configuration", () => {
  test("follows the order in which Envoy asks, and ends with the readiness listener", () => {
    const driver = new Driver(target([...serviceA, extension("x"), listener("in", { extensions: ["x"] })]));
    expect(driver.ask("cluster")).toEqual(["cluster a"]);
    expect(driver.ask("endpoint", ["a"])).toEqual(["endpoint a"]);
    expect(driver.ack("cluster")).toEqual([]);
    expect(driver.ask("listener")).toEqual(["listener la in"]);
    expect(driver.ask("extension", ["x"])).toEqual(["extension x"]);
    expect(driver.ask("route", ["ra"])).toEqual(["route ra"]);
    expect(driver.ack("endpoint")).toEqual([]);
    expect(driver.ack("listener")).toEqual([]);
    expect(driver.ack("extension")).toEqual([]);
    expect(driver.ack("route")).toEqual(["listener readiness"]);
    expect(driver.ack("listener")).toEqual([]);
    expect(driver.target(target([...serviceA, extension("x"), listener("in", { extensions: ["x"] })]))).toEqual([]);
  });

  test("readiness waits for a route that a listener names and the proxy has not asked for", () => {
    const driver = new Driver(target(serviceA));
    driver.ask("cluster");
    driver.ask("endpoint", ["a"]);
    driver.ack("endpoint");
    driver.ack("cluster");
    driver.ask("listener");
    expect(driver.ack("listener")).toEqual([]);
    expect(driver.ask("route", ["ra"])).toEqual(["route ra"]);
    expect(driver.ack("route")).toEqual(["listener readiness"]);
  });

  test("readiness does not wait for a quiet moment of the endpoints", () => {
    const driver = new Driver(target(serviceA));
    driver.ask("cluster");
    driver.ask("endpoint", ["a"]);
    driver.ack("endpoint");
    driver.ack("cluster");
    driver.ask("listener");
    driver.ask("route", ["ra"]);
    driver.ack("listener");
    expect(
      driver.target(target([...serviceA.filter(({ type }) => type !== "endpoint"), endpoint("a", { n: 1 })])),
    ).toEqual(["endpoint a"]);
    expect(driver.ack("route")).toEqual(["listener readiness"]);
  });

  test("an empty wildcard is answered, once", () => {
    const driver = new Driver(target([]));
    expect(driver.ask("cluster")).toEqual(["cluster"]);
    expect(driver.ack("cluster")).toEqual([]);
    expect(driver.ask("listener")).toEqual(["listener readiness"]);
  });

  test("a refused part keeps readiness back until it is mended", () => {
    const bad = listener("in", { bad: 1 });
    const driver = new Driver(target([bad]));
    driver.ask("cluster");
    driver.ack("cluster");
    expect(driver.ask("listener")).toEqual(["listener in"]);
    expect(driver.nack("listener", "no")).toEqual([]);
    expect(driver.session.resource("listener", "in")).toEqual({ rejected: { version: bad.version, message: "no" } });
    expect(driver.target(target([listener("in", { good: 1 })]))).toEqual(["listener in"]);
    expect(driver.ack("listener")).toEqual(["listener readiness"]);
  });
});

describe("changes", () => {
  test("what did not change is not sent", () => {
    const driver = live([...serviceA, ...serviceB]);
    expect(driver.target(target([...serviceB, ...serviceA]))).toEqual([]);
    expect(driver.target(target(serviceA, serviceB))).toEqual([]);
  });

  test("one response of a type is on its way at most, and the newest state follows it", () => {
    const driver = live(serviceA);
    const next = (n: number) => target([serviceA[0] ?? cluster("a"), endpoint("a", { n }), ...serviceA.slice(2)]);
    expect(driver.target(next(1))).toEqual(["endpoint a"]);
    expect(driver.target(next(2))).toEqual([]);
    expect(driver.target(next(3))).toEqual([]);
    expect(driver.ack("endpoint")).toEqual(["endpoint a"]);
    expect(driver.session.resource("endpoint", "a")?.acknowledged).toBe(endpoint("a", { n: 1 }).version);
    expect(driver.ack("endpoint")).toEqual([]);
    expect(driver.session.resource("endpoint", "a")?.acknowledged).toBe(endpoint("a", { n: 3 }).version);
  });

  test("what is undone before it is sent is not sent", () => {
    const driver = live(serviceA);
    driver.target(target([...serviceA, endpoint("zz")]));
    expect(
      driver.target(target(serviceA.map((one) => (one.type === "route" ? route("ra", ["a"], { n: 1 }) : one)))),
    ).toEqual(["route ra"]);
    expect(
      driver.target(target(serviceA.map((one) => (one.type === "route" ? route("ra", ["a"], { n: 2 }) : one)))),
    ).toEqual([]);
    expect(
      driver.target(target(serviceA.map((one) => (one.type === "route" ? route("ra", ["a"], { n: 1 }) : one)))),
    ).toEqual([]);
    expect(driver.ack("route")).toEqual([]);
  });

  test("the endpoints of a changed cluster go behind it unasked; the route that needs it waits for its acknowledgement", () => {
    const driver = live(serviceA);
    const changed = [
      cluster("a", { n: 1 }),
      endpoint("a"),
      route("ra", ["a"], { n: 1 }),
      listener("la", { routes: ["ra"] }),
    ];
    expect(driver.target(target(changed))).toEqual(["cluster a", "endpoint a"]);
    expect(driver.ack("endpoint")).toEqual([]);
    expect(driver.ack("cluster")).toEqual(["route ra"]);
  });

  test("the endpoints of a changed cluster come by their service name", () => {
    const of = (n: number) => cluster("a", { n, eds_cluster_config: { service_name: "other" } });
    const driver = new Driver(target([of(1), endpoint("other")]));
    driver.ask("cluster");
    driver.ask("endpoint", ["other"]);
    driver.ack("endpoint");
    driver.ack("cluster");
    expect(driver.target(target([of(2), endpoint("other")]))).toEqual(["cluster a", "endpoint other"]);
  });

  test("what does not name the cluster does not wait for it", () => {
    const driver = live([...serviceA, ...serviceB]);
    const next = [
      cluster("a", { n: 1 }),
      endpoint("a"),
      ...serviceA.slice(2),
      ...serviceB.slice(0, 2),
      route("rb", ["b"], { n: 1 }),
      listener("lb", { routes: ["rb"] }),
    ];
    expect(driver.target(target(next))).toEqual(["cluster a", "endpoint a", "route rb"]);
  });

  test("routes leave a cluster before it goes", () => {
    const driver = live(serviceA);
    const moved = [cluster("b"), endpoint("b"), route("ra", ["b"]), listener("la", { routes: ["ra"] })];
    expect(driver.target(target(moved))).toEqual(["cluster b"]);
    expect(driver.ask("endpoint", ["b"])).toEqual(["endpoint b"]);
    expect(driver.ack("endpoint")).toEqual([]);
    expect(driver.ack("cluster")).toEqual(["route ra"]);
    expect(driver.ack("route")).toEqual(["cluster -a"]);
    expect(driver.leave("endpoint", "a")).toEqual([]);
    expect(driver.ack("cluster")).toEqual([]);
  });

  test("a listener goes together with the one that takes its place, not before", () => {
    const driver = live([...serviceA, listener("tcp-a", { cluster: "a" })]);
    expect(
      driver.target(target([...serviceA, cluster("b"), endpoint("b"), listener("tcp-b", { cluster: "b" })])),
    ).toEqual(["cluster b"]);
    driver.ask("endpoint", ["b"]);
    expect(driver.ack("cluster")).toEqual(["listener tcp-b -tcp-a"]);
  });

  test("a route or extension that the proxy still uses is not taken away; its cluster stays as long", () => {
    const driver = live([...serviceA, extension("x"), listener("in", { extensions: ["x"] })]);
    expect(driver.target(target([listener("in", {})]))).toEqual(["listener in -la"]);
    expect(driver.ack("listener")).toEqual([]);
    expect(driver.leave("extension", "x")).toEqual([]);
    expect(driver.leave("route", "ra")).toEqual(["cluster -a"]);
  });

  test("a name that does not exist is answered as removed, once, and sent when it appears", () => {
    const driver = live(serviceA);
    expect(driver.ask("route", ["rb"])).toEqual(["route -rb"]);
    expect(driver.ack("route")).toEqual([]);
    expect(driver.target(target([...serviceA, extension("zz")]))).toEqual([]);
    expect(driver.target(target([...serviceA, route("rb", ["a"])]))).toEqual(["route rb"]);
    expect(driver.ask("route", ["gone"])).toEqual([]);
    expect(driver.ack("route")).toEqual(["route -gone"]);
  });

  test("who subscribes again is sent again", () => {
    const driver = live(serviceA);
    expect(driver.ask("route", ["ra"])).toEqual(["route ra"]);
    expect(driver.ask("route", ["ra"])).toEqual([]);
    expect(driver.ack("route")).toEqual(["route ra"]);
    expect(driver.ack("route")).toEqual([]);
    driver.leave("route", "ra");
    expect(driver.session.resource("route", "ra")).toBeUndefined();
    expect(driver.ask("route", ["ra"])).toEqual(["route ra"]);
  });

  test("who drops a resource while it is on its way, and asks again, is sent it again", () => {
    const driver = live(serviceA);
    const changed = serviceA.map((one) => (one.type === "route" ? route("ra", ["a"], { n: 1 }) : one));
    expect(driver.target(target(changed))).toEqual(["route ra"]);
    driver.leave("route", "ra");
    expect(driver.ask("route", ["ra"])).toEqual([]);
    expect(driver.ack("route")).toEqual(["route ra"]);
    expect(driver.ack("route")).toEqual([]);
  });

  test("a star is a wildcard for any type", () => {
    const driver = new Driver(target(serviceA, serviceB));
    driver.ask("cluster");
    expect(driver.ask("endpoint", ["*"])).toEqual(["endpoint a b"]);
    driver.ack("endpoint");
    expect(driver.target(target(serviceA))).toEqual(["endpoint -b"]);
    driver.ack("endpoint");
    expect(driver.leave("endpoint", "*")).toEqual([]);
    expect(
      driver.target(target(serviceA.map((one) => (one.type === "endpoint" ? endpoint("a", { n: 1 }) : one)))),
    ).toEqual([]);
  });
});

describe("a new stream", () => {
  const readiness = target([]).readiness;
  const of = (type: ResourceType) => serviceA.filter((resource) => resource.type === type);

  test("of a proxy that has everything is sent nothing, and counts as acknowledged", () => {
    const driver = new Driver(target(serviceA));
    expect(driver.ask("cluster", [], of("cluster"))).toEqual([]);
    expect(driver.ask("endpoint", ["a"], of("endpoint"))).toEqual([]);
    expect(driver.ask("listener", [], [...of("listener"), readiness])).toEqual([]);
    expect(driver.ask("route", ["ra"], of("route"))).toEqual([]);
    for (const { type, name, version } of [...serviceA, readiness]) {
      expect(driver.session.resource(type, name)).toEqual({ acknowledged: version });
    }
  });

  test("brings what changed meanwhile, and removes a cluster only once the proxy has told of all that may name it", () => {
    const driver = new Driver(target([cluster("b"), endpoint("b"), route("ra", ["b"]), ...of("listener")]));
    expect(driver.ask("cluster", [], of("cluster"))).toEqual(["cluster b"]);
    expect(driver.ask("endpoint", ["a"], of("endpoint"))).toEqual([]);
    expect(driver.ask("listener", [], [...of("listener"), readiness])).toEqual([]);
    expect(driver.ask("route", ["ra"], of("route"))).toEqual([]);
    expect(driver.ask("endpoint", ["b"])).toEqual(["endpoint b"]);
    expect(driver.ack("cluster")).toEqual(["listener", "route ra"]);
    expect(driver.ack("listener")).toEqual([]);
    expect(driver.ack("route")).toEqual(["cluster -a"]);
  });

  test("asks for endpoints before clusters when clusters are warming: they are sent again", () => {
    const driver = new Driver(target(serviceA));
    expect(driver.ask("endpoint", ["a", "gone"], [...of("endpoint"), endpoint("gone")])).toEqual(["endpoint a -gone"]);
  });

  test("is sent again what the last one left in doubt", () => {
    const before = live(serviceA);
    const next = [...serviceA.slice(0, 3), listener("la", { routes: ["ra"], n: 1 }), listener("bad", { bad: 1 })];
    before.target(target(next));
    const driver = new Driver(target(serviceA), before.session);
    driver.ask("cluster", [], of("cluster"));
    expect(driver.ask("listener", [], [...of("listener"), readiness])).toEqual(["listener la -bad"]);
  });

  test("is sent again what may have been removed, although the proxy says that it has it", () => {
    const old = listener("old");
    const before = live([...serviceA, old]);
    expect(before.target(target([...serviceA, listener("bad", { bad: 1 })]))).toEqual(["listener bad -old"]);
    const driver = new Driver(target([...serviceA, old]), before.session);
    driver.ask("cluster", [], of("cluster"));
    expect(driver.ask("listener", [], [...of("listener"), old, readiness])).toEqual(["listener old -bad"]);
  });

  test("of a proxy that was restarted has no doubts", () => {
    const before = live(serviceA);
    before.target(target([...serviceA, listener("bad", { bad: 1 })]));
    const driver = new Driver(target(serviceA), before.session);
    expect(driver.ask("cluster")).toEqual(["cluster a"]);
    driver.ask("endpoint", ["a"]);
    driver.ack("cluster");
    expect(driver.ask("listener")).toEqual(["listener la"]);
  });
});

describe("a proxy that breaks the protocol", () => {
  test("by a type that is not served", () => {
    const driver = new Driver(target([]));
    expect(() => driver.session.onRequest({ ...request("cluster"), typeUrl: "constructor" })).toThrow(/not served/);
  });

  test("by too many subscriptions", () => {
    const driver = new Driver(target([]));
    driver.ask("cluster");
    driver.ask(
      "route",
      Array.from({ length: maxSubscriptions }, (_, i) => `r${i}`),
    );
    expect(() => driver.ask("route", ["one-more"])).toThrow(/subscriptions/);
  });
});
