/** The body of a watch: JSON objects, one a line, without an end. */
import type { KubernetesObject } from "../api/kubernetes.ts";
import { ApiError, errorOfConnection, errorOfStatus } from "./error.ts";

/** One event of a watch. `BOOKMARK` says only how far the watch has come: in `metadata.resourceVersion`. */
export interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: T;
}

/** Reads chunks of bytes, cut anywhere, as lines of JSON. */
export interface LineReader {
  push(chunk: Buffer): void;
}

const lineFeed = 0x0a;

/**
 * Creates a reader that calls `onLine` with each parsed line, in order.
 *
 * @param object what is watched, for errors
 * @param maxBytes of one line
 * @param onLine what it throws passes through `push`
 */
export function createLineReader(object: string, maxBytes: number, onLine: (value: unknown) => void): LineReader {
  let parts: Buffer[] = [];
  let size = 0;
  const flush = (end: Buffer): void => {
    const line = parts.length === 0 ? end : Buffer.concat([...parts, end]);
    parts = [];
    size = 0;
    if (line.length === 0) return;
    let value: unknown;
    try {
      value = JSON.parse(line.toString("utf8"));
    } catch (cause) {
      throw errorOfConnection(object, "Unreachable", cause);
    }
    onLine(value);
  };
  return {
    push: (chunk) => {
      let start = 0;
      for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
        flush(chunk.subarray(start, end));
        start = end + 1;
      }
      const rest = chunk.subarray(start);
      if (rest.length === 0) return;
      size += rest.length;
      if (size > maxBytes) {
        throw new ApiError({
          status: 200,
          reason: "ResponseTooLarge",
          message: `${object}: one event is larger than ${maxBytes} bytes`,
          object,
          class: "terminal",
        });
      }
      parts.push(rest);
    },
  };
}

/** A line of a watch as an event. @throws ApiError for an event of type ERROR, and for what is no event */
export function watchEvent<T extends KubernetesObject>(object: string, line: unknown): WatchEvent<T> {
  if (typeof line === "object" && line !== null && "type" in line && "object" in line) {
    switch (line.type) {
      case "ADDED":
      case "MODIFIED":
      case "DELETED":
      case "BOOKMARK":
        return { type: line.type, object: line.object as T };
      case "ERROR":
        throw errorOfStatus(object, 500, line.object);
    }
  }
  throw errorOfConnection(object, "Unreachable", "the watch sent a line that is no event");
}
