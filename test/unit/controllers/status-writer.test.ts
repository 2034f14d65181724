import { expect, test } from "vitest";
import type { KubernetesObject } from "../../../src/api/kubernetes.ts";
import { type ComputedStatus, createStatusWriter, statusRate } from "../../../src/controllers/status-writer.ts";
import type { KubeClient } from "../../../src/kube/client.ts";
import { ApiError } from "../../../src/kube/error.ts";
import { createMetrics } from "../../../src/ops/metrics.ts";
import { keyOfReference } from "../../../src/reconcilers/objects.ts";
import type { ObjectStatus } from "../../../src/reconcilers/programmed.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { queueTurns } from "../../support/queue-turns.ts";

/** Statuses as they are computed. */
const byKey = (statuses: readonly ComputedStatus[]): ReadonlyMap<string, ComputedStatus> =>
  new Map(statuses.map((status) => [keyOfReference(status.object), status]));

type Stored = KubernetesObject & { readonly status?: Readonly<Record<string, unknown>> };

const statusOf = (synced: number): ObjectStatus => ({
  observedGeneration: 1,
  conditions: [
    { type: "Accepted", status: "True", reason: "Accepted", message: "The object is valid.", observedGeneration: 1 },
  ],
  proxies: { total: 2, synced, rejected: 0, disconnected: 0, summary: `${synced}/2` },
});

/**
 * A status writer over one policy; an apply merges the fields of the status, as the API server does.
 * @param refused verbs that the API server answers with 422
 */
function setUp(metadata: Partial<KubernetesObject["metadata"]> = { generation: 1 }, refused: readonly string[] = []) {
  const clock = createFakeClock();
  const calls: string[] = [];
  const said: string[] = [];
  const state = { leads: true };
  const metrics = createMetrics();
  let version = 1;
  let stored: Stored = {
    apiVersion: "heddle.dev/v1alpha1",
    kind: "AuthorizationPolicy",
    metadata: { name: "p", namespace: "shop", uid: "u", resourceVersion: "1", ...metadata },
  };
  let observed = stored;
  const store = (next: Stored): Stored => {
    if (JSON.stringify(next.status) === JSON.stringify(stored.status) && next.metadata === stored.metadata)
      return stored;
    version += 1;
    stored = { ...next, metadata: { ...next.metadata, resourceVersion: String(version) } };
    const seen = stored;
    queueMicrotask(() => {
      observed = seen;
      writer.observe("AuthorizationPolicy", "shop/p");
    });
    return stored;
  };
  const write = (verb: string, merge: boolean) => async (_kind: unknown, body: Stored) => {
    calls.push(verb);
    if (refused.includes(verb))
      throw new ApiError({ status: 422, reason: "Invalid", message: "", object: "", class: "terminal" });
    if (body.metadata.resourceVersion !== stored.metadata.resourceVersion)
      throw new ApiError({ status: 409, reason: "Conflict", message: "", object: "", class: "conflict" });
    return store({ ...stored, status: merge ? { ...stored.status, ...body.status } : (body.status ?? {}) });
  };
  const writer = createStatusWriter({
    client: { applyStatus: write("apply", true), replaceStatus: write("replace", false) } as unknown as KubeClient,
    observed: () => new Map([["shop/p", observed]]),
    isLeader: () => state.leads,
    clock,
    random: () => 1,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    metrics,
    onError: (key, error) => calls.push(`error ${key} ${String(error)}`),
    record: ({ kind, metadata }, { reason, note }) => {
      if (reason === "ForeignEdit") said.push(`${kind} ${metadata.name} ${reason}`);
      else calls.push(`${reason}: ${note}`);
    },
  });
  const set = (synced: number): void =>
    writer.setStatuses(
      byKey([
        {
          object: {
            kind: "AuthorizationPolicy",
            namespace: "shop",
            name: "p",
            uid: "u",
            generation: metadata.generation ?? 0,
          },
          status: statusOf(synced),
        },
      ]),
    );
  return {
    clock,
    calls,
    said,
    set,
    state,
    store,
    turns: () => queueTurns(metrics, "statuses"),
    writer,
    current: () => stored,
  };
}

test("a replica that does not lead takes no turn of the queue, and writes once it leads", async () => {
  const { clock, calls, set, state, turns, writer } = setUp();
  state.leads = false;
  for (const synced of [1, 2]) {
    set(synced);
    writer.observe("AuthorizationPolicy", "shop/p");
    await clock.advance(1000);
  }
  expect([calls, await turns()]).toEqual([[], 0]);
  state.leads = true;
  writer.resync();
  await clock.advance(10);
  expect(calls).toEqual(["apply"]);
});

