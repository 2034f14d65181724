import { hash } from "node:crypto";

/** A hash of JSON that stands for its content: long enough that two contents never share it. */
export function contentHash(value: unknown): string {
  return hash("sha256", JSON.stringify(value)).slice(0, 32);
}
