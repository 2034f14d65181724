/**
 * Normalises the rules of an AuthorizationPolicy. Whole or not at all: whatever is not understood throws InvalidObject,
 * and unknown fields are not understood (a field that is skipped is a demand that is not made).
 */
import type { AuthorizationRule, OperationMatch, SourceMatch, StringMatch, Values } from "../model/mesh.ts";
import { parseAddressBlock } from "./cidr.ts";
import { InvalidObject } from "./objects.ts";

/** What a policy says, with its defaults filled in. */
export interface PolicyBody {
  readonly action: "ALLOW" | "DENY";
  readonly rules: readonly AuthorizationRule[];
}

/** Reads the spec of a policy of this namespace. Throws InvalidObject with the path of the field at fault. */
export function readPolicy(spec: unknown, namespace: string): PolicyBody {
  const fields = readObject(spec, "spec", ["selector", "action", "rules"]);
  const action = fields.get("action") ?? "ALLOW";
  if (action !== "ALLOW" && action !== "DENY") {
    throw new InvalidObject(`spec.action: ${JSON.stringify(action)} is no action: write ALLOW or DENY`);
  }
  const given = fields.get("rules");
  if (given === undefined) {
    if (action === "ALLOW") return { action, rules: [] };
    throw new InvalidObject("spec.rules: a DENY policy without rules would deny nothing: add rules, or write `[{}]`");
  }
  const rules = readList(given, "spec.rules", (rule, path) => readRule(rule, path, namespace));
  return { action, rules };
}

function readRule(given: unknown, path: string, namespace: string): AuthorizationRule {
  const fields = readObject(given, path, ["from", "to"]);
  const entries = (name: "from" | "to") => fields.get(name);
  const sources =
    entries("from") === undefined
      ? []
      : readList(entries("from"), `${path}.from`, (from, at) => {
          const source = readObject(from, at, ["source"]).get("source");
          return readSource(source, `${at}.source`, namespace);
        });
  const operations =
    entries("to") === undefined
      ? []
      : readList(entries("to"), `${path}.to`, (to, at) => {
          return readOperation(readObject(to, at, ["operation"]).get("operation"), `${at}.operation`);
        });
  return { sources, operations };
}

function readSource(given: unknown, path: string, namespace: string): SourceMatch {
  const fields = readDemands(given, path, sourceFields);
  const principals = readValues(fields, path, "principals", "notPrincipals", readPrincipal);
  const namespaces = readValues(fields, path, "namespaces", "notNamespaces", readString);
  const serviceAccounts = readValues(fields, path, "serviceAccounts", "notServiceAccounts", (text, at) =>
    readServiceAccount(text, at, namespace),
  );
  const ipBlocks = readValues(fields, path, "ipBlocks", "notIpBlocks", (text, at) => {
    const block = parseAddressBlock(text);
    if (block !== undefined) return block;
    throw new InvalidObject(`${at}: ${quote(text)} is neither a CIDR block such as 10.0.0.0/8 nor an address`);
  });
  return {
    ...(principals === undefined ? {} : { principals }),
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(serviceAccounts === undefined ? {} : { serviceAccounts }),
    ...(ipBlocks === undefined ? {} : { ipBlocks }),
  };
}

function readOperation(given: unknown, path: string): OperationMatch {
  const fields = readDemands(given, path, operationFields);
  const hosts = readValues(fields, path, "hosts", "notHosts", readHost);
  const ports = readValues(fields, path, "ports", "notPorts", readPort);
  const methods = readValues(fields, path, "methods", "notMethods", readString);
  const paths = readValues(fields, path, "paths", "notPaths", readPath);
  return {
    ...(hosts === undefined ? {} : { hosts }),
    ...(ports === undefined ? {} : { ports }),
    ...(methods === undefined ? {} : { methods }),
    ...(paths === undefined ? {} : { paths }),
  };
}

const sourceFields = ["principals", "namespaces", "serviceAccounts", "ipBlocks"].flatMap(withNegation);
const operationFields = ["hosts", "ports", "methods", "paths"].flatMap(withNegation);

function withNegation(name: string): readonly string[] {
  return [name, `not${name.charAt(0).toUpperCase()}${name.slice(1)}`];
}

type Fields = ReadonlyMap<string, unknown>;

