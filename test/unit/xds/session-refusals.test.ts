import { describe, expect, test } from "vitest";
import { brief, Driver, live, serviceA, serviceB } from "./driver.ts";
import { cluster, endpoint, listener, request, route, target } from "./fixtures.ts";

describe("refusals", () => {
  test.each([
    ["names it", "Error adding listener(s) l3: no", ["listener l1 l2 l4", "listener l3"]],
    ["names two", "Error adding l2, l3", ["listener l1 l4", "listener l2", "listener l3"]],
    ["names none", "missing ]", ["listener l1 l2", "listener l3 l4", "listener l3", "listener l4"]],
  ])("of several, when the error %s, are traced to the one at fault", (_what, message, expected) => {
    const driver = live(serviceA);
    const all = ["l1", "l2", "l3", "l4"].map((name) => listener(name, { n: 1 }));
    expect(driver.target(target([...serviceA, ...all]))).toEqual(["listener l1 l2 l3 l4"]);
    const seen: string[] = [];
    let next = driver.nack("listener", message);
    while (next.length > 0) {
      const sent = next[0] ?? "";
      seen.push(sent);
      next = sent.includes("l3") ? driver.nack("listener", "bad l3".slice(0, 3)) : driver.ack("listener");
    }
    expect(seen).toEqual(expected);
    for (const { name, version } of all) {
      expect(driver.session.resource("listener", name)).toEqual(
        name === "l3" ? { rejected: { version, message: "bad" } } : { acknowledged: version },
      );
    }
    expect(driver.target(target([...serviceA, ...all]))).toEqual([]);
  });

  test("the last good version counts, and the refused one is never sent again", () => {
    const driver = live(serviceA);
    const bad = serviceA.map((one) => (one.type === "route" ? route("ra", ["a"], { bad: 1 }) : one));
    expect(driver.target(target(bad))).toEqual(["route ra"]);
    expect(driver.nack("route", "no")).toEqual([]);
    expect(driver.session.resource("route", "ra")).toEqual({
      acknowledged: route("ra", ["a"]).version,
      rejected: { version: route("ra", ["a"], { bad: 1 }).version, message: "no" },
    });
    expect(driver.target(target([...bad, cluster("c")]))).toEqual(["cluster c"]);
    expect(driver.target(target([...serviceA, cluster("c")]))).toEqual([]);
    expect(driver.session.resource("route", "ra")).toEqual({ acknowledged: route("ra", ["a"]).version });
  });

  test("a refused new cluster keeps back what would lead to it, and nothing else", () => {
    const driver = live([...serviceA, ...serviceB]);
    const next = [
      ...serviceA.slice(0, 2),
      route("ra", ["a", "c"]),
      serviceA[3] ?? listener("la"),
      cluster("c"),
      endpoint("c"),
      ...serviceB.slice(0, 2),
      route("rb", ["b"], { n: 1 }),
      listener("lb", { routes: ["rb"] }),
    ];
    expect(driver.target(target(next))).toEqual(["cluster c", "route rb"]);
    expect(driver.ack("route")).toEqual([]);
    expect(driver.nack("cluster", "no")).toEqual([]);
    expect(
      driver.target(
        target(next.map((one) => (one.name === "c" && one.type === "cluster" ? cluster("c", { n: 1 }) : one))),
      ),
    ).toEqual(["cluster c"]);
    expect(driver.ack("cluster")).toEqual(["route ra"]);
  });

  test("routes that were refused together are told apart, even if one leads to a cluster that was refused", () => {
    const driver = new Driver(target([cluster("c")]));
    driver.ask("cluster");
    driver.nack("cluster", "no");
    driver.ask("route", ["other"]);
    driver.ack("route");
    driver.leave("route", "other");
    driver.target(target([cluster("c"), route("rc", ["c"], { bad: 1 }), route("rd", [])]));
    expect(driver.ask("route", ["rc", "rd"])).toEqual(["route rc rd"]);
    expect(driver.nack("route", "no")).toEqual(["route rc"]);
    expect(driver.nack("route", "no")).toEqual(["route rd"]);
    expect(driver.ack("route")).toEqual([]);
    expect(driver.session.resource("route", "rc")?.rejected?.message).toBe("no");
  });

  test("a cluster stays while a refused route's last good version names it", () => {
    const driver = live([...serviceA, ...serviceB]);
    const next = [...serviceB, route("ra", ["b"], { bad: 1 }), listener("la", { routes: ["ra"] })];
    expect(driver.target(target(next))).toEqual(["route ra"]);
    expect(driver.nack("route", "no")).toEqual([]);
    const mended = [...serviceB, route("ra", ["b"]), listener("la", { routes: ["ra"] })];
    expect(driver.target(target(mended))).toEqual(["route ra"]);
    expect(driver.ack("route")).toEqual(["cluster -a"]);
  });

  test("a refusal is not blamed on the one that is left of several", () => {
    const driver = live([...serviceA, ...serviceB]);
    const next = [
      ...serviceA.slice(0, 2),
      route("ra", ["a"], { n: 1 }),
      ...serviceA.slice(3),
      ...serviceB.slice(0, 2),
      route("rb", ["b"], { n: 1 }),
      ...serviceB.slice(3),
    ];
    expect(driver.target(target(next))).toEqual(["route ra rb"]);
    driver.leave("route", "rb");
    expect(driver.nack("route", "no")).toEqual(["route ra"]);
    expect(driver.session.resource("route", "ra")?.rejected).toBeUndefined();
  });

  test("a removal that was refused in company is sent alone; what was removed may come back", () => {
    const driver = live([...serviceA, listener("old")]);
    expect(driver.target(target([...serviceA, listener("bad", { bad: 1 })]))).toEqual(["listener bad -old"]);
    driver.target(target([...serviceA, listener("old")]));
    expect(driver.nack("listener", "Error adding listener(s) bad")).toEqual(["listener old"]);
    expect(driver.ack("listener")).toEqual(["listener -bad"]);
    expect(driver.ack("listener")).toEqual([]);
  });

  test("a cluster whose removal was refused in company may be gone, so that nothing new leads to it", () => {
    const c = cluster("c");
    const d = cluster("d");
    const bad = (name: string) => cluster(name, { bad: 1 });
    const driver = live([...serviceA, c, d]);
    expect(driver.target(target([...serviceA, bad("d")]))).toEqual(["cluster d -c"]);
    driver.target(target([...serviceA, bad("c"), d]));
    // Envoy has removed c, and refused d.
    expect(driver.nack("cluster", "Error adding d")).toEqual(["cluster c"]);
    expect(driver.nack("cluster", "no")).toEqual(["cluster d"]);
    expect(driver.ack("cluster")).toEqual([]);
    expect(driver.session.resource("cluster", "c")?.acknowledged).toBeUndefined();
    const leading = serviceA.map((one) => (one.type === "route" ? route("ra", ["a", "c"]) : one));
    expect(driver.target(target([...leading, bad("c"), d]))).toEqual([]);
    expect(driver.target(target([...leading, c, d]))).toEqual(["cluster c"]);
    expect(driver.ack("cluster")).toEqual(["route ra"]);
  });

  test("endpoints that were refused do not keep their changed cluster waiting", () => {
    const driver = live(serviceA);
    const bad = [serviceA[0] ?? cluster("a"), endpoint("a", { bad: 1 }), ...serviceA.slice(2)];
    driver.target(target(bad));
    expect(driver.nack("endpoint", "no")).toEqual([]);
    expect(driver.target(target([cluster("a", { n: 1 }), ...bad.slice(1)]))).toEqual(["cluster a", "endpoint a"]);
    expect(driver.ack("endpoint")).toEqual([]);
    expect(driver.session.resource("endpoint", "a")?.rejected?.message).toBe("no");
  });

  test("an answer with another nonce says nothing", () => {
    const driver = live(serviceA);
    driver.target(target([...serviceA, cluster("c")]));
    const changes = driver.session.changes;
    expect(brief(driver.session.onRequest(request("cluster", { responseNonce: "zzz" })))).toEqual([]);
    expect(driver.session.changes).toBe(changes);
    expect(driver.session.resource("cluster", "c")).toBeUndefined();
  });
});
