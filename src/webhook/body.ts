import type { IncomingMessage } from "node:http";

/** How much may be held of one body, and of all together, in bytes. */
export interface BodyBudget {
  /** Longest body. */
  readonly each: number;
  /** Takes that many bytes of what is left for all; false, and takes none, when there are not as many. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** What became of a request's body. */
export type Body =
  /** `release` gives its bytes back to the budget; call it once. */
  | { readonly kind: "complete"; readonly bytes: Uint8Array; release(): void }
  | { readonly kind: "too-large" | "busy" | "aborted" };

/** A budget with nothing taken yet. */
export function createBodyBudget(each: number, total: number): BodyBudget {
  let left = total;
  return {
    each,
    take: (bytes) => {
      if (bytes > left) return false;
      left -= bytes;
      return true;
    },
    give: (bytes) => {
      left += bytes;
    },
  };
}

/**
 * Reads a body within the budget. What is over it is not kept; up to four times the longest body is read and dropped, so
 * that an honest client has sent everything and reads the answer. Never rejects.
 */
export function readBody(request: IncomingMessage, budget: BodyBudget): Promise<Body> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let seen = 0;
    let held = 0;
    let problem: "too-large" | "busy" | undefined;
    const release = (): void => {
      budget.give(held);
      held = 0;
      chunks.length = 0;
    };
    const settle = (body: Body): void => {
      if (body.kind !== "complete") release();
      resolve(body);
    };

    request.on("data", (chunk: Buffer) => {
      seen += chunk.length;
      if (seen > budget.each) problem = "too-large";
      else if (problem === undefined && !budget.take(chunk.length)) problem = "busy";
      if (problem !== undefined) {
        release();
        if (seen > 4 * budget.each) {
          request.pause();
          settle({ kind: problem });
        }
        return;
      }
      held += chunk.length;
      chunks.push(chunk);
    });
    request.on("end", () =>
      settle(problem === undefined ? { kind: "complete", bytes: Buffer.concat(chunks), release } : { kind: problem }),
    );
    request.on("error", () => settle({ kind: "aborted" }));
    request.on("close", () => {
      if (!request.complete) settle({ kind: "aborted" });
    });
  });
}
