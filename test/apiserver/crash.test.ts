/**
 * The operator is ended at a write, for every write of an installation, its workloads, a split, a policy, a rotation and the
 * removal: once before the API server has seen it, and once after. What it comes to is what an undisturbed run comes to,
 * and no proxy ever holds half of anything.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import { webhookConfigurationKinds } from "../../src/controllers/webhook-bundle.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { keys, manager } from "../../src/model/sidecar.ts";
import { until } from "../../tools/processes.ts";
import { shippedObject } from "../support/manifests.ts";
import { type Certificates, certificatesIn, type State, stateOf } from "./crash-state.ts";
import { type Crash, type CrashWorld, startCrashWorld } from "./crash-world.ts";
import type { Shop } from "./shop.ts";

/** All writes, and the minute after which the operator collects; else a few of them. */
const isLong = process.env["HEDDLE_SOAK"] === "1";

let world: CrashWorld;

beforeAll(async () => {
  world = await startCrashWorld();
});
afterAll(() => world?.close());

/** A part of the scenario, from one state that stays to the next. */
interface Phase {
  readonly name: string;
  act(): Promise<void>;
  /** Whether an undisturbed run has come to its end, but for what is still on its way. */
  isDone(): Promise<boolean>;
  /** What no proxy may lose from its end on. */
  readonly reached?: Parameters<Shop["require"]>[0];
  /** Milliseconds; a minute when absent. */
  readonly timeout?: number;
  /** Whether nothing has a reason any more: what is there still, until it is removed, may be from any moment before. */
  readonly isOver?: boolean;
}

const root = "heddle-system";
const ours = { labelSelector: `${keys.managedBy}=${manager}` };

/** Whether every object of a user is Ready at its latest generation. */
async function isReady(): Promise<boolean> {
  const state = await stateOf(world.client, new Map());
  return Object.entries(state).every(([key, value]) => {
    if (!/^(AuthorizationPolicy|TrafficSplit) /.test(key)) return true;
    const { generation, status } = value as {
      generation: number;
      status?: { observedGeneration?: number; conditions?: { type: string; status: string }[] };
    };
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    return status?.observedGeneration === generation && ready?.status === "True";
  });
}

/** Whether every proxy has all that is in force. */
const isEverywhere = (policy: number, split: number): boolean =>
  Object.entries(world.shop.generations()).every(
    ([pod, now]) =>
      now.split === split &&
      now.requests === (pod.startsWith("cart") ? policy : 0) &&
      now.connections === (pod.startsWith("cart") ? policy : 0),
  );

const renewed = [
  { namespace: root, name: "heddle-webhook" },
  { namespace: "shop", name: "heddle-identity-cart" },
  { namespace: "shop", name: "heddle-identity-web" },
];

async function isEmpty(): Promise<boolean> {
  const lists = await Promise.all([kinds.ConfigMap, kinds.Secret].map((kind) => world.client.list(kind, ours)));
  return lists.every(({ items }) => items.every(({ metadata }) => metadata.namespace === root));
}

/** What somebody deletes who removes all that the operator has made (docs/tasks/install.md), and the rest of the chart. */
async function removeAll(): Promise<void> {
  for (const kind of [kinds.ConfigMap, kinds.Secret, kinds.Lease])
    for (const { metadata } of (await world.client.list(kind, ours)).items) await world.client.delete(kind, metadata);
  for (const kind of webhookConfigurationKinds) await world.client.delete(kinds[kind], { name: "heddle" });
}

const install: Phase = {
  name: "install",
  act: async () => {
    for (const kind of webhookConfigurationKinds) {
      const shipped = shippedObject(kind);
      // No Service leads to the operator here, so that pods would be refused.
      const webhooks = shipped.webhooks.map((webhook: object) => ({ ...webhook, failurePolicy: "Ignore" }));
      await world.client.apply(kinds[kind], { ...shipped, webhooks } as ObjectToWrite, { fieldManager: "helm" });
    }
    world.start();
  },
  isDone: async () => JSON.stringify(await stateOf(world.client, new Map())).split('"the authority"').length === 6,
};

const workloads: Phase = {
  name: "workloads",
  act: async () => {
    await world.shop.create();
    world.shop.connect();
  },
  isDone: async () => [...world.shop.sidecars.values()].every(({ ready }) => ready) && isEverywhere(0, 0),
};

