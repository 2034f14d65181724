import { expect, test } from "vitest";
import { quote } from "../../../src/model/quote.ts";

test("a text of any kind and length is one short line", () => {
  expect(quote("cart")).toBe('"cart"');
  expect(quote('say "no"\n\u0000')).toBe('"say \\"no\\"\\n\\u0000"');
  expect(quote("x".repeat(80))).toBe(`"${"x".repeat(80)}"`);
  expect(quote("x".repeat(81))).toBe(`"${"x".repeat(80)}..."`);
  // In the midst of a character that takes two units.
  expect(quote(`${"x".repeat(79)}\u{1f600}`)).toBe(`"${"x".repeat(79)}\\ud83d..."`);
});
