/**
 * Pass 4: who may call which workload.
 *
 *   AuthorizationPolicy --namespace, selector or targetRefs--> Workload: those of the mesh, the namespace and the workload
 *   add up. An invalid one denies everything that it selects. A dry run is counted and changes nothing.
 */
import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import type { Service } from "../api/kubernetes.ts";
import { validateAuthorizationPolicy } from "../api/validate.ts";
import { isJudgedInHandshake } from "../envoy/server-first.ts";
import type { Finding, StatusDecision, Verdict } from "../model/finding.ts";
import type { DryRun, MeshPolicy, ObjectReference } from "../model/mesh.ts";
import { type ObjectKey, objectKey } from "../model/object-key.ts";
import type { MeshSettings } from "../model/snapshot.ts";
import { compare } from "../model/workload.ts";
import { findAuthorizationProblems } from "./authorization-findings.ts";
import { readPolicy } from "./authorization-rules.ts";
import type { PolicyTarget, ResolvedTarget } from "./authorization-targets.ts";
import {
  isAbout,
  readTarget,
  readTargetAtLeast,
  resolveTarget,
  wordsOfSelected,
  wordsOfTarget,
} from "./authorization-targets.ts";
import type { Derivation, Lookup, Table } from "./derivation.ts";
import { sameElements, sameJSON } from "./derivation.ts";
import type { WorkloadTLS } from "./mesh-tls.ts";
import { accepted, byAge, demandShape, invalid, messageOf, namespaceOf, referenceTo, resolved } from "./objects.ts";
import type { SelectedWorkload } from "./services.ts";
import type { Workload, Workloads } from "./workloads.ts";
import { readyPods } from "./workloads.ts";

/** The policies of one workload, each list sorted by name. */
export interface WorkloadPolicies {
  readonly deny: readonly MeshPolicy[];
  /** Undefined when no ALLOW policy applies. */
  readonly allow: readonly MeshPolicy[] | undefined;
  readonly dryRuns: readonly DryRun[];
}

/** The outcome of the pass. */
export interface AuthorizationDecisions {
  /** By class id. */
  readonly ofWorkload: Table<WorkloadPolicies>;
  /** By key of the object. */
  readonly decisions: Table<StatusDecision>;
  /** Whether the policy of a key is a dry run. */
  readonly isDryRun: (policy: ObjectKey) => boolean;
  /** Whom a policy is about that may not be stored yet, and what is to be known of it. */
  readonly resolve: (reading: AuthorizationReading) => ResolvedReading;
}

/** What one object means. */
export interface AuthorizationReading {
  readonly object: AuthorizationPolicy;
  readonly action: "ALLOW" | "DENY";
  readonly isDryRun: boolean;
  readonly policy: MeshPolicy;
  readonly target: PolicyTarget;
  /** What is wrong with it, and what comes of that. */
  readonly fault?: string;
}

/** What one object means, and for whom. */
export interface ResolvedReading extends Omit<AuthorizationReading, "target"> {
  readonly target: ResolvedTarget;
}

/** The ports and modes of workloads, by class id. */
type WorkloadModes = Lookup<WorkloadTLS>;

/** How many dry runs are counted for one workload: each costs the sidecar a filter for every call. */
const dryRunLimit = 8;

/** What the pass needs of those before it. */
export interface AuthorizationInputs {
  readonly authorizationPolicies: Table<AuthorizationPolicy>;
  readonly settings: MeshSettings;
  /** As they are stored. */
  readonly services: Lookup<Service>;
  readonly workloads: Workloads;
  readonly selected: Table<SelectedWorkload>;
  readonly tls: WorkloadModes;
}

