/**
 * A header may come in several lines, and a line may be a list, of which applications take one member or all. "The header is
 * this" is therefore asked in two ways, each where it lets in less: certainly, and perhaps.
 */
import { singletonHeaders } from "../model/header.ts";
import type { StringMatch } from "../model/mesh.ts";

/** Whether the header, all its lines taken together (RFC 9110, section 5.3), certainly is this value and no other. */
export function isCertainly(name: string, lines: readonly string[], match: StringMatch): boolean {
  if (lines.length === 0) return false;
  const value = lines.join(",");
  const isOne = singletonHeaders.has(name) || !value.includes(",");
  switch (match.type) {
    case "present":
      return value !== "";
    case "prefix":
      return isOne && value.startsWith(match.value);
    case "suffix":
      return isOne && value.endsWith(match.value);
    case "exact":
    case "template":
      return value === match.value;
  }
}

/** Whether an application may read this value in the header: a line, or a member of a list, quoted or with parameters too. */
export const isPerhaps = (lines: readonly string[], match: StringMatch): boolean =>
  lines.some((line) => match.type === "present" || hasMember(line, match));

function hasMember(line: string, match: Exclude<StringMatch, { type: "present" }>): boolean {
  const { type, value } = match;
  for (let at = line.indexOf(value); at !== -1; at = line.indexOf(value, at + 1)) {
    const begins = type === "suffix" || /(^|[,;])[ \t"]*$/.test(line.slice(0, at));
    const ends = type === "prefix" || /^[ \t"]*([,;]|$)/.test(line.slice(at + value.length));
    if (begins && ends) return true;
  }
  return false;
}
