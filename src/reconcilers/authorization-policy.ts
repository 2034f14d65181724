/**
 * Pass 4: who may call which workload.
 *
 *   AuthorizationPolicy --namespace, selector--> Workload: policies of the mesh, the namespace and the workload add up
 *   An invalid one denies everything that it selects.
 */
import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import { validateAuthorizationPolicy } from "../api/validate.ts";
import type { StatusDecision } from "../model/finding.ts";
import type { MeshPolicy, ObjectReference } from "../model/mesh.ts";
import type { MeshSettings, Snapshot } from "../model/snapshot.ts";
import { compare } from "../model/workload.ts";
import { findAuthorizationProblems } from "./authorization-findings.ts";
import { readPolicy } from "./authorization-rules.ts";
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
import type { Selection } from "./selector.ts";
import { findNothing, select, selectAtLeast } from "./selector.ts";
import type { Workloads } from "./workloads.ts";
import { readyPods } from "./workloads.ts";

/** The policies of one workload, each list sorted by name. */
export interface WorkloadPolicies {
  readonly deny: readonly MeshPolicy[];
  /** Undefined when no ALLOW policy applies. */
  readonly allow: readonly MeshPolicy[] | undefined;
}

/** The outcome of the pass. */
export interface AuthorizationDecisions {
  /** By class id. */
  readonly ofWorkload: ReadonlyMap<string, WorkloadPolicies>;
  readonly decisions: readonly StatusDecision[];
}

/** What one object means. */
interface Reading {
  readonly action: "ALLOW" | "DENY";
  readonly policy: MeshPolicy;
  readonly selection: Selection;
  readonly fault?: string;
}

/** Decides which policies each workload enforces. `tls` has the ports and modes, by class id. */
export function decideAuthorization(
  snapshot: Snapshot,
  settings: MeshSettings,
  workloads: Workloads,
  tls: ReadonlyMap<string, WorkloadTLS>,
): AuthorizationDecisions {
  const deny = new Map<string, MeshPolicy[]>();
  const allow = new Map<string, MeshPolicy[]>();
  const decisions: StatusDecision[] = [];
  for (const object of [...snapshot.authorizationPolicies.values()].sort(byAge)) {
    const { action, policy, selection, fault } = read(object, settings, workloads);
    for (const workload of selection.workloads) pushTo(action === "DENY" ? deny : allow, workload.id, policy);
    const problems = fault === undefined ? findAuthorizationProblems(action, policy, selection.workloads, tls) : [];
    decisions.push({
      object: policy.origin,
      accepted: fault === undefined ? accepted : invalid(fault),
      resolvedRefs: resolved,
      findings: [...findNothing(selection, object), ...problems],
      pods: readyPods(selection.workloads),
      need: { kind: "class" },
    });
  }
  const ofWorkload = new Map(
    workloads.all.map(({ id }) => {
      return [id, { deny: byName(deny.get(id)) ?? [], allow: byName(allow.get(id)) }] as const;
    }),
  );
  return { ofWorkload, decisions };
}

function read(object: AuthorizationPolicy, settings: MeshSettings, workloads: Workloads): Reading {
  const origin = referenceTo("AuthorizationPolicy", object);
  const name = nameOf(origin);
  try {
    demandShape(object, validateAuthorizationPolicy);
    const { action, rules } = readPolicy(object.spec, namespaceOf(object));
    return { action, policy: { origin, name, rules }, selection: select(object, workloads, settings) };
  } catch (error) {
    const fault = `${messageOf(error)}. Until then, everything that it selects is denied.`;
    const policy = { origin, name, rules: [{ sources: [], operations: [] }] };
    return { action: "DENY", policy, selection: selectAtLeast(object, workloads, settings), fault };
  }
}

const nameOf = (origin: ObjectReference): string => `${origin.namespace}/${origin.name}`;

const byName = <T extends MeshPolicy[] | undefined>(policies: T): T => {
  policies?.sort((a, b) => compare(a.name, b.name));
  return policies;
};
