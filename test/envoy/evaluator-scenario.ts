/**
 * Generated calls to workloads with generated policies, answered by a real sidecar and by the evaluator: run it with
 * `unshare --net`, with a seed, how many workloads, and how many calls to each. Prints what differs, for
 * `evaluator.test.ts` to judge.
 */
import fc from "fast-check";
import type { Call } from "../../src/policy/call.ts";
import type { Evaluation } from "../../src/policy/evaluate.ts";
import { evaluate, nameOf } from "../../src/policy/evaluate.ts";
import { normalizePath } from "../../src/policy/path.ts";
import { until } from "../../tools/processes.ts";
import { identityOf } from "../support/mesh-samples.ts";
import { applicationPorts, callers, callTo, policySpec } from "../support/policy-arbitraries.ts";
import type { GivenWorkload } from "../support/policy-world.ts";
import { compileWorkloads } from "../support/policy-world.ts";
import { normalizedPaths, servedHosts } from "../support/spellings.ts";
import { createTestAuthority } from "../support/test-identity.ts";
import type { Outcome } from "./evaluator-calls.ts";
import { Client } from "./evaluator-calls.ts";
import { evaluatorCases } from "./evaluator-cases.ts";
import { addressOf, redirectWorkloads, startApplications, withSharedSidecar } from "./evaluator-world.ts";
import type { LogLine } from "./sidecar-world.ts";

/** What this prints. */
export interface Differences {
  /** A line each: what was called, what the evaluator says and what came of it. */
  readonly differences: readonly string[];
  /** Cases of the table whose calls did not get their verdict, from the evaluator. */
  readonly cases: readonly string[];
  readonly calls: number;
  /** How often each verdict was, on each kind of port. */
  readonly verdicts: Readonly<Record<string, number>>;
  /** How often each field was in a rule that decided. */
  readonly fields: Readonly<Record<string, number>>;
}

const [seed = 1, generated = 40, callsEach = 40] = process.argv.slice(2).map(Number);

/** Workloads, by their place, and the calls to each. */
interface Planned extends GivenWorkload {
  readonly calls: readonly Call[];
}

const policies = fc.array(
  fc.record({
    namespace: fc.constantFrom("shop", "shop", "heddle-system"),
    spec: policySpec,
    dryRun: fc.nat(4),
    by: fc.constantFrom("selector" as const, "targetRefs" as const),
  }),
  { minLength: 1, maxLength: 4 },
);
const mode = fc.constantFrom(undefined, undefined, "Permissive" as const, "Strict" as const, "Disabled" as const);

function plan(): Planned[] {
  const cases = evaluatorCases.map(({ policies: given, calls, mode: itsMode }, index): Planned => {
    const name = `c${index}`;
    const address = addressOf(index);
    return {
      name,
      address,
      policies: given.map((spec, at) => ({ key: `shop/${name}-${at}`, spec })),
      calls: calls.map(({ call }) => ({ ...call, destination: { ...call.destination, address } })),
      ...(itsMode === undefined ? {} : { mode: itsMode }),
    };
  });
  const sample = fc.sample(fc.tuple(policies, mode), { seed, numRuns: generated });
  const random = sample.map(([given, itsMode], at): Planned => {
    const index = cases.length + at;
    const name = `w${at}`;
    return {
      name,
      address: addressOf(index),
      policies: given.map(({ namespace, spec, dryRun, by }, place) => ({
        key: `${namespace}/${name}-${place}`,
        spec: dryRun === 0 ? { ...spec, enforcement: "DryRun" } : spec,
        ...(namespace === "shop" ? { by } : {}),
      })),
      calls: fc.sample(callTo(addressOf(index)), { seed: seed + index, numRuns: callsEach }),
      ...(itsMode === undefined ? {} : { mode: itsMode }),
    };
  });
  return [...cases, ...random, spelled(cases.length + random.length)];
}

