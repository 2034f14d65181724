/** Definitions of ours that are missing when the operator starts, or go while it runs. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { ConfigMap } from "../../src/api/kubernetes.ts";
import { readCertificate } from "../../src/identity/certificate.ts";
import { decode } from "../../src/identity/renewal.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { configMapOfClass, keys, secretOfServiceAccount } from "../../src/model/sidecar.ts";
import { conditionOf, eventually, type OperatorWorld, type Replica, startOperatorWorld } from "./operator-world.ts";
import { askWebhook } from "./webhook-support.ts";

const root = "heddle-system";
const trustDomain = "example.org";
let world: OperatorWorld;
let replica: Replica;

beforeAll(async () => {
  world = await startOperatorWorld();
  await world.createNamespace("shop");
  await createMeshTLS();
  replica = await world.startReplica();
});

afterAll(() => world.stop());

const at = (name: string, namespace = "shop") => ({ namespace, name });
const configMap = (name: string): Promise<ConfigMap> => world.client.get(kinds.ConfigMap, at(name));
const secret = (name: string, namespace?: string) => world.client.get(kinds.Secret, at(name, namespace));
const createMeshTLS = () =>
  world.client.create(kinds.MeshTLS, {
    metadata: at("default", root),
    spec: { mode: "Permissive", identity: { trustDomain } },
  } as ObjectToWrite);
const createService = (name: string) =>
  world.client.create(kinds.Service, {
    metadata: at(name),
    spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
  } as ObjectToWrite);
const createSplit = () =>
  world.client.create(kinds.TrafficSplit, {
    metadata: at("web"),
    spec: { service: "web", backends: [{ service: "web-v1", weight: 1 }] },
  } as ObjectToWrite);
const split = () => world.client.get(kinds.TrafficSplit, at("web"));
/** One that selects the whole namespace. */
const createPolicy = (name: string) =>
  world.client.create(kinds.AuthorizationPolicy, { metadata: at(name), spec: { rules: [{}] } } as ObjectToWrite);
const policy = (name: string) => world.client.get(kinds.AuthorizationPolicy, at(name));

/** Every ConfigMap that records something, by name. */
const records = async (): Promise<ReadonlyMap<string, ConfigMap["data"]>> => {
  const { items } = await world.client.list(kinds.ConfigMap, {
    namespace: "shop",
    labelSelector: `${keys.managedBy}=heddle`,
  });
  return new Map(items.map(({ metadata, data }) => [metadata.name, data]));
};
const originsOf = async (name: string): Promise<string> =>
  (await configMap(name)).metadata.annotations?.[keys.origins] ?? "";
/** A pod of a workload of its own, which is Running and not Ready. @returns the name of its ConfigMap */
const createPod = async (app: string, address: string): Promise<string> =>
  configMapOfClass(await world.createPod(`shop/${app}-1`, { app, address, ready: false }));
const uriOf = async (app: string) =>
  readCertificate(decode(await secret(secretOfServiceAccount(app)), "tls.crt"))?.uris;

/** What has been said of a definition. */
async function notesOf(plural: string): Promise<readonly string[]> {
  const { items } = await world.client.list(kinds.Event, { namespace: "default" });
  return items
    .filter(({ reason, regarding }) => reason === "KindMissing" && regarding.name === `${plural}.heddle.dev`)
    .map(({ note }) => note ?? "");
}

/** Trusts what `caBundle` is made of. */
const review = async () =>
  askWebhook({ port: replica.webhookPort, ca: decode(await secret("heddle-webhook", root), "ca.crt") });

test("one is missing when the operator starts: pods are admitted and have identities, what was published stays, and once it is back a split is compiled", async () => {
  for (const name of ["web", "web-v1"]) await createService(name);
  const known = await createPod("known", "10.1.0.1");
  await createSplit();
  await createPolicy("guard");
  await eventually(async () => conditionOf(await split(), "Accepted")).toBe("True Accepted");
  await eventually(() => originsOf(known)).toContain('"guard"');
  await replica.stop();
  const before = await records();
  await world.deleteDefinition(kinds.TrafficSplit);

  replica = await world.startReplica();
  await eventually(review).toMatchObject({ allowed: true, patch: expect.any(String) });
  await eventually(() => notesOf("trafficsplits")).toEqual([expect.stringContaining("publishes nothing")]);
  await createPolicy("meanwhile");
  const late = await createPod("late", "10.1.0.2");
  await eventually(() => uriOf("late")).toEqual([`spiffe://${trustDomain}/ns/shop/sa/late`]);
  // A second one: what comes of the first is written by now, but for what waits.
  await createPod("later", "10.1.0.3");
  await eventually(() => uriOf("later")).toEqual([`spiffe://${trustDomain}/ns/shop/sa/later`]);
  expect(await records()).toEqual(before);
  expect(conditionOf(await policy("meanwhile"), "Accepted")).toBe("undefined undefined");

  await world.installDefinitions();
  await createSplit();
  await eventually(async () => conditionOf(await split(), "Accepted")).toBe("True Accepted");
  await eventually(() => originsOf(late)).toContain('"meanwhile"');
  await eventually(async () => JSON.stringify([...(await records())])).toContain("web-v1");
  await eventually(async () => conditionOf(await policy("meanwhile"), "Accepted")).toBe("True Accepted");
}, 120_000);

test("that of MeshTLS is missing when the operator starts: the recorded trust domain counts", async () => {
  const { data } = await secret("heddle-ca", root);
  await replica.stop();
  await world.deleteDefinition(kinds.MeshTLS);
  replica = await world.startReplica();
  await eventually(review).toMatchObject({ allowed: true });
  await createPod("unmoved", "10.1.0.4");
  await eventually(() => uriOf("unmoved")).toEqual([`spiffe://${trustDomain}/ns/shop/sa/unmoved`]);
  expect((await secret("heddle-ca", root)).data).toEqual(data);
  await world.installDefinitions();
  await createMeshTLS();
  const meshWide = () => world.client.get(kinds.MeshTLS, at("default", root));
  await eventually(async () => conditionOf(await meshWide(), "Accepted")).toBe("True Accepted");
}, 120_000);

test("one is deleted while the operator runs: its objects stay in force, for new workloads too; once it is back, what exists counts", async () => {
  await world.deleteDefinition(kinds.AuthorizationPolicy);
  await eventually(() => notesOf("authorizationpolicies")).toEqual([expect.stringContaining("stay in force")]);
  const name = await createPod("newcomer", "10.1.0.5");
  await eventually(() => originsOf(name)).toContain('"guard"');
  expect(await review()).toMatchObject({ allowed: true });

  await world.installDefinitions();
  await eventually(() => originsOf(name)).not.toContain('"guard"');
  await createPolicy("guard");
  await eventually(() => originsOf(name)).toContain('"guard"');
  await eventually(async () => conditionOf(await policy("guard"), "Accepted")).toBe("True Accepted");
}, 120_000);
