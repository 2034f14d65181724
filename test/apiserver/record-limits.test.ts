/** Records that have no room, against a real API server, which refuses a ConfigMap of more than 1 MiB. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { ConfigMap } from "../../src/api/kubernetes.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { configMapOfClass, keys } from "../../src/model/sidecar.ts";
import { conditionOf, eventually, type OperatorWorld, startOperatorWorld } from "./operator-world.ts";

let world: OperatorWorld;

beforeAll(async () => {
  world = await startOperatorWorld();
  await world.createNamespace("shop");
  await world.startReplica();
});

afterAll(() => world.stop());

const configMap = (name: string): Promise<ConfigMap> => world.client.get(kinds.ConfigMap, { namespace: "shop", name });

/** A Service with so many ports, in front of the pods of an application. */
const applyService = (app: string, count: number) => {
  const ports = Array.from({ length: count }, (_, index) => ({ name: `http-${index}`, port: 1000 + index }));
  const metadata = { name: app, namespace: "shop" };
  return world.client.apply(kinds.Service, { metadata, spec: { selector: { app }, ports } } as ObjectToWrite);
};

/** A policy of so many paths of some 250 characters each. */
const createPolicy = (name: string, app: string, paths: number) => {
  const values = Array.from({ length: paths }, (_, index) => `/${name}-${index}-${"x".repeat(240)}`);
  const rules = Array.from({ length: Math.ceil(paths / 64) }, (_, index) => {
    return { to: [{ operation: { paths: values.slice(index * 64, index * 64 + 64) } }] };
  });
  const spec = { selector: { matchLabels: { app } }, rules };
  return world.client.create(kinds.AuthorizationPolicy, {
    metadata: { name, namespace: "shop" },
    spec,
  } as ObjectToWrite);
};
const policy = (name: string) => world.client.get(kinds.AuthorizationPolicy, { namespace: "shop", name });
const codesOf = (object: unknown): readonly string[] =>
  (object as { status?: { findings?: { code: string }[] } }).status?.findings?.map(({ code }) => code) ?? [];

/** What the API server has answered to writes of a ConfigMap. */
const answers = (name: string): readonly number[] =>
  world
    .writesOf("first")
    .filter(({ object }) => object.resource === "configmaps" && object.name === name)
    .map(({ code }) => code);

const pod = (app: string, address: string) =>
  world.createPod(`shop/${app}-1`, { app, address, ready: false }).then(configMapOfClass);

test("an inbound side that nothing makes fit keeps its last record, without a write that is refused; it is said, and passes", async () => {
  const name = await pod("wide", "10.1.0.1");
  await createPolicy("wide", "wide", 1);
  await applyService("wide", 2);
  await eventually(async () => (await configMap(name)).data?.["inbound.yaml"]).toContain("1001");
  await eventually(async () => (await configMap(name)).data?.["inbound.yaml"]).toContain("shop/wide");
  const { data: good, metadata } = await configMap(name);

  await applyService("wide", 100);
  await eventually(async () => (await configMap(name)).metadata.annotations?.[keys.recorded]).toBe("bootstrap");
  const kept = await configMap(name);
  expect(kept.data).toEqual(good);
  expect(kept.metadata.annotations?.[keys.origins]).toEqual(metadata.annotations?.[keys.origins]);
  await eventually(async () => codesOf(await policy("wide"))).toContain("NotRecorded");
  expect(conditionOf(await policy("wide"), "Ready")).toBe("True Ready");
  await eventually(async () => {
    const { items } = await world.client.list(kinds.Event, { namespace: "shop" });
    return items.filter(({ regarding }) => regarding.name === name).map(({ reason }) => reason);
  }).toContain("RecordedInPart");

  await applyService("wide", 3);
  await eventually(async () => (await configMap(name)).data?.["inbound.yaml"]).toContain("1002");
  expect((await configMap(name)).metadata.annotations).not.toHaveProperty([keys.recorded]);
  await eventually(async () => codesOf(await policy("wide"))).not.toContain("NotRecorded");
  expect(answers(name).filter((code) => code >= 300)).toEqual([]);
  expect(answers(name).length).toBeLessThan(10);
});

test("where there is no record yet, one is made of what sidecars start from", async () => {
  await applyService("new", 100);
  const name = await pod("new", "10.1.0.2");
  await eventually(async () => Object.keys((await configMap(name)).data ?? {}).sort()).toEqual([
    "bootstrap.yaml",
    "certificate.yaml",
    "trust.yaml",
  ]);
  expect(answers(name)).toEqual([201]);
});

test("a policy that has no room beside another is closed and says so, and the record is whole", async () => {
  const name = await pod("closed", "10.1.0.3");
  await applyService("closed", 1);
  await createPolicy("medium", "closed", 900);
  await createPolicy("large", "closed", 3000);
  await eventually(async () => conditionOf(await policy("large"), "Accepted"), 30_000).toBe("False TooLarge");
  await eventually(async () => (await configMap(name)).data?.["inbound.yaml"]?.includes("medium-899")).toBe(true);
  await eventually(async () => (await configMap(name)).data?.["inbound.yaml"]?.includes("shop/large")).toBe(true);
  expect((await configMap(name)).data?.["inbound.yaml"]?.includes("large-0")).toBe(false);
  expect(conditionOf(await policy("medium"), "Accepted")).toBe("True Accepted");
  expect(answers(name).filter((code) => code >= 300)).toEqual([]);
});
