/**
 * Bad input of every kind, in a namespace of its own beside a healthy one: it gets a clear error or a condition on the
 * object at fault; it never ends the operator, opens anything, or keeps a neighbour from being programmed.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type KindName, kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { recordVariable } from "../../src/model/injection-record.ts";
import { configMapOfClass, containers, keys } from "../../src/model/sidecar.ts";
import { binary } from "../../tools/binaries.ts";
import { type CommandResult, collect, until } from "../../tools/processes.ts";
import {
  conditionOf,
  conditionsOf,
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

type OwnKind = "TrafficSplit" | "AuthorizationPolicy" | "MeshTLS";

/** An object of the namespace `junk`, as JSON. */
const object = (kind: KindName, name: string, body: object): [KindName, ObjectToWrite] => [
  kind,
  { metadata: { name, namespace: "junk" }, ...body } as ObjectToWrite,
];
const labelled = (kind: KindName, name: string, metadata: object, body: object): [KindName, ObjectToWrite] => [
  kind,
  { metadata: { name, namespace: "junk", ...metadata }, ...body } as ObjectToWrite,
];
const create = ([kind, body]: [KindName, ObjectToWrite]) => world.client.create(kinds[kind], body);

/** Objects that an older schema let in, and what is said of them. */
const stored: readonly {
  readonly what: string;
  readonly kind: OwnKind;
  readonly name: string;
  readonly spec: unknown;
  readonly message: RegExp;
  /** No status of it can be written: an event has the message. */
  readonly untold?: boolean;
}[] = [
  {
    what: "a split whose backends are no objects: a rule of the schema keeps its status from being written",
    untold: true,
    kind: "TrafficSplit",
    name: "numbers",
    spec: { service: "constructor", backends: [1, null] },
    message: /spec\.backends\[0\]: must be an object/,
  },
  {
    what: "a split with a weight below 0",
    kind: "TrafficSplit",
    name: "negative",
    spec: { service: "no", backends: [{ service: "no", weight: -1 }] },
    message: /spec\.backends\[0\]\.weight: must be at least 0/,
  },
  {
    what: "a policy with a null rule",
    kind: "AuthorizationPolicy",
    name: "null-rule",
    spec: { selector: { matchLabels: { app: "closed" } }, rules: [null] },
    message: /spec\.rules\[0\].*Until then, everything that it selects is denied/,
  },
  {
    what: "a policy with a block that is none",
    kind: "AuthorizationPolicy",
    name: "block",
    spec: {
      selector: { matchLabels: { app: "closed" } },
      rules: [{ from: [{ source: { ipBlocks: ["10.0.0.0/99"] } }] }],
    },
    message: /10\.0\.0\.0\/99.*CIDR.*Until then, everything that it selects is denied/,
  },
  {
    what: "a policy whose selector is no object: nobody knows what it selects",
    kind: "AuthorizationPolicy",
    name: "selector",
    spec: { selector: ["app"], rules: [{}] },
    message: /spec\.selector: must be an object/,
  },
  {
    what: "a MeshTLS with a mode that there is not",
    kind: "MeshTLS",
    name: "shouting",
    spec: { selector: { matchLabels: { app: "closed" } }, mode: "STRICT" },
    message: /spec\.mode: must be one of Strict, Permissive, Disabled/,
  },
];

const definitions = (): readonly KubernetesObject[] => {
  const folder = join(resolve(import.meta.dirname, "../.."), "crds");
  return readdirSync(folder).map((file) => parse(readFileSync(join(folder, file), "utf8")) as KubernetesObject);
};

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
    await until(`${name} to be stored`, () => create(object(kind, name, { spec })), { timeout: 30_000 });
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
    const { items } = await world.client.list(kinds.Event, { namespace: "junk" });
    return items.filter(({ regarding }) => regarding.name === name).map(({ reason, note }) => `${reason}: ${note}`);
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

const service = (name: string, spec: object = {}) =>
  object("Service", name, { spec: { ports: [{ name: "http", port: 80, targetPort: 8080 }], ...spec } });
const split = (name: string, spec: object) => object("TrafficSplit", name, { spec });

