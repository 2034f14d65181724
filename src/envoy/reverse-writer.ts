/**
 * The binary form of protobuf, written from its end to its beginning: what is before a message is its length, which is known
 * once it is written (https://protobuf.dev/programming-guides/encoding/).
 */

/** Wire types that are used. */
export const wireTypes = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

/** A growing buffer that is filled from its end. */
export interface ReverseWriter {
  /** Bytes written since the last reset. */
  readonly length: number;
  reset(): void;
  /** A number that is not negative, below 2^53. */
  varint(value: number): void;
  /** Any 64 bits. */
  bigVarint(value: bigint): void;
  /** Without its length. Throws if it is not Unicode: UTF-8 has nothing for half a character. */
  text(value: string): void;
  /** Without their length. */
  raw(bytes: Uint8Array): void;
  double(value: number): void;
  float(value: number): void;
  /** Puts length and tag before all that was written since there were `before` bytes. */
  delimit(field: number, before: number): void;
  tag(field: number, wireType: number): void;
  /** Takes back all that was written since there were `before` bytes. */
  dropTo(before: number): void;
  /** The bytes written since there were `before` of them; good until the next call of any other method. */
  since(before: number): Uint8Array;
}

const encoder = new TextEncoder();

function utf8(text: string): Uint8Array {
  if (!text.isWellFormed()) throw new Error(`${JSON.stringify(text.slice(0, 100))} is not Unicode`);
  return encoder.encode(text);
}

/** An empty buffer. */
export function createReverseWriter(): ReverseWriter {
  let bytes = new Uint8Array(1 << 16);
  let view = new DataView(bytes.buffer);
  let at = bytes.length;

  const makeRoom = (count: number): void => {
    if (at >= count) return;
    const length = bytes.length - at;
    const larger = new Uint8Array(2 * (length + count));
    larger.set(bytes.subarray(at), larger.length - length);
    at = larger.length - length;
    bytes = larger;
    view = new DataView(bytes.buffer);
  };
  const varint = (value: number): void => {
    makeRoom(10);
    if (value < 0x80) {
      at -= 1;
      bytes[at] = value;
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size += 1;
    at -= size;
    let rest = value;
    for (let index = 0; index < size - 1; index += 1) {
      bytes[at + index] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    bytes[at + size - 1] = rest;
  };
  const raw = (some: Uint8Array): void => {
    makeRoom(some.length);
    at -= some.length;
    bytes.set(some, at);
  };
  const tag = (field: number, wireType: number): void => varint(field * 8 + wireType);
  return {
    get length() {
      return bytes.length - at;
    },
    reset: () => {
      at = bytes.length;
    },
    varint,
    bigVarint: (value) => {
      const septets: number[] = [];
      let rest = BigInt.asUintN(64, value);
      for (; rest >= 0x80n; rest >>= 7n) septets.push(Number(rest & 0x7fn) | 0x80);
      raw(Uint8Array.from([...septets, Number(rest)]));
    },
    text: (value) => {
      const { length } = value;
      makeRoom(length);
      const start = at - length;
      for (let index = 0; index < length; index += 1) {
        const code = value.charCodeAt(index);
        if (code >= 0x80) return raw(utf8(value));
        bytes[start + index] = code;
      }
      at = start;
    },
    raw,
    double: (value) => {
      makeRoom(8);
      at -= 8;
      view.setFloat64(at, value, true);
    },
    float: (value) => {
      makeRoom(4);
      at -= 4;
      view.setFloat32(at, value, true);
    },
    delimit: (field, before) => {
      varint(bytes.length - at - before);
      tag(field, wireTypes.lengthDelimited);
    },
    tag,
    dropTo: (before) => {
      at = bytes.length - before;
    },
    since: (before) => bytes.subarray(at, bytes.length - before),
  };
}
