import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import { createKubeClient, type KubeClient, type Selection } from "../../src/kube/client.ts";
import { isKindLeaving } from "../../src/kube/definition.ts";
import {
  createReflector,
  type Reflector,
  type ReflectorOptions,
  type ReflectorState,
} from "../../src/kube/reflector.ts";
import { createStore, type Store } from "../../src/kube/store.ts";
import type { ControlPlane } from "../../tools/control-plane.ts";
import { apiServer, startApiServer } from "../support/api-server.ts";
import {
  as,
  clientWith,
  clusterRole,
  clusterRoleBinding,
  createWire,
  definitionOf,
  kindOfTest,
  viaPort,
} from "./kube-support.ts";

const deadline = { timeout: 60_000, interval: 20 };

interface Following {
  readonly reflector: Reflector;
  readonly store: Store<KubernetesObject>;
  readonly states: ReflectorState[];
  readonly names: () => string[];
}

/** A reflector into a store, which ends with the test. */
function follow(
  client: KubeClient,
  kind: Kind,
  selection: Selection,
  more: Partial<ReflectorOptions<Kind>> = {},
): Following {
  const store = createStore<KubernetesObject>();
  const states: ReflectorState[] = [];
  const reflector = createReflector({
    client,
    kind,
    selection,
    sink: store,
    onState: (state) => states.push(state),
    backoff: { base: 50, cap: 500 },
    ...more,
  });
  reflector.start();
  onTestFinished(() => reflector.stop());
  return {
    reflector,
    store,
    states,
    names: () => [...store.entries().values()].map(({ metadata }) => metadata.name).sort(),
  };
}

describe("a reflector", () => {
  const namespace = "kube-reflector";
  const client = createKubeClient({ kubeconfig: apiServer().kubeconfig });
  const named = (name: string): { name: string; namespace: string } => ({ name, namespace });
  beforeAll(async () => {
    await client.apply(kinds.Namespace, { metadata: { name: namespace } });
  });
  afterAll(() => client.close());

  test("has what was there, in pages, and follows what its selector takes", async () => {
    const labels = { app: "cart" };
    for (const name of ["a", "b", "c"]) await client.apply(kinds.ConfigMap, { metadata: { ...named(name), labels } });
    await client.apply(kinds.ConfigMap, { metadata: named("other") });
    const { reflector, store, names } = follow(
      client,
      kinds.ConfigMap,
      { namespace, labelSelector: "app=cart" },
      { limit: 2 },
    );
    expect(await reflector.whenSynced()).toBe(true);
    expect(names()).toEqual(["a", "b", "c"]);
    const before = store.get(`${namespace}/a`);
    await client.apply(kinds.ConfigMap, { metadata: { ...named("a"), labels }, data: { x: "1" } });
    await client.apply(kinds.ConfigMap, { metadata: named("b") }); // No label any more.
    await client.apply(kinds.ConfigMap, { metadata: { ...named("other"), labels } });
    await client.delete(kinds.ConfigMap, named("c"));
    await expect.poll(names, deadline).toEqual(["a", "other"]);
    const after = store.get(`${namespace}/a`);
    expect(after).toMatchObject({ apiVersion: "v1", kind: "ConfigMap", data: { x: "1" } });
    // One shape, whether it was listed or watched.
    expect(Object.keys(after?.metadata ?? {}).sort()).toEqual(Object.keys(before?.metadata ?? {}).sort());
  });

  test("waits for a kind that is missing, follows it when it comes, and keeps what it has when it goes", async () => {
    const kind = kindOfTest("reflector");
    const definition = definitionOf(kind);
    const widget = (name: string) => ({ metadata: named(name), spec: { size: 1 } });
    const created = (name: string) =>
      expect.poll(() => client.apply(kind, widget(name)).then(() => true, String), deadline).toBe(true);
    const isLeaving = (signal: AbortSignal) => isKindLeaving(client, kind, signal);
    const { reflector, names, states } = follow(client, kind, {}, { isLeaving });
    await expect.poll(() => reflector.state, deadline).toBe("waiting");
    expect(reflector.synced).toBe(false);
    await client.apply(kinds.CustomResourceDefinition, definition);
    for (const name of ["a", "b", "c"]) await created(name);
    await expect.poll(names, deadline).toEqual(["a", "b", "c"]);
    expect(await reflector.whenSynced()).toBe(true);
    await client.delete(kind, named("c"));
    await expect.poll(names, deadline).toEqual(["a", "b"]);

    // The server deletes all objects of a kind before the kind, and may tell a watch so.
    await client.delete(kinds.CustomResourceDefinition, { name: definition.metadata.name });
    await expect.poll(() => reflector.state, deadline).toBe("waiting");
    await expect.poll(() => client.list(kind).then(() => "there", String), deadline).toContain("404");
    expect(names()).toEqual(["a", "b"]);
    await client.apply(kinds.CustomResourceDefinition, definition);
    await created("d");
    await expect.poll(names, deadline).toEqual(["d"]);
    expect(states.filter((state) => state === "waiting").length).toBeGreaterThanOrEqual(2);
  });

  test("that is forbidden says so, and follows once it is granted", async () => {
    const { client: other, remove } = clientWith(apiServer().kubeconfig, as("kube-reflector-reader"));
    onTestFinished(remove);
    const { reflector, names } = follow(other, kinds.ConfigMap, { namespace, fieldSelector: "metadata.name=granted" });
    await client.apply(kinds.ConfigMap, { metadata: named("granted") });
    await expect.poll(() => reflector.state, deadline).toBe("forbidden");
    const metadata = { name: "kube-reflector-reader" };
    const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list", "watch"] }];
    await client.apply(clusterRole, { metadata, rules });
    await client.apply(clusterRoleBinding, {
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: metadata.name },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: metadata.name }],
    });
    await expect.poll(names, deadline).toEqual(["granted"]);
    await expect.poll(() => reflector.state, deadline).toBe("watching");
  });

  test("notices a wire that swallows everything, and has what it missed once there is another", async () => {
    const wire = await createWire(Number(new URL(apiServer().url).port));
    const { client: spoiled, remove } = clientWith(apiServer().kubeconfig, viaPort(wire.port));
    onTestFinished(async () => {
      await wire.close();
      remove();
    });
    const selection = { namespace, labelSelector: "wire" };
    const opening = {
      list: spoiled.list,
      watch: ((kind, options, handler) =>
        spoiled.watch(kind, { ...options, timeout: 2000 }, handler)) as KubeClient["watch"],
    };
    const { reflector, names, states } = follow(client, kinds.ConfigMap, selection, { client: opening, idle: 300 });
    await client.apply(kinds.ConfigMap, { metadata: { ...named("w1"), labels: { wire: "" } } });
    await expect.poll(names, deadline).toEqual(["w1"]);
    // Silence alone is no fault: the watch is opened anew, and nothing is said of it.
    const contact = reflector.lastContact ?? 0;
    await expect.poll(() => reflector.lastContact, deadline).toBeGreaterThan(contact);
    expect(states).toEqual(["listing", "watching"]);
    wire.swallow();
    await client.apply(kinds.ConfigMap, { metadata: { ...named("w2"), labels: { wire: "" } } });
    await client.delete(kinds.ConfigMap, named("w1"));
    await expect.poll(() => reflector.state, deadline).toBe("retrying");
    expect(names()).toEqual(["w1"]);
    wire.mend();
    await expect.poll(names, deadline).toEqual(["w2"]);
    await expect.poll(() => reflector.state, deadline).toBe("watching");
  });
});

