/** What the encoding says of the objects that it is made of. */
import type { Finding, StatusDecision } from "../model/finding.ts";
import type { EncodingFault } from "./encoding.ts";
import { invalid } from "./objects.ts";

/** The decision, with what came to light when its object was put into Envoy's words, and into a record. */
export function withFaults(decision: StatusDecision, own: readonly EncodingFault[], isDryRun: boolean): StatusDecision {
  if (own.length === 0) return decision;
  const unrecorded = workloadsOf(own, "unrecorded");
  const findings = [...(unrecorded.length === 0 ? [] : [notRecorded(unrecorded)]), ...decision.findings];
  return { ...decision, findings, accepted: acceptedWith(decision, own, isDryRun) };
}

/** An object behind a unit that could not be encoded is not accepted, whatever its own checks said. */
function acceptedWith(
  { accepted, object: { kind } }: StatusDecision,
  own: readonly EncodingFault[],
  isDryRun: boolean,
): StatusDecision["accepted"] {
  if (accepted.status !== "True") return accepted;
  const defect = own.find((fault) => fault.kind === "defect");
  if (defect !== undefined) {
    const denies = kind === "AuthorizationPolicy" && !isDryRun;
    return invalid(`${defect.message}${denies ? " Until then, everything that it selects is denied." : ""}`);
  }
  const omitted = workloadsOf(own, "omitted");
  if (omitted.length === 0) return accepted;
  const effect = isDryRun
    ? "Until then it is not counted there; elsewhere it is."
    : "Until then everything is denied there; elsewhere it is in force as it stands.";
  const message = `There is no room for it in the record of ${listed(omitted)}: with it, what is recorded of a workload takes more than the 1 MiB of a ConfigMap. Give it fewer rules or values, or split the workload. ${effect}`;
  return { status: "False", reason: "TooLarge", message };
}

function notRecorded(workloads: readonly string[]): Finding {
  const message = `What is recorded of ${listed(workloads)} does not fit into a ConfigMap of 1 MiB, whatever policy is left out: its record stays as it was. All is served and enforced all the same. Delete policies, declare fewer ports in its Services, or split the workload.`;
  return { code: "NotRecorded", field: "spec", message };
}

const workloadsOf = (faults: readonly EncodingFault[], kind: "omitted" | "unrecorded"): readonly string[] =>
  faults.flatMap((fault) => (fault.kind === kind ? [fault.workload] : []));

function listed(workloads: readonly string[]): string {
  const [first = "", ...others] = workloads;
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}
