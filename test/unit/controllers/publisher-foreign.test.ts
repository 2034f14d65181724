import { describe, expect, test } from "vitest";
import type { ConfigMap } from "../../../src/api/kubernetes.ts";
import { keys } from "../../../src/model/sidecar.ts";
import { byKey } from "../../support/desired-record.ts";
import { setUp, wanted, written } from "./publisher-world.ts";

const evil = (object: ConfigMap): ConfigMap => ({ ...object, data: { "bootstrap.yaml": "evil" } });

describe("a foreign edit", () => {
  test("is put back at once with an event, then later each time; meanwhile it is told of", async () => {
    const { clock, calls, events, publisher, edit, restoring, stored } = setUp();
    publisher.setDesired(byKey([wanted("heddle-cart", "1")]));
    await clock.advance(10);
    edit("heddle-cart", evil);
    await clock.advance(10);
    expect(calls.slice(1)).toEqual(["apply heddle-cart uid-1 2"]);
    expect(events).toEqual(["ForeignEdit"]);
    expect(restoring).toEqual(["heddle-cart", ""]);
    for (const [wait, total] of [
      [900, 2],
      [100, 3],
    ] as const) {
      if (wait === 900) edit("heddle-cart", evil);
      await clock.advance(wait);
      expect(calls.length).toBe(total);
      expect(publisher.restoring.length).toBe(wait === 900 ? 1 : 0);
    }
    edit("heddle-cart", evil);
    await clock.advance(1_900);
    expect(calls.length).toBe(3);
    await clock.advance(200);
    expect(stored.get("shop/heddle-cart")?.data?.["bootstrap.yaml"]).toBe("1");
    // One who never gives up makes some writes a minute and no more.
    const before = calls.length;
    for (let second = 0; second < 3600; second++) {
      edit("heddle-cart", evil);
      await clock.advance(1000);
    }
    expect(calls.length - before).toBeLessThan(80);
    await clock.advance(60_000);
    expect(stored.get("shop/heddle-cart")?.data?.["bootstrap.yaml"]).toBe("1");
    // Left alone for a while, it is put back at once again.
    await clock.advance(700_000);
    const quiet = calls.length;
    edit("heddle-cart", evil);
    await clock.advance(10);
    expect(calls.length).toBe(quiet + 1);
  }, 30_000);

  test("holds up no write of something else, and none once it is as it should be", async () => {
    const { clock, calls, publisher, edit, stored, restoring } = setUp();
    publisher.setDesired(byKey([wanted("heddle-cart", "1")]));
    await clock.advance(10);
    for (let round = 0; round < 2; round++) {
      edit("heddle-cart", evil);
      await clock.advance(10);
    }
    // The second waits for its time.
    expect(publisher.restoring.length).toBe(1);
    const before = calls.length;
    publisher.setDesired(byKey([wanted("heddle-cart", "2")]));
    await clock.advance(10);
    expect(stored.get("shop/heddle-cart")).toMatchObject(written("heddle-cart", "2"));
    expect([calls.length - before, publisher.restoring, restoring.at(-1)]).toEqual([1, [], ""]);
    // Nothing is left of the time that was waited for: the next write does not wait either.
    publisher.setDesired(byKey([wanted("heddle-cart", "3")]));
    await clock.advance(10);
    expect(stored.get("shop/heddle-cart")).toMatchObject(written("heddle-cart", "3"));
    // But one who edits on gains nothing by it.
    edit("heddle-cart", evil);
    await clock.advance(500);
    expect(calls.length - before).toBe(2);
    expect(publisher.restoring.length).toBe(1);
  });

  test("that its author takes back is over; the next one is told of at once", async () => {
    const { clock, events, publisher, edit, stored } = setUp();
    publisher.setDesired(byKey([wanted("heddle-cart", "1")]));
    await clock.advance(10);
    for (let round = 0; round < 2; round++) {
      edit("heddle-cart", evil);
      await clock.advance(10);
    }
    expect(publisher.restoring.length).toBe(1);
    edit("heddle-cart", (object) => ({ ...object, data: written("heddle-cart", "1").data }));
    await clock.advance(10);
    expect(publisher.restoring).toEqual([]);
    edit("heddle-cart", evil);
    await clock.advance(10);
    expect([publisher.restoring.length, events.length]).toEqual([1, 3]);
    await clock.advance(1_000);
    expect(stored.get("shop/heddle-cart")).toMatchObject(written("heddle-cart", "1"));
  });

  test.each([
    ["a key that is not ours", (object: ConfigMap) => ({ ...object, data: { ...object.data, constructor: "x" } })],
    [
      "a key that languages trip over",
      (object: ConfigMap) => ({
        ...object,
        data: JSON.parse(`{"bootstrap.yaml":"1","__proto__":"x"}`) as Record<string, string>,
      }),
    ],
    ["binary data", (object: ConfigMap) => ({ ...object, binaryData: { more: "eA==" } })],
    [
      "our file as binary data",
      ({ data: _data, ...object }: ConfigMap) => ({ ...object, binaryData: { "bootstrap.yaml": "eA==" } }),
    ],
  ])("with %s is taken away by a replace on the version that was read", async (_what, change) => {
    const { clock, calls, events, publisher, edit, stored } = setUp();
    publisher.setDesired(byKey([wanted("heddle-cart", "1")]));
    await clock.advance(10);
    edit("heddle-cart", change);
    edit("heddle-cart", (object) => ({
      ...object,
      metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, theirs: "stays" } },
    }));
    await clock.advance(10);
    expect(calls.slice(1)).toEqual(["replace heddle-cart 3"]);
    expect(events).toEqual(["ForeignEdit"]);
    const { data, binaryData, metadata } = stored.get("shop/heddle-cart") ?? {};
    expect([data, binaryData, metadata?.annotations?.["theirs"]]).toEqual([
      { "bootstrap.yaml": "1" },
      undefined,
      "stays",
    ]);
  });

  test("that makes it immutable costs the object its life", async () => {
    const { clock, calls, publisher, edit, stored } = setUp();
    publisher.setDesired(byKey([wanted("heddle-cart", "1")]));
    await clock.advance(10);
    edit("heddle-cart", (object) => ({ ...evil(object), immutable: true }));
    await clock.advance(10);
    expect(calls.slice(1)).toEqual(['delete heddle-cart {"uid":"uid-1","resourceVersion":"2"}', "create heddle-cart"]);
    expect(stored.get("shop/heddle-cart")).toMatchObject({ data: { "bootstrap.yaml": "1" } });
    expect(stored.get("shop/heddle-cart")?.immutable).toBeUndefined();
  });

  test("that hides it from the watch is found when it cannot be created", async () => {
    const { clock, calls, publisher, edit, observed, stored } = setUp({ echo: false });
    publisher.setDesired(byKey([wanted("heddle-cart", "1")]));
    await clock.advance(10);
    edit("heddle-cart", (object) => ({ ...evil(object), metadata: { ...object.metadata, labels: {} } }));
    observed.delete("shop/heddle-cart");
    publisher.resync();
    await clock.advance(10);
    expect(calls.slice(1)).toEqual(["create heddle-cart", "replace heddle-cart 2"]);
    expect(stored.get("shop/heddle-cart")).toMatchObject(written("heddle-cart", "1"));
  });

  test("that leaves nothing of ours in it is put back all the same", async () => {
    const { clock, publisher, edit, events, stored } = setUp();
    publisher.setDesired(byKey([wanted("heddle-cart", "1")]));
    await clock.advance(10);
    edit("heddle-cart", (object) => ({ ...evil(object), metadata: { name: "heddle-cart", namespace: "shop" } }));
    await clock.advance(10);
    expect(stored.get("shop/heddle-cart")).toMatchObject(written("heddle-cart", "1"));
    expect(events).toEqual(["ForeignEdit"]);
  });

  test("that deletes it is undone, with an event", async () => {
    const { clock, calls, events, publisher, see, stored } = setUp();
    publisher.setDesired(byKey([wanted("heddle-cart", "1")]));
    await clock.advance(10);
    stored.delete("shop/heddle-cart");
    see("heddle-cart");
    await clock.advance(10);
    expect(calls).toEqual(["create heddle-cart", "create heddle-cart"]);
    expect(events).toEqual(["ForeignEdit"]);
  });

  test("that deletes it before the API server has answered is undone, and so is one that no watch has shown", async () => {
    const { clock, calls, events, publisher, see, stored, unanswered } = setUp({ echo: false });
    unanswered.push((name) => {
      see(name);
      stored.delete(`shop/${name}`);
      see(name);
    });
    publisher.setDesired(byKey([wanted("heddle-cart", "1")]));
    await clock.advance(10);
    expect(calls).toEqual(["create heddle-cart", "create heddle-cart"]);
    expect(events).toEqual(["ForeignEdit"]);
    expect(stored.get("shop/heddle-cart")).toMatchObject(written("heddle-cart", "1"));
    // The watch was away, and its next list is as the last one was.
    stored.delete("shop/heddle-cart");
    await clock.advance(29_000);
    expect(calls.length).toBe(2);
    await clock.advance(2_000);
    expect(calls.slice(2)).toEqual(["create heddle-cart"]);
    see("heddle-cart");
    await clock.advance(60_000);
    expect(calls.length).toBe(3);
    expect(stored.get("shop/heddle-cart")).toMatchObject(written("heddle-cart", "1"));
  });

  test("from before the operator's start is one if the content is not what its revision says; an older revision is none", async () => {
    const { clock, events, publisher, store } = setUp();
    store(evil(written("heddle-cart", "1")));
    store(written("heddle-web", "0"));
    await clock.advance(1);
    publisher.setDesired(byKey([wanted("heddle-cart", "1"), wanted("heddle-web", "1")]));
    await clock.advance(10);
    expect(events).toEqual(["ForeignEdit"]);
  });

  test("of the objects that it came from is none: a new generation that means the same", async () => {
    const { clock, calls, events, publisher } = setUp();
    for (const generation of ["1", "2"]) {
      publisher.setDesired(byKey([wanted("heddle-cart", "1", { [keys.origins]: generation })]));
      await clock.advance(10);
    }
    expect(calls.length).toBe(2);
    expect(events).toEqual([]);
  });
});

