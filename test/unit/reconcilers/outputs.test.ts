import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { DesiredObject } from "../../../src/model/output.ts";
import { keys } from "../../../src/model/sidecar.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import { objectsOf } from "../../support/desired-record.ts";
import type { GivenObject } from "../../support/objects.ts";
import {
  authorizationPolicy,
  clusterOf,
  mountOf,
  pod,
  service,
  testSettings,
  trafficSplit,
} from "../../support/objects.ts";

const cart = pod("shop/cart-1", { labels: { app: "cart" }, serviceAccount: "cart", addresses: ["10.1.0.1"] });
const cartService = service("shop/cart", { selector: { app: "cart" } });

const outputsOf = (...objects: readonly GivenObject[]) => objectsOf(compile(clusterOf(objects), testSettings));

function named(outputs: readonly DesiredObject[], prefix: string): DesiredObject {
  const found = outputs.filter(({ metadata }) => metadata.name.startsWith(prefix));
  expect(found).toHaveLength(1);
  const [output] = found;
  if (output === undefined) throw new Error(`there is no ConfigMap ${prefix}`);
  return output;
}

const revisionOf = ({ metadata }: DesiredObject) => metadata.annotations[keys.revision];
const mounting = (id: string) => pod("shop/cart-2", { labels: { app: "b" }, spec: { volumes: [mountOf(id)] } });

describe("the record", () => {
  test("its revision is that of its content, not of the objects behind it", () => {
    const policy = (generation: number, method: string) =>
      authorizationPolicy("shop/p", { rules: [{ to: [{ operation: { methods: [method] } }] }] }, { generation });
    const [first, same, other] = [policy(1, "GET"), policy(2, "GET"), policy(3, "PUT")].map((object) =>
      named(outputsOf(cart, cartService, object), "heddle-cart-"),
    );
    if (first === undefined || same === undefined || other === undefined) throw new Error("there is no output");
    expect(revisionOf(same)).toBe(revisionOf(first));
    expect(same.data).toEqual(first.data);
    expect(same.metadata.annotations[keys.origins]).toContain('"generation":2');
    expect(revisionOf(other)).not.toBe(revisionOf(first));
  });

  test("endpoints are in no ConfigMap", () => {
    const before = named(outputsOf(cart, cartService), "heddle-reach-");
    const second = pod("shop/cart-2", { labels: { app: "cart" }, serviceAccount: "cart", addresses: ["10.1.0.2"] });
    const after = named(outputsOf(cart, second, cartService), "heddle-reach-");
    expect(after).toEqual(before);
    expect(before.data["outbound.yaml"]).not.toContain("10.1.0.1");
  });

  test("a reach names the splits behind it", () => {
    const split = trafficSplit("shop/split", { service: "cart", backends: [{ service: "cart", weight: 1 }] });
    const { annotations } = named(outputsOf(cart, cartService, split), "heddle-reach-").metadata;
    expect(JSON.parse(annotations[keys.origins] ?? "")).toEqual([
      { kind: "TrafficSplit", namespace: "shop", name: "split", uid: "uid-TrafficSplit-shop/split", generation: 1 },
    ]);
  });

  test("a reach that is too large is recorded in part, and says so", () => {
    const many = Array.from({ length: 300 }, (_, index) =>
      service(`shop/s-${String(index).padStart(3, "0")}`, { addresses: [`10.97.${index >> 8}.${index & 255}`] }),
    );
    const { data, metadata } = named(outputsOf(cart, ...many), "heddle-reach-");
    const text = data["outbound.yaml"] ?? "";
    expect(Buffer.byteLength(text)).toBeLessThan(1_048_576);
    expect(Buffer.byteLength(text)).toBeGreaterThan(900_000);
    const [recorded = 0, all] = (metadata.annotations[keys.recorded] ?? "").split("/").map(Number);
    expect(all).toBe(300);
    const { resources } = parse(text) as { resources: readonly { name: string }[] };
    expect(new Set(resources.map(({ name }) => name.split("/")[2])).size).toBe(recorded);
    expect(recorded).toBeLessThan(300);
  });

  test("a whole reach does not say that it is in part", () => {
    expect(named(outputsOf(cart, cartService), "heddle-reach-").metadata.annotations).not.toHaveProperty([
      keys.recorded,
    ]);
  });

  test("a class that a pod mounts keeps its start files when the pod's labels have changed", () => {
    const { data } = named(outputsOf(cart, mounting("cart-0123456789")), "heddle-cart-0123456789");
    expect(Object.keys(data)).toEqual(["bootstrap.yaml", "certificate.yaml", "trust.yaml"]);
  });

  // The name of somebody else's ConfigMap among them: it must not become the operator's.
  test.each([
    ...["", "../x", "A", "-a", "a/b", "a".repeat(300)],
    ...[
      "settings",
      "settings-1",
      "cart-0123456789a",
      "cart-012345678g",
      "0123456789",
      "-0123456789",
      `${"a".repeat(300)}-0123456789`,
    ],
  ])("a pod that names its class %j gets none of that name", (id) => {
    const names = outputsOf(cart, mounting(id)).map(({ metadata }) => metadata.name);
    expect(names).not.toContain(`heddle-${id}`);
    expect(names).toHaveLength(3);
  });

  test("a pod cannot name its class so that a reach is not recorded", () => {
    const reach = named(outputsOf(cart, cartService), "heddle-reach-");
    const outputs = outputsOf(cart, cartService, mounting(reach.metadata.name.slice("heddle-".length)));
    expect(named(outputs, "heddle-reach-")).toEqual(reach);
  });

  test("every object has the operator's label", () => {
    for (const { metadata } of outputsOf(cart, cartService)) {
      expect(metadata.labels).toEqual({ "app.kubernetes.io/managed-by": "heddle" });
    }
  });
});
