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
