/** Single values of an AuthorizationPolicy, read from their text. What is not understood throws InvalidObject. */

import { parseAddressBlock } from "../model/cidr.ts";
import type { AddressRange, StringMatch, Values } from "../model/mesh.ts";
import { quote } from "../model/quote.ts";
import { InvalidObject } from "./objects.ts";

/** `*`, `abc*`, `*abc` or exact. An asterisk elsewhere is refused: it looks like a pattern and would not be one. */
export function readString(text: string, path: string): StringMatch {
  if (text === "*") return { type: "present" };
  const match: StringMatch = text.startsWith("*")
    ? { type: "suffix", value: text.slice(1) }
    : text.endsWith("*")
      ? { type: "prefix", value: text.slice(0, -1) }
      : { type: "exact", value: text };
  if (match.value.includes("*")) {
    throw new InvalidObject(`${path}: ${quote(text)}: use \`*\` alone, once at the beginning or once at the end`);
  }
  return match;
}

/** An identity without its scheme. */
export function readPrincipal(text: string, path: string): StringMatch {
  if (text.startsWith("spiffe:")) {
    throw new InvalidObject(
      `${path}: ${quote(text)}: leave out \`spiffe://\`, write cluster.local/ns/shop/sa/frontend`,
    );
  }
  return readString(text, path);
}

/** `namespace/name`, or the name of one of the policy's own namespace. */
export function readServiceAccount(text: string, path: string, own: string): { namespace: string; name: string } {
  const [first = "", second, ...rest] = text.split("/");
  const read = second === undefined ? { namespace: own, name: first } : { namespace: first, name: second };
  if (rest.length > 0 || read.namespace === "" || read.name === "" || text.includes("*")) {
    throw new InvalidObject(
      `${path}: ${quote(text)}: write \`namespace/name\`, or \`name\` alone; \`*\` is not understood`,
    );
  }
  return read;
}

/** A host, in lower case. */
export function readHost(text: string, path: string): StringMatch {
  const isBracketed = text.startsWith("[") && text.endsWith("]");
  if ((text.includes(":") && !isBracketed) || text.includes("/") || text.endsWith(".")) {
    throw new InvalidObject(`${path}: ${quote(text)}: write the host without scheme, port and trailing dot`);
  }
  return readString(text.toLowerCase(), path);
}

/** A port, as a string of digits. */
export function readPort(text: string, path: string): number {
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidObject(`${path}: ${quote(text)}: write a port between 1 and 65535 as a string of digits`);
}

/** Paths have templates besides: whole segments `{*}`, and one `{**}` with no other template segment after it. */
export function readPath(text: string, path: string): StringMatch {
  if (!text.startsWith("/") && !text.startsWith("*")) {
    throw new InvalidObject(`${path}: ${quote(text)}: begin the path with \`/\`, or with \`*\` to fit its end`);
  }
  if (!text.includes("{") && !text.includes("}")) return readString(text, path);
  const segments = text.split("/").slice(1);
  const isTemplate = (segment: string) => segment === "{*}" || segment === "{**}";
  const templates = segments.filter(isTemplate);
  const isLiteral = (segment: string) => /^[^{}*]*$/.test(segment);
  const many = templates.indexOf("{**}");
  if (
    !text.startsWith("/") ||
    (many !== -1 && many < templates.length - 1) ||
    segments.some((segment) => !isLiteral(segment) && !isTemplate(segment))
  ) {
    const hint = "a template has whole segments `{*}`, and at most one `{**}`, the last of them";
    throw new InvalidObject(`${path}: ${quote(text)}: ${hint}`);
  }
  return { type: "template", value: text };
}

/** A CIDR block, or a single address. */
export function readBlock(text: string, path: string): AddressRange {
  const block = parseAddressBlock(text);
  if (block !== undefined) return block;
  throw new InvalidObject(`${path}: ${quote(text)} is neither a CIDR block such as 10.0.0.0/8 nor an address`);
}

/** The names of an object's fields that are lists of strings. */
type ListField<T> = { [K in keyof T]-?: T[K] extends readonly string[] | undefined ? K & string : never }[keyof T];

/** The two lists of a field, positive and negative; undefined when there is neither. */
export function readValues<Given, T>(
  given: Given & Readonly<Partial<Record<ListField<Given>, readonly string[]>>>,
  path: string,
  positive: ListField<Given>,
  negative: ListField<Given>,
  read: (text: string, path: string) => T,
): Values<T> | undefined {
  const list = (name: ListField<Given>): readonly T[] | undefined => {
    const texts: readonly string[] | undefined = given[name];
    return texts?.map((text, index) => read(text, `${path}.${name}[${index}]`));
  };
  const any = list(positive);
  const none = list(negative);
  if (any === undefined && none === undefined) return undefined;
  return { ...(any === undefined ? {} : { any }), ...(none === undefined ? {} : { none }) };
}
