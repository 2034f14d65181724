/**
 * Pass 4: who may call which workload.
 *
 *   AuthorizationPolicy --namespace, selector or targetRefs--> Workload: those of the mesh, the namespace and the workload
 *   add up. An invalid one denies everything that it selects. A dry run is counted and changes nothing.
 */
import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import { validateAuthorizationPolicy } from "../api/validate.ts";
import { isJudgedInHandshake } from "../envoy/server-first.ts";
import type { Finding, StatusDecision, Verdict } from "../model/finding.ts";
import type { DryRun, MeshPolicy, ObjectReference } from "../model/mesh.ts";
import type { MeshSettings, Snapshot } from "../model/snapshot.ts";
import { compare } from "../model/workload.ts";
import { findAuthorizationProblems } from "./authorization-findings.ts";
import { readPolicy } from "./authorization-rules.ts";
import type { PolicyTarget } from "./authorization-targets.ts";
import { targetAtLeast, targetOf } from "./authorization-targets.ts";
import type { WorkloadTLS } from "./mesh-tls.ts";
import {
  accepted,
  byAge,
  demandShape,
  invalid,
  messageOf,
  namespaceOf,
  pushTo,
  referenceTo,
  resolved,
} from "./objects.ts";
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
  readonly ofWorkload: ReadonlyMap<string, WorkloadPolicies>;
  readonly decisions: readonly StatusDecision[];
  /** The policies that are dry runs. */
  readonly dryRuns: ReadonlySet<ObjectReference>;
}

/** What one object means. */
export interface AuthorizationReading {
  readonly action: "ALLOW" | "DENY";
  readonly isDryRun: boolean;
  readonly policy: MeshPolicy;
  readonly target: PolicyTarget;
  /** What is wrong with it, and what comes of that. */
  readonly fault?: string;
}

/** The ports and modes of workloads, by class id. */
type WorkloadModes = ReadonlyMap<string, WorkloadTLS>;

/** How many dry runs are counted for one workload: each costs the sidecar a filter for every call. */
const dryRunLimit = 8;

/** Decides which policies each workload enforces. `tls` has the ports and modes, by class id. */
export function decideAuthorization(
  snapshot: Snapshot,
  settings: MeshSettings,
  workloads: Workloads,
  tls: ReadonlyMap<string, WorkloadTLS>,
): AuthorizationDecisions {
  const deny = new Map<string, MeshPolicy[]>();
  const allow = new Map<string, MeshPolicy[]>();
  const dryRuns = new Map<string, DryRun[]>();
  const allDryRuns = new Set<ObjectReference>();
  const decisions: StatusDecision[] = [];
  for (const object of [...snapshot.authorizationPolicies.values()].sort(byAge)) {
    const reading = readAuthorization(object, { snapshot, settings, workloads });
    const { action, isDryRun, policy, target, fault } = reading;
    const { selection, resolvedRefs } = target;
    const uncounted: Workload[] = [];
    if (isDryRun) allDryRuns.add(policy.origin);
    for (const workload of selection.workloads) {
      if (!isDryRun) pushTo(action === "DENY" ? deny : allow, workload.id, policy);
      else if (fault === undefined) {
        if ((dryRuns.get(workload.id)?.length ?? 0) < dryRunLimit) pushTo(dryRuns, workload.id, { ...policy, action });
        else uncounted.push(workload);
      }
    }
    decisions.push({
      object: policy.origin,
      accepted: fault === undefined ? judgeServerFirst(reading, tls) : invalid(fault),
      resolvedRefs,
      findings: [...target.findings, ...findUncounted(uncounted), ...findProblems(reading, tls)],
      ...(fault === undefined ? { summary: summaryOf(reading) } : {}),
      pods: readyPods(selection.workloads),
      need: { kind: "class" },
    });
  }
  const ofWorkload = new Map(
    workloads.all.map(({ id }) => {
      const policies = { deny: deny.get(id) ?? [], allow: allow.get(id), dryRuns: dryRuns.get(id) ?? [] };
      for (const list of Object.values(policies)) list?.sort((one, other) => compare(one.name, other.name));
      return [id, policies] as const;
    }),
  );
  return { ofWorkload, decisions, dryRuns: allDryRuns };
}

