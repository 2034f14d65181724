/** The boolean algebra that RBAC's permissions and principals share, and string forms in Envoy's words. */
import type { StringMatch, Values } from "../model/mesh.ts";
import type { StringMatcherJson } from "./generated/envoy/type/matcher/v3/string_pb.js";

/** What a filter does with a match. */
export type RBACAction = "ALLOW" | "DENY";

/** How a kind of RBAC term is combined. */
export interface Logic<Term> {
  readonly anything: Term;
  and(terms: readonly Term[]): Term;
  or(terms: readonly Term[]): Term;
  not(term: Term): Term;
}

/** All of the terms; anything, if there are none. */
export function allOf<Term>(logic: Logic<Term>, terms: readonly Term[]): Term {
  const [first, ...others] = terms;
  return first === undefined ? logic.anything : others.length === 0 ? first : logic.and(terms);
}

/** One of the terms; nothing, if there are none. */
export function anyOf<Term>(logic: Logic<Term>, terms: readonly Term[]): Term {
  const [first, ...others] = terms;
  return first === undefined ? nothing(logic) : others.length === 0 ? first : logic.or(terms);
}

/** What never matches. */
export function nothing<Term>(logic: Logic<Term>): Term {
  return logic.not(logic.anything);
}

/** The terms that one field demands, to be ANDed. `match` turns a value into a term. */
export function fieldTerms<Value, Term>(
  logic: Logic<Term>,
  values: Values<Value> | undefined,
  match: (value: Value) => Term,
): Term[] {
  const { any, none } = values ?? {};
  return [
    ...(any === undefined ? [] : [anyOf(logic, any.map(match))]),
    ...(none === undefined ? [] : [logic.not(anyOf(logic, none.map(match)))]),
  ];
}

/** Whether a string form only demands that there is a value: `*`, and a prefix or suffix of nothing. */
export function isPresence(
  match: StringMatch,
): match is Extract<StringMatch, { type: "present" }> | (StringMatch & { value: "" }) {
  return match.type === "present" || ((match.type === "prefix" || match.type === "suffix") && match.value === "");
}

/**
 * A string form over a text that starts with `before`. An exact value stays exact: it never becomes a regular expression.
 * Templates exist in paths only; elsewhere their text is taken as it is.
 */
export function stringMatcher(match: Exclude<StringMatch, { type: "present" }>, before = ""): StringMatcherJson {
  switch (match.type) {
    case "exact":
    case "template":
      return { exact: before + match.value };
    case "prefix":
      return { prefix: before + match.value };
    case "suffix":
      return { suffix: match.value };
  }
}

/**
 * A text as an RE2 pattern that matches it and nothing else: everything in ASCII but letters, digits and `_` is escaped
 * (RE2 syntax, "escape sequences"; a backslash before any punctuation means the character).
 */
export function escapeRE2(text: string): string {
  let escaped = "";
  for (const character of text) {
    if (character === "\0") {
      escaped += "\\x00";
    } else if (character > "\x7f" || /^[A-Za-z0-9_]$/.test(character)) {
      escaped += character;
    } else {
      escaped += `\\${character}`;
    }
  }
  return escaped;
}
