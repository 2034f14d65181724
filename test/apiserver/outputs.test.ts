/** What the operator writes, against a real API server: put back whole, once, and by the one who knows last. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { ConfigMap } from "../../src/api/kubernetes.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { configMapOfClass, keys, manager } from "../../src/model/sidecar.ts";
import {
  conditionOf,
  conditionsOf,
  eventsAbout,
  eventually,
  type OperatorWorld,
  type Replica,
  startOperatorWorld,
  writesOfOperator,
} from "./operator-world.ts";

let world: OperatorWorld;
let replica: Replica;

beforeAll(async () => {
  world = await startOperatorWorld();
  await world.createNamespace("shop");
  replica = await world.startReplica();
});

afterAll(() => world.stop());

const configMap = (name: string): Promise<ConfigMap> => world.client.get(kinds.ConfigMap, { namespace: "shop", name });
const policy = (name: string) => world.client.get(kinds.AuthorizationPolicy, { namespace: "shop", name });

const reasonsAbout = async (name: string) =>
  (await eventsAbout(world.client, "shop", name)).map(({ reason }) => reason);

/** A policy that selects an application. */
const createPolicy = (name: string, app: string) =>
  world.client.create(kinds.AuthorizationPolicy, {
    metadata: { name, namespace: "shop" },
    spec: { selector: { matchLabels: { app } }, rules: [{}] },
  } as ObjectToWrite);

/** Somebody else's write of the whole object. */
async function edit(name: string, change: (object: ConfigMap) => object): Promise<void> {
  await expect
    .poll(
      async () => {
        const current = await configMap(name);
        return world.client.replace(kinds.ConfigMap, change(current) as ObjectToWrite).then(
          () => "done",
          () => "again",
        );
      },
      { timeout: 60_000 },
    )
    .toBe("done");
}

/** A pod of a workload of its own, and the name of its ConfigMap once that is there. */
async function recorded(app: string, address: string): Promise<string> {
  const name = configMapOfClass(await world.createPod(`shop/${app}-1`, { app, address, ready: false }));
  await eventually(() => configMap(name)).toMatchObject({ kind: "ConfigMap" });
  return name;
}

const contentOf = ({ metadata, data, binaryData, immutable }: ConfigMap) => {
  const { labels, annotations } = metadata;
  return { labels, annotations, data, binaryData, immutable };
};

describe("a record that somebody changes", () => {
  const edits: readonly (readonly [what: string, change: (object: ConfigMap) => object])[] = [
    ["another bootstrap", (object) => ({ ...object, data: { ...object.data, "bootstrap.yaml": "evil" } })],
    ["a key more", (object) => ({ ...object, data: { ...object.data, constructor: "evil" } })],
    ["__proto__ as a key", (object) => ({ ...object, data: JSON.parse('{"__proto__":"evil"}') as object })],
    ["our file as binary data", (object) => ({ ...object, data: {}, binaryData: { "bootstrap.yaml": "ZXZpbA==" } })],
    ["no label", (object) => ({ ...object, data: {}, metadata: { ...object.metadata, labels: {} } })],
    ["immutable", (object) => ({ ...object, data: { "bootstrap.yaml": "evil" }, immutable: true })],
  ];

  test.each(edits.map(([what, change], index) => ({ what, change, app: `edited-${index}` })))(
    "is put back whole: $what",
    async ({ change, app }) => {
      const name = await recorded(app, "10.1.2.1");
      const good = contentOf(await configMap(name));
      await edit(name, change);
      await eventually(async () => contentOf(await configMap(name))).toEqual(good);
      // What has lost its label is out of the operator's sight: to it, somebody has deleted it.
      await eventually(() => reasonsAbout(name)).toContain("ForeignEdit");
    },
  );

  test("is put back when somebody has deleted it", async () => {
    const name = await recorded("deleted", "10.1.2.2");
    const good = contentOf(await configMap(name));
    await world.client.delete(kinds.ConfigMap, { namespace: "shop", name });
    await eventually(async () => contentOf(await configMap(name))).toEqual(good);
  });

  test("makes Programmed False of what it records until it is back, and nothing of what it does not", async () => {
    const name = await recorded("cart", "10.1.2.3");
    for (const of of ["cart", "other"]) {
      await createPolicy(of, of);
      await eventually(async () => conditionOf(await policy(of), "Ready")).toBe("True Ready");
    }
    await eventually(async () => (await configMap(name)).metadata.annotations?.[keys.origins]).toContain('"cart"');
    const good = contentOf(await configMap(name));
    const evil = (object: ConfigMap) => ({ ...object, data: { "bootstrap.yaml": "evil" } });
    await edit(name, evil);
    await eventually(async () => contentOf(await configMap(name))).toEqual(good);
    // The first edit is put back at once, one soon after it a second later: so long there is something to see. Where this
    // edit comes too late for that, the next one stays longer.
    let meanwhile = await policy("cart");
    await eventually(async () => {
      if (contentOf(await configMap(name)).data?.["bootstrap.yaml"] !== "evil") await edit(name, evil);
      meanwhile = await policy("cart");
      return conditionOf(meanwhile, "Programmed");
    }, 60_000).toBe("False ForeignEdit");
    expect(conditionOf(meanwhile, "Ready")).toBe("False ForeignEdit");
    expect(conditionOf(meanwhile, "Reconciling")).toBe("True ForeignEdit");
    expect(conditionOf(await policy("other"), "Ready")).toBe("True Ready");
    await eventually(async () => contentOf(await configMap(name)), 60_000).toEqual(good);
    await eventually(async () => conditionOf(await policy("cart"), "Ready")).toBe("True Ready");
  }, 150_000);

  test("has no tracking label, no finalizer and no owner, and the operator's name on every field", async () => {
    const { metadata } = await configMap(await recorded("owned", "10.1.2.4"));
    expect(metadata.labels).toEqual({ [keys.managedBy]: manager });
    expect(Object.keys(metadata.annotations ?? {}).sort()).toEqual([keys.origins, keys.revision]);
    const { finalizers, managedFields } = metadata as { finalizers?: unknown; managedFields?: { manager: string }[] };
    expect([finalizers, metadata.ownerReferences]).toEqual([undefined, undefined]);
    expect(new Set(managedFields?.map((entry) => entry.manager))).toEqual(new Set([manager]));
  });
});

