/**
 * What the policies of a workload say of a call, and which rule decides. It knows nothing of Envoy: what it says and what a
 * sidecar does are compared by `test/envoy/evaluator.test.ts`.
 *
 *   mode     refuses who must speak mutual TLS and does not
 *   sidecar  rejects what it cannot judge, whatever the policies say
 *   DENY     any rule that fits denies
 *   ALLOW    where any applies: one that fits allows, else the call is denied
 */
import type { AuthorizationRule, InboundPort, MeshPolicy, WorkloadClass } from "../model/mesh.ts";
import { concernsScope, demandedOperations } from "../model/port-scope.ts";
import { compare } from "../model/workload.ts";
import type { Call } from "./call.ts";
import type { Rejection } from "./rejection.ts";
import { reject } from "./rejection.ts";
import { type JudgedRequest, judgedRequest } from "./request.ts";
import { demandsRequest, type Facts, fitsRule } from "./rule.ts";
import type { Action } from "./text.ts";

/** What of a workload decides who may call it. */
export type JudgingWorkload = Pick<WorkloadClass, "identity" | "ports" | "mode" | "deny" | "allow" | "dryRuns">;

/** One rule of one policy. */
export interface RuleReference {
  /** `namespace/name`. */
  readonly policy: string;
  /** Its place in `spec.rules`. */
  readonly index: number;
}

/** What becomes of a call. */
export type Verdict =
  /** `rule` is the one that allows it; absent where no ALLOW policy applies, which allows everything. */
  | { readonly allowed: true; readonly rule?: RuleReference }
  /** A rule of a DENY policy fits. */
  | { readonly allowed: false; readonly because: "denied"; readonly rule: RuleReference }
  /** ALLOW policies apply, and no rule of them fits. */
  | { readonly allowed: false; readonly because: "not-allowed" }
  /** The caller must speak mutual TLS, with an identity of the mesh, and does not. */
  | { readonly allowed: false; readonly because: "mutual-tls-required" }
  /** The server speaks first, and a policy applies that cannot be judged in the handshake: the port is closed. */
  | { readonly allowed: false; readonly because: "server-first-port" }
  /** The sidecar does not serve such a request to anybody. */
  | ({ readonly allowed: false; readonly because: "rejected" } & Rejection);

/** What one dry run would do, as if it were the only policy. */
export interface DryRunVerdict {
  /** `namespace/name`. */
  readonly policy: string;
  readonly allowed: boolean;
  /** The rule that fits; absent when none does. */
  readonly rule?: RuleReference;
}

/** The whole answer. */
export interface Evaluation {
  readonly verdict: Verdict;
  /** In the order of the workload's; none for a call that no policy gets to see. */
  readonly dryRuns: readonly DryRunVerdict[];
}

/** Judges a call to a pod of the workload. */
export function evaluate(workload: JudgingWorkload, call: Call): Evaluation {
  const port = workload.ports.find((declared) => declared.port === call.destination.port);
  const trustDomain = trustDomainOf(workload.identity);
  if (!mayConnect(call, port?.mode ?? workload.mode, trustDomain)) {
    return { verdict: { allowed: false, because: "mutual-tls-required" }, dryRuns: [] };
  }
  const isOfHTTP = port !== undefined && port.protocol !== "tcp" && call.caller.speaks !== "tls";
  const request = isOfHTTP ? requestOf(call) : undefined;
  if (request !== undefined && "rejected" in request) {
    return { verdict: { allowed: false, because: "rejected", ...request }, dryRuns: [] };
  }
  const facts = factsOf(call, trustDomain, request);
  const dryRuns = (workload.dryRuns ?? []).map((policy) => evaluateDryRun(policy, policy.action, facts));
  if (port?.serverFirst === true && isJudged(workload, port)) {
    const verdict = judgeHandshake(workload, port, call, facts);
    // Who is let in is counted by what he says after the server.
    return { verdict, dryRuns: verdict.allowed ? dryRuns : [] };
  }
  return { verdict: judge(workload, facts), dryRuns };
}

function mayConnect({ caller }: Call, mode: InboundPort["mode"], trustDomain: string): boolean {
  if (caller.speaks === "mutual-tls") return caller.identity.startsWith(`spiffe://${trustDomain}/`);
  return mode !== "Strict";
}

