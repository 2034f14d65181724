/**
 * The operator as a whole on a real API server that fails it in every way that one does. Four sidecars are connected
 * throughout: whatever happens, none of them loses a policy that was in force, and what is changed afterwards reaches all.
 * With HEDDLE_SOAK=1 times are as long as in life.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import { decode } from "../../src/identity/renewal.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { keys, manager } from "../../src/model/sidecar.ts";
import { until } from "../../tools/processes.ts";
import { serviceAccount } from "../support/kinds.ts";
import { shippedObjects } from "../support/manifests.ts";
import { type ApiEdge, type EdgeCall, open, startApiEdge } from "./api-edge.ts";
import { as, bounded, clusterRole, clusterRoleBinding, createWire, kubeconfigWith, type Wire } from "./kube-support.ts";
import { conditionOf, eventually, type OperatorWorld, type Replica, startOperatorWorld } from "./operator-world.ts";
import { createShop, type Shop } from "./shop.ts";
import { askWebhook } from "./webhook-support.ts";

const isLong = process.env["HEDDLE_SOAK"] === "1";
vi.setConfig({ testTimeout: isLong ? 900_000 : 180_000 });

const root = "heddle-system";
const role: Kind = { ...clusterRole, kind: "Role", plural: "roles", namespaced: true };
const roleBinding: Kind = { ...role, kind: "RoleBinding", plural: "rolebindings" };
const roles = new Map([clusterRole, clusterRoleBinding, role, roleBinding].map((kind) => [kind.kind, kind]));

let world: OperatorWorld;
let folder: string;
let edge: ApiEdge;
/** Between the operator and the edge. */
let wire: Wire;
let kubeconfig: string;
let replica: Replica;
let shop: Shop;
let generation = 1;
/** The generation that all proxies have had. */
let live = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "heddle-test-survival-"));
  world = await startOperatorWorld();
  for (const object of shippedObjects()) {
    const kind = roles.get(object.kind);
    if (kind !== undefined) await world.client.create(kind, object as ObjectToWrite);
  }
  edge = await startApiEdge(world.server, folder);
  wire = await createWire(edge.port);
  const change: Parameters<typeof kubeconfigWith>[1] = (config) => {
    for (const { cluster } of config.clusters) cluster.server = `http://127.0.0.1:${wire.port}`;
    as(`system:serviceaccount:${root}:heddle`)(config);
  };
  kubeconfig = kubeconfigWith(edge.kubeconfig, change, join(folder, "kubeconfig"));
  replica = await world.startReplica("first", kubeconfig);
  shop = createShop(world.client, replica.xdsPort);
  await shop.create();
  await shop.applySplit(1);
  await shop.applyPolicy(generation);
  shop.connect();
  await isLive(generation);
  shop.require({ split: 1 });
});

afterEach(() => {
  edge.rules = open;
  expect([...shop.problems]).toEqual([]);
});

