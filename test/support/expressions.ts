/** Regular expressions as users write them in TrafficSplits. */
import fc from "fast-check";

/** The values of everything in a spec whose type is RegularExpression. */
export function expressionsIn(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  const own = "type" in value && value.type === "RegularExpression" && "value" in value ? [String(value.value)] : [];
  return [...own, ...Object.values(value).flatMap(expressionsIn)];
}

const padded = (start: string, part: string, end: string, length: number): string =>
  start + part.repeat(Math.floor((length - start.length - end.length) / part.length)) + end;

/** What makes the largest programs, at each bound of the schema's rules. */
export const largestExpressions: readonly string[] = [
  "\\W",
  "\\S",
  ".",
  "\\W?",
  "(\\W|a)?",
  "(|.)",
  "[^/]",
  "(?i:k)",
].flatMap((part) => [
  padded("", part, "", 1024),
  padded("(", part, "){19}", 1024),
  padded("(?:", part, "){0,19}", 1024),
  padded("(", part, "){99}", 200),
  padded("(", part, "){255}", 80),
  padded("(", `${part.replace(/\?$/, "")}{0,19}`, "){9}", 120),
]);

const pieces = [
  ..."ab/- .,:=!<>&#_{}()[]|^$*+?\\0129",
  ...[
    "{2}",
    "{1,}",
    "{2,9}",
    "{0}",
    "{19}",
    "*?",
    "??",
    "(a)",
    "[a-c]",
    "[^/]",
    "()",
    "(?i)",
    "(?:",
    "(?s-i:",
    "(?P<n>",
  ],
  ...["[:alpha:]", "[:^word:]", "[[:digit:]]", "[:", ":]", "[]", "[^]", "\\d", "\\W", "\\b", "\\z", "\\x41", "\\xff"],
  ...["\\.", "\\]", "\\-", "\\Q", "\\E", "\\pL", "\\C", "\\n", "&&", "[.", ".]"],
];

/** Texts made of what expressions are made of; most are none. */
export const expressionLike = fc
  .array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 9 })
  .map((parts) => parts.join(""));
