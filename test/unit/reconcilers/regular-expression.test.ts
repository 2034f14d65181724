import { describe, expect, test } from "vitest";
import { InvalidObject } from "../../../src/reconcilers/objects.ts";
import { demandExpression } from "../../../src/reconcilers/regular-expression.ts";
import { readSamples } from "../../apiserver/crds/samples.ts";
import { expressionsIn, largestExpressions } from "../../support/expressions.ts";

const fault = (text: string): string | undefined => {
  try {
    demandExpression("spec.x", text);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidObject) return error.message;
    throw error;
  }
};

const samples = readSamples().filter(({ kind }) => kind === "TrafficSplit");
const taken = samples.filter(({ refusal }) => refusal === undefined).flatMap(({ body }) => expressionsIn(body));
const unknown = samples
  .filter(({ refusal }) => /write a valid RE2|write the expression in printable/.test(refusal ?? ""))
  .flatMap(({ body }) => expressionsIn(body));

describe("the schema and the compile agree", () => {
  test("the samples are of both sorts", () => {
    expect(taken.length).toBeGreaterThan(15);
    expect(unknown.length).toBeGreaterThan(15);
  });

  test.each([...taken, ...largestExpressions].map((text) => [text]))("on taking %s", (text) => {
    expect(fault(text)).toBeUndefined();
  });

  test.each(unknown.map((text) => [text]))("on refusing %s", (text) => {
    expect(fault(text)).toContain("is no RE2 expression that proxies take");
  });
});

test.each([
  ["/a)", "a `)` has no `(`"],
  ["/(a", "a `(` has no `)`"],
  ["/[a", "a `[` has no `]`"],
  ["/[]", "a `[` has no `]`"],
  ["/[^", "a `[` has no `]`"],
  ["/[a-", "something is missing at the end"],
  ["/\\", "something is missing at the end"],
  ["/[\\", "something is missing at the end"],
  ["/[z-a]", "a range ends before it begins"],
  ["/[\\x7a-\\x61]", "a range ends before it begins"],
  ["/[\\]-A]", "a range ends before it begins"],
  ["/[a-\\d]", "an escape is not known"],
  ["/[\\A]", "an escape is not known"],
  ["/[[:letter:]]", "a class `[:` has no known name"],
  ["/\\Z", "an escape is not known"],
  ["/\\x4", "an escape is not known"],
  ["/a{2}*", "a repetition is repeated"],
  ["/a**", "a repetition is repeated"],
  ["/a|*", "nothing that it could repeat"],
  ["{2}", "nothing that it could repeat"],
  ["(?i)+", "nothing that it could repeat"],
  ["/a(?i)*", "nothing that it could repeat"],
  ["/a{3,2}", "a repetition ends before it begins"],
  ["/a{1001}", "repeated more than 1000 times"],
  ["/(a{40}){26}", "repeated more than 1000 times"],
  ["/(?<=a)", "a group `(?` is of no known kind"],
  ["/(?P<a>a)(?<a>b)", "two groups are called a"],
  ["/(?", "a group `(?` is of no known kind"],
  [`/(${"a".repeat(30)}){1000}`, "too large for a proxy"],
])("%s: %s", (text, what) => {
  expect(fault(text)).toContain(what);
  expect(fault(text)).toMatch(/^spec\.x: "/);
});