/** What the API server takes, since it cannot see what is wrong. */
const accepted: readonly {
  readonly what: string;
  readonly objects: readonly [KindName, ObjectToWrite][];
  readonly kind: OwnKind;
  readonly name: string;
  readonly conditions: Readonly<Record<string, string>>;
  readonly message: RegExp;
}[] = [
  {
    what: "a split of a Service that does not exist",
    objects: [split("no-root", { service: "nowhere", backends: [{ service: "nowhere", weight: 1 }] })],
    kind: "TrafficSplit",
    name: "no-root",
    conditions: { ResolvedRefs: "False ServiceNotFound", Accepted: "True Accepted", Ready: "False ServiceNotFound" },
    message: /junk\/nowhere does not exist/,
  },
  {
    what: "a split of another namespace's Service",
    objects: [split("abroad", { service: "cart.shop", backends: [{ service: "cart", weight: 1 }] })],
    kind: "TrafficSplit",
    name: "abroad",
    conditions: { Accepted: "False Invalid", Stalled: "True Invalid" },
    message: /spec\.service/,
  },
  {
    what: "a backend that does not exist",
    objects: [service("root"), split("no-backend", { service: "root", backends: [{ service: "gone", weight: 1 }] })],
    kind: "TrafficSplit",
    name: "no-backend",
    conditions: { ResolvedRefs: "False BackendNotFound", Ready: "False BackendNotFound" },
    message: /spec\.backends\[0\]\.service.*junk\/gone/,
  },
  {
    what: "weights that are all zero",
    objects: [service("zero"), split("no-weight", { service: "zero", backends: [{ service: "zero", weight: 0 }] })],
    kind: "TrafficSplit",
    name: "no-weight",
    conditions: { ResolvedRefs: "False NoWeight", Ready: "False NoWeight" },
    message: /zero|weight/,
  },
  {
    what: "two splits that claim the same: the second names the first",
    objects: [
      service("claimed"),
      split("claim-a", { service: "claimed", backends: [{ service: "claimed", weight: 1 }] }),
      split("claim-b", { service: "claimed.junk", backends: [{ service: "claimed", weight: 2 }] }),
    ],
    kind: "TrafficSplit",
    name: "claim-b",
    conditions: { Accepted: "False Conflicted", Stalled: "True Conflicted" },
    message: /junk\/claim-a/,
  },
  {
    what: "two MeshTLS for the same pods: the second names the first",
    objects: ["a", "b"].map((name) =>
      object("MeshTLS", `claim-${name}`, { spec: { selector: { matchLabels: { app: "torn" } }, mode: "Strict" } }),
    ),
    kind: "MeshTLS",
    name: "claim-b",
    conditions: { Accepted: "False Conflicted", Stalled: "True Conflicted" },
    message: /junk\/claim-a/,
  },
  {
    what: "a policy for a Service that does not exist",
    objects: [
      object("AuthorizationPolicy", "aimless", {
        spec: { targetRefs: [{ kind: "Service", name: "nowhere" }], rules: [{}] },
      }),
    ],
    kind: "AuthorizationPolicy",
    name: "aimless",
    conditions: { ResolvedRefs: "False ServiceNotFound", Ready: "False ServiceNotFound" },
    message: /nowhere does not exist in namespace junk/,
  },
  {
    what: "a policy on labels that nobody can have in common",
    objects: [
      object("AuthorizationPolicy", "constructor", {
        spec: { selector: { matchLabels: { constructor: "toString" } }, rules: [{}] },
      }),
    ],
    kind: "AuthorizationPolicy",
    name: "constructor",
    // A finding only: it must not fail a rollout.
    conditions: { Programmed: "True NoProxies", Ready: "True Ready" },
    message: /no Ready proxy/,
  },
];

describe("taken by the API server", () => {
  test.each(accepted)("$what", async ({ objects, kind, name, conditions, message }) => {
    // One after another: which one is older counts.
    for (const one of objects) await create(one);
    await expectConditions(kind, name, conditions, message);
    await expectNeighbourProgrammed();
  });
});

const pod = (name: string, metadata: object, spec: object) =>
  labelled("Pod", name, metadata, {
    spec: {
      serviceAccountName: "closed",
      containers: [{ name: "app", image: "app" }],
      initContainers: [{ name: containers.proxy, image: "proxy", restartPolicy: "Always", ...spec }],
    },
  });
const slice = (name: string, of: string, body: object) =>
  labelled("EndpointSlice", name, { labels: { "kubernetes.io/service-name": of } }, body);

