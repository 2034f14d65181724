/**
 * An operator of which there is nothing but the thread that serves admission, for `thread.test.ts`: its main thread does
 * what messages of the parent say, and tells what the thread calls it for.
 */
import { readSync } from "node:fs";
import type { MainCalls } from "../../../src/webhook/calls.ts";
import { type AdmissionThread, createAdmissionThread } from "../../../src/webhook/thread.ts";
import { settings } from "./pods.ts";

type Method = keyof AdmissionThread | "block";

/** What the parent says. */
export interface Order {
  readonly id: number;
  readonly method: Method;
  readonly args: readonly unknown[];
}

/** What the parent is told: of an order, or of what the thread calls for. */
export type Told =
  | { readonly id: number; readonly value?: unknown; readonly error?: string }
  | { readonly [Name in keyof MainCalls]?: Parameters<MainCalls[Name]> };

const tell = (told: Told, then = (): void => {}): void => void process.send?.(told, then);

const admission = createAdmissionThread(
  {
    ports: { webhook: 0, health: Number(process.argv[2] ?? 0) },
    host: "127.0.0.1",
    injection: settings,
    managed: ["shop", "strict"],
    logLevel: "debug",
  },
  {
    log: (line) => tell({ log: [line] }),
    reviewed: (outcome, seconds) => tell({ reviewed: [outcome, seconds] }),
    warningsOf: (policy) => {
      const { name } = JSON.parse(policy).metadata as { readonly name: string };
      if (name === "defect") throw new Error("a defect of the compile");
      return name === "early" ? undefined : [`of ${name}`];
    },
    metrics: () => Promise.resolve("all that is counted\n"),
    turn: () => {},
  },
);
const methods: Readonly<Record<string, (...args: never[]) => unknown>> = {
  ...admission,
  // Until the parent writes a byte this thread answers nobody.
  block: () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    tell({ log: ["blocked"] }, () => {
      readSync(0, Buffer.alloc(1));
      resolve();
    });
    return promise;
  },
};

process.on("message", async ({ id, method, args }: Order) => {
  try {
    tell({ id, value: await methods[method]?.(...(args as never[])) });
  } catch (error) {
    tell({ id, error: String(error) });
  }
  if (method === "end") process.disconnect();
});
