import { expect, test } from "vitest";
import { createWorkQueue, type Outcome } from "../../../src/controllers/work-queue.ts";
import { createMetrics } from "../../../src/ops/metrics.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

function setUp(work: (key: string) => Promise<Outcome>) {
  const clock = createFakeClock();
  const errors: string[] = [];
  const metrics = createMetrics();
  const queue = createWorkQueue({
    name: "statuses",
    metrics,
    work,
    onError: (key, error) => errors.push(`${key}: ${String(error)}`),
    clock,
    random: () => 1,
    concurrency: 2,
    rate: 1000,
  });
  return { clock, errors, queue, metrics };
}

test("a key that waits is worked on once; one that is added while it runs, once more and never twice at a time", async () => {
  let running = 0;
  let most = 0;
  const release: (() => void)[] = [];
  const { clock, queue } = setUp(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => release.push(resolve));
    running -= 1;
    return "done";
  });
  queue.add("a");
  queue.add("a");
  await clock.advance(0);
  expect(release.length).toBe(1);
  queue.add("a");
  queue.add("a");
  await clock.advance(0);
  expect(release.length).toBe(1);
  release[0]?.();
  await clock.advance(0);
  expect(release.length).toBe(2);
  release[1]?.();
  await clock.advance(0);
  expect([queue.size, most, release.length]).toEqual([0, 1, 2]);
});

test("what fails is tried again, later each time, and a success forgets the failures", async () => {
  const tries: number[] = [];
  const { clock, errors, queue } = setUp(async () => {
    tries.push(clock.monotonic());
    if (tries.length < 4) throw new Error("no");
    return "done";
  });
  queue.add("a");
  await clock.advance(10_000);
  expect(tries).toEqual([0, 100, 300, 700]);
  expect(errors).toEqual(["a: Error: no", "a: Error: no", "a: Error: no"]);
  expect(queue.size).toBe(0);
});

test("a change ends the waiting of a key that backs off", async () => {
  const tries: number[] = [];
  const { clock, queue } = setUp(async () => {
    tries.push(clock.monotonic());
    return tries.length < 3 ? "retry" : "done";
  });
  queue.add("a");
  await clock.advance(10);
  queue.add("a");
  await clock.advance(10_000);
  expect(tries).toEqual([0, 10, 210]);
});

test("a key named like a field of Object is a key", async () => {
  const seen: string[] = [];
  const { clock, queue } = setUp(async (key) => {
    seen.push(key);
    return "done";
  });
  for (const key of ["constructor", "__proto__", "no"]) queue.add(key);
  await clock.advance(0);
  expect(seen).toEqual(["constructor", "__proto__", "no"]);
});

test("stop forgets waiting keys and waits for those under way", async () => {
  let finished = false;
  let release = (): void => {};
  const { clock, queue } = setUp(async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    finished = true;
    return "retry";
  });
  queue.add("a");
  await clock.advance(0);
  const stopped = queue.stop();
  release();
  await stopped;
  expect([finished, queue.size]).toEqual([true, 0]);
});

test("stop does not wait for the bounded rate of what it forgets", async () => {
  const { clock, queue } = setUp(async () => "done");
  for (let index = 0; index < 10_000; index += 1) queue.add(`key-${index}`);
  await clock.advance(0);
  await queue.stop();
  expect(queue.size).toBe(0);
}, 2000);

test("depth, wait and retries are measured", async () => {
  let tries = 0;
  const { clock, queue, metrics } = setUp(async () => (++tries < 3 ? "retry" : "done"));
  const value = async (series: string) =>
    (await metrics.text()).split("\n").find((line) => line.startsWith(`heddle_queue_${series}{queue="statuses"} `));
  expect(await value("depth")).toContain(" 0");
  queue.add("a");
  expect(await value("depth")).toContain(" 1");
  await clock.advance(10_000);
  expect(tries).toBe(3);
  expect(await value("depth")).toContain(" 0");
  expect(await value("retries_total")).toContain(" 2");
  expect(await value("wait_seconds_count")).toContain(" 3");
});
