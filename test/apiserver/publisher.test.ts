/** The publisher alone, against a real API server. No operator looks after these ConfigMaps. */
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { ConfigMap } from "../../src/api/kubernetes.ts";
import { createPublisher, type Publisher, recordRate } from "../../src/controllers/publisher.ts";
import type { SeenRecord } from "../../src/controllers/record-difference.ts";
import { seenRecord } from "../../src/controllers/record-difference.ts";
import { createKubeClient } from "../../src/kube/client.ts";
import { isApiError } from "../../src/kube/error.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import type { DesiredRecord } from "../../src/model/output.ts";
import { keys, manager } from "../../src/model/sidecar.ts";
import { systemClock } from "../../src/ops/clock.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { apiServer } from "../support/api-server.ts";
import { byKey, desiredRecord } from "../support/desired-record.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { eventually } from "./operator-world.ts";

const namespace = "publisher";
const crowd = "publisher-crowd";
const client = createKubeClient({ kubeconfig: apiServer().kubeconfig });

beforeAll(async () => {
  for (const name of [namespace, crowd]) await client.create(kinds.Namespace, { metadata: { name } });
});
afterAll(() => client.close());

const configMap = (name: string): Promise<ConfigMap> => client.get(kinds.ConfigMap, { namespace, name });

const record = (name: string, text: string, inside = namespace): DesiredRecord =>
  desiredRecord({ namespace: inside, name }, { "bootstrap.yaml": text });
/** The same, in words. */
const written = (name: string, text: string) => record(name, text).object();
const publisherOver = (
  observed: ReadonlyMap<string, SeenRecord>,
  clock = systemClock,
  metrics = createMetrics(),
): Publisher =>
  createPublisher({
    client,
    observed: () => observed,
    isLeader: () => true,
    isLeaving: () => false,
    onRestoring: () => {},
    clock,
    random: Math.random,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    metrics,
    onError: () => {},
    record: () => {},
  });

const at = (name: string) => ({ name, namespace });
/** Makes an object, and takes it away again. */
const created = async (object: ObjectToWrite): Promise<ConfigMap> => {
  onTestFinished(() => client.delete(kinds.ConfigMap, at(object.metadata.name)).catch(() => {}));
  return client.create(kinds.ConfigMap, object);
};
const createdAnew = async (object: ObjectToWrite): Promise<void> => {
  await client.delete(kinds.ConfigMap, at(object.metadata.name));
  await created(object);
};
/** What the old picture has, and what is there after somebody who knows more has written. */
const pictures: readonly (readonly [
  what: string,
  before: (name: string) => Promise<ConfigMap | undefined>,
  newer: string | undefined,
])[] = [
  [
    "changed",
    async (name) => {
      const old = await created(written(name, "1"));
      await client.apply(kinds.ConfigMap, written(name, "3"));
      return old;
    },
    "3",
  ],
  [
    "deleted",
    async (name) => {
      const old = await created(written(name, "1"));
      await client.delete(kinds.ConfigMap, at(name));
      return old;
    },
    undefined,
  ],
  [
    "renewed",
    async (name) => {
      const old = await created(written(name, "1"));
      await createdAnew(written(name, "3"));
      return old;
    },
    "3",
  ],
  [
    "unseen",
    async (name) => {
      await created(written(name, "3"));
      return undefined;
    },
    "3",
  ],
  [
    "strange",
    async (name) => {
      const old = await created({ ...written(name, "1"), data: { strange: "1" } } as ObjectToWrite);
      await client.replace(kinds.ConfigMap, { ...old, data: written(name, "3").data } as ObjectToWrite);
      return old;
    },
    "3",
  ],
  [
    "immutable",
    async (name) => {
      const old = await created({ ...written(name, "1"), immutable: true } as ObjectToWrite);
      await createdAnew({ ...written(name, "3"), immutable: true } as ObjectToWrite);
      return old;
    },
    "3",
  ],
];

test.each(pictures)(
  "a publisher that decided on an old picture loses against one that knows more: %s",
  async (name, before, newer) => {
    const old = await before(name);
    const present = () =>
      configMap(name).catch((error: unknown) => {
        if (isApiError(error, "notFound")) return undefined;
        throw error;
      });
    const there = await present();
    const metrics = createMetrics();
    const stale = publisherOver(
      new Map(old === undefined ? [] : [[`${namespace}/${name}`, seenRecord(old)]]),
      systemClock,
      metrics,
    );
    stale.setDesired(byKey([record(name, "2")]));
    // It was tried, and refused.
    await eventually(async () => {
      const { values } = await metrics.writes.get();
      return values.map(({ labels }) => labels.outcome);
    }).toEqual(["conflict"]);
    await stale.stop();
    expect(await present()).toEqual(there);
    expect(there?.data?.["bootstrap.yaml"]).toBe(newer);
    expect((await metrics.writes.get()).values.map(({ labels }) => labels.outcome)).toEqual(["conflict"]);
  },
);

test("a publisher collects what has no reason any more a minute later, and only the version that it saw", async () => {
  const clock = createFakeClock();
  const observed = new Map<string, SeenRecord>();
  for (const name of ["gone", "taken"]) {
    const wanted = written(name, "1");
    const metadata = { ...wanted.metadata, labels: { [keys.managedBy]: manager, of: "test" } };
    observed.set(`${namespace}/${name}`, seenRecord(await client.create(kinds.ConfigMap, { ...wanted, metadata })));
  }
  await client.apply(
    kinds.ConfigMap,
    { metadata: { name: "taken", namespace, annotations: { by: "another" } } },
    { fieldManager: "another" },
  );
  const publisher = publisherOver(observed, clock);
  publisher.setDesired(byKey([]));
  await clock.advance(59_000);
  expect(await configMap("gone")).toBeDefined();
  await clock.advance(2_000);
  await eventually(() => configMap("gone")).toMatchObject({ class: "notFound" });
  expect((await configMap("taken")).data).toEqual({ "bootstrap.yaml": "1" });
  await publisher.stop();
  await client.delete(kinds.ConfigMap, { name: "taken", namespace });
});

test(`a publisher writes 500 ConfigMaps at ${recordRate} a second at most, those that pods wait for first`, async () => {
  const times: number[] = [];
  const names: string[] = [];
  const noting = {
    ...client,
    create: async (_kind: unknown, object: ObjectToWrite) => {
      times.push(performance.now());
      names.push(object.metadata.name);
      return client.create(kinds.ConfigMap, object);
    },
  } as typeof client;
  const publisher = createPublisher({
    client: noting,
    observed: () => new Map(),
    isLeader: () => true,
    isLeaving: () => false,
    onRestoring: () => {},
    clock: systemClock,
    random: Math.random,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    metrics: createMetrics(),
    onError: () => {},
    record: () => {},
  });
  const reach = (name: string): DesiredRecord => desiredRecord({ namespace: crowd, name }, { "outbound.yaml": "1" });
  const begun = performance.now();
  publisher.setDesired(
    byKey([
      ...Array.from({ length: 250 }, (_, index) => reach(`reach-${index}`)),
      ...Array.from({ length: 250 }, (_, index) => record(`class-${index}`, "1", crowd)),
    ]),
  );
  await eventually(async () => times.length, 60_000).toBe(500);
  await publisher.stop();
  // Two milliseconds are the timers'.
  for (const [index, time] of times.entries())
    expect(time - begun, `write ${index}`).toBeGreaterThan(1000 * Math.floor(index / recordRate) - 2);
  // Four workers had taken something before the queue was filled.
  expect(names.slice(4, 250).filter((name) => name.startsWith("reach-"))).toEqual([]);
}, 90_000);