/** One without policies, for what is made of paths and hosts. */
function spelled(index: number): Planned {
  const address = addressOf(index);
  const call = (port: number, path: string, host: string): Call => ({
    caller: { speaks: "plaintext" },
    source: "10.0.0.2",
    destination: { address, port },
    request: { method: "GET", path, host },
  });
  // HTTP/1.1 refuses what is not ASCII; HTTP/2 a host that is empty, or is after its port is gone, and space around it.
  const calls = [
    ...normalizedPaths.flatMap(([path]) => [
      ...(isASCII(path) ? [call(applicationPorts.http, path, "a")] : []),
      call(applicationPorts.http2, path, "a"),
    ]),
    ...servedHosts.flatMap(([host, served]) => [
      call(applicationPorts.http, "/", host),
      ...(served === "" || host.startsWith(" ") ? [] : [call(applicationPorts.http2, "/", host)]),
    ]),
  ];
  return { name: "spelled", address, policies: [], calls };
}

const isASCII = (text: string): boolean => /^[\0-\x7f]*$/.test(text);

// ------------------------------------------------------------------------------------------------------------ comparison

/** What the evaluator says, in the words of an outcome. */
function expected({ verdict }: Evaluation, call: Call): string {
  if (call.request === undefined || call.caller.speaks === "tls") return verdict.allowed ? "answered" : "refused";
  if (verdict.allowed) return "200";
  if (verdict.because === "rejected") return "4xx";
  return verdict.because === "mutual-tls-required" ? "reset" : "403";
}

/** A request that nobody is served may also end its stream, and one that a rule denies too is denied. */
function isAsExpected(status: string, wanted: string): boolean {
  return wanted === "4xx" ? /^4\d\d$|^reset$/.test(status) : status === wanted;
}

/** The rule that decided, by the evaluator; undefined where access logs do not tell. */
function decidingRule({ verdict }: Evaluation, call: Call): string | undefined {
  const isRequest = call.request !== undefined && call.caller.speaks !== "tls";
  if (verdict.allowed) return isRequest && verdict.rule !== undefined ? nameOf(verdict.rule) : undefined;
  if (verdict.because === "denied") return nameOf(verdict.rule);
  return verdict.because === "not-allowed" && call.destination.port !== applicationPorts.serverFirst
    ? "none"
    : undefined;
}

function loggedRule(line: LogLine): string | undefined {
  const details = String(line["response_code_details"] ?? line["connection_termination_details"] ?? "");
  const allowed = line["allow_policy"];
  return /matched_policy\[(.*)\]/.exec(details)?.[1] ?? (typeof allowed === "string" ? allowed : undefined);
}

/** What the application saw that the evaluator did not foresee. */
function unforeseen({ request }: Call, { seen }: Outcome): string | undefined {
  if (request === undefined || seen === undefined) return undefined;
  const path = normalizePath(request.path);
  const forwarded = seen.url.split("?", 1)[0];
  return forwarded === path ? undefined : `the application saw ${forwarded}, not ${JSON.stringify(path)}`;
}

interface Made {
  readonly workload: Planned;
  readonly call: Call;
  readonly id: string;
  readonly evaluation: Evaluation;
  readonly outcome: Outcome;
  /** It was made once before, with another outcome than expected. */
  readonly isRepeated?: true;
}

const wordsOf = ({ workload, call }: Made): string =>
  `${JSON.stringify(call)} to ${JSON.stringify(workload.policies.map(({ key, spec, by }) => ({ key, by, ...spec })))} mode ${workload.mode}`;

/** The lines of a log by what they are found by: the request's id, or both ends of a connection. */
type Index = ReadonlyMap<unknown, readonly LogLine[]>;

const indexOf = (log: readonly LogLine[]): Index =>
  new Map([
    ...Map.groupBy(
      log,
      (line) => line["request_id"] ?? `${line["downstream_remote_address"]} ${line["downstream_local_address"]}`,
    ),
    ...Map.groupBy(log, (line) => `${hostOf(line["downstream_remote_address"])} ${line["downstream_local_address"]}`),
  ]);

