import { expect, test } from "vitest";
import { createHoldOff } from "../../../src/controllers/hold-off.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

test("a burst is one run; what is asked during a run is one more", async () => {
  const clock = createFakeClock();
  let runs = 0;
  const holdOff = createHoldOff({
    run: () => {
      runs += 1;
      if (runs === 1) for (let turn = 0; turn < 5; turn++) holdOff.trigger();
    },
    onError: () => {},
    clock,
    minimum: 1,
    maximum: 100,
  });
  for (let turn = 0; turn < 10; turn++) holdOff.trigger();
  expect(runs).toBe(0);
  await clock.advance(1);
  expect(runs).toBe(1);
  await clock.advance(10);
  expect(runs).toBe(2);
  await clock.advance(1000);
  expect([runs, holdOff.completed]).toEqual([2, 2]);
});

test("idle, a change waits the minimum; right after a long run it waits as long as that took, up to the maximum", async () => {
  const clock = createFakeClock();
  const starts: number[] = [];
  const holdOff = createHoldOff({
    run: () => {
      starts.push(clock.monotonic());
      return new Promise((resolve) => clock.setTimeout(resolve, 400));
    },
    onError: () => {},
    clock,
    minimum: 1,
    maximum: 100,
  });
  holdOff.trigger();
  await clock.advance(300);
  holdOff.trigger();
  await clock.advance(300);
  expect(starts).toEqual([1, 501]);
  await clock.advance(5000);
  holdOff.trigger();
  await clock.advance(1000);
  expect(starts[2]).toBe(5601);
});

test("a run that throws is reported and does not end it", async () => {
  const clock = createFakeClock();
  const errors: unknown[] = [];
  let runs = 0;
  const holdOff = createHoldOff({
    run: () => {
      runs += 1;
      throw new Error(`run ${runs}`);
    },
    onError: (error) => errors.push(error),
    clock,
    minimum: 1,
    maximum: 100,
  });
  holdOff.trigger();
  await clock.advance(5);
  holdOff.trigger();
  await clock.advance(5);
  expect(errors).toEqual([new Error("run 1"), new Error("run 2")]);
});

test("with retries a run that throws is tried again, ever more slowly, until one succeeds or it is stopped", async () => {
  const clock = createFakeClock();
  const starts: number[] = [];
  let fails = true;
  const holdOff = createHoldOff({
    run: () => {
      starts.push(clock.monotonic());
      if (fails) throw new Error("not today");
    },
    onError: () => {},
    clock,
    minimum: 0,
    maximum: 100,
    retries: { first: 1000, last: 4000 },
  });
  holdOff.trigger();
  await clock.advance(20_000);
  expect(starts).toEqual([0, 1000, 3000, 7000, 11_000, 15_000, 19_000]);
  // Who asks is answered at once, and the wait begins anew.
  holdOff.trigger();
  await clock.advance(3999);
  expect([holdOff.isFailing, starts.splice(0).at(-1)]).toEqual([true, 20_000]);
  fails = false;
  await clock.advance(60_000);
  expect([holdOff.isFailing, ...starts.splice(0)]).toEqual([false, 24_000]);
  fails = true;
  holdOff.trigger();
  await clock.advance(500);
  await holdOff.stop();
  await clock.advance(60_000);
  expect(starts).toHaveLength(1);
});

test("after stop nothing runs", async () => {
  const clock = createFakeClock();
  let runs = 0;
  const holdOff = createHoldOff({
    run: () => {
      runs += 1;
    },
    onError: () => {},
    clock,
    minimum: 1,
    maximum: 100,
  });
  holdOff.trigger();
  const stopped = holdOff.stop();
  await clock.advance(10);
  await stopped;
  holdOff.trigger();
  await clock.advance(10);
  expect(runs).toBe(0);
});
