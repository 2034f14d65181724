/**
 * What tools that wait for objects make of one of ours: Helm 4, Flux, `kpt` and others follow kstatus of
 * `sigs.k8s.io/cli-utils`. Its published rules for kinds that it does not know, in their order:
 *
 *   1. being deleted                                  -> Terminating
 *   2. status.observedGeneration is not the object's  -> InProgress
 *   3. Reconciling is True                            -> InProgress
 *      Stalled is True                                -> Failed
 *   4. Ready is True                                  -> Current
 *      Ready is anything else                         -> InProgress
 *   5. none of these                                  -> Current
 */
import type { ConditionType } from "../../src/api/conditions.ts";

/** An object as far as kstatus looks. */
export interface WaitedFor {
  readonly metadata: { readonly generation?: number; readonly deletionTimestamp?: string };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** What kstatus says of an object that is there. */
export type Kstatus = "Current" | "InProgress" | "Failed" | "Terminating";

/** Computes it. */
export function kstatusOf({ metadata, status = {} }: WaitedFor): Kstatus {
  const { generation = 0, deletionTimestamp } = metadata;
  if (deletionTimestamp !== undefined) return "Terminating";
  if (status.observedGeneration !== undefined && status.observedGeneration !== generation) return "InProgress";
  const of = (type: ConditionType) => status.conditions?.find((condition) => condition.type === type)?.status;
  if (of("Reconciling") === "True") return "InProgress";
  if (of("Stalled") === "True") return "Failed";
  const ready = of("Ready");
  return ready === undefined || ready === "True" ? "Current" : "InProgress";
}

/** What it must say by our own words: Ready, or Stalled, of the generation that the object has now. */
export function expectedKstatus(object: WaitedFor): Kstatus {
  if (object.metadata.deletionTimestamp !== undefined) return "Terminating";
  const conditions = (object.status?.conditions ?? []) as readonly {
    readonly type: string;
    readonly status: string;
    readonly observedGeneration?: number;
  }[];
  const holds = (type: ConditionType) =>
    conditions.some(
      (condition) =>
        condition.type === type &&
        condition.status === "True" &&
        condition.observedGeneration === object.metadata.generation,
    );
  return holds("Ready") ? "Current" : holds("Stalled") ? "Failed" : "InProgress";
}
