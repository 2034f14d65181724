import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { NodeSchema } from "../envoy/generated/envoy/config/core/v3/base_pb.js";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
} from "../envoy/generated/envoy/service/discovery/v3/discovery_pb.js";
import { grpcStatus, StreamError } from "./types.ts";

/**
 * Reads a request, without the extensions of its node. Throws a {@link StreamError} on what is none. Envoy names with its first
 * request all extensions that it is built with, some 500 in 60 kB, which nobody here reads: to make objects of them takes
 * longer than all else that the first request of a stream asks for.
 */
export function decodeRequest(message: Uint8Array): DeltaDiscoveryRequest {
  try {
    const { node } = DeltaDiscoveryRequestSchema.field;
    const { extensions } = NodeSchema.field;
    const short = rewrite(message, node.number, (bytes) => rewrite(bytes, extensions.number, () => undefined));
    return fromBinary(DeltaDiscoveryRequestSchema, short, { readUnknownFields: false });
  } catch {
    throw new StreamError(grpcStatus.invalidArgument, "protocol", "the message is not a DeltaDiscoveryRequest");
  }
}

/** A message with another content of a field of bytes wherever it stands, or without it. Throws when it is no message. */
function rewrite(
  message: Uint8Array,
  field: number,
  replace: (content: Uint8Array) => Uint8Array | undefined,
): Uint8Array {
  const reader = new BinaryReader(message);
  const writer = new BinaryWriter();
  /** Up to there all is written. */
  let done = 0;
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, type] = reader.tag();
    if (number !== field || type !== WireType.LengthDelimited) {
      reader.skip(type, number);
      continue;
    }
    const content = replace(reader.bytes());
    writer.raw(message.subarray(done, start));
    done = reader.pos;
    if (content !== undefined) writer.tag(number, type).bytes(content);
  }
  return done === 0 ? message : writer.raw(message.subarray(done)).finish();
}
