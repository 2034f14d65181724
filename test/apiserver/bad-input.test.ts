/**
 * Bad input of every kind, in a namespace of its own beside a healthy one: it gets a clear error or a condition on the
 * object at fault; it never ends the operator, opens anything, or keeps a neighbour from being programmed.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type KindName, kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { configMapOfClass } from "../../src/model/sidecar.ts";
import { kubectlOf } from "../../tools/kubectl.ts";
import { until } from "../../tools/processes.ts";
import { definitions } from "../support/operator.ts";
import { accepted, foreign, type OwnKind, object, stored } from "./bad-input-cases.ts";
import {
  conditionOf,
  conditionsOf,
  eventsAbout,
  eventually,
  type OperatorWorld,
  type Replica,
  startOperatorWorld,
} from "./operator-world.ts";

let world: OperatorWorld;
let replica: Replica;
/** ConfigMaps of the workloads `shop/cart`, which is healthy, and `junk/closed`, whose objects are not. */
let healthyRecord = "";
let closedRecord = "";

const create = ([kind, body]: [KindName, ObjectToWrite]) => world.client.create(kinds[kind], body);

/** The same definition as if its first version had accepted anything. */
function permissive(definition: KubernetesObject): KubernetesObject {
  const { spec, ...rest } = definition as KubernetesObject & {
    readonly spec: { readonly versions: readonly { readonly selectableFields?: unknown }[] };
  };
  const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const schema = { openAPIV3Schema: { ...anything, properties: { spec: anything } } };
  // A selectable field needs a schema that knows it.
  const versions = spec.versions.map(({ selectableFields: _fields, ...version }) => ({ ...version, schema }));
  return { ...rest, spec: { ...spec, versions } } as KubernetesObject;
}

