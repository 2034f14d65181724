import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { Outgoing } from "../../../src/xds/outgoing.ts";

/** A peer that takes what it is given when `take` is called. */
function slowPeer() {
  const taken: Buffer[] = [];
  let waiting: { readonly bytes: Buffer; readonly done: () => void } | undefined;
  const stream = new Writable({
    highWaterMark: 64 * 1024,
    writev: (chunks, callback) => {
      waiting = { bytes: Buffer.concat(chunks.map(({ chunk }) => chunk as Buffer)), done: callback };
    },
  });
  return {
    stream,
    taken: () => Buffer.concat(taken),
    /** Bytes that were handed on and are not taken. */
    held: () => stream.writableLength,
    take: async () => {
      const part = waiting;
      waiting = undefined;
      if (part === undefined) return false;
      taken.push(part.bytes);
      part.done();
      await new Promise(setImmediate);
      return true;
    },
  };
}

const bytesOf = (length: number, seed: number) =>
  Buffer.from(Array.from({ length }, (_, index) => (index * seed) % 251));

test("of megabytes a part is handed on at a time, and all arrive in their order", async () => {
  const peer = slowPeer();
  const outgoing = new Outgoing(peer.stream);
  const pieces = [
    bytesOf(10, 3),
    bytesOf(1_500_000, 5),
    ...Array.from({ length: 500 }, (_, index) => bytesOf(700, index)),
  ];
  outgoing.push(pieces);
  outgoing.push([bytesOf(9, 7)]);
  expect(outgoing.isClear).toBe(false);
  let most = 0;
  for (; peer.held() > 0; await peer.take()) most = Math.max(most, peer.held());
  expect(outgoing.isClear).toBe(true);
  expect(most).toBe(64 * 1024);
  expect(peer.taken().equals(Buffer.concat([...pieces, bytesOf(9, 7)]))).toBe(true);
});

test("what is little is handed on at once, and what waits when the stream is to end", async () => {
  const peer = slowPeer();
  const outgoing = new Outgoing(peer.stream);
  outgoing.push([bytesOf(5, 2), bytesOf(7, 2)]);
  expect(peer.held()).toBe(12);
  expect(outgoing.isClear).toBe(true);
  outgoing.push([bytesOf(400_000, 2), bytesOf(500_000, 2)]);
  outgoing.flush();
  expect(peer.held()).toBe(900_012);
  peer.stream.end();
  while (await peer.take());
  expect(peer.taken().length).toBe(900_012);
});
