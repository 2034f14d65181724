/**
 * Kinds of values that annotations have. A value is kept as text in one normal form, so that what was read can be shown,
 * compared with a bound of the same kind, and passed on as it is.
 */
import { parseAddressBlock } from "./cidr.ts";
import { isApplicationPort } from "./sidecar.ts";

/** One kind of value. */
export interface ValueKind {
  /** What a value looks like, for messages and docs. */
  readonly form: string;
  /** What a bound looks like, and how it binds. */
  readonly bound: string;
  /** The value in its normal form; undefined when it is none. */
  parse(text: string): string | undefined;
  /** The bound in its normal form; undefined when it is none. */
  parseBound(text: string): string | undefined;
  /** Whether a value, in its normal form, is within a bound, in its normal form. */
  isWithin(value: string, bound: string): boolean;
}

/** Most elements of a list: each is a rule of iptables. */
const longestList = 32;

/** Bounds of lists that are no list. */
const anything = "any";
const nothing = "none";

function measure(form: string, least: string, toNumber: (text: string) => number | undefined): ValueKind {
  const smallest = toNumber(least) ?? 0;
  const parse = (text: string): string | undefined => ((toNumber(text) ?? -1) >= smallest ? text : undefined);
  return {
    form: `${form}, at least ${least}`,
    bound: "the largest value",
    parse,
    parseBound: parse,
    isWithin: (value, bound) => (toNumber(value) ?? Number.POSITIVE_INFINITY) <= (toNumber(bound) ?? 0),
  };
}

const memoryUnits: ReadonlyMap<string, number> = new Map([
  ["Mi", 2 ** 20],
  ["Gi", 2 ** 30],
]);

/** A quantity of CPU (resource.Quantity, in cores or milli-cores). */
export const cpu = measure("cores, such as `500m` or `2`", "10m", (text) => {
  const [, number, unit] = /^([1-9]\d{0,5})(m?)$/.exec(text) ?? [];
  return number === undefined ? undefined : Number(number) * (unit === "m" ? 1 : 1000);
});

/** A quantity of memory (resource.Quantity). */
export const memory = measure("bytes with a unit, such as `128Mi` or `1Gi`", "32Mi", (text) => {
  const [, number, unit] = /^([1-9]\d{0,5})(Mi|Gi)$/.exec(text) ?? [];
  return number === undefined ? undefined : Number(number) * (memoryUnits.get(unit ?? "") ?? 0);
});

/** A count. */
export const count = measure("a whole number, such as `4`", "1", (text) =>
  /^[1-9]\d{0,3}$/.test(text) ? Number(text) : undefined,
);

/** A time in whole seconds. */
export const seconds = measure("whole seconds, such as `20s`", "1s", (text) =>
  /^[1-9]\d{0,3}s$/.test(text) ? Number.parseInt(text, 10) : undefined,
);

/** Levels of Envoy's log, from the most to the least that is written. */
export const logLevels = ["trace", "debug", "info", "warning", "error", "critical", "off"] as const;

const verbosities: readonly string[] = logLevels;
const levelOf = (text: string): string | undefined => logLevels.find((level) => level === text);

/** One of {@link logLevels}. */
export const logLevel: ValueKind = {
  form: logLevels.map((level) => `\`${level}\``).join(", "),
  bound: "the level that writes most",
  parse: levelOf,
  parseBound: levelOf,
  isWithin: (value, bound) => verbosities.indexOf(value) >= verbosities.indexOf(bound),
};

function list(form: string, bound: string, element: ElementOfList): ValueKind {
  const parse = (text: string): string | undefined => {
    const elements = text.split(",").map((part) => element.parse(part.trim()));
    const known = elements.filter((each) => each !== undefined);
    return known.length === elements.length && known.length <= longestList ? [...new Set(known)].join(",") : undefined;
  };
  return {
    form: `${form}; at most ${longestList}`,
    bound: `\`${anything}\`, \`${nothing}\`, or ${bound}`,
    parse,
    parseBound: (text) => (text === anything || text === nothing ? text : parse(text)),
    isWithin: (value, of) => {
      if (of === anything || of === nothing) return of === anything;
      return value.split(",").every((each) => of.split(",").some((allowed) => element.isWithin(each, allowed)));
    },
  };
}

interface ElementOfList {
  parse(text: string): string | undefined;
  isWithin(value: string, allowed: string): boolean;
}

/** Ports with commas between them. The sidecar's own are none of the pod's. */
export const ports = list(
  "ports with commas between them, such as `25,3306`, but none of the sidecar's (15000, 15001, 15006, 15020)",
  "the ports that may be among them",
  {
    parse: (text) => {
      return /^[1-9]\d{0,4}$/.test(text) && isApplicationPort(Number(text)) ? text : undefined;
    },
    isWithin: (value, allowed) => value === allowed,
  },
);

/** Blocks of IPv4 and IPv6 addresses with commas between them. */
export const addressBlocks = list(
  "CIDRs or addresses with commas between them, such as `10.0.0.0/8,2001:db8::/32`",
  "the CIDRs that they must be in",
  {
    parse: (text) => {
      const block = text.length <= 64 ? parseAddressBlock(text) : undefined;
      return block === undefined ? undefined : `${block.address}/${block.prefixLength}`;
    },
    isWithin: (value, allowed) => {
      const [inner, outer] = [parseAddressBlock(value), parseAddressBlock(allowed)];
      if (inner === undefined || outer === undefined || inner.prefixLength < outer.prefixLength) return false;
      const masked = parseAddressBlock(`${inner.address}/${outer.prefixLength}`);
      return masked?.address === outer.address && inner.address.includes(":") === outer.address.includes(":");
    },
  },
);