const hostOf = (address: unknown): string => String(address).split(":", 1)[0] ?? "";

/**
 * All redirected connections of a workload end at one port. So the kernel gives one another port of its caller's if that port
 * was in use for another port of the workload a moment before: then any of the same two hosts may be meant.
 */
function linesOf(index: Index, { call: { source, destination }, outcome, id }: Made): readonly LogLine[] {
  if (!isOfConnection(outcome)) return index.get(id) ?? [];
  const to = `${destination.address}:${destination.port}`;
  return index.get(`${outcome.from} ${to}`) ?? index.get(`${source} ${to}`) ?? [];
}

const isOfConnection = ({ status }: Outcome): boolean => status === "answered" || status === "refused";

/** Whether the log has a line of each verdict that is in it. Connections are logged once they are gone. */
const isWhole = (made: readonly Made[], index: Index): boolean =>
  made.every((one) => decidingRule(one.evaluation, one.call) === undefined || linesOf(index, one).length > 0);

function differencesOf(made: readonly Made[], index: Index): string[] {
  return made.flatMap((one) => {
    const { call, evaluation, outcome } = one;
    const wanted = expected(evaluation, call);
    const faults: string[] = [];
    if (!isAsExpected(outcome.status, wanted)) faults.push(`${wanted} expected, ${outcome.status} came`);
    const fault = unforeseen(call, outcome);
    if (fault !== undefined) faults.push(fault);
    const rule = decidingRule(evaluation, call);
    const lines = linesOf(index, one);
    if (faults.length === 0 && rule !== undefined && !lines.some((line) => loggedRule(line) === rule))
      faults.push(`${rule} expected to decide, but the log says ${JSON.stringify(lines)}`);
    return faults.map((text) => `${text}: ${JSON.stringify(evaluation.verdict)} of ${wordsOf(one)}`);
  });
}

/**
 * Dry runs leave nothing but counters: in sum of all calls. They count requests, too, that the sidecar answers itself after
 * all policies, which the evaluator says nothing of, and calls that were repeated.
 */
async function dryRunDifferences(
  made: readonly Made[],
  counters: (filter: string) => Promise<ReadonlyMap<string, number>>,
): Promise<string[]> {
  const wanted = new Map<string, number>();
  const add = (key: string): unknown => wanted.set(key, (wanted.get(key) ?? 0) + 1);
  for (const { workload, evaluation, outcome, isRepeated } of made) {
    const layer = isOfConnection(outcome) ? "tcp" : "http";
    for (const { policy, allowed } of evaluation.dryRuns) add(`${layer} ${policy} ${allowed ? "allowed" : "denied"}`);
    const isRejected = !evaluation.verdict.allowed && evaluation.verdict.because === "rejected";
    if (isRejected || isRepeated === true) {
      for (const { key, spec } of workload.policies)
        if (spec.enforcement === "DryRun") add(`${layer} ${key} unforeseen`);
    }
  }
  const counted = new Map<string, number>();
  for (const [name, value] of await counters("dry-run")) {
    const [, layer, policy = "", end = ""] =
      /^(http\.inbound\.)?.*?dry-run\/(.*?)\.?(?:rbac\.)?shadow_(allowed|denied)$/.exec(name) ?? [];
    if (policy !== "") counted.set(`${layer === undefined ? "tcp" : "http"} ${policy} ${end}`, value);
  }
  const numberOf = (from: ReadonlyMap<string, number>, policy: string, end: string): number =>
    from.get(`${policy} ${end}`) ?? 0;
  const policies = new Set([...wanted.keys(), ...counted.keys()].map((key) => key.slice(0, key.lastIndexOf(" "))));
  return [...policies].sort().flatMap((policy) => {
    const more = ["allowed", "denied"].map((end) => numberOf(counted, policy, end) - numberOf(wanted, policy, end));
    const [allowed = 0, denied = 0] = more;
    if (allowed >= 0 && denied >= 0 && allowed + denied <= numberOf(wanted, policy, "unforeseen")) return [];
    return [`dry run ${policy}: ${more.join(" and ")} calls more than expected would be allowed and denied`];
  });
}

