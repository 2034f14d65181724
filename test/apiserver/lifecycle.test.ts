/**
 * What comes with an object and goes with it, on a real API server: outputs are collected when their reason is gone, and
 * whoever waits for an object by Ready or by kstatus waits for the same.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { configMapOfClass, keys, manager } from "../../src/model/sidecar.ts";
import { kubectlOf } from "../../tools/kubectl.ts";
import { serviceAccount } from "../support/kinds.ts";
import { expectedKstatus, type Kstatus, kstatusOf, type WaitedFor } from "../support/kstatus.ts";
import { conditionOf, eventually, type OperatorWorld, type Replica, startOperatorWorld } from "./operator-world.ts";

let world: OperatorWorld;
let replica: Replica;

beforeAll(async () => {
  world = await startOperatorWorld();
  for (const name of ["leaving", "emptied", "staying", "waits"]) await world.createNamespace(name);
  replica = await world.startReplica();
});

afterAll(() => world.stop());

/** `kind name` of everything that the operator keeps in a namespace, sorted. */
async function kept(namespace: string): Promise<readonly string[]> {
  const selection = { namespace, labelSelector: `${keys.managedBy}=${manager}` };
  const lists = await Promise.all([kinds.ConfigMap, kinds.Secret].map((kind) => world.client.list(kind, selection)));
  return lists.flatMap(({ items }) => items.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).sort();
}

const reachOf = async (namespace: string): Promise<readonly string[]> =>
  (await kept(namespace)).filter((name) => name.startsWith("ConfigMap heddle-reach-"));
const leave = (name: string) =>
  world.client.apply(
    kinds.Namespace,
    { metadata: { name, labels: { [keys.inject]: "disabled" } } },
    { fieldManager: "admin" },
  );
/** As the kubelet does it once the containers have ended. */
const remove = (namespace: string, name: string) => world.client.delete(kinds.Pod, { namespace, name });
const ofWorkload = (app: string, classId: string) => [
  `ConfigMap ${configMapOfClass(classId)}`,
  `Secret heddle-identity-${app}`,
];