test("a status is written once, and again only when it says something else", async () => {
  const { clock, calls, said, set, store, writer, current } = setUp();
  set(1);
  await clock.advance(10);
  set(1);
  writer.observe("AuthorizationPolicy", "shop/p");
  writer.resync();
  store({ ...current(), metadata: { ...current().metadata, annotations: { note: "changed" } } });
  await clock.advance(60_000);
  expect(calls).toEqual(["apply"]);
  set(2);
  await clock.advance(10);
  expect(calls).toEqual(["apply", "apply"]);
  expect(current().status).toMatchObject({ proxies: { summary: "2/2" } });
  expect(said).toEqual([]);
});

test("a status that somebody else writes is put back, later each time, and said; what they add is taken away", async () => {
  const { clock, calls, said, set, store, current } = setUp();
  set(2);
  await clock.advance(10);
  const good = current().status;
  const lie = () => store({ ...current(), status: { ...good, observedGeneration: 9, theirs: true } });
  lie();
  await clock.advance(10);
  expect(calls).toEqual(["apply", "apply", "replace"]);
  expect(said).toEqual(["AuthorizationPolicy p ForeignEdit"]);
  expect(current().status).toEqual(good);
  lie();
  await clock.advance(500);
  expect(calls.length).toBe(3);
  await clock.advance(600);
  expect(calls.length).toBe(5);
  expect(current().status).toEqual(good);
});

test("a status that says something else does not wait for one that is to be put back, nor what comes after that", async () => {
  const { clock, calls, said, set, store, writer, current } = setUp();
  set(0);
  await clock.advance(10);
  const lie = async () => {
    store({ ...current(), status: { observedGeneration: 9 } });
    await clock.advance(10);
  };
  await lie();
  await lie();
  const before = calls.length;
  for (const synced of [1, 2]) {
    set(synced);
    await clock.advance(10);
    expect(current().status).toMatchObject({ proxies: { summary: `${synced}/2` } });
  }
  expect(calls.length).toBe(before + 2);
  // One that is as it should be is waited for no more, whoever made it so.
  const good = current().status;
  await lie();
  store({ ...current(), status: good ?? {} });
  await clock.advance(10);
  const events = said.length;
  await lie();
  expect(said.length).toBe(events + 1);
  // As a new leader it puts back what others left.
  writer.resync();
  await clock.advance(10);
  expect(current().status).toMatchObject({ observedGeneration: 1, proxies: { summary: "2/2" } });
});

test("an object that cannot be applied to has its status replaced", async () => {
  const { clock, calls, set, current } = setUp({ generation: 1 }, ["apply"]);
  set(2);
  await clock.advance(10);
  expect(calls).toEqual(["apply", "replace"]);
  expect(current().status).toMatchObject({ proxies: { summary: "2/2" } });
});

test("an object whose status cannot be written at all has an event instead, and is tried later each time", async () => {
  const { clock, calls, set } = setUp({ generation: 1 }, ["apply", "replace"]);
  set(2);
  await clock.advance(10);
  expect(calls.slice(0, 3)).toEqual([
    "apply",
    "replace",
    expect.stringMatching(/^StatusNotWritten: .* The object is valid\.$/),
  ]);
  const tries = () => calls.filter((call) => call === "apply").length;
  await clock.advance(60_000);
  expect(tries()).toBeGreaterThan(1);
  expect(tries()).toBeLessThan(20);
});

test("an object without a generation gets its status too", async () => {
  const { clock, calls, set } = setUp({});
  set(1);
  await clock.advance(10);
  expect(calls).toEqual(["apply"]);
});

test(`statuses are written at ${statusRate} a second at most`, async () => {
  const names = Array.from({ length: 2 * statusRate + 50 }, (_, index) => `p-${index}`);
  const objects = new Map(
    names.map((name): [string, Stored] => [
      `shop/${name}`,
      {
        apiVersion: "heddle.dev/v1alpha1",
        kind: "AuthorizationPolicy",
        metadata: { name, namespace: "shop", uid: name, resourceVersion: "1", generation: 1 },
      },
    ]),
  );
  const times: number[] = [];
  const writer = createStatusWriter({
    client: {
      applyStatus: async (_kind: unknown, body: Stored) => {
        times.push(performance.now());
        return { ...body, metadata: { ...body.metadata, resourceVersion: "2" } };
      },
    } as unknown as KubeClient,
    observed: () => objects,
    isLeader: () => true,
    clock: createFakeClock(),
    random: () => 1,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    metrics: createMetrics(),
    onError: () => {},
    record: () => {},
  });
  const begun = performance.now();
  writer.setStatuses(
    byKey(
      names.map((name) => ({
        object: { kind: "AuthorizationPolicy", namespace: "shop", name, uid: name, generation: 1 },
        status: statusOf(1),
      })),
    ),
  );
  await expect.poll(() => times.length, { timeout: 30_000 }).toBe(names.length);
  await writer.stop();
  // Two milliseconds are the timers'.
  for (const [index, time] of times.entries())
    expect(time - begun, `write ${index}`).toBeGreaterThan(1000 * Math.floor(index / statusRate) - 2);
}, 40_000);