describe("somebody else's object under a name that is wanted", () => {
  const foreign: ConfigMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "heddle-cart", namespace: "shop", labels: { app: "theirs" } },
    data: { settings: "theirs" },
  };

  test.each([false, true])(
    "is left alone, with an event, immutable: %s; ours is made when it is gone",
    async (immutable) => {
      const { clock, calls, events, notes, publisher, store, stored, observed } = setUp({ echo: false });
      store({ ...foreign, immutable });
      const before = stored.get("shop/heddle-cart");
      publisher.setDesired(byKey([wanted("heddle-cart", "1")]));
      await clock.advance(60_000);
      publisher.resync();
      publisher.setDesired(byKey([wanted("heddle-cart", "2")]));
      await clock.advance(60_000);
      expect(stored.get("shop/heddle-cart")).toBe(before);
      expect(new Set(calls)).toEqual(new Set(["create heddle-cart"]));
      expect(new Set(events)).toEqual(new Set(["ForeignConfigMap"]));
      expect(notes[0]).toContain("was made by somebody else: it is left alone");
      // At most each half minute.
      expect(calls.length).toBeLessThan(40);
      stored.delete("shop/heddle-cart");
      observed.delete("shop/heddle-cart");
      await clock.advance(31_000);
      expect(stored.get("shop/heddle-cart")).toMatchObject(written("heddle-cart", "2"));
    },
  );

  test("is left alone also where ours was before", async () => {
    const { clock, events, publisher, store, stored } = setUp();
    publisher.setDesired(byKey([wanted("heddle-cart", "1")]));
    await clock.advance(10);
    stored.delete("shop/heddle-cart");
    const theirs = store(foreign);
    await clock.advance(60_000);
    expect(stored.get("shop/heddle-cart")).toMatchObject({
      data: theirs.data ?? {},
      metadata: { uid: theirs.metadata.uid },
    });
    expect(new Set(events)).toEqual(new Set(["ForeignEdit", "ForeignConfigMap"]));
  });
});