describe("kstatus", () => {
  const name = { namespace: "waits", name: "watched" };
  const apply = (rules: unknown) =>
    world.client.apply(
      kinds.AuthorizationPolicy,
      { metadata: name, spec: { selector: { matchLabels: { app: "watched" } }, rules } } as ObjectToWrite,
      { fieldManager: "gitops" },
    );
  const setReady = (ready: boolean) =>
    world.client.applyStatus(
      kinds.Pod,
      {
        metadata: { namespace: "waits", name: "watched-1" },
        status: { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
      } as ObjectToWrite,
      { fieldManager: "kubelet" },
    );
  const wait = (seconds: number) =>
    kubectlOf(world.server.kubeconfig)([
      ...["wait", "authorizationpolicies.heddle.dev/watched", "-n", "waits"],
      ...["--for=condition=Ready", `--timeout=${seconds}s`],
    ]);
  const seen: (WaitedFor & KubernetesObject)[] = [];
  const told = async (verdict: Kstatus, generation: number) =>
    eventually(async () => {
      const last = seen.at(-1);
      return last === undefined ? "none" : `${kstatusOf(last)} ${last.metadata.generation}`;
    }).toBe(`${verdict} ${generation}`);

  test("and kubectl wait agree with Ready at every version of an object: applied, pending, live, edited", async () => {
    const watching = new AbortController();
    const { resourceVersion } = await world.client.list(kinds.AuthorizationPolicy, { namespace: "waits" });
    const ended = world.client
      .watch(
        kinds.AuthorizationPolicy,
        { namespace: "waits", resourceVersion, timeoutSeconds: 300, idle: 300_000, signal: watching.signal },
        ({ type, object }) => {
          if (type !== "BOOKMARK" && object.metadata.name === "watched") seen.push(object);
        },
      )
      .catch(() => undefined);
    await world.createPod("waits/watched-1", { app: "watched", address: "10.1.1.1", ready: true });

    // Ready pods whose sidecars have not acknowledged it.
    await apply([{}]);
    await told("InProgress", 1);
    await eventually(async () => conditionOf(seen.at(-1), "Reconciling")).toBe("True Pending");
    expect((await wait(1)).status).toBe(1);
    expect(kstatusOf(seen[0] ?? { metadata: {} })).toBe("InProgress");
    expect(seen[0]?.status).toEqual({ observedGeneration: -1 });

    const waiting = wait(60);
    await setReady(false);
    await told("Current", 1);
    expect((await waiting).status).toBe(0);

    // Nobody has seen the edit: what was Ready is not ready any more.
    replica.freeze();
    await apply([{ to: [{ operation: { methods: ["GET"] } }] }]);
    await told("InProgress", 2);
    expect((await wait(1)).status).toBe(1);
    expect(conditionOf(seen.at(-1), "Ready")).toBe("True Ready");
    replica.thaw();
    await told("Current", 2);
    expect((await wait(30)).status).toBe(0);

    watching.abort();
    await ended;
    for (const version of seen)
      expect(kstatusOf(version), JSON.stringify(version.status)).toBe(expectedKstatus(version));
    expect(seen.length).toBeGreaterThanOrEqual(5);
  }, 120_000);

  test("is Failed while an object waits for its user, and only then", async () => {
    for (const of of ["a", "b"])
      await world.client.create(kinds.MeshTLS, {
        metadata: { name: of, namespace: "waits" },
        spec: { mode: "Strict" },
      });
    const get = async (of: string) =>
      (await world.client.get(kinds.MeshTLS, { name: of, namespace: "waits" })) as WaitedFor;
    await eventually(async () => [kstatusOf(await get("a")), kstatusOf(await get("b"))]).toEqual(["Current", "Failed"]);
    await world.client.delete(kinds.MeshTLS, { name: "a", namespace: "waits" });
    await eventually(async () => kstatusOf(await get("b"))).toBe("Current");
    // What is missing may come by itself.
    const split = { service: "nowhere", backends: [{ service: "nowhere", weight: 1 }] };
    const created = { metadata: { name: "missing", namespace: "waits" }, spec: split } as ObjectToWrite;
    await world.client.create(kinds.TrafficSplit, created);
    const missing = () => world.client.get(kinds.TrafficSplit, { name: "missing", namespace: "waits" });
    await eventually(async () => conditionOf(await missing(), "Ready")).toBe("False ServiceNotFound");
    expect(kstatusOf(await missing())).toBe("InProgress");
  });
});

test("outputs go a minute after their reason: a namespace's with its last injected pod, a workload's, a reach's; nothing else goes", async () => {
  const first = await world.createPod("leaving/first-1", { app: "first", address: "10.1.2.1", ready: false });
  const second = await world.createPod("leaving/second-1", { app: "second", address: "10.1.2.2", ready: false });
  await world.createPod("emptied/only-1", { app: "only", address: "10.1.2.3", ready: false });
  const other = await world.createPod("staying/other-1", { app: "other", address: "10.1.2.4", ready: false });
  for (const [namespace, count] of [
    ["leaving", 5],
    ["emptied", 3],
    ["staying", 3],
  ] as const)
    await eventually(async () => (await kept(namespace)).length).toBe(count);
  const [reach = ""] = await reachOf("staying");
  const before = await kept("leaving");
  const foreign = { metadata: { name: "theirs", namespace: "emptied", labels: { [keys.managedBy]: manager } } };
  await world.client.create(kinds.ConfigMap, foreign as ObjectToWrite);

  // The namespaces leave the mesh; their pods run on, and may restart.
  for (const name of ["leaving", "emptied"]) await leave(name);
  await world.client.delete(serviceAccount, { namespace: "leaving", name: "second" });
  await remove("leaving", "first-1");
  await remove("emptied", "only-1");
  // Another Service makes another reach.
  await world.client.create(kinds.Service, {
    metadata: { name: "new", namespace: "staying" },
    spec: { ports: [{ name: "http", port: 80 }] },
  } as ObjectToWrite);
  await eventually(async () => (await reachOf("staying")).length).toBe(2);
  const went = Date.now();
  const next = (await reachOf("staying")).find((name) => name !== reach) ?? "";
  // Until the minute is over nothing goes.
  const early: (readonly string[])[] = [];
  const read = async () => {
    const now = await Promise.all(["emptied", "leaving"].map(kept));
    if (Date.now() - went < 50_000) early.push(now.map(({ length }) => String(length)));
    return now[0];
  };
  await expect.poll(read, { timeout: 120_000, interval: 1000 }).toEqual(["ConfigMap theirs"]);
  expect(early.length).toBeGreaterThan(5);
  for (const counts of early) expect(counts).toEqual(["4", "6"]);
  await eventually(() => kept("leaving")).toEqual([...ofWorkload("second", second), next].sort());
  await eventually(() => kept("staying")).toEqual([...ofWorkload("other", other), next].sort());
  expect(before).toEqual([...ofWorkload("first", first), ...ofWorkload("second", second), reach].sort());
}, 180_000);
