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
