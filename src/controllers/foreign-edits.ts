/** What of the operator's objects is somebody else's edit, and when it is put back. */
import type { ObjectKey } from "../model/object-key.ts";
import type { Clock, Random } from "../ops/clock.ts";
import { createRestorations } from "./restorations.ts";

/** Remembers, by key, what an object was meant to be when it was last written, or seen to be so. */
export interface ForeignEdits {
  /** The object is as it is meant to be. */
  settled(key: ObjectKey, meant: string): void;
  /**
   * The object was written, to be as it is meant to be: over these versions of it, which are none where the watch has shown
   * the outcome already.
   */
  written(key: ObjectKey, meant: string, over: readonly (string | undefined)[]): void;
  /** Whether the watch still shows a version that was written over: it has not seen the write. */
  isBehind(key: ObjectKey, version: string | undefined): boolean;
  /**
   * Of an object that is not as it is meant to be: `none` if that may be nobody's doing, as for one who begins to lead, or
   * means something else by now. Else somebody has changed it, and it is put back `now` or `later`, ever more slowly.
   */
  judge(key: ObjectKey, meant: string): "none" | "now" | "later";
  /** Whether `retry` is going to be called with this key. */
  isWaiting(key: ObjectKey): boolean;
  /** What is remembered of all objects is no longer known to be so, as when somebody else has led meanwhile. */
  reset(): void;
  /** The object is wanted no more. */
  forget(key: ObjectKey): void;
  /** Keys of what somebody has changed and what is not put back yet. */
  readonly open: ReadonlySet<string>;
  stop(): void;
}

/** @param options.retry called with a key when it is time to put it back; `onChange` when `open` has changed */
export function createForeignEdits(options: {
  readonly clock: Clock;
  readonly random: Random;
  readonly retry: (key: string) => void;
  readonly onChange: () => void;
}): ForeignEdits {
  const restorations = createRestorations(options);
  const established = new Map<ObjectKey, string>();
  const replaced = new Map<ObjectKey, readonly (string | undefined)[]>();
  return {
    settled: (key, meant) => {
      established.set(key, meant);
      replaced.delete(key);
      restorations.end(key);
    },
    written: (key, meant, over) => {
      established.set(key, meant);
      replaced.set(key, over);
    },
    isBehind: (key, version) => replaced.get(key)?.includes(version) === true,
    judge: (key, meant) => {
      if (established.get(key) !== meant) return "none";
      return restorations.begin(key) ? "now" : "later";
    },
    isWaiting: restorations.isWaiting,
    reset: () => {
      established.clear();
      replaced.clear();
    },
    forget: (key) => {
      established.delete(key);
      replaced.delete(key);
      restorations.end(key);
    },
    open: restorations.open,
    stop: restorations.stop,
  };
}
