/**
 * gRPC framing (gRPC over HTTP/2, "Length-Prefixed-Message") and the encoding of responses around resources that are encoded
 * already: every proxy is written the same bytes, by reference.
 */
import type { RunBytes } from "./runs.ts";
import type { DiscoveryResponse } from "./types.ts";
import { grpcStatus, StreamError } from "./types.ts";

const prefixLength = 5;

/** Cuts a byte stream into messages. Holds at most one message that is not complete, in one buffer however it is cut up. */
export class FrameReader {
  readonly #limit: number;
  #buffer = Buffer.alloc(0);
  #length = 0;

  /** `limit`: bytes that one message may have. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Takes bytes and gives the messages that they complete; each is valid until the next is asked for. Throws a
   * {@link StreamError} on what may not be.
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    this.#append(chunk);
    let offset = 0;
    while (this.#length - offset >= prefixLength) {
      if (this.#buffer[offset] !== 0) {
        throw new StreamError(grpcStatus.unimplemented, "protocol", "compressed messages are not supported");
      }
      const size = this.#buffer.readUInt32BE(offset + 1);
      if (size > this.#limit) {
        throw new StreamError(
          grpcStatus.resourceExhausted,
          "protocol",
          `a message of ${size} bytes is over the limit of ${this.#limit}`,
        );
      }
      const end = offset + prefixLength + size;
      if (this.#length < end) break;
      yield this.#buffer.subarray(offset + prefixLength, end);
      offset = end;
    }
    this.#length -= offset;
    // An idle stream holds no buffer.
    if (this.#length === 0) this.#buffer = Buffer.alloc(0);
    else if (offset > 0) this.#buffer.copyWithin(0, offset, offset + this.#length);
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#buffer.length) {
      const grown = Buffer.alloc(this.#length === 0 ? needed : Math.max(needed, 2 * this.#buffer.length));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = needed;
  }
}

/** Fields of DeltaDiscoveryResponse before and after its resources, as tags of the wire format (all length-delimited). */
const fieldTags = { systemVersionInfo: 0x0a, typeUrl: 0x22, nonce: 0x2a, removedResources: 0x32 } as const;

/** The framed message of a response in pieces: what is this stream's own, and the bytes of resources, which all share. */
export function encodeResponse(response: DiscoveryResponse, version: string, runs?: RunBytes): Uint8Array[] {
  const fields: Buffer[] = [];
  stringField(fields, fieldTags.systemVersionInfo, version);
  stringField(fields, fieldTags.typeUrl, response.typeUrl);
  stringField(fields, fieldTags.nonce, response.nonce);
  for (const name of response.removed) stringField(fields, fieldTags.removedResources, name);
  const own = Buffer.concat([Buffer.alloc(prefixLength), ...fields]);
  const length = response.resources.reduce((sum, { wire }) => sum + wire.length, 0);
  own.writeUInt32BE(own.length - prefixLength + length, 1);
  return [own, ...piecesOf(response, runs)];
}

function piecesOf({ resources, runs }: DiscoveryResponse, bytes: RunBytes | undefined): Uint8Array[] {
  if (bytes === undefined) return resources.map(({ wire }) => wire);
  const pieces: Uint8Array[] = [];
  const left = [...runs];
  for (let index = 0; index < resources.length; ) {
    const [run] = left;
    const resource = resources[index];
    if (resource === undefined) break;
    if (run?.values().next().value === resource) {
      pieces.push(bytes.of(run));
      left.shift();
      index += run.size;
    } else {
      pieces.push(resource.wire);
      index++;
    }
  }
  return pieces;
}

function stringField(into: Buffer[], tag: number, value: string): void {
  if (value === "") return;
  const bytes = Buffer.from(value, "utf8");
  into.push(Buffer.from([tag, ...varint(bytes.length)]), bytes);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}

/** A message in the trailer `grpc-message`: percent-encoded UTF-8 (gRPC over HTTP/2, "Status-Message"). */
export function encodeStatusMessage(message: string): string {
  let encoded = "";
  for (const byte of Buffer.from(message, "utf8")) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
