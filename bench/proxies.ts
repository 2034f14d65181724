/** Simulated sidecars in a process of their own: who they are, and what is asked of them. */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { kinds } from "../src/api/kinds.ts";
import type { Pod } from "../src/api/kubernetes.ts";
import type { KubeClient } from "../src/kube/client.ts";

/** What the process is asked. */
export type ProxyQuestion =
  | {
      readonly ask: "connect";
      readonly port: number;
      readonly proxies: readonly { readonly node: string; readonly address: string; readonly identity: string }[];
      readonly identities: readonly Identity[];
    }
  /** Answered once so many have acknowledged a resource with this mark, or, without one, have everything. */
  | { readonly ask: "wait"; readonly mark?: string; readonly count: number }
  /** What came since it was asked for the last time. */
  | { readonly ask: "figures"; readonly mark?: string };

/** What it answers, and when, in milliseconds since the epoch. */
export interface ProxyAnswer {
  readonly id: number;
  readonly at: number;
  readonly figures: ProxyFigures | undefined;
}

/** See {@link ProxyQuestion}. */
export interface ProxyFigures {
  /** Connections that were begun. */
  readonly tries: number;
  /** Why connections and streams ended, and how often. */
  readonly failures: readonly (readonly [string, number])[];
  readonly responses: number;
  readonly resources: number;
  /** Of messages, without what frames and encryption add. */
  readonly bytes: number;
  /** Milliseconds that proxies took from the begin of the try that got through until they had everything. */
  readonly took: readonly number[];
  /** How many proxies have acknowledged the mark that was asked for. */
  readonly acknowledged: number;
}

interface Identity {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** All of them. */
export interface Proxies {
  readonly count: number;
  /** Of those, the ones whose `namespace/pod` begins so. */
  countOf(prefix: string): number;
  /** Begins to connect all within five seconds, and never gives up. Resolves when all have begun. */
  connect(port: number): Promise<void>;
  /** Resolves with the time, in milliseconds since the epoch. Rejects after five minutes. */
  served(count?: number): Promise<number>;
  /** The same, of the acknowledgements of a mark. */
  acknowledged(mark: string, count: number): Promise<number>;
  figures(mark?: string): Promise<ProxyFigures>;
  stop(): void;
}

const deadline = 300_000;

/** Starts the process with the sidecar of each pod that has one, each with what the Secret of its ServiceAccount holds. */
export async function startProxies(client: KubeClient): Promise<Proxies> {
  const pods = (await client.list(kinds.Pod)).items as readonly Pod[];
  const secrets = (await client.list(kinds.Secret)).items as readonly {
    readonly metadata: { readonly namespace?: string; readonly name: string };
    readonly data?: Readonly<Record<string, string>>;
  }[];
  const identities = secrets.flatMap(({ metadata, data = {} }): Identity[] => {
    if (!metadata.name.startsWith("heddle-identity-")) return [];
    const text = (key: string): string => Buffer.from(data[key] ?? "", "base64").toString();
    const name = `${metadata.namespace}/${metadata.name.replace("heddle-identity-", "")}`;
    return [{ name, cert: text("tls.crt"), key: text("tls.key"), ca: text("ca.crt") }];
  });
  const proxies = pods.map(({ metadata, spec, status }) => ({
    node: `${metadata.namespace}/${metadata.name}/${metadata.uid}`,
    address: status?.podIPs?.[0]?.ip ?? "",
    identity: `${metadata.namespace}/${spec?.serviceAccountName}`,
  }));
  const child = fork(join(import.meta.dirname, "proxies-process.ts"));
  const ask = createAsk(child);
  const wait = async (count: number, mark?: string): Promise<number> =>
    (await ask({ ask: "wait", count, ...(mark === undefined ? {} : { mark }) })).at;
  return {
    count: proxies.length,
    countOf: (prefix) => proxies.filter(({ node }) => node.startsWith(prefix)).length,
    connect: async (port) => void (await ask({ ask: "connect", port, proxies, identities })),
    served: (count = proxies.length) => wait(count),
    acknowledged: (mark, count) => wait(count, mark),
    figures: async (mark) => {
      const { figures } = await ask({ ask: "figures", ...(mark === undefined ? {} : { mark }) });
      if (figures === undefined) throw new Error("the proxies told no figures");
      return figures;
    },
    stop: () => child.disconnect(),
  };
}

function createAsk(child: ChildProcess): (question: ProxyQuestion) => Promise<ProxyAnswer> {
  const due = new Map<number, (answer: ProxyAnswer) => void>();
  let last = 0;
  let ended = false;
  child.on("message", (message) => {
    const answer = message as ProxyAnswer;
    due.get(answer.id)?.(answer);
    due.delete(answer.id);
  });
  child.once("exit", () => {
    ended = true;
  });
  return (question) =>
    new Promise((resolve, reject) => {
      if (ended) return reject(new Error("the process of the proxies has ended"));
      const id = ++last;
      const what = JSON.stringify({ ...question, proxies: undefined, identities: undefined });
      const late = setTimeout(() => reject(new Error(`the proxies did not answer ${what} in time`)), deadline);
      due.set(id, (answer) => {
        clearTimeout(late);
        resolve(answer);
      });
      child.send({ id, question });
    });
}
