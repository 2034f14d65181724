import { describe, expect, test } from "vitest";
import { createKeyedTimers } from "../../../src/controllers/timers.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

/** Timers that say what they did when, by a clock whose timers of more than a millisecond fire so many early. */
function setUp(early = 0) {
  const fake = createFakeClock();
  const start = fake.now();
  const setTimeout: typeof fake.setTimeout = (action, milliseconds) =>
    fake.setTimeout(action, milliseconds > 1 ? milliseconds - early : milliseconds);
  const acted: string[] = [];
  const timers = createKeyedTimers({ ...fake, setTimeout }, (key) => acted.push(`${key} ${fake.now() - start}`));
  return { fake, timers, acted, at: (milliseconds: number) => start + milliseconds };
}

describe("keyed timers", () => {
  test("a later one of the same key takes the place of an earlier one", async () => {
    const { fake, timers, acted, at } = setUp();
    timers.at("a", at(10));
    timers.at("b", at(20));
    timers.at("a", at(30));
    await fake.advance(100);
    expect(acted).toEqual(["b 20", "a 30"]);
  });

  test("nobody is woken before the time, though the clock's timers fire early, as Node's do", async () => {
    const { fake, timers, acted, at } = setUp(0.75);
    timers.at("a", at(10));
    await fake.advance(100);
    expect(acted).toEqual(["a 10"]);
  });

  test("a time that is further away than a timer can be is kept", async () => {
    const { fake, timers, acted, at } = setUp();
    const month = 31 * 24 * 3_600_000;
    timers.at("a", at(month));
    await fake.advance(month - 1);
    expect(acted).toEqual([]);
    await fake.advance(1);
    expect(acted).toEqual([`a ${month}`]);
  });

  test.each([3_600_000, -3_600_000])(
    "a jump of the wall clock by %d ms moves what has a date, and no wait",
    async (jump) => {
      const { fake, timers, acted, at } = setUp(0.75);
      timers.at("date", at(2 * jump + 10_000_000));
      timers.after("wait", 1000);
      fake.jump(jump);
      await fake.advance(1000);
      expect(acted).toEqual([`wait ${1000 + jump}`]);
      await fake.advance(20_000_000);
      expect(acted).toHaveLength(2);
      expect(Number(acted[1]?.replace("date ", ""))).toBeGreaterThanOrEqual(2 * jump + 10_000_000);
    },
  );

  test("a wait takes the place of a date of the same key", async () => {
    const { fake, timers, acted, at } = setUp();
    timers.at("a", at(10));
    timers.after("a", 30);
    await fake.advance(100);
    expect(acted).toEqual(["a 30"]);
  });

  test("after stop nobody is woken", async () => {
    const { fake, timers, acted, at } = setUp();
    timers.at("a", at(10));
    timers.after("b", 10);
    timers.stop();
    await fake.advance(100);
    expect(acted).toEqual([]);
  });
});
