import { expect, test } from "vitest";
import { createSlices } from "../../../src/controllers/slices.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

/** Each look takes so many milliseconds. */
function setUp(milliseconds: number) {
  const clock = createFakeClock();
  let spent = 0;
  const seen: string[] = [];
  const slices = createSlices({ ...clock, monotonic: () => clock.monotonic() + spent }, (key) => {
    seen.push(key);
    spent += milliseconds;
  });
  return { clock, seen, slices };
}

test("a few are looked at at once", () => {
  const { seen, slices } = setUp(1);
  slices.add(["a", "b"]);
  slices.add(["c"]);
  expect(seen).toEqual(["a", "b", "c"]);
});

test("of many the first ones, and the others when others had their turn; each once, in the order in which they came", async () => {
  const { clock, seen, slices } = setUp(4);
  const keys = Array.from({ length: 7 }, (_, index) => String(index));
  slices.add(keys);
  expect(seen).toEqual(["0", "1", "2"]);
  slices.add(["6", "new"]);
  expect(seen.length).toBe(3);
  await clock.advance(1);
  expect(seen).toEqual([...keys, "new"]);
});

test("each of many that come one by one is looked at after all of them, in slices", async () => {
  const { clock, seen, slices } = setUp(4);
  const keys = Array.from({ length: 7 }, (_, index) => String(index));
  for (const key of [...keys, "6"]) slices.soon(key);
  expect(seen).toEqual([]);
  await clock.advance(1);
  expect(seen).toEqual(keys);
  slices.soon("forgotten");
  slices.stop();
  await clock.advance(1);
  expect(seen).toEqual(keys);
});

test("what waits is forgotten at the end", async () => {
  const { clock, seen, slices } = setUp(10);
  slices.add(["a", "b"]);
  slices.stop();
  await clock.advance(1000);
  expect(seen).toEqual(["a"]);
});