test("a Secret of an identity that somebody goes on changing makes Programmed of the mesh-wide MeshTLS False until it is back", async () => {
  await world.createPod("shop/edited-identity-1", { app: "edited-identity", address: "10.1.3.1", ready: false });
  const mesh = { namespace: "heddle-system", name: "default" };
  await world.client.create(kinds.MeshTLS, { metadata: mesh, spec: { mode: "Permissive" } } as ObjectToWrite);
  const meshTLS = () => world.client.get(kinds.MeshTLS, mesh);
  const at = { namespace: "shop", name: "heddle-identity-edited-identity" };
  const certificate = async () => (await world.client.get(kinds.Secret, at)).data?.["tls.crt"] ?? "";
  await eventually(certificate).not.toBe("");
  await eventually(async () => conditionOf(await meshTLS(), "Programmed")).toBe("True NoProxies");
  // The first edit is put back at once, the next ones later each time.
  let meanwhile: unknown;
  await eventually(async () => {
    if ((await certificate()) !== "")
      await world.client.apply(kinds.Secret, { metadata: at, data: { "tls.crt": "" } } as ObjectToWrite, {
        fieldManager: "somebody",
      });
    meanwhile = await meshTLS();
    return conditionOf(meanwhile, "Programmed");
  }, 60_000).toBe("False ForeignEdit");
  expect(conditionsOf(meanwhile).find(({ type }) => type === "Programmed")?.message).toContain(
    "Secret shop/heddle-identity-edited-identity",
  );
  expect(conditionOf(meanwhile, "Reconciling")).toBe("True ForeignEdit");
  await eventually(certificate, 60_000).not.toBe("");
  await eventually(async () => conditionOf(await meshTLS(), "Ready")).toBe("True Ready");
  await world.client.delete(kinds.MeshTLS, mesh);
}, 150_000);

test("somebody else's ConfigMap under a name that the operator needs is left alone and told of; ours is made when it is gone", async () => {
  await replica.stop();
  const name = configMapOfClass(
    await world.createPod("shop/occupied-1", { app: "occupied", address: "10.1.3.2", ready: false }),
  );
  const theirs = { metadata: { name, namespace: "shop", labels: { own: "yes" } }, data: { own: "data" } };
  const made = await world.client.create(kinds.ConfigMap, theirs as ObjectToWrite);
  replica = await world.startReplica();
  await eventually(() => reasonsAbout(name), 30_000).toContain("ForeignConfigMap");
  expect(await configMap(name)).toEqual(made);
  await world.client.delete(kinds.ConfigMap, { namespace: "shop", name });
  // The operator asks again within half a minute.
  await eventually(async () => (await configMap(name)).metadata.labels, 60_000).toEqual({ [keys.managedBy]: manager });
  expect((await configMap(name)).data).not.toHaveProperty("own");
}, 120_000);

