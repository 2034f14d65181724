/**
 * From protobuf JSON (https://protobuf.dev/programming-guides/json/) to its two other forms in one walk: the binary one,
 * which proxies are sent, and JSON with the field names of the definitions, which is recorded. A mesh that starts encodes
 * thousands of messages, and this takes a fraction of the time of three walks. The bytes are those of the library that has
 * the descriptors, which still writes what is rare.
 */
import type { DescField, DescMessage, JsonValue } from "@bufbuild/protobuf";
import { fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { extensionRegistry } from "./extension.ts";
import type { EnvoyConfig } from "./resource.ts";
import type { ReverseWriter } from "./reverse-writer.ts";
import { wireTypes } from "./reverse-writer.ts";
import type { ScalarCoder } from "./scalar.ts";
import { enumCoder, scalarCoder } from "./scalar.ts";

/** A reader of protobuf takes no message that is nested deeper. */
const deepest = 100;

/** `google.protobuf.FeatureSet.FieldPresence.IMPLICIT`: what is zero is not there. */
const implicitPresence = 2;

/** What JSON has instead of the fields of `google.protobuf.Any`, beside those of the message in it. */
const typeKey = "@type";

/**
 * Writes a message without tag and length, and gives it in JSON with the names of the definitions. Throws if there is
 * something in it that the definitions do not know, or that is not of its type.
 */
export function writeMessage(schema: DescMessage, body: JsonValue, writer: ReverseWriter): EnvoyConfig {
  return objectOf(coderOf(schema)(body, writer, 0), schema.typeName);
}

/** Writes a value, and gives it as it is recorded; undefined if it is left out. */
type Coder = (value: unknown, writer: ReverseWriter, depth: number) => unknown;

interface FieldCoder {
  readonly number: number;
  /** In the definitions. */
  readonly name: string;
  readonly oneof: string | undefined;
  /** With its tag. */
  readonly write: Coder;
}

/** Descriptors never change. */
const coders = new WeakMap<DescMessage, Coder>();

/** Writes messages of a type without tag and length. */
function coderOf(schema: DescMessage): Coder {
  const known = coders.get(schema);
  if (known !== undefined) return known;
  const coder = wellKnownCoder(schema) ?? messageCoder(schema);
  coders.set(schema, coder);
  return coder;
}

function messageCoder(schema: DescMessage): Coder {
  const { typeName } = schema;
  let fields: ReadonlyMap<string, FieldCoder> | undefined;
  return (value, writer, depth) => {
    if (depth > deepest) throw new Error(`${typeName} is nested deeper than ${deepest} messages`);
    // Not before: messages have fields of their own type.
    fields ??= fieldsOf(schema);
    const message = objectOf(value, typeName);
    const entries: [field: FieldCoder, value: unknown][] = [];
    for (const key of Object.keys(message)) {
      const field = fields.get(key);
      if (field !== undefined) entries.push([field, message[key]]);
      // Of what is in an Any, it says which message it is.
      else if (key !== typeKey) throw new Error(`${typeName} has no field ${key}`);
    }
    // As the library writes them, by their numbers, but from the last to the first.
    entries.sort(([a], [b]) => b.number - a.number);
    for (const entry of entries) entry[1] = entry[0].write(entry[1], writer, depth);
    return recorded(typeName, entries);
  };
}

const fieldsOf = (schema: DescMessage): ReadonlyMap<string, FieldCoder> =>
  new Map(
    schema.fields.flatMap((field) => {
      const { number, name, jsonName, oneof } = field;
      const coder: FieldCoder = { number, name, oneof: oneof?.name, write: fieldCoder(field) };
      return [name, jsonName].map((key) => [key, coder] as const);
    }),
  );

/** In the order of the numbers. */
function recorded(typeName: string, entries: readonly (readonly [FieldCoder, unknown])[]): EnvoyConfig {
  const config: Record<string, unknown> = {};
  let last: FieldCoder | undefined;
  const oneofs = new Map<string, string>();
  for (const [field, value] of entries.toReversed()) {
    const { name, oneof } = field;
    if (field === last) throw new Error(`${typeName} has ${name} twice`);
    last = field;
    const other = oneof === undefined ? undefined : oneofs.get(oneof);
    if (other !== undefined) throw new Error(`${typeName} has both ${other} and ${name}`);
    if (oneof !== undefined) oneofs.set(oneof, name);
    if (value !== undefined) config[name] = value;
  }
  return config;
}

function fieldCoder(field: DescField): Coder {
  const { number, name, parent } = field;
  const what = `${parent.typeName}.${name}`;
  switch (field.fieldKind) {
    case "scalar":
    case "enum": {
      const scalar = field.fieldKind === "enum" ? enumCoder(field.enum) : scalarCoder(field.scalar);
      const isImplicit = field.presence === implicitPresence;
      const write = scalarWriter(scalar, what, number, isImplicit);
      return (value, writer, depth) => {
        const written = write(value, writer, depth);
        return isImplicit && scalar.isZero(written) ? undefined : written;
      };
    }
    case "message":
      return delimited(coderOf(field.message), number);
    case "list": {
      if (field.listKind === "message") return listCoder(delimited(coderOf(field.message), number), what);
      const scalar = field.listKind === "enum" ? enumCoder(field.enum) : scalarCoder(field.scalar);
      return field.packed
        ? packedCoder(scalar, what, number)
        : listCoder(scalarWriter(scalar, what, number, false), what);
    }
    case "map": {
      const key = scalarWriter(scalarCoder(field.mapKey), what, 1, false);
      const ofValue =
        field.mapKind === "message"
          ? delimited(coderOf(field.message), 2)
          : scalarWriter(field.mapKind === "enum" ? enumCoder(field.enum) : scalarCoder(field.scalar), what, 2, false);
      return mapCoder(key, ofValue, what, number);
    }
  }
}

const delimited =
  (write: Coder, number: number): Coder =>
  (value, writer, depth) => {
    const before = writer.length;
    const written = write(value, writer, depth + 1);
    writer.delimit(number, before);
    return written;
  };

/** Writes a scalar with its tag, unless it is zero and that is left out; gives it either way. */
const scalarWriter =
  ({ wireType, write, isZero }: ScalarCoder, what: string, number: number, isZeroLeftOut: boolean): Coder =>
  (value, writer) => {
    const before = writer.length;
    const written = write(value, writer, what);
    if (isZeroLeftOut && isZero(written)) writer.dropTo(before);
    else if (wireType === wireTypes.lengthDelimited) writer.delimit(number, before);
    else writer.tag(number, wireType);
    return written;
  };

const listCoder =
  (write: Coder, what: string): Coder =>
  (value, writer, depth) => {
    const list = listOf(value, what);
    if (list.length === 0) return undefined;
    const written = new Array<unknown>(list.length);
    for (let index = list.length - 1; index >= 0; index -= 1) written[index] = write(list[index], writer, depth);
    return written;
  };

const packedCoder =
  ({ write }: ScalarCoder, what: string, number: number): Coder =>
  (value, writer) => {
    const before = writer.length;
    const written = listCoder((element) => write(element, writer, what), what)(value, writer, 0);
    if (written !== undefined) writer.delimit(number, before);
    return written;
  };

/** Each entry is a message of a key and a value. Keys are the user's: one may be called `__proto__`. */
const mapCoder =
  (writeKey: Coder, writeValue: Coder, what: string, number: number): Coder =>
  (value, writer, depth) => {
    const map = objectOf(value, what);
    const keys = Object.keys(map);
    if (keys.length === 0) return undefined;
    const written = keys.reverse().map((key): [string, unknown] => {
      const before = writer.length;
      const one = writeValue(map[key], writer, depth);
      writeKey(key, writer, depth);
      writer.delimit(number, before);
      return [key, one];
    });
    return Object.fromEntries(written.reverse());
  };

/** Messages that JSON has another form for, and that are rare enough. */
const libraryWrites: ReadonlySet<string> = new Set(
  ["Duration", "FieldMask", "ListValue", "Struct", "Timestamp", "Value"].map((name) => `google.protobuf.${name}`),
);

function wellKnownCoder(schema: DescMessage): Coder | undefined {
  if (schema.typeName === "google.protobuf.Any") return writeAny;
  const [field] = schema.fields;
  if (isWrapperDesc(schema) && field?.fieldKind === "scalar")
    return scalarWriter(scalarCoder(field.scalar), schema.typeName, field.number, true);
  if (!libraryWrites.has(schema.typeName)) return undefined;
  return (value, writer) => {
    const message = fromJson(schema, value as JsonValue);
    writer.raw(toBinary(schema, message));
    return toJson(schema, message);
  };
}

const writeAny: Coder = (value, writer, depth) => {
  const message = objectOf(value, "google.protobuf.Any");
  const typeUrl = message[typeKey];
  const schema =
    typeof typeUrl === "string" ? extensionRegistry.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1)) : undefined;
  if (typeof typeUrl !== "string" || schema === undefined)
    throw new Error(`${String(typeUrl)} is no message that an Any may hold here`);
  const before = writer.length;
  const isWellKnown = wellKnownCoder(schema) !== undefined;
  const written = coderOf(schema)(isWellKnown ? message["value"] : message, writer, depth + 1);
  if (writer.length > before) writer.delimit(2, before);
  const beforeType = writer.length;
  writer.text(typeUrl);
  writer.delimit(1, beforeType);
  return isWellKnown ? { [typeKey]: typeUrl, value: written } : { [typeKey]: typeUrl, ...objectOf(written, typeUrl) };
};

function objectOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${what} must be an object`);
  return value as Readonly<Record<string, unknown>>;
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${what} must be a list`);
  return value;
}