const applied: readonly Phase[] = [
  {
    name: "split",
    act: () => world.shop.applySplit(1),
    isDone: async () => isEverywhere(0, 1),
    reached: { split: 1 },
  },
  {
    name: "another split",
    act: () => world.shop.applySplit(2),
    isDone: async () => isEverywhere(0, 2),
    reached: { split: 2 },
  },
  {
    name: "policy",
    act: () => world.shop.applyPolicy(1),
    isDone: async () => isEverywhere(1, 2),
    reached: { policy: 1 },
  },
  {
    name: "another policy",
    act: () => world.shop.applyPolicy(2),
    isDone: async () => isEverywhere(2, 2),
    reached: { policy: 2 },
  },
];

const rotation: Phase = {
  name: "rotation",
  act: async () => {
    const annotations = { [keys.renew]: "now" };
    for (const metadata of renewed)
      await world.client.apply(kinds.Secret, { metadata: { ...metadata, annotations } }, { fieldManager: "admin" });
  },
  isDone: async () => {
    const secrets = await Promise.all(renewed.map((name) => world.client.get(kinds.Secret, name)));
    return secrets.every(({ metadata }) => metadata.annotations?.[keys.renew] === undefined);
  },
};

const leave: Phase = {
  name: "leave",
  act: async () => {
    const labels = { [keys.inject]: "disabled" };
    await world.client.apply(kinds.Namespace, { metadata: { name: "shop", labels } }, { fieldManager: "admin" });
    await world.shop.leave();
  },
  isDone: async () => true,
  isOver: true,
};

/** A minute after the last reason for them is gone, the operator removes its objects, if it is there still. */
const collect: Phase = { name: "collect", act: async () => {}, isDone: isEmpty, timeout: 200_000 };

const remove: Phase = {
  name: "remove",
  act: async () => {
    await world.stop();
    await removeAll();
  },
  isDone: async () => true,
};

/** What a phase came to, and what it wrote on the way. */
interface Result {
  readonly state: State;
  readonly held: unknown;
  readonly writes: readonly string[];
}

/** The part of a result that another run must come to as well. */
async function outcome({ isOver = false }: Phase, before: Certificates) {
  const state = await stateOf(world.client, before);
  const isRecord = (key: string): boolean => isOver && key.startsWith("ConfigMap shop/");
  return {
    state: Object.fromEntries(Object.entries(state).map(([key, value]) => [key, isRecord(key) ? "there" : value])),
    held: world.shop.held(),
    generations: world.shop.generations(),
  };
}

/** Resolves once nothing was written for a while. */
async function quiet(): Promise<void> {
  let count = -1;
  const isSame = (): boolean => {
    const before = count;
    count = world.writes.length;
    return before === count;
  };
  await until("writes to end", isSame, { timeout: 60_000, interval: 400 });
}

/** Without a crash. */
async function undisturbed(phase: Phase): Promise<Result> {
  const before = await certificatesIn(world.client);
  world.arm(undefined);
  await phase.act();
  const { timeout = 60_000 } = phase;
  const isOver = async (): Promise<boolean> => (await phase.isDone()) && (await isReady());
  await until(`the end of ${phase.name}`, isOver, { timeout }).catch(async (error: unknown) => {
    const story = [...world.shop.problems, canonical(world.shop.generations()), world.output().slice(-2000)];
    throw new Error(`${error}\n${story.join("\n")}`);
  });
  await quiet();
  hold(phase);
  return { ...(await outcome(phase, before)), writes: [...world.writes] };
}

/** From here on no proxy may hold less. */
function hold(phase: Phase): void {
  if (phase.reached !== undefined) world.shop.require(phase.reached);
}

/** With a crash. @returns where it ended, if it came so far */
async function disturbed(phase: Phase, crash: Crash, expected: Result): Promise<string | undefined> {
  const before = await certificatesIn(world.client);
  world.arm(crash);
  const streams = [...world.shop.sidecars.values()].map((sidecar) => ({ sidecar, count: sidecar.streams }));
  await phase.act();
  const { writes: _writes, ...same } = expected;
  const what = `${phase.name}, ended ${crash.when} write ${crash.at}`;
  const { timeout = 60_000 } = phase;
  // Whoever was connected is connected to the one that was started again.
  const isBack = (): boolean =>
    !world.crashed ||
    (world.isBack && streams.every(({ sidecar, count }) => sidecar.isClosed || sidecar.streams > count));
  let last: unknown = {};
  const isSame = async (): Promise<boolean> => {
    if (!isBack()) return false;
    last = await outcome(phase, before);
    return canonical(last) === canonical(same);
  };
  const settle = async (): Promise<void> => {
    await until(what, isSame, { timeout, interval: 200 }).catch(() => {
      const story = [`${what}: ${world.writes.join("; ")}`, ...differences(last, same), world.output().slice(-2000)];
      throw new Error(`${isBack() ? "" : "not all are back; "}${story.join("\n")}`);
    });
  };
  await settle();
  // What is written after the state is as it should be, such as an event, is a write as well.
  if (!world.crashed && crash.at <= expected.writes.length) {
    await quiet();
    await settle();
  }
  hold(phase);
  expect([...world.shop.problems], what).toEqual([]);
  return world.crashed ? world.writes.at(-1) : undefined;
}

