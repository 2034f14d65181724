import { expect, test } from "vitest";
import type { KubernetesObject } from "../../../src/api/kubernetes.ts";
import { createUnmanagedNamespaces } from "../../../src/controllers/unmanaged.ts";
import { namespace } from "../../support/objects.ts";

test("an enrolled namespace that is none of the operator's is told of once: by the leader in an event, by all in the log", () => {
  const leaving = namespace("leaving");
  const objects = [
    ...["shop", "other", "kube-system", "heddle-system"].map((name) => namespace(name)),
    ...[namespace("strict", "enforced"), namespace("out", "disabled")],
    { ...leaving, metadata: { ...leaving.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } },
  ];
  let isSynced = false;
  let isLeader = false;
  const managed = new Set(["shop"]);
  const logged: unknown[] = [];
  const events: string[] = [];
  const unmanaged = createUnmanagedNamespaces({
    isLeader: () => isLeader,
    logger: { debug() {}, info() {}, warn: (fields) => logged.push(fields["namespace"]), error() {} },
    record: (object: KubernetesObject, { reason }) => events.push(`${object.metadata.name} ${reason}`),
    observed: () => new Map(objects.map((object) => [object.metadata.name, object])),
    isSynced: () => isSynced,
    isManaged: (name) => managed.has(name),
    rootNamespace: "heddle-system",
  });
  unmanaged.look();
  expect(logged).toEqual([]);
  isSynced = true;
  unmanaged.look();
  unmanaged.look();
  expect(logged).toEqual(["other", "strict"]);
  expect(events).toEqual([]);
  isLeader = true;
  unmanaged.look();
  unmanaged.look();
  expect(events).toEqual(["other NamespaceNotManaged", "strict NamespaceNotManaged"]);
  managed.add("other");
  unmanaged.look();
  managed.delete("other");
  unmanaged.look();
  expect(events).toEqual(["other NamespaceNotManaged", "strict NamespaceNotManaged", "other NamespaceNotManaged"]);
});
