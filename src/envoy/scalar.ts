/** Scalars and enums of protobuf JSON in the binary form (https://protobuf.dev/programming-guides/json/). */
import type { DescEnum } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import type { ReverseWriter } from "./reverse-writer.ts";
import { wireTypes } from "./reverse-writer.ts";

/** One type of scalars. `what` is the field, for errors. */
export interface ScalarCoder {
  readonly wireType: number;
  /** Writes the value without its tag, and gives it as the library would. Throws if it is not of the type. */
  write(value: unknown, writer: ReverseWriter, what: string): unknown;
  /** Whether a field without presence leaves it out. Of what was written. */
  isZero(written: unknown): boolean;
}

/** The coder of a type of scalars. Throws if it is one that Envoy's configuration does not have. */
export function scalarCoder(type: ScalarType): ScalarCoder {
  const coder = scalars.get(type);
  if (coder === undefined) throw new Error(`scalars of type ${ScalarType[type]} are not supported`);
  return coder;
}

/** By name, or by number where the definitions have no name for it. */
export function enumCoder({ typeName, values }: DescEnum): ScalarCoder {
  const numbers = new Map(values.map(({ name, number }) => [name, number]));
  const [zero] = values;
  return {
    wireType: wireTypes.varint,
    write: (value, writer, what) => {
      const number = typeof value === "string" ? numbers.get(value) : undefined;
      if (number === undefined) throw mismatch(what, `a name of ${typeName}`, value);
      writeInteger(number, writer);
      return value;
    },
    isZero: (written) => written === zero?.name,
  };
}

const mismatch = (what: string, wanted: string, value: unknown): Error =>
  new Error(`${what} must be ${wanted}, and is ${JSON.stringify(value)?.slice(0, 100)}`);

/** Negative numbers have all 64 bits. */
function writeInteger(value: number, writer: ReverseWriter): void {
  if (value < 0) writer.bigVarint(BigInt(value));
  else writer.varint(value);
}

const integer = (wanted: string, least: number, most: number): ScalarCoder => ({
  wireType: wireTypes.varint,
  write: (value, writer, what) => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most)
      throw mismatch(what, wanted, value);
    writeInteger(value, writer);
    return value;
  },
  isZero: (written) => written === 0,
});

/** In JSON they are text, since many readers know no more than 53 bits. */
const longInteger = (wanted: string, least: bigint, most: bigint): ScalarCoder => ({
  wireType: wireTypes.varint,
  write: (value, writer, what) => {
    const isWhole = typeof value === "number" ? Number.isSafeInteger(value) : /^-?\d{1,20}$/.test(String(value));
    const number = isWhole ? BigInt(value as number | string) : undefined;
    if (number === undefined || number < least || number > most) throw mismatch(what, wanted, value);
    writer.bigVarint(number);
    return String(number);
  },
  isZero: (written) => written === "0",
});

const floating = (wireType: number, write: (value: number, writer: ReverseWriter) => void): ScalarCoder => ({
  wireType,
  write: (value, writer, what) => {
    if (typeof value !== "number" || !Number.isFinite(value)) throw mismatch(what, "a number", value);
    write(value, writer);
    return value;
  },
  isZero: (written) => Object.is(written, 0),
});

const scalars: ReadonlyMap<ScalarType, ScalarCoder> = new Map<ScalarType, ScalarCoder>([
  [
    ScalarType.STRING,
    {
      wireType: wireTypes.lengthDelimited,
      write: (value, writer, what) => {
        if (typeof value !== "string") throw mismatch(what, "text", value);
        writer.text(value);
        return value;
      },
      isZero: (written) => written === "",
    },
  ],
  [
    ScalarType.BOOL,
    {
      wireType: wireTypes.varint,
      write: (value, writer, what) => {
        if (typeof value !== "boolean") throw mismatch(what, "true or false", value);
        writer.varint(value ? 1 : 0);
        return value;
      },
      isZero: (written) => written === false,
    },
  ],
  [
    ScalarType.BYTES,
    {
      wireType: wireTypes.lengthDelimited,
      write: (value, writer, what) => {
        const bytes = Buffer.from(typeof value === "string" ? value : "", "base64");
        if (bytes.toString("base64") !== value) throw mismatch(what, "bytes in base64", value);
        writer.raw(bytes);
        return value;
      },
      isZero: (written) => written === "",
    },
  ],
  [ScalarType.UINT32, integer("a whole number of 32 bits that is not negative", 0, 2 ** 32 - 1)],
  [ScalarType.INT32, integer("a whole number of 32 bits", -(2 ** 31), 2 ** 31 - 1)],
  [ScalarType.UINT64, longInteger("a whole number of 64 bits that is not negative", 0n, 2n ** 64n - 1n)],
  [ScalarType.INT64, longInteger("a whole number of 64 bits", -(2n ** 63n), 2n ** 63n - 1n)],
  [ScalarType.DOUBLE, floating(wireTypes.fixed64, (value, writer) => writer.double(value))],
  [ScalarType.FLOAT, floating(wireTypes.fixed32, (value, writer) => writer.float(value))],
]);
