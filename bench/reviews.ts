/** Admission reviews as an API server sends them: of pods of two containers, over connections that it keeps. */
import { Agent, request } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { application } from "./mesh-objects.ts";

/** Reviews of a second. */
export const reviewRate = 50;

const container = (name: string): object => ({
  ...application,
  name,
  ports: [{ name: "http", containerPort: 8080 }],
});
const reviewOf = (uid: string, namespace: string): string =>
  JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid,
      kind: { group: "", version: "v1", kind: "Pod" },
      operation: "CREATE",
      namespace,
      object: {
        metadata: { name: "p", labels: { app: "p" } },
        spec: { containers: [container("app"), { ...container("other"), ports: [] }] },
      },
    },
  });

/** Where a webhook answers. */
export interface ReviewTarget {
  readonly port: number;
  /** Of its certificate: the root, PEM, and a name. */
  readonly ca: string;
  readonly servername: string;
  /** An enrolled namespace. */
  readonly namespace: string;
}

/** Asks a webhook. */
export interface Reviewer {
  /** Milliseconds until the answer is read. */
  ask(uid: string): Promise<number>;
  /**
   * What reviews took, each sent at its time whether those before were answered or not, until `goesOn` says no before the
   * next one.
   */
  during(goesOn: (turn: number) => boolean): Promise<readonly number[]>;
  close(): void;
}

/** A reviewer with connections of its own. */
export function createReviewer({ port, ca, servername, namespace }: ReviewTarget): Reviewer {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const ask = (uid: string): Promise<number> => {
    const start = performance.now();
    return new Promise((resolve, reject) => {
      const target = { host: "127.0.0.1", servername, port, ca, agent, path: "/inject", method: "POST" };
      const outgoing = request(target, (response) => {
        response.resume();
        response.once("end", () => {
          if (response.statusCode === 200) resolve(performance.now() - start);
          else reject(new Error(`the webhook answered ${response.statusCode}`));
        });
      });
      outgoing.once("error", reject);
      outgoing.end(reviewOf(uid, namespace));
    });
  };
  return {
    ask,
    during: async (goesOn) => {
      const start = performance.now();
      const answers: Promise<number>[] = [];
      for (let turn = 0; goesOn(turn); turn++) {
        await delay(Math.max(0, start + (turn * 1000) / reviewRate - performance.now()));
        answers.push(ask(`u${turn}`));
      }
      return Promise.all(answers);
    },
    close: () => agent.destroy(),
  };
}
