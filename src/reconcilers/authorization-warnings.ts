/**
 * What the author of an AuthorizationPolicy is told while it is being written, by the state of the mesh just before. It
 * refuses nothing. Most of it is in the policy's status afterwards; that a workload becomes closed is told only here.
 */
import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import type { Finding } from "../model/finding.ts";
import { objectKey } from "../model/object-key.ts";
import type { MeshSettings } from "../model/snapshot.ts";
import type { AuthorizationDecisions, ResolvedReading } from "./authorization-policy.ts";
import { findProblems, readAuthorization } from "./authorization-policy.ts";
import type { Lookup } from "./derivation.ts";
import type { WorkloadTLS } from "./mesh-tls.ts";

/** The mesh as it is while the policy is not yet stored, or is stored as it was before. */
export interface AuthorizationState {
  readonly settings: MeshSettings;
  readonly authorization: Pick<AuthorizationDecisions, "ofWorkload" | "resolve">;
  /** By class id. */
  readonly tls: Lookup<WorkloadTLS>;
}

/** Lines for the author, the gravest first; none when there is nothing to say. */
export function warnOfAuthorization(object: AuthorizationPolicy, state: AuthorizationState): readonly string[] {
  const reading = state.authorization.resolve(readAuthorization(object, state.settings));
  const { target, fault } = reading;
  if (fault !== undefined) return [fault];
  const { status, message } = target.resolvedRefs;
  return [
    ...warnOfDefaultDeny(reading, state),
    ...(status === "True" ? [] : [`spec.targetRefs: ${message}`]),
    ...linesOf([...target.findings, ...findProblems(reading, state.tls)]),
  ];
}

/** The first ALLOW of a workload closes it to all that the policy does not name, which its author may not have meant. */
function warnOfDefaultDeny(reading: ResolvedReading, { authorization }: AuthorizationState): readonly string[] {
  const { action, isDryRun, policy, target } = reading;
  if (action !== "ALLOW" || isDryRun) return [];
  const closed = target.workloads.filter(({ id }) => authorization.ofWorkload.get(id)?.allow === undefined);
  const [pod] = closed.flatMap(({ pods }) => pods);
  if (pod === undefined) return [];
  const ofPod = `of pod ${objectKey(pod)}`;
  const which = closed.length === 1 ? `the workload ${ofPod}` : `${closed.length} workloads, such as the one ${ofPod}`;
  const denied = policy.rules.length === 0 ? "every call" : "what no rule of this one matches";
  return [
    `No other ALLOW policy applies to ${which}: ${denied} is denied from now on. \`enforcement: DryRun\` counts it beforehand.`,
  ];
}

/** One line for each message, however many fields it is about. */
function linesOf(findings: readonly Finding[]): readonly string[] {
  return [...Map.groupBy(findings, ({ message }) => message)].map(([message, [first, ...others]]) => {
    const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
    return `${first?.field}${more}: ${message}`;
  });
}