afterAll(async () => {
  shop?.close();
  await world?.stop();
  await wire?.close();
  await edge?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What is recorded of the workload that the policy is for. */
async function record() {
  const { items } = await world.client.list(kinds.ConfigMap, { namespace: "shop" });
  return items.find(({ metadata }) => metadata.name.startsWith("heddle-cart-"));
}
/** Whether the record is of the policy of a generation. */
const isRecorded = async (of: number): Promise<boolean> =>
  (await record())?.data?.["inbound.yaml"]?.includes(`/sa/one-${of}"`) === true;

/** Whether every proxy has the policy of this generation, and its status says so. From then on none may have less. */
async function isLive(of: number): Promise<void> {
  const begun = performance.now();
  let last: unknown;
  const isSame = async (): Promise<boolean> => {
    const carts = ["cart-1", "cart-2"].map((pod) => shop.generations()[pod]);
    last = carts;
    if (carts.some((cart) => cart?.requests !== of || cart.connections !== of)) return false;
    const policy = await world.client.get(kinds.AuthorizationPolicy, { namespace: "shop", name: "cart" });
    last = `${policy.status?.proxies?.summary} ${conditionOf(policy, "Ready")}`;
    return last === "2/2 True Ready" && (await isRecorded(of));
  };
  const wait = { timeout: isLong ? 200_000 : 90_000, interval: 100 };
  await until(`generation ${of} to be live`, isSame, wait).catch((error: unknown) => {
    throw new Error(`${error} There is ${JSON.stringify(last)}.\n${replica.output().slice(-2000)}`);
  });
  if (isLong) console.log(`generation ${of} was live after ${Math.round(performance.now() - begun)} ms`);
  live = of;
  shop.require({ policy: of });
}

/** A user changes the policy. */
async function change(): Promise<number> {
  generation += 1;
  await shop.applyPolicy(generation);
  return generation;
}

/** A sidecar that begins anew is sent the policy that was in force last, or what it was changed to, and is ready. */
async function servesWhoBeginsAnew(): Promise<void> {
  shop.forget("cart-2");
  const isServed = (): boolean =>
    shop.sidecars.get("cart-2")?.ready === true && (shop.generations()["cart-2"]?.requests ?? 0) >= live;
  await until(`a sidecar to begin anew with generation ${live}`, isServed, { timeout: 60_000 });
}

/** The operator's log from now on, as far as it contains this. */
function said(text: string): () => Promise<boolean> {
  const before = replica.output().length;
  return async () => replica.output().slice(before).includes(text);
}
const leadsNoMore = '"this replica does not lead any more"';

const isList = ({ method, isWatch, object }: EdgeCall): boolean =>
  method === "GET" && !isWatch && (object === "" || !object.includes("/"));
const parameter = ({ path }: EdgeCall, name: string): string => new URLSearchParams(path.split("?")[1]).get(name) ?? "";

test("watches that are short: nothing is listed again, and they go on from where bookmarks have brought them", async () => {
  const lists: string[] = [];
  const from: number[] = [];
  const asked: number[] = [];
  edge.rules = {
    ...open,
    before: (call) => {
      if (isList(call)) lists.push(call.path);
      if (!call.isWatch) return "passed";
      // No `--min-request-timeout` of a server concerns who says itself how long it watches.
      asked.push(Number(parameter(call, "timeoutSeconds")));
      // The API server gives a bookmark some two seconds before it ends a watch.
      call.path = call.path.replace(/timeoutSeconds=\d+/, "timeoutSeconds=4");
      if (call.resource === "configmaps") from.push(Number(parameter(call, "resourceVersion")));
      return "passed";
    },
  };
  edge.cutWatches();
  const begun = performance.now();
  await isLive(await change());
  // Of a ConfigMap that its selector does not take an operator learns by bookmarks only.
  const foreign = { metadata: { name: "foreign", namespace: "default" } };
  const { metadata } = await world.client.create(kinds.ConfigMap, foreign);
  await eventually(async () => (from.at(-1) ?? 0) >= Number(metadata.resourceVersion), 60_000).toBe(true);
  const { items } = await world.client.list(kinds.ConfigMap, { labelSelector: `${keys.managedBy}=${manager}` });
  for (const own of items) expect(Number(own.metadata.resourceVersion)).toBeLessThan(Number(metadata.resourceVersion));
  for (let round = 0; round < (isLong ? 20 : 1); round++) await isLive(await change());
  const seconds = (performance.now() - begun) / 1000;
  expect(lists).toEqual([]);
  expect(asked.every((timeout) => timeout >= 300)).toBe(true);
  expect(from.length).toBeLessThan(3 + seconds / 3);
});

/** To end a connection after an answer is to HTTP/1.1, which the operator speaks, what GOAWAY is to HTTP/2. */
test("connections that are closed after an answer, and requests and answers that are lost with theirs", async () => {
  let count = 0;
  const lost = { before: 0, after: 0 };
  const closed = new Set<EdgeCall>();
  edge.rules = {
    ...open,
    before: (call) => {
      count += 1;
      if (count % 3 === 0) closed.add(call);
      if (call.isWatch || count % 5 !== 0) return "passed";
      lost.before += 1;
      return "lost";
    },
    after: () => {
      if (count % 7 !== 0) return "passed";
      lost.after += 1;
      return "lost";
    },
    closes: (call) => closed.has(call),
  };
  edge.cutWatches();
  for (let round = 0; round < (isLong ? 30 : 4); round++) await isLive(await change());
  expect(closed.size).toBeGreaterThan(2);
  expect(lost.before).toBeGreaterThan(1);
  expect(lost.after).toBeGreaterThan(0);
});

test("events that are lost with their connection, whole or in part, come again", async () => {
  let cuts = 0;
  const lists: string[] = [];
  edge.rules = {
    ...open,
    before: (call) => {
      if (isList(call)) lists.push(call.path);
      return "passed";
    },
    event: ({ resource }, bytes) => {
      // Each one is lost twice: as a whole, and but for its end.
      if (resource !== "authorizationpolicies" || cuts % 3 === 2) {
        if (resource === "authorizationpolicies") cuts += 1;
        return "passed";
      }
      cuts += 1;
      return cuts % 3 === 1 ? "cut" : Math.min(20, bytes.length - 1);
    },
  };
  for (let round = 0; round < (isLong ? 5 : 3); round++) await isLive(await change());
  expect(cuts).toBeGreaterThanOrEqual(6);
  expect(lists).toEqual([]);
});

test.each(isLong ? (["answers", "requests"] as const) : (["answers"] as const))(
  "a wire that swallows %s: the leader stops in time, sidecars are served, and all is well once there is another wire",
  async (half) => {
    const stopped = said(leadsNoMore);
    wire.swallow(half);
    await eventually(stopped, 60_000).toBe(true);
    await change();
    await servesWhoBeginsAnew();
    // The old connections stay as they are where nobody tells their ends: silence must do.
    if (!isLong) wire.cut();
    wire.mend();
    await isLive(generation);
    await eventually(world.leader, 60_000).toBe("first");
  },
);

test("rights that are taken away: what was seen last stays, and all is well once they are given back", async () => {
  const name = { name: "heddle" };
  const binding = await world.client.get(clusterRoleBinding, name);
  const forbidden = said('"state":"forbidden"');
  await world.client.delete(clusterRoleBinding, name);
  // Watches that are open go on.
  edge.cutWatches();
  await eventually(forbidden, 60_000).toBe(true);
  await change();
  await servesWhoBeginsAnew();
  expect((await replica.fetch("/readyz")).ok).toBe(true);
  const { metadata: _metadata, ...rest } = binding;
  await world.client.create(clusterRoleBinding, { ...rest, metadata: name } as ObjectToWrite);
  await isLive(generation);
});

test("a definition that is deleted takes no policy away from any proxy, old or new; once it is back, what exists counts", async () => {
  await world.deleteDefinition(kinds.AuthorizationPolicy);
  await servesWhoBeginsAnew();
  // Another kind goes on.
  await shop.applySplit(2);
  await eventually(async () => Object.values(shop.generations()).map(({ split }) => split)).toEqual([2, 2, 2, 2]);
  expect(shop.generations()["cart-1"]).toMatchObject({ requests: live, connections: live });
  shop.release();
  await world.installDefinitions();
  await isLive(await change());
});

test("the API server is away: sidecars and reviews are answered; once it is back, what was seen is too old to go on from, and nothing is written anew", async () => {
  const versions = async () => {
    const lists = await Promise.all(
      [kinds.ConfigMap, kinds.Secret].map((kind) =>
        world.client.list(kind, { labelSelector: `${keys.managedBy}=${manager}` }),
      ),
    );
    return lists.flatMap(({ items }) => items.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`));
  };
  const before = await versions();
  const gone = new Set<string>();
  edge.rules = {
    ...open,
    event: ({ resource }, bytes) => {
      if (bytes.includes('"code":410')) gone.add(resource);
      return "passed";
    },
  };
  const authority = await world.client.get(kinds.Secret, { namespace: root, name: "heddle-ca" });
  const stopped = said(leadsNoMore);
  await world.server.halt();
  try {
    const begun = performance.now();
    await eventually(stopped, 60_000).toBe(true);
    const minutes = isLong ? 5 : 0;
    do {
      await servesWhoBeginsAnew();
      const ca = decode(authority, "tls.crt");
      expect(await askWebhook({ port: replica.webhookPort, ca })).toMatchObject({ allowed: true });
      expect((await replica.fetch("/readyz")).ok).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, minutes * 5000));
    } while (performance.now() - begun < minutes * 60_000);
  } finally {
    await world.server.restart();
  }
  await eventually(world.leader, 60_000).toBe("first");
  await eventually(async () => gone.has("authorizationpolicies"), 60_000).toBe(true);
  // Whatever is written because of what was listed is written before this.
  const metadata = { name: "seen", namespace: "shop" };
  await world.client.create(kinds.AuthorizationPolicy, {
    metadata,
    spec: { selector: { matchLabels: { app: "nobody" } }, rules: [{}] },
  } as ObjectToWrite);
  const seen = () => world.client.get(kinds.AuthorizationPolicy, metadata);
  await eventually(async () => conditionOf(await seen(), "Ready"), 60_000).toBe("True Ready");
  expect(await versions()).toEqual(before);
  await isLive(await change());
});

test("of two replicas the leader hangs past its lease, with writes on their way: they lose", async () => {
  const second = await world.startReplica("second");
  onTestFinished(() => second.stop());
  const held = new Map<EdgeCall, number | undefined>();
  const release = Promise.withResolvers<"passed">();
  edge.rules = {
    ...open,
    before: (call) => {
      if (!call.isWrite || call.resource === "leases" || call.resource === "events") return "passed";
      held.set(call, undefined);
      return release.promise;
    },
    after: (call, status) => {
      if (held.has(call)) held.set(call, status);
      return "passed";
    },
  };
  await change();
  const resources = () => new Set([...held.keys()].map(({ resource }) => resource));
  await eventually(async () => [...resources()].sort()).toEqual(["authorizationpolicies/status", "configmaps"]);
  replica.freeze();
  await eventually(world.leader, 90_000).toBe("second");
  await change();
  await eventually(() => isRecorded(generation), 60_000).toBe(true);
  const { metadata } = await world.client.get(kinds.AuthorizationPolicy, { namespace: "shop", name: "cart" });
  const seen = async () => (await world.client.get(kinds.AuthorizationPolicy, metadata)).status?.observedGeneration;
  await eventually(seen).toBe(metadata.generation);
  const good = await record();
  release.resolve("passed");
  await until("the answers", () => [...held.values()].every((answer) => answer !== undefined), { timeout: 60_000 });
  expect(
    [...held].map(([{ method, resource, object }, answer]) => `${method} ${resource} ${object} ${answer}`),
  ).toEqual([...held.keys()].map(({ method, resource, object }) => `${method} ${resource} ${object} 409`));
  replica.thaw();
  await eventually(async () => replica.output().includes(leadsNoMore)).toBe(true);
  expect(await record()).toEqual(good);
  await second.stop();
  await eventually(world.leader, 60_000).toBe("first");
  await isLive(generation);
});

test.runIf(isLong)(
  "10,000 pods are listed in pages while they change, and counted",
  async () => {
    const many = "many";
    const total = 10_000;
    const labels = { [keys.inject]: "enabled" };
    await world.client.create(kinds.Namespace, { metadata: { name: many, labels } });
    await world.client.create(serviceAccount, { metadata: { name: "default", namespace: many } });
    const create = (index: number) =>
      world.client.create(kinds.Pod, {
        metadata: { name: `pod-${index}`, namespace: many },
        spec: { containers: [{ name: "app", image: "app" }] },
      } as ObjectToWrite);
    const createAll = (first: number, end: number) =>
      bounded(Array.from({ length: end - first }, (_, index) => () => create(first + index)));
    await createAll(0, total - 500);
    await replica.stop();
    const pages: string[] = [];
    edge.rules = {
      ...open,
      before: (call) => {
        if (isList(call) && call.resource === "pods") pages.push(parameter(call, "limit"));
        return "passed";
      },
    };
    const [started] = await Promise.all([world.startReplica("first", kubeconfig), createAll(total - 500, total)]);
    replica = started;
    const counted = async () =>
      /^heddle_pods_without_sidecar\{workload_namespace="many"\} (\d+)$/m.exec(
        await (await replica.fetch("/metrics")).text(),
      )?.[1];
    await eventually(counted, 120_000).toBe(String(total));
    expect(pages.length).toBeGreaterThanOrEqual(19);
    expect(new Set(pages)).toEqual(new Set(["500"]));
    await isLive(await change());
    console.log(`${total} pods in ${pages.length} pages`);
  },
  600_000,
);
