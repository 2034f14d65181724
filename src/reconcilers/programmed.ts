/**
 * From a decision and the acknowledgements to a status. Pure: `now` is given, and transition times are added last, by
 * comparison with what was written before.
 *
 *   Accepted, ResolvedRefs  are the compile's
 *   Programmed              counts the Ready pods that the object concerns
 *   Ready                   is derived here and nowhere else: all three
 *   Reconciling, Stalled    only while true, as kstatus and what is built on it (Argo CD, Flux, Helm) want it
 */
import type { Condition, ConditionType } from "../api/conditions.ts";
import { conditionTypes } from "../api/conditions.ts";
import type { ProxyStates } from "../model/acknowledgement.ts";
import type { Finding, StatusDecision, Verdict } from "../model/finding.ts";
import type { ObjectKey } from "../model/object-key.ts";
import type { Compilation } from "./compile.ts";
import type { ProxyCounts, ProxyVerdict } from "./proxies.ts";
import { countVerdicts, disconnectedAfter, proxyJudge } from "./proxies.ts";

/** A condition before it is known when it became so. */
export type StatusCondition = Omit<Condition, "lastTransitionTime">;

/** A status before it is known when its conditions became so. */
export interface ObjectStatus {
  readonly observedGeneration: number;
  /** In the order of {@link conditionTypes}. */
  readonly conditions: readonly StatusCondition[];
  readonly proxies: {
    readonly total: number;
    readonly synced: number;
    readonly rejected: number;
    readonly disconnected: number;
    readonly summary: string;
  };
  readonly summary?: string;
  /** At most 16. */
  readonly findings?: readonly Finding[];
}

/** A status as it is written. */
export type WrittenStatus = Omit<ObjectStatus, "conditions"> & { readonly conditions: readonly Condition[] };

/** How many findings a status holds; the schema has the same limit. */
const findingsLimit = 16;

/** Lengths of the schema. */
const messageLimit = 32_768;
const findingMessageLimit = 4096;
const findingFieldLimit = 1024;

/**
 * The status of an object. `listeningSince` is when this operator began to listen: a pod that never connected counts as
 * disconnected 30 seconds after it. `restoring` names what the operator wrote for the object, if somebody else has
 * changed it and it is not put back yet; `draining` are pods with connections that were open before it took access away. Times are milliseconds since
 * the epoch.
 */
export function objectStatus(
  decision: StatusDecision,
  compilation: Compilation,
  states: ProxyStates,
  now: number,
  listeningSince: number = now,
  restoring?: string,
  draining?: ReadonlySet<ObjectKey>,
): ObjectStatus {
  const judge = proxyJudge(decision, { compilation, states, now, listeningSince, hasAll: () => false });
  const verdicts = new Map(decision.pods.map((pod) => [pod, judge(pod)]));
  return statusOf(decision, compilation, countsOf(decision, verdicts, draining), restoring);
}

/** The proxies of a decision by these verdicts; one that is not in them is synced. */
export function countsOf(
  decision: StatusDecision,
  verdicts: ReadonlyMap<ObjectKey, ProxyVerdict>,
  draining: ReadonlySet<ObjectKey> = new Set(),
): ProxyCounts {
  if (!hasEffect(decision)) {
    return { total: decision.pods.length, synced: 0, rejected: 0, disconnected: 0, draining: 0 };
  }
  const isDraining = (pod: ObjectKey) => draining.has(pod) && (verdicts.get(pod)?.kind ?? "synced") === "synced";
  return countVerdicts(decision.pods, verdicts, draining.size === 0 ? 0 : decision.pods.filter(isDraining).length);
}

/** The status of an object whose proxies have been counted. See {@link objectStatus}. */
export function statusOf(
  decision: StatusDecision,
  compilation: Compilation,
  counts: ProxyCounts,
  restoring: string | undefined,
): ObjectStatus {
  const programmed = judgeRecord(judgeProgrammed(decision, counts), restoring);
  const verdicts = new Map<ConditionType, Verdict>([
    ["Accepted", decision.accepted],
    ["ResolvedRefs", decision.resolvedRefs],
    ["Programmed", programmed],
    ["Ready", deriveReady([decision.accepted, decision.resolvedRefs, programmed])],
  ]);
  const progress = judgeProgress(decision.accepted, programmed);
  if (progress !== undefined) verdicts.set(progress.type, progress.verdict);
  const observedGeneration = decision.object.generation;
  const conditions = conditionTypes.flatMap((type): StatusCondition[] => {
    const verdict = verdicts.get(type);
    if (verdict === undefined) return [];
    const { status, reason, message } = verdict;
    return [{ type, status, reason, message: shorten(message, messageLimit), observedGeneration }];
  });
  const findings = [...findUnrecorded(decision, compilation), ...decision.findings].slice(0, findingsLimit);
  const { total, synced, rejected, disconnected } = counts;
  return {
    observedGeneration,
    conditions,
    proxies: { total, synced, rejected, disconnected, summary: `${synced}/${total}` },
    ...(decision.summary === undefined ? {} : { summary: decision.summary }),
    ...(findings.length === 0 ? {} : { findings: findings.map(shortened) }),
  };
}

/** A record that is too large for its ConfigMap leaves out Services; proxies have them all the same. */
function findUnrecorded({ need }: StatusDecision, { unrecorded }: Compilation): readonly Finding[] {
  if (need.kind !== "service" || !unrecorded.has(need.service)) return [];
  const message = `The ConfigMap that records what sidecars are sent is full, and Service ${need.service} is not in it. Sidecars are sent it all the same.`;
  return [{ code: "NotRecorded", field: "spec.service", message }];
}

/**
 * What is not accepted is in no proxy, but for an object that keeps a part of what it selects or says. (An invalid policy
 * closes what it selects; what it says is in no proxy all the same.)
 */
