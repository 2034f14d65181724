/** An address block, as Envoy's `CidrRange` has it. */
export interface AddressBlock {
  /** Without the bits behind the prefix. */
  readonly address: string;
  readonly prefixLength: number;
}

/** Reads `10.0.0.0/8`, `fd00::/8` or a single address. Undefined when it is none of these. Bits behind the prefix are cleared. */
export function parseAddressBlock(text: string): AddressBlock | undefined {
  const slash = text.indexOf("/");
  const address = slash === -1 ? text : text.slice(0, slash);
  const bytes = address.includes(":") ? parseIPv6(address) : parseIPv4(address);
  if (bytes === undefined) return undefined;
  const bits = bytes.length * 8;
  const prefixLength = slash === -1 ? bits : parseNumber(text.slice(slash + 1), bits);
  if (prefixLength === undefined) return undefined;
  const masked = bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefixLength - index * 8));
    return byte & (0xff << (8 - kept)) & 0xff;
  });
  return { address: masked.length === 4 ? masked.join(".") : formatIPv6(masked), prefixLength };
}

/** Whether an address is in a block. One that cannot be read, or of the other family, is not. */
export function isInBlock({ address: first, prefixLength }: AddressBlock, address: string): boolean {
  const [block, given] = [first, address].map((text) => parseAddressBlock(`${text}/${prefixLength}`));
  // Bits behind the prefix are cleared in both; an address has no prefix of its own.
  return block !== undefined && block.address === given?.address;
}

/** A decimal number without leading zeros (which some read as octal), up to a greatest value. */
function parseNumber(text: string, greatest: number): number | undefined {
  if (!/^(0|[1-9][0-9]{0,2})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= greatest ? value : undefined;
}

function parseIPv4(text: string): readonly number[] | undefined {
  const parts = text.split(".").map((part) => parseNumber(part, 255));
  const bytes = parts.filter((part) => part !== undefined);
  return parts.length === 4 && bytes.length === 4 ? bytes : undefined;
}

/** RFC 4291 section 2.2, with its form that ends in an IPv4 address. */
function parseIPv6(given: string): readonly number[] | undefined {
  const text = given.includes(".") ? withoutIPv4Tail(given) : given;
  if (text === undefined) return undefined;
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => (half === "" ? [] : half.split(":")));
  if (groups.flat().some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  const [head = [], tail = []] = groups;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const whole = [...head, ...Array.from({ length: missing }, () => "0"), ...tail];
  return whole.flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function withoutIPv4Tail(text: string): string | undefined {
  const colon = text.lastIndexOf(":");
  const [a, b, c, d] = parseIPv4(text.slice(colon + 1)) ?? [];
  if (a === undefined || b === undefined || c === undefined || d === undefined) return undefined;
  return `${text.slice(0, colon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** RFC 5952: lower case, no leading zeros, the first longest run of zero groups as `::`. */
function formatIPv6(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0));
  let start = 0;
  let length = 1;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > length) {
      start = from;
      length = to - from;
    }
  }
  const words = groups.map((group) => group.toString(16));
  if (length < 2) return words.join(":");
  return `${words.slice(0, start).join(":")}::${words.slice(start + length).join(":")}`;
}
