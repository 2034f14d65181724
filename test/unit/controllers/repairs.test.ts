import { expect, test } from "vitest";
import { createRepairs } from "../../../src/controllers/repairs.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

test("the first repair is at once, later ones wait ever longer, up to a minute; a quiet time is a new start", async () => {
  const clock = createFakeClock();
  const repairs = createRepairs(clock);
  const waits: number[] = [];
  for (let count = 0; count < 9; count += 1) {
    const wait = repairs.wait("a");
    waits.push(wait);
    await clock.advance(wait);
    if (wait > 0) expect(repairs.wait("a")).toBe(0);
  }
  expect(waits).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  expect(repairs.wait("b")).toBe(0);
  await clock.advance(5 * 60_000 + 1);
  expect(repairs.wait("a")).toBe(0);
});

test("the wall clock may jump: what is waited for is time", async () => {
  const clock = createFakeClock();
  const repairs = createRepairs(clock);
  expect(repairs.wait("a")).toBe(0);
  for (const jump of [3_600_000, -7_200_000]) {
    clock.jump(jump);
    expect(repairs.wait("a")).toBe(1000);
  }
  await clock.advance(1000);
  expect(repairs.wait("a")).toBe(0);
});
