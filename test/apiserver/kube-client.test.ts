import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import { createEventRecorder } from "../../src/kube/events.ts";
import type { WatchEvent } from "../../src/kube/watch.ts";
import { failureOf } from "../support/api-error.ts";
import { apiServer } from "../support/api-server.ts";
import { as, bounded, clientWith, definitionOf, kindOfTest } from "./kube-support.ts";

const namespace = "kube-client";
const client = createKubeClient({ kubeconfig: apiServer().kubeconfig });
const named = (name: string): { name: string; namespace: string } => ({ name, namespace });

beforeAll(async () => {
  await client.apply(kinds.Namespace, { metadata: { name: namespace } });
});
afterAll(() => client.close());

describe("objects", () => {
  test("are created, read, replaced and deleted", async () => {
    const created = await client.create(kinds.ConfigMap, { metadata: named("crud"), data: { a: "1" } });
    expect(created).toMatchObject({ apiVersion: "v1", kind: "ConfigMap", data: { a: "1" } });
    expect((await failureOf(client.create(kinds.ConfigMap, { metadata: named("crud") }))).class).toBe("conflict");
    const replaced = await client.replace(kinds.ConfigMap, { ...created, data: { a: "2" } });
    expect(replaced.data).toEqual({ a: "2" });
    const stale = await failureOf(client.replace(kinds.ConfigMap, { ...created, data: { a: "3" } }));
    expect(stale).toMatchObject({ class: "conflict", reason: "Conflict", status: 409 });
    expect(await client.get(kinds.ConfigMap, named("crud"))).toEqual(replaced);
    const preconditions = { resourceVersion: created.metadata.resourceVersion ?? "" };
    expect((await failureOf(client.delete(kinds.ConfigMap, named("crud"), { preconditions }))).class).toBe("conflict");
    await client.delete(kinds.ConfigMap, named("crud"), { preconditions: { uid: created.metadata.uid ?? "" } });
    const missing = await failureOf(client.get(kinds.ConfigMap, named("crud")));
    expect(missing).toMatchObject({ class: "notFound", object: "get ConfigMap kube-client/crud" });
    expect((await failureOf(client.delete(kinds.ConfigMap, named("crud")))).class).toBe("notFound");
  });

  test("that the server finds wrong are refused for good", async () => {
    const invalid = await failureOf(client.create(kinds.ConfigMap, { metadata: named("Not_A_Name") }));
    expect(invalid).toMatchObject({ class: "terminal", status: 422 });
    const unknown = await failureOf(client.apply(kinds.ConfigMap, { metadata: named("unknown"), bogus: 1 }));
    expect(unknown.class).toBe("terminal");
    expect(unknown.message).toContain(".bogus: field not declared in schema");
  });
});