/** SPIFFE-ID, section 2.1. */
const trustDomainOf = (identity: string): string => identity.split("/")[2] ?? "";

function requestOf({ request }: Call): JudgedRequest | Rejection {
  return request === undefined
    ? reject("request", "on a port of HTTP requests are judged, and none is given")
    : judgedRequest(request);
}

function factsOf(call: Call, trustDomain: string, request: JudgedRequest | undefined): Facts {
  const { caller, source, destination, serverName = "" } = call;
  return {
    peer: caller.speaks === "mutual-tls" ? caller.identity : undefined,
    trustDomain,
    source,
    destination,
    serverName: serverName.toLowerCase(),
    request,
  };
}

function judge({ deny, allow }: Pick<WorkloadClass, "deny" | "allow">, facts: Facts): Verdict {
  const denying = firstFitting(deny, "DENY", facts);
  if (denying !== undefined) return { allowed: false, because: "denied", rule: denying };
  if (allow === undefined) return { allowed: true };
  const allowing = firstFitting(allow, "ALLOW", facts);
  return allowing === undefined ? { allowed: false, because: "not-allowed" } : { allowed: true, rule: allowing };
}

/** As access logs show it: where several rules fit, the first by its name, `namespace/name/index`. */
function firstFitting(policies: readonly MeshPolicy[], action: Action, facts: Facts): RuleReference | undefined {
  const fitting = policies.flatMap(({ name, rules }) =>
    rules.flatMap((rule, index) => (fitsRule(rule, action, facts) ? [{ policy: name, index }] : [])),
  );
  const [first] = fitting.sort((one, other) => compare(nameOf(one), nameOf(other)));
  return first;
}

/** `namespace/name/index`: the name of a rule in access logs. */
export const nameOf = ({ policy, index }: RuleReference): string => `${policy}/${index}`;

function evaluateDryRun(policy: MeshPolicy, action: Action, facts: Facts): DryRunVerdict {
  const rule = firstFitting([policy], action, facts);
  const allowed = (rule !== undefined) === (action === "ALLOW");
  return { policy: policy.name, allowed, ...(rule === undefined ? {} : { rule }) };
}

// ------------------------------------------------------------------------------------------- servers that speak first

/** Whether any policy says anything of the port. */
const isJudged = ({ deny, allow }: JudgingWorkload, { port }: InboundPort): boolean =>
  allow !== undefined || deny.some(({ rules }) => rules.some((rule) => concernsScope(rule, port)));

/**
 * Before the server has spoken nothing is known but the caller's certificate. So an ALLOW that names callers exactly is
 * judged, and whatever else concerns the port closes it.
 */
function judgeHandshake(workload: JudgingWorkload, port: InboundPort, call: Call, facts: Facts): Verdict {
  const concerned = (policies: readonly MeshPolicy[]) =>
    policies.flatMap(({ rules }) => rules.filter((rule) => concernsScope(rule, port.port)));
  const allowing = concerned(workload.allow ?? []).filter((rule) => !demandsRequest(rule));
  if (concerned(workload.deny).length > 0 || !allowing.every(namesCallersOnly)) {
    return { allowed: false, because: "server-first-port" };
  }
  if (call.caller.speaks !== "mutual-tls") return { allowed: false, because: "mutual-tls-required" };
  return judge(workload, facts);
}

/** Sources that are lists of exact identities and nothing else, and of operations no more than ports. */
function namesCallersOnly(rule: AuthorizationRule): boolean {
  const { sources, operations, conditions = [] } = rule;
  const demanded = demandedOperations(rule);
  return (
    sources.length > 0 &&
    conditions.length === demanded.length &&
    sources.every(({ principals, serviceAccounts, namespaces, ipBlocks }) => {
      if (namespaces !== undefined || ipBlocks !== undefined) return false;
      if (principals === undefined) return serviceAccounts?.any !== undefined && serviceAccounts.none === undefined;
      if (serviceAccounts !== undefined || principals.none !== undefined) return false;
      return principals.any?.every(({ type }) => type === "exact") ?? false;
    }) &&
    [...operations, ...demanded].every(({ addresses, serverNames }) => (addresses ?? serverNames) === undefined)
  );
}