// ------------------------------------------------------------------------------------------------------------------- run

const planned = plan();
const authority = await createTestAuthority();
const identities = new Map(
  await Promise.all(callers.map(async (identity) => [identity, await authority.issue(identity)] as const)),
);
const own = await authority.issue(identityOf("shop", "checkout"));
const { compilation, classOf } = compileWorkloads(planned);
const invalid = [...compilation.decisions.values()].filter(
  ({ accepted }) => !["Accepted", "ServerFirstPort"].includes(accepted.reason),
);
if (invalid.length > 0) throw new Error(JSON.stringify(invalid[0]));

redirectWorkloads(planned.length);
await startApplications();

async function callAll(): Promise<Made[]> {
  const made: Made[] = [];
  const left = [...planned.entries()];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, workload] = next;
      const client = new Client(identities);
      for (const [at, call] of workload.calls.entries()) {
        const id = `${index}-${at}`;
        const evaluation = evaluate(classOf(workload.name), call);
        const outcome = await client.make(call, id);
        if (isAsExpected(outcome.status, expected(evaluation, call)))
          made.push({ workload, call, id, evaluation, outcome });
        else {
          // Whoever is a second late with the first byte is not waited for, which says nothing of policies.
          const again = `${id}-again`;
          made.push({
            workload,
            call,
            id: again,
            evaluation,
            outcome: await client.make(call, again),
            isRepeated: true,
          });
        }
      }
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
  return made;
}

const count = (texts: readonly string[]): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(texts, (text) => text)].map(([text, all]) => [text, all.length] as const).sort());

function verdictWords({ call, evaluation: { verdict } }: Made): string {
  const layer = call.request === undefined ? "connection" : "request";
  const word = verdict.allowed ? (verdict.rule === undefined ? "no policy" : "allowed") : verdict.because;
  return `${layer}: ${word}`;
}

/** The fields of the rule that decided. */
function decidingFields({ workload, evaluation: { verdict } }: Made): string[] {
  if (!("rule" in verdict) || verdict.rule === undefined) return [];
  const { policy, index } = verdict.rule;
  const rule = workload.policies.find(({ key }) => key === policy)?.spec.rules?.[index];
  const demands = [
    ...(rule?.from ?? []).flatMap(({ source }) => Object.keys(source)),
    ...(rule?.to ?? []).flatMap(({ operation }) => Object.keys(operation)),
    ...(rule?.when ?? []).map(({ key }) => key.toLowerCase()),
  ];
  return demands.length === 0 ? ["{}"] : [...new Set(demands)];
}

const result = await withSharedSidecar(
  own,
  planned.map(({ name }) => classOf(name)),
  async ({ accessLog, counters }): Promise<Differences> => {
    const made = await callAll();
    // If it never is, a difference tells of which call there is no line.
    const whole = async (): Promise<boolean> => isWhole(made, indexOf(accessLog()));
    await until("the access log is whole", whole, { timeout: 60_000, interval: 100 }).catch(() => undefined);
    const cases = evaluatorCases.flatMap(({ name, calls }, index) =>
      calls.flatMap(({ verdict }, at) => {
        const one = made.find(({ id }) => id.replace("-again", "") === `${index}-${at}`);
        const said = one?.evaluation.verdict.allowed === true ? "allowed" : "refused";
        return said === verdict ? [] : [`${name}: call ${at} is ${said}`];
      }),
    );
    return {
      differences: [...differencesOf(made, indexOf(accessLog())), ...(await dryRunDifferences(made, counters))],
      cases,
      calls: made.length,
      verdicts: count(made.map(verdictWords)),
      fields: count(made.flatMap(decidingFields)),
    };
  },
);
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