describe("apply", () => {
  test("creates, changes, and leaves alone what is as it should be", async () => {
    const object = { metadata: named("apply"), data: { a: "1" } };
    const created = await client.apply(kinds.ConfigMap, object);
    const again = await client.apply(kinds.ConfigMap, object);
    expect(again.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
    const changed = await client.apply(kinds.ConfigMap, { ...object, data: { b: "2" } });
    expect(changed.data).toEqual({ b: "2" });
  });

  test("that was decided on an older version conflicts and changes nothing", async () => {
    const created = await client.apply(kinds.ConfigMap, { metadata: named("stale"), data: { a: "1" } });
    const { resourceVersion = "", uid = "" } = created.metadata;
    const current = await client.apply(kinds.ConfigMap, {
      metadata: { ...named("stale"), resourceVersion },
      data: { a: "2" },
    });
    for (const data of [{ a: "3" }, { a: "2" }]) {
      const write = client.apply(kinds.ConfigMap, { metadata: { ...named("stale"), resourceVersion }, data });
      expect(await failureOf(write)).toMatchObject({ class: "conflict", reason: "Conflict" });
    }
    expect((await client.get(kinds.ConfigMap, named("stale"))).metadata.resourceVersion).toBe(
      current.metadata.resourceVersion,
    );
    // Deleted meanwhile: the uid keeps a late write from creating it again.
    await client.delete(kinds.ConfigMap, named("stale"));
    const late = client.apply(kinds.ConfigMap, { metadata: { ...named("stale"), resourceVersion, uid }, data: {} });
    expect((await failureOf(late)).class).toBe("conflict");
    // Made anew meanwhile: it is another object.
    await client.create(kinds.ConfigMap, { metadata: named("stale") });
    const other = client.apply(kinds.ConfigMap, { metadata: { ...named("stale"), resourceVersion, uid }, data: {} });
    expect((await failureOf(other)).class).toBe("conflict");
  });

  test("takes fields from others when forced, and conflicts when not", async () => {
    const object = { metadata: named("owners"), data: { a: "1" } };
    await client.apply(kinds.ConfigMap, object, { fieldManager: "someone" });
    const mine = { ...object, data: { a: "2" } };
    const polite = await failureOf(client.apply(kinds.ConfigMap, mine, { force: false }));
    expect(polite).toMatchObject({ class: "conflict" });
    expect(polite.message).toContain('conflict with "someone": .data.a');
    expect((await client.apply(kinds.ConfigMap, mine, { dryRun: true })).data).toEqual({ a: "2" });
    expect((await client.get(kinds.ConfigMap, named("owners"))).data).toEqual({ a: "1" });
    expect((await client.apply(kinds.ConfigMap, mine)).data).toEqual({ a: "2" });
  });

  test("of a status changes the status only, and not the generation", async () => {
    const kind = kindOfTest("client");
    await client.apply(kinds.CustomResourceDefinition, definitionOf(kind));
    const object = { metadata: named("status"), spec: { size: 1 } };
    await expect.poll(() => client.apply(kind, object).catch(String), { timeout: 10_000 }).toMatchObject(object);
    const write = { metadata: named("status"), spec: { size: 5 }, status: { summary: "v1 90" } };
    await client.applyStatus(kind, write);
    const stored = await client.get(kind, named("status"));
    expect(stored).toMatchObject({ spec: { size: 1 }, status: { summary: "v1 90" }, metadata: { generation: 1 } });
    const resourceVersion = stored.metadata.resourceVersion ?? "";
    await client.applyStatus(kind, { metadata: named("status"), status: { summary: "v1 50" } });
    const stale = { metadata: { ...named("status"), resourceVersion }, status: { summary: "v1 0" } };
    expect((await failureOf(client.applyStatus(kind, stale))).class).toBe("conflict");
    const missing = { metadata: named("missing"), status: {} };
    expect((await failureOf(client.applyStatus(kind, missing))).class).toBe("notFound");
    const invalid = { metadata: named("status"), spec: { size: 10 } };
    expect(await failureOf(client.apply(kind, invalid))).toMatchObject({ class: "terminal", reason: "Invalid" });
  });
});

describe("lists and watches", () => {
  test("1,200 objects come in pages, each once, and a watch goes on from there", async () => {
    const own = "kube-client-many";
    await client.apply(kinds.Namespace, { metadata: { name: own } });
    const names = Array.from({ length: 1_200 }, (_, index) => `many-${index}`);
    const objects = names.map((name, index) => ({
      metadata: { name, namespace: own, labels: { half: String(index % 2) } },
    }));
    await bounded(objects.map((object) => () => client.create(kinds.ConfigMap, object)));
    const list = await client.list(kinds.ConfigMap, { namespace: own });
    expect(list.items.map(({ metadata }) => metadata.name).sort()).toEqual([...names].sort());
    expect(list.items[0]).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
    expect(list.items.every(({ metadata }) => !("managedFields" in metadata))).toBe(true);
    const half = await client.list(kinds.ConfigMap, { namespace: own, labelSelector: "half=1", limit: 100 });
    expect(half.items).toHaveLength(600);

    const seen: string[] = [];
    const controller = new AbortController();
    const watch = failureOf(
      client.watch(
        kinds.ConfigMap,
        {
          namespace: own,
          resourceVersion: list.resourceVersion,
          timeoutSeconds: 60,
          idle: 60_000,
          signal: controller.signal,
        },
        ({ type, object }: WatchEvent<{ readonly kind: string; readonly metadata: object }>) => {
          seen.push(`${type} ${object.kind} ${"managedFields" in object.metadata}`);
          if (seen.length === 3) controller.abort();
        },
      ),
    );
    const metadata = { name: "more", namespace: own };
    await client.apply(kinds.ConfigMap, { metadata });
    await client.apply(kinds.ConfigMap, { metadata, data: { a: "1" } });
    await client.delete(kinds.ConfigMap, metadata);
    expect((await watch).reason).toBe("Aborted");
    expect(seen).toEqual(["ADDED ConfigMap false", "MODIFIED ConfigMap false", "DELETED ConfigMap false"]);
  });

  test("that ask for nonsense are refused for good", async () => {
    expect((await failureOf(client.list(kinds.ConfigMap, { labelSelector: "a in (" }))).class).toBe("terminal");
  });

  test("without a role are forbidden, and the message says to whom", async () => {
    const { client: other, remove } = clientWith(apiServer().kubeconfig, as("kube-client-nobody"));
    const options = { resourceVersion: "1", timeoutSeconds: 5, idle: 5_000 };
    const errors = await Promise.all([
      failureOf(other.list(kinds.Secret)),
      failureOf(other.watch(kinds.Secret, options, () => {})),
      failureOf(other.apply(kinds.Secret, { metadata: named("x") })),
    ]);
    for (const error of errors) {
      expect(error).toMatchObject({ class: "forbidden", status: 403 });
      expect(error.message).toContain('User "kube-client-nobody" cannot');
    }
    remove();
  });
});

describe("credentials", () => {
  test("that the server does not know are forbidden", async () => {
    const { client: other, remove } = clientWith(apiServer().kubeconfig, (config) => {
      for (const each of config.users) Object.assign(each.user, { token: "wrong" });
    });
    expect(await failureOf(other.list(kinds.Namespace))).toMatchObject({ class: "forbidden", status: 401 });
    remove();
  });

  test("are not sent to a server of another authority", async () => {
    const { client: other, remove } = clientWith(apiServer().kubeconfig, (config) => {
      for (const each of config.clusters) Object.assign(each.cluster, { "certificate-authority-data": undefined });
    });
    const error = await failureOf(other.list(kinds.Namespace));
    expect(error).toMatchObject({ class: "transient", reason: "Unreachable" });
    expect(error.message).toMatch(/certificate/i);
    remove();
  });

  test("that are nowhere make a message that says where to put them", () => {
    expect(() => createKubeClient({ kubeconfig: "/does/not/exist" })).toThrow("/does/not/exist");
  });
});

test("an event is there for kubectl describe, once", async () => {
  const errors: unknown[] = [];
  const recorder = createEventRecorder({
    client,
    controller: "heddle.dev/operator",
    instance: "heddle-0",
    onError: (error) => errors.push(error),
  });
  const regarding = await client.apply(kinds.ConfigMap, { metadata: named("regarding") });
  const note = {
    type: "Warning",
    reason: "ForeignEdit",
    action: "Restore",
    note: "put back: data.a was changed",
  } as const;
  for (let count = 0; count < 3; count += 1) recorder.record(regarding, note);
  recorder.record(await client.get(kinds.Namespace, { name: namespace }), note);
  await recorder.stop();
  expect(errors).toEqual([]);
  const fieldSelector = "reason=ForeignEdit";
  const events = await client.list(kinds.Event, { namespace, fieldSelector });
  expect(events.items).toHaveLength(1);
  expect(events.items[0]).toMatchObject({ note: note.note, regarding: { name: "regarding" } });
  const inDefault = await client.list(kinds.Event, { namespace: "default", fieldSelector });
  expect(inDefault.items.map(({ regarding: { name } }) => name)).toContain(namespace);
});
