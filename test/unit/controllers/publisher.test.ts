import { describe, expect, test } from "vitest";
import { keys } from "../../../src/model/sidecar.ts";
import { recordRevision } from "../../../src/reconcilers/outputs.ts";
import { byKey, desiredRecord } from "../../support/desired-record.ts";
import { setUp, wanted, written } from "./publisher-world.ts";

describe("collection", () => {
  test("before anything was compiled nothing is collected, however long that takes", async () => {
    const { clock, calls, publisher, store } = setUp();
    store(written("heddle-cart", "1"));
    publisher.resync();
    await clock.advance(3_600_000);
    expect(calls).toEqual([]);
  });

  test("an object whose reason went is deleted a minute later, unless the reason comes back", async () => {
    const { clock, calls, publisher, store } = setUp();
    for (const name of ["heddle-cart", "heddle-web"]) store(written(name, "1"));
    await clock.advance(1);
    publisher.setDesired(byKey([]));
    await clock.advance(30_000);
    publisher.setDesired(byKey([wanted("heddle-web", "1")]));
    await clock.advance(29_000);
    expect(calls).toEqual([]);
    await clock.advance(2_000);
    expect(calls).toEqual(['delete heddle-cart {"uid":"uid-1","resourceVersion":"1"}']);
    await clock.advance(600_000);
    expect(calls.length).toBe(1);
  });

  test("takes no turn of the queue before its time", async () => {
    const { clock, publisher, store, turns } = setUp();
    const names = Array.from({ length: 20 }, (_, index) => `heddle-${index}`);
    for (const name of names) store(written(name, "1"));
    await clock.advance(1);
    publisher.setDesired(byKey([]));
    publisher.resync();
    await clock.advance(59_000);
    expect(await turns()).toBe(0);
    await clock.advance(2000);
    expect(await turns()).toBe(names.length);
  });

  test("a timer that fires a little early does not make it stay", async () => {
    const { clock, calls, publisher, store } = setUp({ early: 0.5 });
    store(written("heddle-cart", "1"));
    await clock.advance(1);
    publisher.setDesired(byKey([]));
    await clock.advance(59_999);
    expect(calls).toEqual([]);
    await clock.advance(2_000);
    expect(calls.length).toBe(1);
  });

  test("objects that only carry our label are left alone, and so is all of a namespace that is being deleted", async () => {
    const { clock, calls, events, leaving, publisher, store } = setUp();
    const { [keys.revision]: _revision, ...annotations } = written("foreign", "1").metadata.annotations;
    store({ ...written("foreign", "1"), metadata: { ...written("foreign", "1").metadata, annotations } });
    await clock.advance(1);
    leaving.add("shop");
    publisher.setDesired(byKey([wanted("heddle-cart", "1")]));
    await clock.advance(600_000);
    expect([calls, events]).toEqual([[], []]);
  });
});

describe("writes", () => {
  test("what is the same is not written; a new one is created, a changed one applied to the version that was seen", async () => {
    const { clock, calls, events, publisher, store } = setUp();
    store(written("heddle-cart", "1"));
    await clock.advance(1);
    publisher.setDesired(byKey([wanted("heddle-cart", "1"), wanted("heddle-web", "1")]));
    await clock.advance(10);
    expect(calls).toEqual(["create heddle-web"]);
    publisher.setDesired(byKey([wanted("heddle-cart", "2"), wanted("heddle-web", "1")]));
    await clock.advance(10);
    expect(calls.slice(1)).toEqual(["apply heddle-cart uid-1 1"]);
    expect(events).toEqual([]);
  });

  test("a replica that does not lead takes no turn of the queue for what it does not write, and writes it once it leads", async () => {
    const { clock, calls, leading, publisher, turns } = setUp();
    leading.from = "led";
    publisher.setDesired(byKey([wanted("heddle-cart", "1"), wanted("heddle-web", "1")]));
    await clock.advance(10_000);
    expect([calls, await turns()]).toEqual([[], 0]);
    calls.push("led");
    publisher.resync();
    await clock.advance(10);
    expect(calls.slice(1)).toEqual(["create heddle-cart", "create heddle-web"]);
  });

  test("while a write is on its way back nothing is written again, and what was wanted before is no foreign edit", async () => {
    const { clock, calls, events, publisher, store, see } = setUp({ echo: false });
    store(written("heddle-cart", "1"));
    see("heddle-cart");
    publisher.setDesired(byKey([wanted("heddle-cart", "2")]));
    await clock.advance(10);
    publisher.observe("shop/heddle-cart");
    publisher.setDesired(byKey([wanted("heddle-cart", "1")]));
    await clock.advance(10_000);
    expect(calls).toEqual(["apply heddle-cart uid-1 1"]);
    see("heddle-cart");
    await clock.advance(10);
    expect(calls.slice(1)).toEqual(["apply heddle-cart uid-1 2"]);
    expect(events).toEqual([]);
  });

  test("an older picture loses: what was changed meanwhile is not overwritten, what exists unseen neither", async () => {
    const { clock, calls, publisher, store, see, stored } = setUp({ echo: false });
    store(written("heddle-cart", "1"));
    see("heddle-cart");
    store(written("heddle-cart", "3"));
    publisher.setDesired(byKey([wanted("heddle-cart", "2")]));
    await clock.advance(60);
    expect(calls.slice(0, 1)).toEqual(["apply heddle-cart uid-1 1"]);
    expect(stored.get("shop/heddle-cart")?.data?.["bootstrap.yaml"]).toBe("3");
  });

  test("a record in part is told of", async () => {
    const { clock, events, publisher } = setUp();
    publisher.setDesired(byKey([wanted("heddle-reach-1", "1", { [keys.recorded]: "1/2" })]));
    await clock.advance(10);
    expect(events).toEqual(["RecordedInPart"]);
  });
});