/** What an object is read against. */
export interface AuthorizationSurroundings {
  readonly snapshot: Snapshot;
  readonly settings: MeshSettings;
  readonly workloads: Workloads;
}

/** Reads a policy, also one that cannot be understood: then it denies everything that it selects. */
export function readAuthorization(
  object: AuthorizationPolicy,
  { snapshot, settings, workloads }: AuthorizationSurroundings,
): AuthorizationReading {
  const origin = referenceTo("AuthorizationPolicy", object);
  const name = nameOf(origin);
  try {
    demandShape(object, validateAuthorizationPolicy);
    const { action, isDryRun, rules } = readPolicy(object.spec, namespaceOf(object));
    const target = targetOf(object, snapshot, workloads, settings);
    return { action, isDryRun, policy: { origin, name, rules }, target };
  } catch (error) {
    const isDryRun = object.spec?.enforcement === "DryRun";
    const effect = isDryRun ? "it is not counted" : "everything that it selects is denied";
    const selection = targetAtLeast(object, snapshot, workloads, settings);
    return {
      action: "DENY",
      isDryRun,
      policy: { origin, name, rules: [{ sources: [], operations: [] }] },
      target: { selection, resolvedRefs: resolved, findings: [] },
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
function findUnjudged({ action, isDryRun, policy, target }: AuthorizationReading, tls: WorkloadModes): Unjudged[] {
  if (isDryRun) return [];
  return target.selection.workloads.flatMap((workload) =>
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
const isElsewhere = ({ policy: { origin } }: AuthorizationReading, { workload }: Unjudged): boolean =>
  workload.namespace !== origin.namespace;

function judgeServerFirst(reading: AuthorizationReading, tls: WorkloadModes): Verdict {
  const own = findUnjudged(reading, tls).find((unjudged) => !isElsewhere(reading, unjudged));
  return own === undefined ? accepted : { status: "False", reason: "ServerFirstPort", message: sayUnjudged(own) };
}

function findServerFirst(reading: AuthorizationReading, tls: WorkloadModes): readonly Finding[] {
  const [first, ...others] = findUnjudged(reading, tls).filter((unjudged) => isElsewhere(reading, unjudged));
  if (first === undefined) return [];
  const more = others.length === 0 ? "" : ` So it is with ${others.length} more ports of other namespaces.`;
  return [{ code: "ServerFirstPortClosed", field: first.rule, message: `${sayUnjudged(first)}${more}` }];
}

/** What is to be known of a policy that counts; nothing of one that cannot be understood. */
export function findProblems(reading: AuthorizationReading, tls: WorkloadModes): readonly Finding[] {
  const { action, policy, target, fault } = reading;
  if (fault !== undefined) return [];
  return [
    ...findServerFirst(reading, tls),
    ...findAuthorizationProblems(action, policy, target.selection.workloads, tls),
  ];
}

function findUncounted(workloads: readonly Workload[]): readonly Finding[] {
  const [first, ...others] = workloads;
  if (first === undefined) return [];
  const which = `${first.namespace}/${first.id}${others.length === 0 ? "" : ` and ${others.length} more`}`;
  const message = `Not counted for ${which}, which ${others.length === 0 ? "has" : "have"} ${dryRunLimit} older dry runs: delete those that have told enough.`;
  return [{ code: "DryRunLimit", field: "spec.enforcement", message }];
}

/** Such as `DENY, 2 rules, dry run`. */
function summaryOf({ action, isDryRun, policy: { rules } }: AuthorizationReading): string {
  const count = rules.length === 0 ? "no rules" : rules.length === 1 ? "1 rule" : `${rules.length} rules`;
  return `${action}, ${count}${isDryRun ? ", dry run" : ""}`;
}

const nameOf = (origin: ObjectReference): string => `${origin.namespace}/${origin.name}`;