test("a status that somebody else writes is put back, and a condition that they add is taken away", async () => {
  await createPolicy("honest", "nobody");
  await eventually(async () => conditionOf(await policy("honest"), "Ready")).toBe("True Ready");
  const good = conditionsOf(await policy("honest"));
  const lie = {
    type: "Stalled",
    status: "True",
    reason: "Invalid",
    message: "no",
    lastTransitionTime: "2026-01-01T00:00:00Z",
    observedGeneration: 1,
  };
  await world.client.applyStatus(
    kinds.AuthorizationPolicy,
    {
      metadata: { name: "honest", namespace: "shop" },
      status: { conditions: [lie, { ...lie, type: "Ready" }] },
    } as ObjectToWrite,
    { fieldManager: "somebody" },
  );
  await eventually(async () => {
    const conditions = conditionsOf(await policy("honest"));
    return [conditions.map(({ type, status }) => `${type} ${status}`), conditions.length];
  }).toEqual([good.map(({ type, status }) => `${type} ${status}`), good.length]);
  await eventually(() => reasonsAbout("honest")).toEqual(["ForeignEdit"]);
});

test("nothing is written where nothing changed: a restart, a relist, churn of metadata and of foreign statuses", async () => {
  await world.createPod("shop/quiet-1", { app: "quiet", address: "10.1.0.9", ready: false });
  await createPolicy("quiet", "quiet");
  await world.client.create(kinds.Service, {
    metadata: { name: "quiet", namespace: "shop" },
    spec: { selector: { app: "quiet" }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
  } as ObjectToWrite);
  await eventually(async () => conditionOf(await policy("quiet"), "Ready")).toBe("True Ready");
  /** Something that the operator answers: when it has, it has been through everything before. */
  const marker = async (name: string): Promise<void> => {
    await createPolicy(name, "nobody");
    await eventually(async () => conditionOf(await policy(name), "Ready")).toBe("True Ready");
  };
  const settled = async () => {
    let before = writesOfOperator(await world.writes());
    await eventually(async () => {
      const previous = before;
      before = writesOfOperator(await world.writes());
      return JSON.stringify(previous) === JSON.stringify(before);
    }).toBe(true);
    return before;
  };
  await marker("marker-0");
  const before = await settled();

  for (let round = 0; round < 5; round++) {
    const annotations = { note: String(round) };
    const objects = [
      [kinds.AuthorizationPolicy, { name: "quiet", namespace: "shop" }],
      [kinds.Service, { name: "quiet", namespace: "shop" }],
      [kinds.Pod, { name: "quiet-1", namespace: "shop" }],
      [kinds.Namespace, { name: "shop" }],
    ] as const;
    for (const [kind, metadata] of objects)
      await world.client.apply(kind, { metadata: { ...metadata, annotations } }, { fieldManager: "gitops" });
    await world.client.applyStatus(
      kinds.Pod,
      {
        metadata: { name: "quiet-1", namespace: "shop" },
        status: { conditions: [{ type: "PodScheduled", status: "True", message: annotations.note }] },
      } as ObjectToWrite,
      { fieldManager: "kubelet" },
    );
  }
  await marker("marker-1");
  const afterChurn = await settled();
  const marked = (counts: Readonly<Record<string, number>>, markers: number) => ({
    ...counts,
    "APPLY authorizationpolicies/status": (counts["APPLY authorizationpolicies/status"] ?? 0) + markers,
  });
  expect(afterChurn).toEqual(marked(before, 1));

  // The API server restarts: its counts begin anew, and every watch lists again.
  await world.server.restart();
  await marker("marker-2");
  expect(await settled()).toEqual(marked({}, 1));

  await replica.stop();
  replica = await world.startReplica();
  await marker("marker-3");
  expect(await settled()).toEqual(marked({}, 2));
}, 120_000);

test("of two replicas one writes; the leader that hung past its lease and goes on does not undo what came meanwhile", async () => {
  const second = await world.startReplica("second");
  await eventually(world.leader).toBe("first");
  const name = configMapOfClass(
    await world.createPod("shop/two-1", { app: "two", address: "10.1.0.20", ready: false }),
  );
  await eventually(() => configMap(name)).toMatchObject({ kind: "ConfigMap" });
  replica.freeze();
  // Written while nobody leads, and again under the second: the first has seen neither.
  await createPolicy("two", "two");
  await eventually(world.leader, 60_000).toBe("second");
  await eventually(async () => (await configMap(name)).metadata.annotations?.[keys.origins], 30_000).toContain('"two"');
  const good = await configMap(name);
  const before = writesOfOperator(await world.writes());
  replica.thaw();
  // The first is through what it missed when it says that it leads no more.
  await eventually(async () => replica.output().includes("does not lead any more")).toBe(true);
  await createPolicy("after", "nobody");
  await eventually(async () => conditionOf(await policy("after"), "Ready")).toBe("True Ready");
  expect(await configMap(name)).toEqual(good);
  const after = writesOfOperator(await world.writes());
  expect(after["APPLY configmaps"]).toBe(before["APPLY configmaps"]);
  await second.stop();
  await eventually(world.leader, 60_000).toBe("first");
}, 180_000);