describe("a record that has no room for a file", () => {
  const unfit = desiredRecord(
    { name: "heddle-cart" },
    { "bootstrap.yaml": "2" },
    { annotations: { [keys.recorded]: "bootstrap" }, keeps: ["inbound.yaml"] },
  );
  const whole = (text: string): typeof unfit =>
    desiredRecord(
      { name: "heddle-cart" },
      { "bootstrap.yaml": text, "inbound.yaml": `inbound ${text}` },
      { annotations: { [keys.origins]: "[]" } },
    );

  test("keeps the last one, once, and through foreign edits; it is told of", async () => {
    const { clock, calls, events, publisher, edit, stored } = setUp();
    const data = () => stored.get("shop/heddle-cart")?.data;
    publisher.setDesired(byKey([whole("1")]));
    await clock.advance(10);
    publisher.setDesired(byKey([unfit]));
    await clock.advance(10);
    const good = { "bootstrap.yaml": "2", "inbound.yaml": "inbound 1" };
    expect(data()).toEqual(good);
    expect(stored.get("shop/heddle-cart")).not.toHaveProperty("keeps");
    expect([calls.length, events]).toEqual([2, ["RecordedInPart"]]);
    publisher.resync();
    await clock.advance(600_000);
    expect(calls.length).toBe(2);
    // One that claims to be ours as well.
    const evil = { "bootstrap.yaml": "2", "inbound.yaml": "evil" };
    edit("heddle-cart", (object) => {
      const annotations = { ...object.metadata.annotations, [keys.revision]: recordRevision(evil) };
      return { ...object, data: evil, metadata: { ...object.metadata, annotations } };
    });
    await clock.advance(10);
    expect(data()).toEqual(good);
    publisher.setDesired(byKey([whole("3")]));
    await clock.advance(10_000);
    expect(data()).toEqual({ "bootstrap.yaml": "3", "inbound.yaml": "inbound 3" });
    expect(stored.get("shop/heddle-cart")?.metadata.annotations).not.toHaveProperty([keys.recorded]);
  });

  test("keeps what an operator before this one has recorded, whole or in part", async () => {
    const { clock, publisher, store, stored } = setUp();
    store(whole("1").object());
    await clock.advance(1);
    publisher.setDesired(byKey([unfit]));
    await clock.advance(10);
    const good = { "bootstrap.yaml": "2", "inbound.yaml": "inbound 1" };
    expect(stored.get("shop/heddle-cart")?.data).toEqual(good);
    const next = setUp();
    const before = stored.get("shop/heddle-cart");
    if (before !== undefined) next.store(before);
    await next.clock.advance(1);
    next.publisher.setDesired(byKey([unfit]));
    await next.clock.advance(10);
    expect(next.calls).toEqual([]);
    next.edit("heddle-cart", (object) => ({ ...object, data: { ...object.data, "inbound.yaml": "evil" } }));
    await next.clock.advance(10);
    expect(next.stored.get("shop/heddle-cart")?.data).toEqual(good);
  });

  test("is made without it where there is none, or one that somebody has changed", async () => {
    const { clock, publisher, store, stored } = setUp();
    publisher.setDesired(byKey([unfit]));
    await clock.advance(10);
    expect(stored.get("shop/heddle-cart")?.data).toEqual({ "bootstrap.yaml": "2" });
    const tampered = whole("1").object();
    store({ ...tampered, data: { ...tampered.data, "inbound.yaml": "evil" } });
    await clock.advance(1);
    publisher.resync();
    await clock.advance(10);
    expect(stored.get("shop/heddle-cart")?.data).toEqual({ "bootstrap.yaml": "2" });
  });
});

describe("a record that the API server refuses", () => {
  test("leaves what is there, with an event, and is tried again; what comes next is written", async () => {
    const { clock, events, notes, refused, publisher, stored } = setUp();
    publisher.setDesired(byKey([wanted("heddle-cart", "1"), wanted("heddle-web", "1")]));
    await clock.advance(10);
    refused.add("too large");
    publisher.setDesired(byKey([wanted("heddle-cart", "too large"), wanted("heddle-web", "2")]));
    await clock.advance(10);
    expect(stored.get("shop/heddle-cart")).toMatchObject(written("heddle-cart", "1"));
    expect(stored.get("shop/heddle-web")).toMatchObject(written("heddle-web", "2"));
    expect(events).toEqual(["WriteFailed"]);
    expect(notes).toEqual(["heddle-cart: Invalid"]);
    // It is never taken for a foreign edit, and is not given up.
    await clock.advance(1000);
    expect(new Set(events)).toEqual(new Set(["WriteFailed"]));
    expect(events.length).toBeGreaterThan(1);
    expect(publisher.restoring).toEqual([]);
    publisher.setDesired(byKey([wanted("heddle-cart", "3"), wanted("heddle-web", "2")]));
    await clock.advance(60_000);
    expect(stored.get("shop/heddle-cart")).toMatchObject(written("heddle-cart", "3"));
    const before = events.length;
    await clock.advance(60_000);
    expect(events.length).toBe(before);
  });

  test("is told of when there was none before", async () => {
    const { clock, calls, events, refused, publisher, stored } = setUp();
    refused.add("too large");
    publisher.setDesired(byKey([wanted("heddle-cart", "too large")]));
    await clock.advance(10);
    expect(calls[0]).toBe("create heddle-cart");
    expect(stored.size).toBe(0);
    expect(events).toEqual(["WriteFailed"]);
  });
});
