/** The process in which simulated sidecars are: what they take is not the operator's. Driven by `proxies.ts`. */
import { createSecureContext, type SecureContext } from "node:tls";
import type { ProxyAnswer, ProxyFigures, ProxyQuestion } from "./proxies.ts";
import { type ProxyEvents, SimulatedProxy } from "./proxy.ts";
import { createResponseReader } from "./proxy-resources.ts";

/** What waits until so many have acknowledged a mark, or, without one, have everything. */
interface Wait {
  readonly mark: string | undefined;
  readonly count: number;
  readonly resolve: () => void;
}

/** Milliseconds in which they come, as their backoff has it when they lose an operator. */
const spread = 5000;

const fresh = () => ({
  tries: 0,
  failures: new Map<string, number>(),
  responses: 0,
  resources: 0,
  bytes: 0,
  took: [] as number[],
});
let figures = fresh();
/** By mark, who has acknowledged it. */
const acknowledged = new Map<string, Set<number>>();
const served = new Set<number>();
let waits: Wait[] = [];

const countOf = (mark: string | undefined): number =>
  mark === undefined ? served.size : (acknowledged.get(mark)?.size ?? 0);
function look(): void {
  const over = waits.filter(({ mark, count }) => countOf(mark) >= count);
  if (over.length === 0) return;
  waits = waits.filter((wait) => !over.includes(wait));
  for (const { resolve } of over) resolve();
}

const eventsOf = (index: number): ProxyEvents => ({
  connecting: () => {
    figures.tries++;
  },
  failed: (reason) => {
    served.delete(index);
    figures.failures.set(reason, (figures.failures.get(reason) ?? 0) + 1);
  },
  response: (_type, resources, bytes) => {
    figures.responses++;
    figures.resources += resources;
    figures.bytes += bytes;
  },
  served: (took) => {
    served.add(index);
    figures.took.push(took);
    look();
  },
  acknowledged: (mark) => {
    const known = acknowledged.get(mark) ?? new Set();
    acknowledged.set(mark, known.add(index));
    look();
  },
});

async function answer(question: ProxyQuestion): Promise<ProxyFigures | undefined> {
  switch (question.ask) {
    case "connect": {
      const { port, proxies, identities } = question;
      const contexts = new Map<string, SecureContext>(
        identities.map(({ name, cert, key, ca }) => [name, createSecureContext({ cert, key, ca })]),
      );
      const read = createResponseReader();
      const all = proxies.map(({ node, address, identity }, index) => {
        const credentials = contexts.get(identity);
        if (credentials === undefined) throw new Error(`there is no identity ${identity}`);
        return new SimulatedProxy({ node, address, credentials }, port, read, eventsOf(index));
      });
      for (const proxy of all) setTimeout(() => proxy.connect(), Math.random() * spread);
      return;
    }
    case "wait":
      await new Promise<void>((resolve) => {
        waits.push({ mark: question.mark, count: question.count, resolve });
        look();
      });
      return;
    case "figures": {
      const { took, failures, ...counts } = figures;
      figures = fresh();
      return { ...counts, took, failures: [...failures], acknowledged: countOf(question.mark) };
    }
  }
}

process.on("message", (message) => {
  const { id, question } = message as { readonly id: number; readonly question: ProxyQuestion };
  void answer(question).then((figures) => {
    const result: ProxyAnswer = { id, at: Date.now(), figures };
    process.send?.(result);
  });
});
process.on("disconnect", () => process.exit(0));
