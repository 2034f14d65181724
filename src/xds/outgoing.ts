import type { Writable } from "node:stream";

/**
 * Bytes that are handed on before the peer has taken those before. A connection keeps a buffer of what it has encrypted at once:
 * of 3 MB it kept all of them, of 256 kB 300 kB more than of nothing, of 64 kB 80 kB.
 */
const turnBytes = 64 * 1024;

/**
 * What is to be written to a stream, by reference and in order. It is handed on a part at a time, as what is handed on is
 * encrypted at once: a proxy that is sent megabytes would have them as a copy of its own until it has read them.
 */
export class Outgoing {
  readonly #stream: Writable;
  #pieces: Uint8Array[] = [];
  /** Of the first piece, what has been handed on. */
  #done = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on("drain", () => this.#write());
  }

  /** Whether all was handed on, and the peer takes more. */
  get isClear(): boolean {
    return this.#pieces.length === 0 && !this.#stream.writableNeedDrain;
  }

  /** Writes pieces after those before. They must not be changed any more. */
  push(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) this.#pieces.push(piece);
    this.#write();
  }

  /** Hands all on, after which the stream may be ended. */
  flush(): void {
    this.#handOn(Number.POSITIVE_INFINITY);
  }

  #write(): void {
    while (this.#pieces.length > 0 && !this.#stream.writableNeedDrain) this.#handOn(turnBytes);
  }

  #handOn(limit: number): void {
    let bytes = 0;
    let count = 0;
    this.#stream.cork();
    for (const piece of this.#pieces) {
      const part = piece.subarray(this.#done, this.#done + limit - bytes);
      this.#stream.write(part);
      bytes += part.length;
      this.#done += part.length;
      if (this.#done < piece.length) break;
      this.#done = 0;
      count++;
      if (bytes === limit) break;
    }
    this.#stream.uncork();
    this.#pieces = this.#pieces.slice(count);
  }
}
