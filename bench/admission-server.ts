/**
 * The operator's webhook in a process of its own, beside which clusters are compiled as the operator does: in the same
 * thread. Says where it listens by a line of JSON; for each line of its standard input, the name of a case, it compiles
 * until the next one comes, and says what that took.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { createRoot, openAuthority } from "../src/identity/authority.ts";
import type { Snapshot } from "../src/model/snapshot.ts";
import { createLogger } from "../src/ops/logger.ts";
import { createMetrics } from "../src/ops/metrics.ts";
import { compile, createCompileCache } from "../src/reconcilers/compile.ts";
import { createInjectionHandlers } from "../src/webhook/handler.ts";
import { createWebhookServer } from "../src/webhook/server.ts";
import { defaultInjectionSettings } from "../src/webhook/settings.ts";
import { testSettings } from "../test/support/objects.ts";
import { cases } from "./admission-cases.ts";

/** What was measured while one case was compiled; milliseconds. */
export interface ServerFigures {
  /** The longest that the event loop was not there for anybody. */
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
  const loop = monitorEventLoopDelay({ resolution: 1 });
  const time = async (into: number[], work: () => unknown): Promise<void> => {
    const start = performance.now();
    work();
    const took = performance.now() - start;
    into.push(took);
    // As the operator's hold-off: it is there for others as long as it was not.
    await delay(Math.max(20, took));
  };
  console.log(JSON.stringify({ ready: name }));
  loop.enable();
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
  loop.disable();
  return { longestStall: loop.max / 1e6, ...took };
}

const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
const root = await createRoot("bench", validity);
const authority = await openAuthority(root);
const webhook = createWebhookServer({
  handlers: createInjectionHandlers(defaultInjectionSettings("heddle-proxy:bench"), () => ({})),
  logger: createLogger("error"),
  metrics: createMetrics(),
});
webhook.setCertificate(await authority.issue({ dns: ["localhost"] }, validity));
await webhook.listen(0, "127.0.0.1");
console.log(JSON.stringify({ port: webhook.address().port, ca: root.certificate }));

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
