import { MessageChannel, Worker } from "node:worker_threads";
import { connectCalls } from "../ops/calls.ts";
import type { AdmissionOptions, AdmissionPorts, AdmissionStart, MainCalls, ThreadCalls } from "./calls.ts";
import { admissionProgram } from "./program.ts";

type Told = "setCertificate" | "setNamespaces" | "setSynced" | "setManaged" | "drain";

/** The thread that serves admission, as the main thread sees it. It takes what it is told in order, also before it starts. */
export interface AdmissionThread extends Pick<ThreadCalls, Told | "close" | "end"> {
  /** Starts it. Resolves once both ports are open. @throws when one cannot be */
  start(): Promise<AdmissionPorts>;
}

/**
 * The thread; nothing runs before `start`. What is not caught there is not caught here either: without it the operator is
 * of no use.
 * @param calls answers what the thread calls for
 * @param program what it runs; a text is CommonJS
 */
export function createAdmissionThread(
  options: AdmissionOptions,
  calls: MainCalls,
  program = admissionProgram,
): AdmissionThread {
  const { port1, port2 } = new MessageChannel();
  const thread = connectCalls<ThreadCalls>(port1, calls);
  let worker: Worker | undefined;
  let ending = false;
  return {
    start: () => {
      const workerData: AdmissionStart = { ...options, port: port2 };
      const transferList = [port2];
      worker = new Worker(program, { eval: typeof program === "string", name: "admission", workerData, transferList });
      // Its errors have no listener, and so are thrown here.
      worker.on("exit", (code) => {
        if (!ending) throw new Error(`the thread that serves admission has ended with code ${code}`);
      });
      return thread.ask("listen");
    },
    setCertificate: (certificate) => thread.tell("setCertificate", certificate),
    setNamespaces: (changes) => thread.tell("setNamespaces", changes),
    setSynced: () => thread.tell("setSynced"),
    setManaged: (namespaces) => thread.tell("setManaged", namespaces),
    drain: () => thread.tell("drain"),
    close: () => thread.ask("close"),
    end: async () => {
      await thread.ask("end");
      ending = true;
      thread.close();
      await worker?.terminate();
    },
  };
}
