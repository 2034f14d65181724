import type { Clock, Random, Timer } from "../ops/clock.ts";

/** The first restoration is at once; the next ones of the same object wait longer each time, in milliseconds. */
const firstWait = 1000;
const lastWait = 60_000;
/** An object that was left alone for so long is put back at once again, in milliseconds. */
const forgetAfter = 600_000;

/** Objects of ours that somebody else has changed or deleted. */
export interface Restorations {
  /** Keys of the objects that are not put back yet. */
  readonly open: ReadonlySet<string>;
  /**
   * The object is not as it should be, by another hand. Whether it is to be put back now; if not, `retry` is called with
   * its key when it is time. Two who always undo each other would otherwise keep the API server busy.
   */
  begin(key: string): boolean;
  /** Whether `retry` is going to be called with this key. */
  isWaiting(key: string): boolean;
  /** The object is as it should be, or is wanted no more: `retry` is not called any more. */
  end(key: string): void;
  stop(): void;
}

/** @param options.onChange told when an object is found changed, and when it is back */
export function createRestorations(options: {
  readonly clock: Clock;
  readonly random: Random;
  readonly retry: (key: string) => void;
  readonly onChange: () => void;
}): Restorations {
  const { clock } = options;
  const open = new Set<string>();
  const history = new Map<string, { readonly count: number; readonly notBefore: number; timer?: Timer }>();
  const forgetOld = (): void => {
    for (const [key, { notBefore }] of history) {
      if (!open.has(key) && clock.monotonic() - notBefore > forgetAfter) history.delete(key);
    }
  };
  return {
    open,
    begin: (key) => {
      if (!open.has(key)) {
        open.add(key);
        options.onChange();
      }
      const known = history.get(key);
      const wait = (known?.notBefore ?? 0) - clock.monotonic();
      if (known !== undefined && wait > 0) {
        known.timer ??= clock.setTimeout(() => {
          delete known.timer;
          options.retry(key);
        }, wait);
        return false;
      }
      forgetOld();
      const count = (history.get(key)?.count ?? 0) + 1;
      const ceiling = Math.min(lastWait, firstWait * 2 ** Math.min(count - 1, 16));
      history.set(key, { count, notBefore: clock.monotonic() + ceiling * (0.75 + options.random() / 4) });
      return true;
    },
    isWaiting: (key) => history.get(key)?.timer !== undefined,
    end: (key) => {
      const known = history.get(key);
      known?.timer?.cancel();
      delete known?.timer;
      if (open.delete(key)) options.onChange();
    },
    stop: () => {
      for (const { timer } of history.values()) timer?.cancel();
    },
  };
}
