/**
 * HTTP/2 by hand (RFC 9113), for requests that no client would send. Headers go as literals without compression, and the
 * peer is asked to keep no table, so that of HPACK (RFC 7541) little is needed.
 */
import type { Duplex } from "node:stream";

/** What came of a request. */
export interface RawAnswer {
  /** `reset` when the stream, and `closed` when the connection was ended instead. */
  readonly status: string;
  readonly body: string;
}

/** Headers in their order, pseudo-headers too. */
export type RawHeaders = readonly (readonly [name: string, value: string])[];

const frameTypes = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7 } as const;

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** RFC 7541, section 5.2, without Huffman's code. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  const length: number[] = [];
  let left = bytes.length;
  if (left < 127) length.push(left);
  else {
    length.push(127);
    for (left -= 127; left >= 128; left >>= 7) length.push((left & 127) | 128);
    length.push(left);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** Fields that are not to be indexed (RFC 7541, section 6.2.2). */
const fieldsOf = (headers: RawHeaders): Buffer =>
  Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));

const staticStatuses = ["200", "204", "206", "304", "400", "404", "500"];
/** RFC 7541, appendix B. */
const digitCodes: ReadonlyMap<string, string> = new Map([
  ...["00000", "00001", "00010"].map((code, digit) => [code, String(digit)] as const),
  ...["011001", "011010", "011011", "011100", "011101", "011110", "011111"].map(
    (code, index) => [code, String(index + 3)] as const,
  ),
]);

/** The status, which is the first field of an answer. */
function statusOf(block: Buffer): string {
  let at = 0;
  while (((block[at] ?? 0) & 0xe0) === 0x20) at += 1;
  const first = block[at] ?? 0;
  if (first >= 0x88 && first <= 0x8e) return staticStatuses[first - 0x88] ?? "";
  const length = (block[at + 1] ?? 0) & 127;
  const value = block.subarray(at + 2, at + 2 + length);
  if (((block[at + 1] ?? 0) & 128) === 0) return value.toString("latin1");
  let code = "";
  let status = "";
  for (const bit of [...value].map((byte) => byte.toString(2).padStart(8, "0")).join("")) {
    code += bit;
    const digit = digitCodes.get(code);
    if (digit !== undefined) {
      status += digit;
      code = "";
    }
  }
  return status;
}

/** One connection with prior knowledge, on which one request follows another. */
export interface RawHTTP2 {
  readonly isOpen: () => boolean;
  request(headers: RawHeaders): Promise<RawAnswer>;
}

/** Speaks HTTP/2 on a connection that is open, or about to be. */
export function rawHTTP2(socket: Duplex): RawHTTP2 {
  let received = Buffer.alloc(0);
  let open = true;
  let next = 1;
  let waiting: { readonly stream: number; status: string; body: string; done: (answer: RawAnswer) => void } | undefined;
  const finish = (status?: string): void => {
    const answered = waiting;
    waiting = undefined;
    answered?.done({ status: status ?? answered.status, body: answered.body });
  };
  const end = (): void => {
    open = false;
    finish("closed");
  };
  const take = (type: number, flags: number, stream: number, payload: Buffer): void => {
    if (type === frameTypes.settings && (flags & 1) === 0)
      socket.write(frame(frameTypes.settings, 1, 0, Buffer.alloc(0)));
    if (type === frameTypes.ping && (flags & 1) === 0) socket.write(frame(frameTypes.ping, 1, 0, payload));
    if (type === frameTypes.goAway) open = false;
    if (stream === 0 || stream !== waiting?.stream) return;
    if (type === frameTypes.headers && waiting.status === "") waiting.status = statusOf(payload);
    if (type === frameTypes.data) waiting.body += payload.toString("latin1");
    if (type === frameTypes.reset) finish(waiting.status === "" ? "reset" : undefined);
    else if ((flags & 1) === 1 && (type === frameTypes.headers || type === frameTypes.data)) finish();
  };
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 9 && received.length >= 9 + received.readUIntBE(0, 3)) {
      const length = received.readUIntBE(0, 3);
      const [type, flags, stream] = [
        received.readUInt8(3),
        received.readUInt8(4),
        received.readUInt32BE(5) & 0x7fffffff,
      ];
      take(type, flags, stream, received.subarray(9, 9 + length));
      received = received.subarray(9 + length);
    }
  });
  socket.on("error", end).on("close", end);
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  // SETTINGS_HEADER_TABLE_SIZE is 0, SETTINGS_ENABLE_PUSH too.
  socket.write(frame(frameTypes.settings, 0, 0, Buffer.from([0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0])));
  return {
    isOpen: () => open,
    request: (headers) =>
      new Promise((done) => {
        if (!open) return done({ status: "closed", body: "" });
        waiting = { stream: next, status: "", body: "", done };
        // END_STREAM and END_HEADERS.
        socket.write(frame(frameTypes.headers, 5, next, fieldsOf(headers)));
        next += 2;
      }),
  };
}