describe("a reflector and its server", () => {
  let server: ControlPlane;
  let client: KubeClient;
  const namespace = "kube-reflector";
  const metadata = (name: string) => ({ name, namespace });
  const selection = { namespace, labelSelector: "ours" };
  const put = (name: string, value: string) =>
    client.apply(kinds.ConfigMap, { metadata: { ...metadata(name), labels: { ours: "" } }, data: { value } });

  beforeAll(async () => {
    // A history as short as can be: what was missed cannot be watched any more, neither from a cache nor from etcd.
    server = await startApiServer({ apiServerFlags: ["--watch-cache=false", "--etcd-compaction-interval=300ms"] });
    client = createKubeClient({ kubeconfig: server.kubeconfig });
    await client.apply(kinds.Namespace, { metadata: { name: namespace } });
  });
  afterAll(async () => {
    client?.close();
    await server?.stop();
  });

  test("a version that was compacted away means a list: one batch with all that was missed", async () => {
    const wire = await createWire(server.port);
    const { client: spoiled, remove } = clientWith(server.kubeconfig, viaPort(wire.port));
    onTestFinished(async () => {
      await wire.close();
      remove();
      const { items } = await client.list(kinds.ConfigMap, selection);
      for (const { metadata } of items) await client.delete(kinds.ConfigMap, metadata);
    });
    for (const name of ["kept", "changed", "gone"]) await put(name, "1");
    const errors: string[] = [];
    const { store, names, states } = follow(spoiled, kinds.ConfigMap, selection, {
      onError: (error) => errors.push((error as { class: string }).class),
    });
    await expect.poll(names, deadline).toEqual(["changed", "gone", "kept"]);
    await expect.poll(() => states.at(-1), deadline).toBe("watching");
    const kept = store.get("kube-reflector/kept");
    const batches: string[][] = [];
    store.listen((changes) => batches.push(changes.map(({ key }) => key).sort()));
    wire.cut();
    const first = await put("changed", "2");
    await put("came", "1");
    await client.delete(kinds.ConfigMap, metadata("gone"));
    const list = await client.list(kinds.ConfigMap, selection);
    // Until the server itself says that the history from the first of these writes on is gone: the reflector has come no
    // further than to the version before that, whichever that is.
    const gone = () =>
      client
        .watch(
          kinds.ConfigMap,
          { ...selection, resourceVersion: first.metadata.resourceVersion ?? "", timeoutSeconds: 1, idle: 300 },
          () => {},
        )
        .then(
          () => "watched",
          (error: { class: string }) => error.class,
        );
    await expect.poll(gone, deadline).toBe("gone");
    wire.mend();
    await expect.poll(names, deadline).toEqual(["came", "changed", "kept"]);
    expect(batches).toEqual([["kube-reflector/came", "kube-reflector/changed", "kube-reflector/gone"]]);
    expect(errors).toContain("gone");
    expect(states).toContain("listing");
    expect(store.get("kube-reflector/kept")).toBe(kept);
    expect(list.items).toHaveLength(3);
  });

  test("a restart of the server loses nothing", async () => {
    await put("before", "1");
    const { reflector, names, states } = follow(client, kinds.ConfigMap, selection);
    await expect.poll(names, deadline).toEqual(["before"]);
    await expect.poll(() => reflector.state, deadline).toBe("watching");
    const restarting = server.restart();
    await expect.poll(() => reflector.state, deadline).toBe("retrying");
    expect(names()).toEqual(["before"]);
    await restarting;
    await client.delete(kinds.ConfigMap, metadata("before"));
    await put("after", "1");
    await expect.poll(names, deadline).toEqual(["after"]);
    await expect.poll(() => reflector.state, deadline).toBe("watching");
    // Between the two it may have found the server in the midst of its end.
    expect(states.slice(0, 2)).toEqual(["listing", "watching"]);
    expect(states).toContain("retrying");
  });
});
