/** What the API server's audit log says of who changed what. */
import { readFileSync, statSync } from "node:fs";

/** A request to change something. */
export interface AuditedWrite {
  readonly verb: string;
  readonly object: {
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  /** Status code of the answer. */
  readonly code: number;
  /** When it was answered, in milliseconds since the epoch. */
  readonly time: number;
}

/** Where the log ends now: what is written from now on is behind it. */
export const auditedSize = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** The entries of an audit log from there on whose user agent ends so. A request is in it before it is answered. */
export function readWrites(file: string, start: number, userAgent: string): readonly AuditedWrite[] {
  const text = readFileSync(file).subarray(start).toString();
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .filter((entry) => String(entry.userAgent).endsWith(userAgent))
    .map(({ verb, objectRef, responseStatus, stageTimestamp }) => ({
      ...{ verb, object: objectRef, code: responseStatus?.code ?? 0, time: Date.parse(stageTimestamp) },
    }));
}