/** Decides which policies each workload enforces. */
export function deriveAuthorization(tables: Derivation, inputs: AuthorizationInputs): AuthorizationDecisions {
  const { settings, workloads, selected, tls } = inputs;
  const ofService = tables.group(selected, ({ services }) => services.map(objectKey));
  const selectedBy: Lookup<readonly Workload[]> = {
    get: (service) => ofService.get(service)?.map(({ workload }) => workload),
  };
  const readings = tables.each(inputs.authorizationPolicies, (object) => readAuthorization(object, settings));
  const ofWord = tables.group(readings, ({ target, policy }) => wordsOfTarget(target, policy.origin.namespace));
  // Most workloads have the policies of others: lists of the same are one value, which is encoded once.
  const lists = tables.query(
    (names): readonly MeshPolicy[] =>
      (JSON.parse(names) as string[]).flatMap((name) => readings.get(name)?.policy ?? []),
    sameElements,
  );
  const listOf: PolicyLists = (policies) => lists.get(JSON.stringify(policies.map(({ name }) => name))) ?? [];
  const ofWorkload = tables.each(
    selected,
    (one) => {
      const found = new Set(wordsOfSelected(one).flatMap((word) => ofWord.get(word) ?? []));
      const own = [...found].filter(({ target, policy }) => isAbout(target, policy.origin.namespace, one));
      return policiesOf(
        own.sort((a, b) => byAge(a.object, b.object)),
        listOf,
      );
    },
    samePolicies,
  );
  const resolve = (reading: AuthorizationReading): ResolvedReading => {
    const target = resolveTarget(reading.target, reading.object, { ...inputs, selectedBy, workloads });
    // Of one that cannot be understood nobody knows what it names.
    const unknown = { workloads: target.workloads, resolvedRefs: resolved, findings: [] };
    return { ...reading, target: reading.fault === undefined ? target : unknown };
  };
  const decisions = tables.each(readings, (reading) => decide(resolve(reading), ofWorkload, tls));
  return {
    ofWorkload,
    decisions,
    resolve,
    isDryRun: (policy) => readings.get(policy)?.isDryRun === true,
  };
}

/** The one list of these policies. */
type PolicyLists = (policies: readonly MeshPolicy[]) => readonly MeshPolicy[];

/** A workload's policies, of those about it, the oldest first. */
function policiesOf(readings: readonly AuthorizationReading[], listOf: PolicyLists): WorkloadPolicies {
  const enforced = readings.filter(({ isDryRun }) => !isDryRun);
  const byAction = (wanted: "ALLOW" | "DENY") =>
    listOf(
      enforced
        .filter(({ action }) => action === wanted)
        .map(({ policy }) => policy)
        .sort(byName),
    );
  const dryRuns = readings
    .filter(({ isDryRun, fault }) => isDryRun && fault === undefined)
    .slice(0, dryRunLimit)
    .map(({ policy, action }) => ({ ...policy, action }));
  const allow = byAction("ALLOW");
  return { deny: byAction("DENY"), allow: allow.length === 0 ? undefined : allow, dryRuns: dryRuns.sort(byName) };
}

const byName = (a: MeshPolicy, b: MeshPolicy): number => compare(a.name, b.name);

const samePolicies = (a: WorkloadPolicies, b: WorkloadPolicies): boolean =>
  sameElements(a.deny, b.deny) &&
  sameElements(a.allow ?? [], b.allow ?? []) &&
  (a.allow === undefined) === (b.allow === undefined) &&
  sameJSON(a.dryRuns, b.dryRuns);

function decide(reading: ResolvedReading, ofWorkload: Lookup<WorkloadPolicies>, tls: WorkloadModes): StatusDecision {
  const { isDryRun, policy, target, fault } = reading;
  const isCounted = ({ id }: Workload) => ofWorkload.get(id)?.dryRuns.some(({ name }) => name === policy.name);
  const uncounted = isDryRun && fault === undefined ? target.workloads.filter((one) => isCounted(one) !== true) : [];
  return {
    object: policy.origin,
    accepted: fault === undefined ? judgeServerFirst(reading, tls) : invalid(fault),
    resolvedRefs: target.resolvedRefs,
    findings: [...target.findings, ...findUncounted(uncounted), ...findProblems(reading, tls)],
    ...(fault === undefined ? { summary: summaryOf(reading) } : {}),
    pods: readyPods(target.workloads),
    need: { kind: "class" },
  };
}