/** What an undisturbed run of these phases comes to, by name. */
async function learn(phases: readonly Phase[]): Promise<ReadonlyMap<string, Result>> {
  const reference = new Map<string, Result>();
  for (const phase of phases) reference.set(phase.name, await undisturbed(phase));
  await world.shop.remove();
  expect([...world.shop.problems]).toEqual([]);
  return reference;
}

/** All phases, each with the crash that `crashOf` says. @returns where the operator was ended */
async function run(
  phases: readonly Phase[],
  reference: ReadonlyMap<string, Result>,
  crashOf: (writes: number, index: number) => Crash,
): Promise<readonly string[]> {
  const ends: string[] = [];
  for (const [index, phase] of phases.entries()) {
    const expected = reference.get(phase.name);
    if (expected === undefined) throw new Error(`${phase.name} has not come to an end without a crash`);
    const end = await disturbed(phase, crashOf(expected.writes.length, index), expected);
    if (end !== undefined) ends.push(`${phase.name}: ${end}`);
  }
  await world.shop.remove();
  return ends;
}

/** Each phase is ended at each of its writes, both before and after. */
async function runAll(phases: readonly Phase[], reference: ReadonlyMap<string, Result>): Promise<void> {
  const most = Math.max(...[...reference.values()].map(({ writes }) => writes.length));
  let count = 0;
  for (const when of ["before", "after"] as const)
    for (let at = 1; at <= most; at += 1) {
      const ends = await run(phases, reference, () => ({ at, when }));
      count += ends.length;
      console.log(`write ${at} ${when}: ${ends.join("; ")}`);
    }
  const all = [...reference].map(([name, { writes }]) => `${name} ${writes.length}`);
  console.log(`writes: ${all.join(", ")}; ended ${count} times, and always came to the same`);
}

const whole = [install, workloads, ...applied, rotation, leave, remove];

test("ended at writes of every phase, it comes to what an undisturbed run comes to", async () => {
  const reference = await learn(whole);
  // In each phase another write, so that with the phases all of the ways in which they are made have their turn.
  const ends = await run(whole, reference, (writes, index) => ({
    at: 1 + ((index + 1) % writes),
    when: index % 2 === 0 ? "before" : "after",
  }));
  // Where two writes of a status come as one, a phase may have ended before.
  expect(ends.length, ends.join("\n")).toBeGreaterThanOrEqual(whole.length - 2);
}, 300_000);

test.runIf(isLong)("ended at every write", async () => runAll(whole, await learn(whole)), 3_600_000);

test.runIf(isLong)(
  "ended at every removal of what has no reason any more",
  async () => {
    const phases = [install, workloads, leave, collect, remove];
    await runAll(phases, await learn(phases));
  },
  7_200_000,
);

/** What is not the same, in part. */
function differences(found: unknown, expected: unknown): readonly string[] {
  const [a, b] = [found, expected].map(
    (result) =>
      Object.values(result as object).flatMap((part) => Object.entries(part as object)) as [string, unknown][],
  );
  const known = new Map(b);
  const names = new Set([...(a ?? []), ...(b ?? [])].map(([name]) => name));
  const got = new Map(a);
  return [...names].flatMap((name) => {
    const [left = "nothing", right = "nothing"] = [canonical(got.get(name)), canonical(known.get(name))];
    if (left === right) return [];
    let at = 0;
    while (left[at] === right[at]) at += 1;
    const [from, to] = [Math.max(0, at - 150), at + 300];
    return [`${name}: ...${left.slice(from, to)}...\n  expected ...${right.slice(from, to)}...`];
  });
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) =>
    typeof field === "object" && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );
}
