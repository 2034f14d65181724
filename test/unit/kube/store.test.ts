import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../../../src/api/kubernetes.ts";
import { createStore, type StoreChange } from "../../../src/kube/store.ts";

const object = (name: string, resourceVersion: string, more: object = {}): KubernetesObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "shop", uid: `uid-${name}`, resourceVersion },
  ...more,
});

function recorded(): {
  store: ReturnType<typeof createStore<KubernetesObject>>;
  calls: (readonly StoreChange<KubernetesObject>[])[];
} {
  const store = createStore<KubernetesObject>();
  const calls: (readonly StoreChange<KubernetesObject>[])[] = [];
  store.listen((changes) => calls.push(changes));
  return { store, calls };
}

describe("store", () => {
  test("tells of each change with the object before and after", () => {
    const { store, calls } = recorded();
    const first = object("a", "1");
    const second = object("a", "2");
    store.apply(first);
    store.apply(second);
    store.delete(object("a", "3"));
    expect(calls).toEqual([
      [{ key: "shop/a", before: undefined, after: first }],
      [{ key: "shop/a", before: first, after: second }],
      [{ key: "shop/a", before: second, after: undefined }],
    ]);
  });

  test("is silent about a version that is there already, and keeps the object", () => {
    const { store, calls } = recorded();
    const first = object("a", "1");
    store.apply(first);
    store.apply(object("a", "1"));
    store.reset([object("a", "1")]);
    store.delete(object("b", "1"));
    expect(calls).toHaveLength(1);
    expect(store.get("shop/a")).toBe(first);
  });

  test("takes a relist as one batch: came, changed, went", () => {
    const { store, calls } = recorded();
    for (const name of ["kept", "changed", "gone"]) store.apply(object(name, "1"));
    calls.length = 0;
    const changed = object("changed", "2");
    const came = object("came", "1");
    store.reset([object("kept", "1"), changed, came]);
    expect(calls).toHaveLength(1);
    expect(calls[0]?.map(({ key, before, after }) => [key, before !== undefined, after])).toEqual([
      ["shop/changed", true, changed],
      ["shop/came", false, came],
      ["shop/gone", true, undefined],
    ]);
    expect([...store.entries().keys()].sort()).toEqual(["shop/came", "shop/changed", "shop/kept"]);
  });

  test("sees that an object was made anew, though its version repeats", () => {
    const { store, calls } = recorded();
    store.apply(object("a", "1"));
    const other: KubernetesObject = {
      ...object("a", "1"),
      metadata: { name: "a", namespace: "shop", uid: "x", resourceVersion: "1" },
    };
    store.reset([other]);
    expect(calls).toHaveLength(2);
    expect(store.get("shop/a")).toBe(other);
  });

  test("leaves a snapshot as it was, and copies only when someone holds it", () => {
    const { store } = recorded();
    store.apply(object("a", "1"));
    const snapshot = store.entries();
    expect(store.entries()).toBe(snapshot);
    store.apply(object("b", "1"));
    store.delete(object("a", "1"));
    store.reset([]);
    expect([...snapshot.keys()]).toEqual(["shop/a"]);
    expect(store.size).toBe(0);
  });

  test("freezes objects in depth", () => {
    const { store } = recorded();
    store.apply(object("a", "1", { spec: { ports: [{ port: 80 }] } }));
    const stored = store.get("shop/a") as unknown as { spec: { ports: { port: number }[] } };
    expect(() => {
      (stored.spec.ports[0] as { port: number }).port = 81;
    }).toThrow(TypeError);
  });

  test("keys names of objects that JavaScript knows otherwise", () => {
    const { store } = recorded();
    for (const name of ["constructor", "__proto__", "no"]) {
      store.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, resourceVersion: "1" } });
    }
    expect([...store.entries().keys()]).toEqual(["constructor", "__proto__", "no"]);
    expect(store.get("toString")).toBeUndefined();
  });

  test("tells all listeners though one throws, and says that it did", () => {
    const store = createStore<KubernetesObject>();
    const keys: string[] = [];
    store.listen(() => {
      throw new Error("mine");
    });
    store.listen((changes) => keys.push(...changes.map(({ key }) => key)));
    expect(() => store.apply(object("a", "1"))).toThrow(AggregateError);
    expect(keys).toEqual(["shop/a"]);
    expect(store.get("shop/a")).toBeDefined();
  });

  test("stops telling a listener that wants no more", () => {
    const store = createStore<KubernetesObject>();
    let calls = 0;
    const stop = store.listen(() => {
      calls += 1;
    });
    store.apply(object("a", "1"));
    stop();
    store.apply(object("a", "2"));
    expect(calls).toBe(1);
  });

  test("of several namespaces is filled by one sink for each, which resets its own", () => {
    const { store, calls } = recorded();
    const other = object("b", "1", { metadata: { name: "b", namespace: "other", uid: "uid-b", resourceVersion: "1" } });
    store.within("other").reset([other]);
    store.within("shop").reset([object("a", "1")]);
    store.within("shop").apply(object("c", "1"));
    expect([...store.entries().keys()].toSorted()).toEqual(["other/b", "shop/a", "shop/c"]);
    store.within("shop").reset([object("c", "1")]);
    expect([...store.entries().keys()].toSorted()).toEqual(["other/b", "shop/c"]);
    expect(calls.map((changes) => changes.map(({ key }) => key))).toEqual([
      ["other/b"],
      ["shop/a"],
      ["shop/c"],
      ["shop/a"],
    ]);
    store.within("shop").delete(object("c", "2"));
    expect([...store.entries().values()]).toEqual([other]);
  });
});
