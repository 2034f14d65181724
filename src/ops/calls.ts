/** Calls between two threads over a message port: in order, and without waiting unless somebody asks. */
import type { MessagePort } from "node:worker_threads";
import { describeError } from "./logger.ts";

/** What one side can be called for, by name. Arguments and results are what a structured clone takes. */
export type Calls = Readonly<Record<string, (...args: never[]) => unknown>>;

/** The other side. */
export interface Peer<Other extends Calls> {
  /** Calls, and does not wait. What is thrown there is uncaught there. */
  tell<Name extends keyof Other & string>(name: Name, ...args: Parameters<Other[Name]>): void;
  /** Calls and waits, for ever when the other side is gone. Rejects with the message of what is thrown there. */
  ask<Name extends keyof Other & string>(
    name: Name,
    ...args: Parameters<Other[Name]>
  ): Promise<Awaited<ReturnType<Other[Name]>>>;
  /** Nothing is called, on either side, after what was called before. */
  close(): void;
}

type Message =
  | { readonly call: string; readonly args: readonly unknown[]; readonly id?: number }
  | { readonly answered: number; readonly value: unknown }
  | { readonly answered: number; readonly error: string };

/** Answers the other side's calls with `own`, and calls the other side. */
export function connectCalls<Other extends Calls>(port: MessagePort, own: Calls): Peer<Other> {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let asked = 0;
  const post = (message: Message): void => port.postMessage(message);
  const called = (name: string, args: readonly unknown[]): unknown => own[name]?.(...(args as never[]));
  const answer = async (id: number, name: string, args: readonly unknown[]): Promise<void> => {
    try {
      post({ answered: id, value: await called(name, args) });
    } catch (error) {
      post({ answered: id, error: describeError(error) });
    }
  };
  port.on("message", (message: Message) => {
    if ("call" in message) {
      const { call, args, id } = message;
      if (id === undefined) called(call, args);
      else void answer(id, call, args);
      return;
    }
    const asker = waiting.get(message.answered);
    waiting.delete(message.answered);
    if ("error" in message) asker?.reject(new Error(message.error));
    else asker?.resolve(message.value);
  });
  return {
    tell: (call, ...args) => post({ call, args }),
    ask: (call, ...args) => {
      const id = ++asked;
      const asker = Promise.withResolvers<unknown>();
      waiting.set(id, asker);
      post({ call, args, id });
      return asker.promise as Promise<never>;
    },
    close: () => port.close(),
  };
}
