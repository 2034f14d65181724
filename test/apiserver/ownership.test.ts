/** Who writes, and what all of it has in common. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import type { Secret } from "../../src/api/kubernetes.ts";
import { webhookConfiguration } from "../../src/controllers/webhook-bundle.ts";
import { decode } from "../../src/identity/renewal.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { configMapOfClass, keys, manager, secretOfServiceAccount } from "../../src/model/sidecar.ts";
import { until } from "../../tools/processes.ts";
import { unownedParts } from "../support/ownership.ts";
import { conditionOf, type OperatorWorld, type Replica, startOperatorWorld } from "./operator-world.ts";

const root = "heddle-system";
let world: OperatorWorld;
const replicas: Replica[] = [];

beforeAll(async () => {
  world = await startOperatorWorld();
  await world.createNamespace("shop");
  const webhook = {
    name: "inject.heddle.dev",
    clientConfig: { service: { namespace: root, name: "heddle", path: "/inject", port: 443 } },
    admissionReviewVersions: ["v1"],
    sideEffects: "None",
    failurePolicy: "Ignore",
  };
  const configuration = { metadata: { name: webhookConfiguration }, webhooks: [webhook] };
  await world.client.create(kinds.MutatingWebhookConfiguration, configuration as ObjectToWrite);
  replicas.push(await world.startReplica("first"));
  await until("the first to lead", async () => (await world.leader()) === "first", { timeout: 60_000 });
  replicas.push(await world.startReplica("second"));
});

afterAll(() => world.stop());

const createPod = (key: string, app: string, address: string) => world.createPod(key, { app, address, ready: false });
const secret = (namespace: string, name: string): Promise<Secret> =>
  world.client.get(kinds.Secret, { namespace, name });

/** Names of the operator's ConfigMaps and Secrets in a namespace. */
async function outputsOf(namespace: string): Promise<readonly string[]> {
  const selection = { namespace, labelSelector: `${keys.managedBy}=${manager}` };
  const lists = await Promise.all([
    world.client.list(kinds.ConfigMap, selection),
    world.client.list(kinds.Secret, selection),
  ]);
  return lists.flatMap(({ items }) => items.map(({ metadata }) => metadata.name)).sort();
}

describe("what the operator writes", () => {
  test("is the leader's alone: records, identities, statuses, the caBundle, events", async () => {
    const wait = { timeout: 60_000 };
    const classId = await createPod("shop/cart-1", "cart", "10.1.0.1");
    const policy = { metadata: { name: "cart", namespace: "shop" }, spec: { rules: [{}] } };
    await world.client.create(kinds.AuthorizationPolicy, policy as ObjectToWrite);
    await expect
      .poll(async () => conditionOf(await world.client.get(kinds.AuthorizationPolicy, policy.metadata), "Ready"), wait)
      .toBe("True Ready");
    const isThere = <K extends Kind>(kind: K, namespace: string, name: string) =>
      world.client.get(kind, { namespace, name }).then(
        () => true,
        () => false,
      );
    await expect.poll(() => isThere(kinds.Secret, "shop", secretOfServiceAccount("cart")), wait).toBe(true);
    await expect.poll(() => isThere(kinds.ConfigMap, "shop", configMapOfClass(classId)), wait).toBe(true);

    // Every replica finds that the authority cannot be used, and logs it; one says so in an event.
    const authority = await secret(root, "heddle-ca");
    const edit = (data: object) =>
      world.client.apply(kinds.Secret, { metadata: { namespace: root, name: "heddle-ca" }, data } as ObjectToWrite, {
        fieldManager: "somebody",
        force: true,
      });
    await edit({ "tls.key": Buffer.from("broken").toString("base64") });
    for (const replica of replicas)
      await expect.poll(() => replica.output(), wait).toContain("The authority cannot be used");
    const events = async () => {
      const { items } = await world.client.list(kinds.Event, { namespace: root });
      return items
        .filter(({ reason }) => reason === "AuthorityUnusable")
        .map(({ reportingInstance }) => reportingInstance);
    };
    await expect.poll(events, wait).toEqual(["first"]);
    // What somebody has written there is never overwritten, not even when it cannot be read.
    expect(decode(await secret(root, "heddle-ca"), "tls.key")).toBe("broken");
    await edit(authority.data ?? {});
    // The second has answered this when it is through everything before.
    const name = configMapOfClass(await createPod("shop/marker-1", "marker", "10.1.0.2"));
    await expect.poll(() => isThere(kinds.ConfigMap, "shop", name), wait).toBe(true);
    expect(decode(await secret(root, "heddle-ca"), "tls.key")).toBe(decode(authority, "tls.key"));

    const resources = world
      .writesOf("first")
      .filter(({ code }) => code < 300)
      .map(({ object: { resource, subresource } }) => [resource, ...(subresource ? [subresource] : [])].join("/"));
    expect(new Set(resources)).toEqual(
      new Set([
        "authorizationpolicies/status",
        "configmaps",
        "events",
        "leases",
        "mutatingwebhookconfigurations",
        "secrets",
      ]),
    );
    expect(world.writesOf("second")).toEqual([]);
  }, 120_000);

  test("has the operator's label, and neither finalizers nor labels by which installers prune", async () => {
    const name = configMapOfClass(await createPod("shop/owned-1", "owned", "10.1.0.3"));
    const wait = { timeout: 60_000 };
    await expect.poll(() => outputsOf("shop"), wait).toContain(name);
    await expect.poll(() => outputsOf("shop"), wait).toContain(secretOfServiceAccount("owned"));
    /** Resources of which the operator writes whole objects. */
    const written = new Map<string, Kind>(
      [kinds.ConfigMap, kinds.Secret, kinds.Lease].map((kind) => [kind.plural, kind]),
    );
    const keysOf = world
      .writesOf("first")
      .filter(({ verb, code, object }) => verb !== "delete" && code < 300 && object.subresource === undefined)
      .map(({ object: { resource, namespace = "", name: key = "" } }) => `${resource} ${namespace} ${key}`);
    // Events are of their objects, and of the webhook's configuration only the caBundle is the operator's.
    const foreign = ["events", "mutatingwebhookconfigurations"];
    const objects = [...new Set(keysOf)].filter((key) => !foreign.includes(key.split(" ")[0] ?? ""));
    const problems: string[] = [];
    const seen = new Set<string>();
    for (const key of objects) {
      const [resource = "", namespace = "", object = ""] = key.split(" ");
      const kind = written.get(resource);
      if (kind === undefined) problems.push(`${resource}: written, and not looked at`);
      else {
        seen.add(resource);
        const found = await world.client.get(kind, { namespace, name: object }).catch(() => undefined);
        if (found !== undefined) problems.push(...unownedParts(found));
      }
    }
    expect(problems).toEqual([]);
    expect(seen).toEqual(new Set(written.keys()));
  }, 60_000);
});
