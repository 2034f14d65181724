import { expect, test } from "vitest";
import type { ConfigMap } from "../../../src/api/kubernetes.ts";
import { createPublisher } from "../../../src/controllers/publisher.ts";
import type { KubeClient } from "../../../src/kube/client.ts";
import type { DesiredObject } from "../../../src/model/output.ts";
import { keys, manager } from "../../../src/model/sidecar.ts";
import { createMetrics } from "../../../src/ops/metrics.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

const wanted = (name: string, text: string): DesiredObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "shop", labels: { [keys.managedBy]: manager }, annotations: { [keys.revision]: text } },
  data: { "inbound.yaml": text },
});

function setUp() {
  const clock = createFakeClock();
  const observed = new Map<string, ConfigMap>();
  const calls: string[] = [];
  const events: string[] = [];
  let version = 1;
  const see = (object: DesiredObject): void => {
    const metadata = { ...object.metadata, uid: `uid-${object.metadata.name}`, resourceVersion: String(version++) };
    observed.set(`shop/${object.metadata.name}`, { ...object, metadata });
  };
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const client = {
    apply: async (_kind: unknown, object: DesiredObject & { metadata: { uid?: string; resourceVersion?: string } }) => {
      const { name, uid, resourceVersion } = object.metadata;
      calls.push(`apply ${name} ${uid ?? "-"} ${resourceVersion ?? "-"}`);
      see(object);
    },
    delete: async (_kind: unknown, { name }: { name: string }, { preconditions }: { preconditions: object }) => {
      calls.push(`delete ${name} ${JSON.stringify(preconditions)}`);
      observed.delete(`shop/${name}`);
    },
  } as unknown as KubeClient;
  const publisher = createPublisher({
    client,
    observed: () => observed,
    isLeader: () => true,
    clock,
    random: () => 0,
    logger,
    metrics: createMetrics(),
    onError: (key, error) => calls.push(`error ${key} ${String(error)}`),
    record: (_object, { reason }) => events.push(reason),
  });
  return { clock, observed, calls, events, publisher, see };
}

test("before anything was compiled nothing is collected, however long that takes", async () => {
  const { clock, calls, publisher, see } = setUp();
  see(wanted("heddle-cart", "1"));
  publisher.resync();
  publisher.observe("shop/heddle-cart");
  await clock.advance(3_600_000);
  expect(calls).toEqual([]);
});

test("an object whose reason went is deleted a minute later, unless the reason comes back", async () => {
  const { clock, calls, publisher, see } = setUp();
  for (const name of ["heddle-cart", "heddle-web"]) see(wanted(name, "1"));
  publisher.setDesired([]);
  await clock.advance(30_000);
  publisher.setDesired([wanted("heddle-web", "1")]);
  await clock.advance(29_000);
  expect(calls).toEqual([]);
  await clock.advance(2_000);
  expect(calls).toEqual(['delete heddle-cart {"uid":"uid-heddle-cart","resourceVersion":"1"}']);
  await clock.advance(600_000);
  expect(calls.length).toBe(1);
});

test("what is the same is not written; a new one is, and a foreign edit is put back with an event, on the version that was seen", async () => {
  const { clock, observed, calls, events, publisher, see } = setUp();
  see(wanted("heddle-cart", "1"));
  publisher.setDesired([wanted("heddle-cart", "1"), wanted("heddle-web", "1")]);
  await clock.advance(10);
  expect(calls).toEqual(["apply heddle-web - -"]);
  const current = observed.get("shop/heddle-cart");
  if (current !== undefined) observed.set("shop/heddle-cart", { ...current, data: { "inbound.yaml": "evil" } });
  publisher.observe("shop/heddle-cart");
  await clock.advance(10);
  expect(calls.slice(1)).toEqual(["apply heddle-cart uid-heddle-cart 1"]);
  expect(events).toEqual(["ForeignEdit"]);
});

test("objects that only carry our label are left alone", async () => {
  const { clock, observed, calls, publisher } = setUp();
  const metadata = {
    name: "foreign",
    namespace: "shop",
    uid: "u",
    resourceVersion: "1",
    labels: { [keys.managedBy]: manager },
  };
  observed.set("shop/foreign", { apiVersion: "v1", kind: "ConfigMap", metadata });
  publisher.setDesired([]);
  await clock.advance(600_000);
  expect(calls).toEqual([]);
});
