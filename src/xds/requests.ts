import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { NodeSchema } from "../envoy/generated/envoy/config/core/v3/base_pb.js";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
} from "../envoy/generated/envoy/service/discovery/v3/discovery_pb.js";
import { type DiscoveryRequest, grpcStatus, StreamError } from "./types.ts";

/** A request with its node. */
export type NodeRequest = Omit<DeltaDiscoveryRequest, "initialResourceVersions"> & DiscoveryRequest;

/**
 * Reads a request, without the extensions of its node. Throws a {@link StreamError} on what is none. Envoy names with its first
 * request all extensions that it is built with, some 500 in 60 kB, which nobody here reads: to make objects of them takes
 * longer than all else that the first request of a stream asks for. When it comes back it says what it has, thousands of names
 * and versions: these are read into a map, as objects of so many fields are slow to make.
 */
export function decodeRequest(message: Uint8Array): NodeRequest {
  try {
    const { node, initialResourceVersions: versions } = DeltaDiscoveryRequestSchema.field;
    const { extensions } = NodeSchema.field;
    const initialResourceVersions = new Map<string, string>();
    const withoutExtensions = new Map([[extensions.number, () => undefined]]);
    const short = rewrite(
      message,
      new Map<number, Replace>([
        [node.number, (bytes) => rewrite(bytes, withoutExtensions)],
        [versions.number, (bytes) => void initialResourceVersions.set(...entryOf(bytes))],
      ]),
    );
    const request = fromBinary(DeltaDiscoveryRequestSchema, short, { readUnknownFields: false });
    return { ...request, initialResourceVersions };
  } catch {
    throw new StreamError(grpcStatus.invalidArgument, "protocol", "the message is not a DeltaDiscoveryRequest");
  }
}

/** An entry of a map of strings: its key is field 1, its value field 2 (Protocol Buffers, "Language Guide", Maps). */
function entryOf(message: Uint8Array): [string, string] {
  const reader = new BinaryReader(message);
  let [key, value] = ["", ""];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type !== WireType.LengthDelimited) reader.skip(type, field);
    else if (field === 1) key = reader.string();
    else if (field === 2) value = reader.string();
    else reader.skip(type, field);
  }
  return [key, value];
}

/** The content of a field instead of what it has; undefined: the message is to be without it. */
type Replace = (content: Uint8Array) => Uint8Array | undefined;

/** A message with other contents of these fields, all of bytes, wherever they stand. Throws when it is no message. */
function rewrite(message: Uint8Array, replacements: ReadonlyMap<number, Replace>): Uint8Array {
  const reader = new BinaryReader(message);
  const writer = new BinaryWriter();
  /** Up to there all is written. */
  let done = 0;
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [field, type] = reader.tag();
    const replace = replacements.get(field);
    if (replace === undefined || type !== WireType.LengthDelimited) {
      reader.skip(type, field);
      continue;
    }
    const content = replace(reader.bytes());
    if (start > done) writer.raw(message.subarray(done, start));
    done = reader.pos;
    if (content !== undefined) writer.tag(field, type).bytes(content);
  }
  return done === 0 ? message : writer.raw(message.subarray(done)).finish();
}