/** Reads a policy, also one that cannot be understood: then it denies everything that it selects. */
export function readAuthorization(object: AuthorizationPolicy, settings: MeshSettings): AuthorizationReading {
  const origin = referenceTo("AuthorizationPolicy", object);
  const name = nameOf(origin);
  try {
    demandShape(object, validateAuthorizationPolicy);
    const { action, isDryRun, rules } = readPolicy(object.spec, namespaceOf(object));
    return { object, action, isDryRun, policy: { origin, name, rules }, target: readTarget(object, settings) };
  } catch (error) {
    const isDryRun = object.spec?.enforcement === "DryRun";
    const effect = isDryRun ? "it is not counted" : "everything that it selects is denied";
    return {
      object,
      action: "DENY",
      isDryRun,
      policy: { origin, name, rules: [{ sources: [], operations: [] }] },
      target: readTargetAtLeast(object, settings),
      fault: `${messageOf(error)}. Until then, ${effect}.`,
    };
  }
}

/** A rule that cannot be judged on a port whose server speaks first. */
interface Unjudged {
  readonly workload: Workload;
  readonly port: number;
  readonly rule: string;
}

/**
 * On a port whose server speaks first only an ALLOW by exact identity can be judged. What cannot be closes that port, and no
 * more than that: else whoever declares such a port would close all that a mesh-wide policy selects.
 */
function findUnjudged({ action, isDryRun, policy, target }: ResolvedReading, tls: WorkloadModes): Unjudged[] {
  if (isDryRun) return [];
  return target.workloads.flatMap((workload) =>
    (tls.get(workload.id)?.ports ?? []).flatMap(({ port, serverFirst }) => {
      if (serverFirst !== true) return [];
      const index = policy.rules.findIndex((rule) => !isJudgedInHandshake(rule, action, port));
      return index < 0 ? [] : [{ workload, port, rule: `spec.rules[${index}]` }];
    }),
  );
}

const sayUnjudged = ({ workload, port, rule }: Unjudged): string =>
  `${rule} cannot be judged on port ${port} of ${workload.namespace}/${workload.id}, whose server speaks first: there, an ALLOW by exact serviceAccounts or principals can, and nothing else. Until then that port is closed to everybody; what the policy says of other ports is in force. Name callers so, or keep the policy away from the port by ports or notPorts.`;

/** Who declares a port in another namespace than the policy's must not make the policy of somebody else unhealthy. */
const isElsewhere = ({ policy: { origin } }: ResolvedReading, { workload }: Unjudged): boolean =>
  workload.namespace !== origin.namespace;

function judgeServerFirst(reading: ResolvedReading, tls: WorkloadModes): Verdict {
  const own = findUnjudged(reading, tls).find((unjudged) => !isElsewhere(reading, unjudged));
  return own === undefined ? accepted : { status: "False", reason: "ServerFirstPort", message: sayUnjudged(own) };
}

function findServerFirst(reading: ResolvedReading, tls: WorkloadModes): readonly Finding[] {
  const [first, ...others] = findUnjudged(reading, tls).filter((unjudged) => isElsewhere(reading, unjudged));
  if (first === undefined) return [];
  const more = others.length === 0 ? "" : ` So it is with ${others.length} more ports of other namespaces.`;
  return [{ code: "ServerFirstPortClosed", field: first.rule, message: `${sayUnjudged(first)}${more}` }];
}

/** What is to be known of a policy that counts; nothing of one that cannot be understood. */
export function findProblems(reading: ResolvedReading, tls: WorkloadModes): readonly Finding[] {
  const { action, policy, target, fault } = reading;
  if (fault !== undefined) return [];
  return [...findServerFirst(reading, tls), ...findAuthorizationProblems(action, policy, target.workloads, tls)];
}

function findUncounted(workloads: readonly Workload[]): readonly Finding[] {
  const [first, ...others] = workloads;
  if (first === undefined) return [];
  const which = `${first.namespace}/${first.id}${others.length === 0 ? "" : ` and ${others.length} more`}`;
  const message = `Not counted for ${which}, which ${others.length === 0 ? "has" : "have"} ${dryRunLimit} older dry runs: delete those that have told enough.`;
  return [{ code: "DryRunLimit", field: "spec.enforcement", message }];
}

/** Such as `DENY, 2 rules, dry run`. */
function summaryOf({ action, isDryRun, policy: { rules } }: ResolvedReading): string {
  const count = rules.length === 0 ? "no rules" : rules.length === 1 ? "1 rule" : `${rules.length} rules`;
  return `${action}, ${count}${isDryRun ? ", dry run" : ""}`;
}

const nameOf = (origin: ObjectReference): string => `${origin.namespace}/${origin.name}`;