beforeAll(async () => {
  world = await startOperatorWorld();
  for (const name of ["shop", "junk"]) await world.createNamespace(name);
  for (const definition of definitions())
    await world.client.apply(kinds.CustomResourceDefinition, permissive(definition));
  for (const { kind, name, spec } of stored)
    await until(`${name} to be stored`, () => create(object(kind, name, { spec })), { timeout: 60_000 });
  for (const definition of definitions()) await world.client.apply(kinds.CustomResourceDefinition, definition);

  const classId = await world.createPod("shop/cart-1", { app: "cart", address: "10.1.0.1", ready: false });
  healthyRecord = configMapOfClass(classId);
  const closed = await world.createPod("junk/closed-1", { app: "closed", address: "10.1.0.2", ready: false });
  closedRecord = configMapOfClass(closed);
  const metadata = { name: "cart", namespace: "shop" };
  const ports = [{ name: "http", port: 80, targetPort: 8080 }];
  await world.client.create(kinds.Service, { metadata, spec: { selector: { app: "cart" }, ports } } as ObjectToWrite);
  await world.client.create(kinds.EndpointSlice, {
    metadata: { ...metadata, labels: { "kubernetes.io/service-name": "cart" } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.1.0.1"], targetRef: { kind: "Pod", name: "cart-1", namespace: "shop" } }],
    ports: [{ name: "http", port: 8080 }],
  } as ObjectToWrite);
  replica = await world.startReplica();
}, 120_000);

afterAll(() => world.stop());

let round = 0;

/** Writes new generations of the neighbour's objects, and waits until they are ready and recorded as they say. */
async function expectNeighbourProgrammed(): Promise<void> {
  round += 1;
  const path = `/round-${round}`;
  const metadata = { name: "healthy", namespace: "shop" };
  const wanted = [
    [
      kinds.AuthorizationPolicy,
      { selector: { matchLabels: { app: "cart" } }, rules: [{ to: [{ operation: { paths: [path] } }] }] },
    ],
    [kinds.TrafficSplit, { service: "cart", backends: [{ service: "cart", weight: round }] }],
    [kinds.MeshTLS, { selector: { matchLabels: { app: "cart" } }, mode: round % 2 === 0 ? "Strict" : "Permissive" }],
  ] as const;
  for (const [kind, spec] of wanted) {
    const applied = await world.client.apply(kind, { metadata, spec } as ObjectToWrite, { fieldManager: "gitops" });
    const { generation } = applied.metadata;
    await eventually(async () => {
      const now = await world.client.get(kind, metadata);
      const { observedGeneration } = (now as { status?: { observedGeneration?: number } }).status ?? {};
      return [kind.kind, conditionOf(now, "Programmed"), conditionOf(now, "Ready"), observedGeneration];
    }).toEqual([kind.kind, "True NoProxies", "True Ready", generation]);
  }
  const inbound = async () =>
    (await world.client.get(kinds.ConfigMap, { name: healthyRecord, namespace: "shop" })).data?.["inbound.yaml"] ?? "";
  await eventually(inbound).toContain(`"${path}"`);
  // What others say is not in it, and so widens nothing.
  expect(new Set((await inbound()).match(/"(?:shop|junk)\/[^"/]*\/\d+"/g))).toEqual(new Set(['"shop/healthy/0"']));
}

async function expectConditions(
  kind: OwnKind,
  name: string,
  expected: Readonly<Record<string, string>>,
  message: RegExp,
) {
  const get = () => world.client.get(kinds[kind], { name, namespace: "junk" });
  const [type = ""] = Object.keys(expected);
  await eventually(async () => {
    const now = await get();
    return Object.fromEntries(Object.keys(expected).map((of) => [of, conditionOf(now, of)]));
  }).toEqual(expected);
  const conditions = conditionsOf(await get());
  expect(conditions.find((condition) => condition.type === type)?.message).toMatch(message);
}

async function expectEvent(name: string, message: RegExp): Promise<void> {
  await eventually(async () => {
    const events = await eventsAbout(world.client, "junk", name);
    return events.map(({ reason, note }) => `${reason}: ${note}`);
  }).toEqual([expect.stringMatching(message)]);
}

const invalid = {
  Accepted: "False Invalid",
  Programmed: "False NotAccepted",
  Ready: "False Invalid",
  Stalled: "True Invalid",
};

describe("stored by an older schema", () => {
  test.each(stored)("$what", async ({ kind, name, message, untold = false }) => {
    if (untold) await expectEvent(name, message);
    else await expectConditions(kind, name, invalid, message);
    await expectNeighbourProgrammed();
  });

  test("closes what it selects", async () => {
    const { data } = await world.client.get(kinds.ConfigMap, { name: closedRecord, namespace: "junk" });
    const denied = ["block", "null-rule", "selector"].map((name) => `"junk/${name}/0":\n`);
    for (const policy of denied) expect(data?.["inbound.yaml"]).toContain(policy);
    // No chain takes plaintext.
    expect(data?.["inbound.yaml"]).toContain('transport_protocol: "tls"');
    expect(data?.["inbound.yaml"]).not.toContain('transport_protocol: "raw_buffer"');
  });
});

describe("taken by the API server", () => {
  test.each(accepted)("$what", async ({ objects, kind, name, conditions, message }) => {
    // One after another: which one is older counts.
    for (const one of objects) await create(one);
    await expectConditions(kind, name, conditions, message);
    await expectNeighbourProgrammed();
  });
});

describe("of Kubernetes' own kinds", () => {
  test.each(foreign)("$what", async ({ objects }) => {
    for (const one of objects) await create(one);
    await expectNeighbourProgrammed();
  });
});

describe("kubectl is told by the API server", () => {
  test.each([
    [
      "an unknown field",
      "TrafficSplit",
      "{service: a, backends: [{service: a, weight: 1}], retries: 3}",
      /unknown field "spec\.retries"/,
    ],
    ["a null rule", "AuthorizationPolicy", "{rules: [null]}", /spec\.rules\[0\]/],
    [
      "a block that is none",
      "AuthorizationPolicy",
      "{rules: [{from: [{source: {ipBlocks: [10.0.0.0/99]}}]}]}",
      /ipBlocks\[0\].*CIDR/s,
    ],
    ["no backend", "TrafficSplit", "{service: a, backends: []}", /spec\.backends.*at least 1/s],
    ["a mode that there is not", "MeshTLS", "{mode: STRICT}", /spec\.mode: Unsupported value: "STRICT"/],
    ["an empty spec", "MeshTLS", "{}", /spec.*at least 1 properties/s],
  ])("%s", async (_what, kind, spec, message) => {
    const { status, stderr } = await kubectlOf(world.server.kubeconfig)(
      ["apply", "-f", "-"],
      `apiVersion: heddle.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: refused, namespace: junk}\nspec: ${spec}\n`,
    );
    expect([status, stderr]).toEqual([1, expect.stringMatching(message)]);
  });
});

test("after a restart among all of it the same is said, and no pass has failed", async () => {
  const read = async () => {
    const lists = await Promise.all(
      [kinds.TrafficSplit, kinds.AuthorizationPolicy, kinds.MeshTLS].map((kind) =>
        world.client.list(kind, { namespace: "junk" }),
      ),
    );
    return lists.flatMap(({ items }) => items.map(({ metadata, ...rest }) => [metadata.name, conditionsOf(rest)]));
  };
  const before = await read();
  const first = replica.output();
  await replica.stop();
  replica = await world.startReplica();
  await expectNeighbourProgrammed();
  expect(await read()).toEqual(before);
  for (const log of [first, replica.output()])
    expect(log).not.toMatch(/failed; what was served before stays|uncaught|unhandled/i);
});
