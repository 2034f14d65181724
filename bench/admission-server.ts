/**
 * The operator's admission and its compile in a process of their own, each in the thread that it has in the operator. Says
 * where it listens by a line of JSON; for each line of its standard input, the name of a case, it compiles until the next
 * one comes, and says what that took.
 */
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { BroadcastChannel } from "node:worker_threads";
import { createRoot, openAuthority } from "../src/identity/authority.ts";
import type { Snapshot } from "../src/model/snapshot.ts";
import { compile, createCompileCache } from "../src/reconcilers/compile.ts";
import { defaultInjectionSettings } from "../src/webhook/settings.ts";
import { createAdmissionThread } from "../src/webhook/thread.ts";
import { testSettings } from "../test/support/objects.ts";
import { cases } from "./admission-cases.ts";

/** What was measured while one case was compiled; milliseconds. */
export interface ServerFigures {
  /** The longest that the thread which serves admission was not there for anybody. */
  readonly longestStall: number;
  /** From nothing. */
  readonly whole: readonly number[];
  /** After a change of one policy. */
  readonly change: readonly number[];
  /** The records of a compile from nothing. */
  readonly records: readonly number[];
}

/** The same with another generation of one policy. */
function changed(snapshot: Snapshot): Snapshot {
  const [[key, policy] = []] = snapshot.authorizationPolicies;
  if (key === undefined || policy === undefined) return snapshot;
  const [rule = {}, ...rules] = policy.spec.rules ?? [];
  const turn = String(1 + Math.floor(Math.random() * 60_000));
  const spec = { ...policy.spec, rules: [{ ...rule, to: [{ operation: { ports: [turn] } }] }, ...rules] };
  const next = { ...policy, metadata: { ...policy.metadata, generation: Number(turn) }, spec };
  return { ...snapshot, authorizationPolicies: new Map([...snapshot.authorizationPolicies, [key, next]]) };
}

async function compileUntil(name: string, ended: AbortSignal): Promise<ServerFigures> {
  const snapshot = cases[name]?.();
  const took = { whole: [] as number[], change: [] as number[], records: [] as number[] };
  const time = async (into: number[], work: () => unknown): Promise<void> => {
    const start = performance.now();
    work();
    const took = performance.now() - start;
    into.push(took);
    // As the operator's hold-off: it is there for others as long as it was not.
    await delay(Math.max(20, took));
  };
  console.log(JSON.stringify({ ready: name }));
  loop.postMessage("watch");
  await delay(100);
  while (!ended.aborted && snapshot !== undefined) {
    const cache = createCompileCache();
    let made: ReturnType<typeof compile> | undefined;
    await time(took.whole, () => {
      made = compile(snapshot, testSettings, cache);
    });
    await time(took.records, () => made?.outputs);
    for (let turn = 0; turn < 10; turn++) {
      const next = changed(snapshot);
      await time(took.change, () => compile(next, testSettings, cache));
    }
  }
  while (!ended.aborted) await delay(20);
  const { promise, resolve } = Promise.withResolvers<number>();
  loop.onmessage = ({ data }) => resolve(data);
  loop.postMessage("tell");
  return { longestStall: await promise, ...took };
}

const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
const root = await createRoot("bench", validity);
const authority = await openAuthority(root);
const loop = new BroadcastChannel("loop");
const admission = createAdmissionThread(
  {
    ports: { webhook: 0, health: 0 },
    host: "127.0.0.1",
    injection: defaultInjectionSettings("heddle-proxy:bench"),
    logLevel: "error",
  },
  {
    log: (line) => process.stderr.write(line),
    reviewed: () => {},
    warningsOf: () => [],
    metrics: () => Promise.resolve(""),
    turn: () => {},
  },
  new URL("./admission-thread.ts", import.meta.url),
);
admission.setCertificate(await authority.issue({ dns: ["localhost"] }, validity));
admission.setNamespaces([["shop", {}]]);
const { webhook: port } = await admission.start();
console.log(JSON.stringify({ port, ca: root.certificate }));

let ending = new AbortController();
let running: Promise<void> = Promise.resolve();
createInterface({ input: process.stdin }).on("line", (name) => {
  ending.abort();
  ending = new AbortController();
  const { signal } = ending;
  running = running.then(async () => {
    if (name !== "") console.log(JSON.stringify(await compileUntil(name, signal)));
  });
});
process.stdin.on("end", () => process.exit(0));