function readObject(given: unknown, path: string, known: readonly string[]): Fields {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new InvalidObject(`${path}: expected an object`);
  }
  const fields = new Map(Object.entries(given).filter(([, value]) => value !== undefined));
  for (const name of fields.keys()) {
    if (!known.includes(name)) {
      throw new InvalidObject(`${path}.${name}: this version of Heddle does not know the field; remove it`);
    }
  }
  return fields;
}

function readDemands(given: unknown, path: string, known: readonly string[]): Fields {
  const fields = readObject(given, path, known);
  if (fields.size === 0) throw new InvalidObject(`${path}: an empty object has no meaning; name a field, or leave it out`);
  return fields;
}

function readList<T>(given: unknown, path: string, read: (item: unknown, path: string) => T): readonly T[] {
  if (!Array.isArray(given) || given.length === 0) {
    throw new InvalidObject(`${path}: expected a list with at least one entry`);
  }
  return given.map((item: unknown, index) => read(item, `${path}[${index}]`));
}

function readValues<T>(
  fields: Fields,
  path: string,
  positive: string,
  negative: string,
  read: (text: string, path: string) => T,
): Values<T> | undefined {
  const list = (name: string): readonly T[] | undefined => {
    const given = fields.get(name);
    if (given === undefined) return undefined;
    return readList(given, `${path}.${name}`, (item, at) => {
      if (typeof item !== "string" || item === "") throw new InvalidObject(`${at}: expected a string`);
      return read(item, at);
    });
  };
  const any = list(positive);
  const none = list(negative);
  if (any === undefined && none === undefined) return undefined;
  return { ...(any === undefined ? {} : { any }), ...(none === undefined ? {} : { none }) };
}

const quote = (text: string): string => JSON.stringify(text);

/** `*`, `abc*`, `*abc` or exact. An asterisk elsewhere is refused: it looks like a pattern and would not be one. */
function readString(text: string, path: string): StringMatch {
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

function readPrincipal(text: string, path: string): StringMatch {
  if (text.startsWith("spiffe:")) {
    throw new InvalidObject(`${path}: ${quote(text)}: leave out \`spiffe://\`, write cluster.local/ns/shop/sa/frontend`);
  }
  return readString(text, path);
}

function readServiceAccount(text: string, path: string, own: string): { namespace: string; name: string } {
  const [first = "", second, ...rest] = text.split("/");
  const read = second === undefined ? { namespace: own, name: first } : { namespace: first, name: second };
  if (rest.length > 0 || read.namespace === "" || read.name === "" || text.includes("*")) {
    throw new InvalidObject(`${path}: ${quote(text)}: write \`namespace/name\`, or \`name\` alone; \`*\` is not understood`);
  }
  return read;
}

function readHost(text: string, path: string): StringMatch {
  const isBracketed = text.startsWith("[") && text.endsWith("]");
  if ((text.includes(":") && !isBracketed) || text.includes("/") || text.endsWith(".")) {
    throw new InvalidObject(`${path}: ${quote(text)}: write the host without scheme, port and trailing dot`);
  }
  return readString(text.toLowerCase(), path);
}

function readPort(text: string, path: string): number {
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidObject(`${path}: ${quote(text)}: write a port between 1 and 65535 as a string of digits`);
}

/** Paths have templates besides: whole segments `{*}`, and one `{**}` with no other template segment after it. */
function readPath(text: string, path: string): StringMatch {
  if (!text.startsWith("/") && !text.startsWith("*")) {
    throw new InvalidObject(`${path}: ${quote(text)}: begin the path with \`/\`, or with \`*\` to fit its end`);
  }
  if (!text.includes("{") && !text.includes("}")) return readString(text, path);
  const segments = text.split("/").slice(1);
  const templates = segments.filter((segment) => segment === "{*}" || segment === "{**}");
  const isLiteral = (segment: string) => /^[^{}*]*$/.test(segment);
  const many = templates.indexOf("{**}");
  if (
    !text.startsWith("/") ||
    (many !== -1 && many < templates.length - 1) ||
    segments.some((segment) => !isLiteral(segment) && !templates.includes(segment))
  ) {
    const hint = "a template has whole segments `{*}`, and at most one `{**}`, the last of them";
    throw new InvalidObject(`${path}: ${quote(text)}: ${hint}`);
  }
  return { type: "template", value: text };
}
