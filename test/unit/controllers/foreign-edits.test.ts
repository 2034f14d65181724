import { expect, test } from "vitest";
import { createForeignEdits } from "../../../src/controllers/foreign-edits.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

function setUp() {
  const clock = createFakeClock();
  const retried: number[] = [];
  const edits = createForeignEdits({
    clock,
    random: () => 1,
    retry: () => retried.push(clock.monotonic()),
    onChange: () => {},
  });
  return { clock, edits, retried };
}

test("the first edit is put back at once, later ones ever later, up to a minute; a quiet time is a new start", async () => {
  const { clock, edits, retried } = setUp();
  edits.settled("a", "meant");
  const waits: number[] = [];
  for (let count = 0; count < 9; count += 1) {
    const [begun, before] = [clock.monotonic(), retried.length];
    if (edits.judge("a", "meant") === "later") {
      await clock.advance(120_000);
      expect(retried.length).toBe(before + 1);
      waits.push((retried.at(-1) ?? 0) - begun);
      // What is waited for is over; the rest of these two minutes is not what this counts.
      expect(edits.judge("a", "meant")).toBe("now");
    } else waits.push(0);
    edits.settled("a", "meant");
  }
  expect(waits).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  edits.settled("b", "meant");
  expect(edits.judge("b", "meant")).toBe("now");
  await clock.advance(11 * 60_000);
  expect(edits.judge("a", "meant")).toBe("now");
});

test("the wall clock may jump: what is waited for is time", async () => {
  const { clock, edits, retried } = setUp();
  edits.settled("a", "meant");
  expect(edits.judge("a", "meant")).toBe("now");
  for (const jump of [3_600_000, -7_200_000]) {
    clock.jump(jump);
    expect(edits.judge("a", "meant")).toBe("later");
  }
  await clock.advance(999);
  expect(retried).toEqual([]);
  await clock.advance(1);
  expect(retried).toEqual([1000]);
  expect(edits.judge("a", "meant")).toBe("now");
});

test("what was never as it is meant to be, or is meant to be something else by now, is nobody's edit", () => {
  const { edits } = setUp();
  expect(edits.judge("a", "meant")).toBe("none");
  edits.settled("a", "meant");
  expect(edits.judge("a", "something else")).toBe("none");
  edits.forget("a");
  expect(edits.judge("a", "meant")).toBe("none");
  expect(edits.open.size).toBe(0);
});
