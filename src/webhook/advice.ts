import { within } from "./deadline.ts";
import type { WarningsOfPolicy } from "./warn.ts";

/** How long an author waits for advice while the main thread compiles, in milliseconds: the webhook has 2 seconds. */
const adviceTime = 1000;

/** Questions that the main thread has not answered. Each may hold 3 MiB, also after nobody waits for it any more. */
const mostQuestions = 16;

/**
 * Warnings of policies from somebody who may be busy for long.
 * @param ask gives the warnings of a policy in JSON; undefined when it does not know them
 */
export function createAdvice(ask: (policy: string) => Promise<readonly string[] | undefined>): WarningsOfPolicy {
  let questions = 0;
  return async (policy) => {
    if (questions === mostQuestions) return undefined;
    const text = JSON.stringify(policy);
    questions += 1;
    const answer = ask(text).finally(() => {
      questions -= 1;
    });
    return within(answer, adviceTime, () => undefined);
  };
}
