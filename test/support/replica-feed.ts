/** Asks what a replica tells of its proxies, without a network. */
import { EventEmitter } from "node:events";
import type { ServerHttp2Stream } from "node:http2";
import type { ReplicaFeed } from "../../src/xds/replica-feed.ts";

/** One answer. What was told before is remembered by the connection, which may be any object. */
export const askFeed = (feed: ReplicaFeed, connection: object, path: string): Promise<string> =>
  new Promise((resolve) => {
    const end = (body: string): void => {
      stream.emit("close");
      resolve(body);
    };
    const facts = { session: connection, destroyed: false, closed: false, headersSent: false };
    const stream = Object.assign(new EventEmitter(), { ...facts, respond() {}, end });
    feed.serve(stream as unknown as ServerHttp2Stream, path);
  });
