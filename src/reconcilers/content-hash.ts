import { createHash } from "node:crypto";

/** A hash of JSON that stands for its content: long enough that two contents never share it. */
export function contentHash(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32);
}
