/** The operator as a whole against a real API server: what it writes, what it puts back, and what it leaves alone. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import type { ConfigMap, KubernetesObject, Secret } from "../../src/api/kubernetes.ts";
import { type WebhookConfigurationKind, webhookConfigurationKinds } from "../../src/controllers/webhook-bundle.ts";
import { belongsTogether, isIssuedBy, readCertificate } from "../../src/identity/certificate.ts";
import { decode } from "../../src/identity/renewal.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { configMapOfClass, keys } from "../../src/model/sidecar.ts";
import { shippedObject } from "../support/manifests.ts";
import {
  conditionOf,
  conditionsOf,
  eventsAbout,
  eventually,
  type OperatorWorld,
  type Replica,
  startOperatorWorld,
} from "./operator-world.ts";

interface ShippedConfiguration extends KubernetesObject {
  readonly kind: WebhookConfigurationKind;
  readonly webhooks: readonly { readonly name: string; readonly clientConfig: { readonly caBundle?: string } }[];
}

let world: OperatorWorld;
let client: KubeClient;
let operator: Replica;

beforeAll(async () => {
  world = await startOperatorWorld();
  client = world.client;
  await world.createNamespace("shop");
  for (const kind of webhookConfigurationKinds) {
    const shipped: ShippedConfiguration = shippedObject(kind);
    // No Service leads to the operator here, so that pods would be refused.
    const webhooks = shipped.webhooks.map((webhook) => ({ ...webhook, failurePolicy: "Ignore" }));
    const body = { ...shipped, webhooks } as ObjectToWrite;
    await client.apply(kinds[shipped.kind], body, { fieldManager: "kubectl" });
  }
  operator = await world.startReplica();
});

afterAll(() => world.stop());

const createPod = (app: string, address: string): Promise<string> => world.createPod(`shop/${app}-1`, { app, address });
const configMap = (name: string): Promise<ConfigMap> => client.get(kinds.ConfigMap, { namespace: "shop", name });
const secret = (name: string, namespace = "shop"): Promise<Secret> => client.get(kinds.Secret, { namespace, name });

describe("the operator", () => {
  test("makes its authority, its webhook's certificate and every caBundle, and says nothing secret in its log", async () => {
    const authority = await secret("heddle-ca", "heddle-system");
    const webhook = await secret("heddle-webhook", "heddle-system");
    expect(belongsTogether(decode(authority, "tls.crt"), decode(authority, "tls.key"))).toBe(true);
    expect(isIssuedBy(decode(webhook, "tls.crt"), decode(authority, "tls.crt"))).toBe(true);
    expect(readCertificate(decode(webhook, "tls.crt"))?.dnsNames).toContain("heddle.heddle-system.svc");
    await eventually(async () => {
      const configurations = (await Promise.all(
        webhookConfigurationKinds.map((kind) => client.get(kinds[kind], { name: "heddle" })),
      )) as unknown as readonly ShippedConfiguration[];
      const webhooks = configurations.flatMap((configuration) => configuration.webhooks);
      return webhooks.map(({ name, clientConfig }) => [name, clientConfig.caBundle === authority.data?.["tls.crt"]]);
    }).toEqual([
      ["inject.heddle.dev", true],
      ["enforce.heddle.dev", true],
      ["ephemeral.heddle.dev", true],
      ["warn.heddle.dev", true],
      ["namespaces.warn.heddle.dev", true],
    ]);
    expect(operator.output()).not.toMatch(/PRIVATE KEY|LS0tLS1/);
  });

  test("an injected pod gets its class's ConfigMap, its reach's, and its identity", async () => {
    const classId = await createPod("cart", "10.1.0.1");
    await eventually(async () => Object.keys((await configMap(configMapOfClass(classId))).data ?? {}).sort()).toEqual([
      "bootstrap.yaml",
      "certificate.yaml",
      "inbound.yaml",
      "trust.yaml",
    ]);
    await eventually(
      async () => readCertificate(decode(await secret("heddle-identity-cart"), "tls.crt"))?.uris,
    ).toEqual(["spiffe://cluster.local/ns/shop/sa/cart"]);
    const reaches = (await client.list(kinds.ConfigMap, { namespace: "shop" })).items.filter(({ metadata }) =>
      metadata.name.startsWith("heddle-reach-"),
    );
    expect(reaches.length).toBe(1);
  });

  test("a ConfigMap that somebody edits or deletes is put back", async () => {
    const classId = await createPod("edited", "10.1.0.2");
    const name = configMapOfClass(classId);
    await eventually(() => configMap(name)).toMatchObject({ kind: "ConfigMap" });
    const good = await configMap(name);
    await client.apply(
      kinds.ConfigMap,
      { metadata: { name, namespace: "shop" }, data: { "bootstrap.yaml": "evil" } } as ObjectToWrite,
      { fieldManager: "somebody" },
    );
    await eventually(async () => (await configMap(name)).data?.["bootstrap.yaml"]).toBe(good.data?.["bootstrap.yaml"]);
    await client.delete(kinds.ConfigMap, { namespace: "shop", name });
    await eventually(async () => (await configMap(name)).data).toEqual(good.data);
  });

  test("statuses: a valid policy waits for its proxy; one that concerns nobody is programmed; a split in conflict names the winner", async () => {
    await createPod("status", "10.1.0.4");
    const policy = (name: string, app: string) =>
      client.create(kinds.AuthorizationPolicy, {
        metadata: { name, namespace: "shop" },
        spec: { selector: { matchLabels: { app } }, rules: [{}] },
      } as ObjectToWrite);
    await policy("waits", "status");
    await policy("nobody", "nothing");
    const split = (name: string) =>
      client.create(kinds.TrafficSplit, {
        metadata: { name, namespace: "shop" },
        spec: { service: "web", backends: [{ service: "v1", weight: 1 }] },
      } as ObjectToWrite);
    await split("a-first");
    await split("b-second");
    const status = (kind: Kind, name: string, type: string) => async () => {
      const found = conditionsOf(await client.get(kind, { namespace: "shop", name })).find(
        (condition) => condition.type === type,
      );
      return [found?.status, found?.reason];
    };
    await eventually(status(kinds.AuthorizationPolicy, "nobody", "Ready")).toEqual(["True", "Ready"]);
    await eventually(status(kinds.AuthorizationPolicy, "waits", "Accepted")).toEqual(["True", "Accepted"]);
    await eventually(async () => (await status(kinds.AuthorizationPolicy, "waits", "Programmed")())[0]).not.toBe(
      "True",
    );
    await eventually(status(kinds.TrafficSplit, "b-second", "Accepted")).toEqual(["False", "Conflicted"]);
    const loser = conditionsOf(await client.get(kinds.TrafficSplit, { namespace: "shop", name: "b-second" }));
    expect(loser.find(({ type }) => type === "Accepted")?.message).toContain("shop/a-first");
  });
});

/** Of records that have no room: the API server refuses a ConfigMap of more than 1 MiB. */
describe("a record's room", () => {
  /** A Service with so many ports, in front of the pods of an application. */
  const applyService = (app: string, count: number) => {
    const ports = Array.from({ length: count }, (_, index) => ({ name: `http-${index}`, port: 1000 + index }));
    const metadata = { name: app, namespace: "shop" };
    return client.apply(kinds.Service, { metadata, spec: { selector: { app }, ports } } as ObjectToWrite);
  };

  /** A policy of so many paths of some 250 characters each. */
  const createPolicy = (name: string, app: string, paths: number) => {
    const values = Array.from({ length: paths }, (_, index) => `/${name}-${index}-${"x".repeat(240)}`);
    const rules = Array.from({ length: Math.ceil(paths / 64) }, (_, index) => {
      return { to: [{ operation: { paths: values.slice(index * 64, index * 64 + 64) } }] };
    });
    const spec = { selector: { matchLabels: { app } }, rules };
    return client.create(kinds.AuthorizationPolicy, {
      metadata: { name, namespace: "shop" },
      spec,
    } as ObjectToWrite);
  };
  const policy = (name: string) => client.get(kinds.AuthorizationPolicy, { namespace: "shop", name });
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
    const name = await pod("wide", "10.1.1.1");
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
    const reasons = async () => (await eventsAbout(client, "shop", name)).map(({ reason }) => reason);
    await eventually(reasons).toContain("RecordedInPart");

    await applyService("wide", 3);
    await eventually(async () => (await configMap(name)).data?.["inbound.yaml"]).toContain("1002");
    expect((await configMap(name)).metadata.annotations).not.toHaveProperty([keys.recorded]);
    await eventually(async () => codesOf(await policy("wide"))).not.toContain("NotRecorded");
    expect(answers(name).filter((code) => code >= 300)).toEqual([]);
    expect(answers(name).length).toBeLessThan(10);
  });

  test("where there is no record yet, one is made of what sidecars start from", async () => {
    await applyService("new", 100);
    const name = await pod("new", "10.1.1.2");
    await eventually(async () => Object.keys((await configMap(name)).data ?? {}).sort()).toEqual([
      "bootstrap.yaml",
      "certificate.yaml",
      "trust.yaml",
    ]);
    expect(answers(name)).toEqual([201]);
  });

  test("a policy that has no room beside another is closed and says so, and the record is whole", async () => {
    const name = await pod("closed", "10.1.1.3");
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
});