/** Objects of Kubernetes' own kinds, which have no condition of ours: that they do no harm is all. */
const foreign: readonly { readonly what: string; readonly objects: readonly [KindName, ObjectToWrite][] }[] = [
  {
    what: "a ConfigMap with our label and hostile keys",
    objects: [
      labelled(
        "ConfigMap",
        "heddle-hostile",
        { labels: { [keys.managedBy]: "heddle" } },
        {
          data: JSON.parse('{"__proto__":"a","constructor":"b","bootstrap.yaml":"- ["}') as object,
        },
      ),
      labelled(
        "ConfigMap",
        "heddle-reach-hostile",
        { labels: { [keys.managedBy]: "heddle" }, annotations: { [keys.revision]: "x", [keys.origins]: "[{" } },
        { data: { "outbound.yaml": "evil" }, binaryData: { __proto__: "AA==", toString: "AA==" } },
      ),
    ],
  },
  {
    what: "a Secret with our label and hostile keys",
    objects: [
      labelled(
        "Secret",
        "heddle-identity-hostile",
        { labels: { [keys.managedBy]: "heddle" } },
        {
          type: "Opaque",
          data: JSON.parse('{"__proto__":"YQ==","constructor":"YQ==","tls.crt":"YQ=="}') as object,
        },
      ),
    ],
  },
  {
    what: "endpoints that are the neighbour's pod, its Service's address, a port of the sidecar, a name, nothing",
    objects: [
      service("thief"),
      slice("thief-1", "thief", {
        addressType: "IPv4",
        endpoints: [
          { addresses: ["10.1.0.1"], targetRef: { kind: "Pod", name: "cart-1", namespace: "shop" } },
          { addresses: ["10.1.0.1"], targetRef: { kind: "Pod", name: "closed-1", namespace: "junk" } },
          { addresses: ["10.96.0.1"] },
        ],
        ports: [
          { name: "http", port: 15_006 },
          { name: "no", port: 15_000 },
          { name: "y", port: null },
        ],
      }),
      slice("thief-2", "thief", { addressType: "FQDN", endpoints: [{ addresses: ["evil.example"] }], ports: [] }),
      slice("thief-3", "cart", { addressType: "IPv4", endpoints: [{ addresses: ["10.1.0.2"] }], ports: [{}] }),
      slice("thief-4", "thief", { addressType: "IPv6", endpoints: null, ports: null }),
    ],
  },
  {
    what: "Services of every odd kind",
    objects: [
      service("constructor", { selector: { constructor: "toString" } }),
      service("tostring", { type: "ExternalName", externalName: "cart.shop.svc.cluster.local" }),
      service("headless", { clusterIP: "None", selector: { app: "closed" } }),
      service("claims-addresses", { externalIPs: ["10.1.0.1"] }),
      service("odd-ports", {
        ports: [
          { name: "no", port: 1, protocol: "UDP" },
          { name: "y", port: 1, protocol: "TCP", targetPort: "null", appProtocol: "constructor" },
          { name: "1e3", port: 1, protocol: "SCTP" },
        ],
      }),
    ],
  },
  {
    what: "pods that say of themselves what is not so",
    objects: [
      pod("class", { annotations: { [keys.class]: "../../kube-system/x" } }, {}),
      pod("other-class", { annotations: { [keys.class]: "cart" }, labels: { app: "cart" } }, {}),
      pod("record", { annotations: { [keys.class]: "x" } }, { env: [{ name: recordVariable, value: "{" }] }),
      pod(
        "ports",
        { annotations: { [keys.class]: "x" } },
        {
          env: [{ name: recordVariable, value: '{"excludedPorts":["15006",{}],"__proto__":{"probes":7}}' }],
        },
      ),
      pod(
        "probes",
        { annotations: { [keys.class]: "x" } },
        {
          env: [{ name: recordVariable, value: '{"probes":[{"container":"__proto__","port":-1}]}' }],
        },
      ),
    ],
  },
  {
    what: "namespaces with hostile names, labels and bounds",
    objects: [
      ...["constructor", "no", "1e3"].map((name): [KindName, ObjectToWrite] => [
        "Namespace",
        { metadata: { name, labels: { [keys.inject]: "constructor" }, annotations: { "heddle.dev/max-cpu": "{" } } },
      ]),
      ["Service", { metadata: { name: "no", namespace: "no" }, spec: { ports: [{ port: 80 }] } }],
    ],
  },
];

describe("of Kubernetes' own kinds", () => {
  test.each(foreign)("$what", async ({ objects }) => {
    for (const one of objects) await create(one);
    await expectNeighbourProgrammed();
  });
});

describe("kubectl is told by the API server", () => {
  let kubectl: (text: string) => Promise<CommandResult>;
  beforeAll(async () => {
    const program = await binary("kubectl");
    const environment = { ...process.env, KUBECONFIG: world.server.kubeconfig };
    kubectl = (input) => collect(program, ["apply", "-f", "-"], { environment, input });
  });

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
    const { status, stderr } = await kubectl(
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
