/** Callers inside pods: one client process in each, started with its first call, since starting one takes longer than most calls. */
import type { ClusterAccess } from "../cluster.ts";
import type { Running } from "../processes.ts";
import type { CallReport, CallSettings } from "./app.ts";

/** One line of a caller's output: what came back of the call with that number, or why there is nothing. */
interface CallResult {
  readonly id: number;
  readonly report?: CallReport;
  readonly error?: string;
}

interface Caller {
  call(settings: CallSettings): Promise<CallReport>;
}

function callerOf(running: Running): Caller {
  const waiting = new Map<number, { resolve(report: CallReport): void; reject(error: Error): void }>();
  let calls = 0;
  running.onLine((line) => {
    const { id, report, error } = JSON.parse(line) as CallResult;
    const call = waiting.get(id);
    waiting.delete(id);
    if (report === undefined) call?.reject(new Error(error));
    else call?.resolve(report);
  });
  const fail = (reason: string): void => {
    for (const call of waiting.values()) call.reject(new Error(reason));
    waiting.clear();
  };
  running.result.then(
    ({ status, stderr }) => fail(`the client ended with ${status}: ${stderr}`),
    (error: Error) => fail(error.message),
  );
  return {
    call: (settings) =>
      new Promise((resolve, reject) => {
        const id = ++calls;
        waiting.set(id, { resolve, reject });
        running.write(`${JSON.stringify({ ...settings, id })}\n`);
      }),
  };
}

/** The callers of a cluster. */
export interface Callers {
  /** Calls from the container `app` of a pod. */
  call(namespace: string, pod: string, settings: CallSettings): Promise<CallReport>;
}

/** Callers for the pods of a cluster; they end with their pods. */
export function createCallers(cluster: ClusterAccess): Callers {
  const callers = new Map<string, Caller>();
  return {
    async call(namespace, pod, settings) {
      const key = `${namespace}/${pod}`;
      let caller = callers.get(key);
      if (caller === undefined) {
        const running = cluster.start(namespace, pod, "app", ["node", "/app/tools/demo/app.ts", "call-all"]);
        caller = callerOf(running);
        callers.set(key, caller);
        const forget = (): void => void callers.delete(key);
        running.result.then(forget, forget);
      }
      return caller.call(settings);
    },
  };
}