export function hasEffect({ accepted: { status, reason } }: StatusDecision): boolean {
  return status === "True" || ["PartiallyConflicted", "IdentityFixed", "ServerFirstPort", "TooLarge"].includes(reason);
}

function judgeProgrammed(decision: StatusDecision, counts: ProxyCounts): Verdict {
  const { total, synced, rejected, disconnected, draining, refusal, hindrance } = counts;
  if (!hasEffect(decision)) {
    return {
      status: "False",
      reason: "NotAccepted",
      message: "What it says is in no proxy, since it is not accepted.",
    };
  }
  if (total === 0) return { status: "True", reason: "NoProxies", message: "It concerns no Ready proxy." };
  if (rejected > 0 && refusal !== undefined) {
    const message = `${rejected} of ${total} proxies refused it and keep what they had. ${refusal.pod}: ${refusal.message}`;
    return { status: "False", reason: "Rejected", message };
  }
  const pending = total - synced - rejected - disconnected - draining;
  if (pending > 0) {
    const why =
      hindrance === undefined
        ? ""
        : ` It waits for what another object is in, which is refused. ${hindrance.pod}: ${hindrance.message}`;
    const message = `${synced + draining} of ${total} proxies have acknowledged it.${why}`;
    return { status: "False", reason: "Pending", message };
  }
  if (draining > 0) {
    const message = `${synced + draining} of ${total} proxies have acknowledged it. At ${draining} of them connections that were open before are ended within the drain time.`;
    return { status: "False", reason: "Draining", message };
  }
  if (disconnected > 0) {
    const seconds = disconnectedAfter / 1000;
    const message = `${disconnected} of ${total} Ready proxies have had no stream to the operator for ${seconds} seconds.`;
    return { status: "Unknown", reason: "ProxiesDisconnected", message };
  }
  return { status: "True", reason: "Programmed", message: `${total} of ${total} proxies have acknowledged it.` };
}

/** Sidecars take their bootstrap and their identity from it, so as long as it is not ours nobody knows what they have. */
function judgeRecord(programmed: Verdict, restoring: string | undefined): Verdict {
  if (restoring === undefined || programmed.status === "False") return programmed;
  const message = `Somebody has changed or deleted ${restoring}, which the operator wrote for it; it is being put back.`;
  return { status: "False", reason: "ForeignEdit", message };
}

/** The first condition that does not hold speaks; what is certainly false comes before what is unknown. */
function deriveReady(parts: readonly Verdict[]): Verdict {
  const failed = parts.find(({ status }) => status === "False") ?? parts.find(({ status }) => status === "Unknown");
  return (
    failed ?? { status: "True", reason: "Ready", message: "Accepted, resolved, and live on every proxy it concerns." }
  );
}

/**
 * kstatus: Reconciling while it will end by itself, Stalled when a user must edit something. What is missing may come
 * by itself, and a proxy may come back: these are neither.
 */
function judgeProgress(
  accepted: Verdict,
  programmed: Verdict,
): { readonly type: "Reconciling" | "Stalled"; readonly verdict: Verdict } | undefined {
  const stalled = accepted.status === "False" ? accepted : programmed.reason === "Rejected" ? programmed : undefined;
  if (stalled !== undefined) {
    return { type: "Stalled", verdict: { status: "True", reason: stalled.reason, message: stalled.message } };
  }
  if (!["Pending", "Draining", "ForeignEdit"].includes(programmed.reason)) return undefined;
  return { type: "Reconciling", verdict: { ...programmed, status: "True" } };
}

function shortened(finding: Finding): Finding {
  const { code, field, message } = finding;
  return { code, field: shorten(field, findingFieldLimit), message: shorten(message, findingMessageLimit) };
}

const shorten = (text: string, limit: number): string =>
  text.length <= limit ? text : `${text.slice(0, limit - 3)}...`;

/**
 * When, in milliseconds since the epoch, time alone will change a status: a proxy will have been disconnected for 30
 * seconds. Undefined if nothing is about to.
 */
export function nextDeadline(
  compilation: Compilation,
  states: ProxyStates,
  now: number,
  listeningSince: number = now,
): number | undefined {
  let next: number | undefined;
  for (const pod of new Set([...compilation.decisions.values()].flatMap(({ pods }) => pods))) {
    const state = states.get(pod);
    if (state?.connected === true) continue;
    const deadline = (state?.since ?? listeningSince) + disconnectedAfter;
    if (deadline > now && (next === undefined || deadline < next)) next = deadline;
  }
  return next;
}

/**
 * The status to write: each condition keeps the time of the one before as long as its status is the same. `previous` is
 * the status that the object has, if any; `now` is RFC 3339.
 */
export function withTransitionTimes(previous: unknown, next: ObjectStatus, now: string): WrittenStatus {
  const before = previousConditions(previous);
  const conditions = next.conditions.map((condition): Condition => {
    const known = before.get(condition.type);
    return { ...condition, lastTransitionTime: known?.status === condition.status ? known.time : now };
  });
  return { ...next, conditions };
}

/** What is on the object may have been written by anyone, so nothing of it is taken for granted. */
function previousConditions(status: unknown): ReadonlyMap<string, { readonly status: string; readonly time: string }> {
  const found = new Map<string, { status: string; time: string }>();
  const list = fieldOf(status, "conditions");
  for (const condition of Array.isArray(list) ? list : []) {
    const [type, itsStatus, time] = ["type", "status", "lastTransitionTime"].map((name) => fieldOf(condition, name));
    if (typeof type !== "string" || typeof itsStatus !== "string" || typeof time !== "string") continue;
    found.set(type, { status: itsStatus, time });
  }
  return found;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
