import { expect, test } from "vitest";
import { createRepairs } from "../../../src/controllers/repairs.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

test("the first repair is at once, later ones wait ever longer, up to a minute; a quiet time is a new start", async () => {
  const clock = createFakeClock();
  const repairs = createRepairs(clock);
  const pauses: number[] = [];
  for (let count = 0; count < 9; count += 1) {
    const at = repairs.notBefore("a");
    pauses.push(at === undefined ? 0 : at - clock.now());
    if (at !== undefined) {
      await clock.advance(at - clock.now());
      expect(repairs.notBefore("a")).toBeUndefined();
    }
  }
  expect(pauses).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  expect(repairs.notBefore("b")).toBeUndefined();
  await clock.advance(5 * 60_000 + 1);
  expect(repairs.notBefore("a")).toBeUndefined();
});

test("the wall clock may jump: what is waited for is time", async () => {
  const clock = createFakeClock();
  const repairs = createRepairs(clock);
  expect(repairs.notBefore("a")).toBeUndefined();
  for (const jump of [3_600_000, -7_200_000]) {
    clock.jump(jump);
    expect(repairs.notBefore("a")).toBe(clock.now() + 1000);
  }
  await clock.advance(1000);
  expect(repairs.notBefore("a")).toBeUndefined();
});
