/**
 * Which regular expressions sidecars take: RE2 (https://github.com/google/re2/wiki/Syntax) over bytes, as Envoy compiles
 * it. What is not known here is refused, so that no sidecar refuses a configuration for an expression.
 *
 *   sequence := (atom count?)*        up to the end, or the `)` of its group; `|` is one of its atoms
 *   atom     := group | class | escape | character
 *   count    := ("*" | "+" | "?" | "{n}" | "{n,}" | "{n,m}") "?"?
 */
import { quote } from "../model/quote.ts";
import { InvalidObject } from "./objects.ts";

/** RE2 repeats no more, groups within groups included. */
const largestCount = 1000;

/**
 * Characters of an expression whose repetitions are written out. RE2 makes of each at most three instructions, so that the
 * whole stays below the limit in a sidecar's bootstrap. The rules of the schema keep below it in a simpler way.
 */
const largestLength = 21_000;

/** Where reading has come to. */
interface Cursor {
  readonly field: string;
  readonly text: string;
  at: number;
  readonly names: Set<string>;
}

/** What a part of an expression comes to. */
interface Extent {
  /** Characters, repetitions written out. */
  readonly length: number;
  /** How often the most repeated part of it is repeated. */
  readonly count: number;
  /** False for `|` and flags. */
  readonly repeatable: boolean;
}

/** Throws InvalidObject, naming the field, unless sidecars take the expression. */
export function demandExpression(field: string, text: string): void {
  const cursor: Cursor = { field, text, at: 0, names: new Set() };
  if (!/^[ -~]*$/.test(text)) refuse(cursor, "it has characters that are not printable ASCII: write bytes as `\\xHH`");
  const { length } = readSequence(cursor);
  if (cursor.at < text.length) refuse(cursor, "a `)` has no `(`");
  if (length > largestLength) {
    refuse(
      cursor,
      `it is too large for a proxy: with repetitions written out ${length} characters, not ${largestLength}`,
    );
  }
}

function refuse({ field, text }: Cursor, what: string): never {
  throw new InvalidObject(`${field}: ${quote(text)} is no RE2 expression that proxies take: ${what}`);
}

/** What fits at the cursor, which moves behind it. */
function take(cursor: Cursor, pattern: RegExp): RegExpExecArray | null {
  pattern.lastIndex = cursor.at;
  const found = pattern.exec(cursor.text);
  cursor.at += found?.[0].length ?? 0;
  return found;
}

function readSequence(cursor: Cursor): Extent {
  let [length, count] = [0, 1];
  while (cursor.at < cursor.text.length && cursor.text[cursor.at] !== ")") {
    const atom = readAtom(cursor);
    const before = cursor.at;
    const times = readCount(cursor);
    if (times !== undefined && !atom.repeatable) refuse(cursor, "a repetition has nothing that it could repeat");
    if (times !== undefined && readCount(cursor) !== undefined) refuse(cursor, "a repetition is repeated");
    length += atom.length * (times ?? 1) + cursor.at - before;
    count = Math.max(count, atom.count * (times ?? 1));
    if (count > largestCount) refuse(cursor, `something is repeated more than ${largestCount} times`);
  }
  return { length, count, repeatable: true };
}

/** How often the last atom is written out; undefined where no repetition stands. */
function readCount(cursor: Cursor): number | undefined {
  const found = take(cursor, /(?:[*+?]|\{(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?\})\??/y);
  if (found === null) return undefined;
  const [, from = "1", , to = from] = found;
  if (Number(to) < Number(from)) refuse(cursor, "a repetition ends before it begins");
  return Math.max(1, Number(to));
}

function readAtom(cursor: Cursor): Extent {
  const start = cursor.at;
  const extent = (repeatable: boolean): Extent => ({ length: cursor.at - start, count: 1, repeatable });
  switch (cursor.text[start]) {
    case "(":
      return readGroup(cursor);
    case "[":
      readClass(cursor);
      return extent(true);
    case "\\":
      if (take(cursor, /\\[AbBzdDsSwW]/y) === null) readCharacter(cursor);
      return extent(true);
    default: {
      // A brace that begins no repetition is a character.
      if (readCount(cursor) !== undefined) refuse(cursor, "a repetition has nothing that it could repeat");
      const [character = ""] = take(cursor, /./y) ?? [];
      return extent(character !== "|");
    }
  }
}

function readGroup(cursor: Cursor): Extent {
  const start = cursor.at;
  const flags = take(cursor, /\(\?(?:[imsU]+(?:-[imsU]+)?|-[imsU]+)([:)])/y);
  if (flags?.[1] === ")") return { length: cursor.at - start, count: 1, repeatable: false };
  if (flags === null && take(cursor, /\(\?:/y) === null) {
    const [, name] = take(cursor, /\(\?P?<([A-Za-z_][A-Za-z0-9_]*)>/y) ?? [];
    if (name === undefined && take(cursor, /\((?!\?)/y) === null) refuse(cursor, "a group `(?` is of no known kind");
    if (name !== undefined && cursor.names.has(name)) refuse(cursor, `two groups are called ${name}`);
    if (name !== undefined) cursor.names.add(name);
  }
  const opening = cursor.at - start;
  const { length, count } = readSequence(cursor);
  if (take(cursor, /\)/y) === null) refuse(cursor, "a `(` has no `)`");
  return { length: length + opening + 1, count, repeatable: true };
}

function readClass(cursor: Cursor): void {
  take(cursor, /\[\^?/y);
  for (let isFirst = true; isFirst || take(cursor, /\]/y) === null; isFirst = false) {
    if (cursor.at >= cursor.text.length) refuse(cursor, "a `[` has no `]`");
    if (take(cursor, /\\[dDsSwW]/y) !== null || take(cursor, namedClass) !== null) continue;
    if (cursor.text.startsWith("[:", cursor.at) && cursor.text.includes(":]", cursor.at + 2)) {
      refuse(cursor, "a class `[:` has no known name");
    }
    const from = readCharacter(cursor);
    if (take(cursor, /-(?!\])/y) !== null && readCharacter(cursor) < from)
      refuse(cursor, "a range ends before it begins");
  }
}

const namedClass = /\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]/y;

/** The number of one character, escaped or not. */
function readCharacter(cursor: Cursor): number {
  const [written, hex, control] = take(cursor, /\\x([0-9A-Fa-f]{2})|\\([afnrtv])|\\[^A-Za-z0-9]|[^\\]/y) ?? [];
  if (written === undefined) refuse(cursor, "an escape is not known, or something is missing at the end");
  if (hex !== undefined) return Number.parseInt(hex, 16);
  if (control !== undefined) return "\x07\f\n\r\t\v".charCodeAt("afnrtv".indexOf(control));
  return written.charCodeAt(written.length - 1);
}
