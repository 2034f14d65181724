/**
 * Whose calls an AuthorizationPolicy judges.
 *
 *   selector              pods with these labels (see selector.ts)
 *   targetRefs: Service   the pods that a Service of the policy's own namespace selects, whatever Service was dialed
 */
import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import type { Finding, Verdict } from "../model/finding.ts";
import type { MeshSettings, Snapshot } from "../model/snapshot.ts";
import { isLabelOfInstances } from "../model/workload.ts";
import { InvalidObject, namespaceOf, resolved } from "./objects.ts";
import type { Selection } from "./selector.ts";
import { findNothing, select, selectAtLeast } from "./selector.ts";
import { selectsWorkload } from "./services.ts";
import type { Workload, Workloads } from "./workloads.ts";

/** What a policy is about. */
export interface PolicyTarget {
  readonly selection: Selection;
  readonly resolvedRefs: Verdict;
  readonly findings: readonly Finding[];
}

/** Resolves the selector or the targetRefs of a policy. Throws InvalidObject when they cannot be understood. */
export function targetOf(
  object: AuthorizationPolicy,
  snapshot: Snapshot,
  workloads: Workloads,
  settings: MeshSettings,
): PolicyTarget {
  const { selector, targetRefs } = object.spec;
  if (targetRefs === undefined) {
    const selection = select(object, workloads, settings);
    return { selection, resolvedRefs: resolved, findings: findNothing(selection, object) };
  }
  if (selector !== undefined) throw new InvalidObject("spec: give a selector or targetRefs, not both");
  return targetServices(
    targetRefs.map(({ name }) => name),
    namespaceOf(object),
    snapshot,
    workloads,
  );
}

/**
 * What a policy is about whatever is wrong with it: at least what its author meant. Where it has a selector and targetRefs
 * it is about both; where a targetRef cannot be understood, about the namespace.
 */
export function targetAtLeast(
  object: AuthorizationPolicy,
  snapshot: Snapshot,
  workloads: Workloads,
  settings: MeshSettings,
): Selection {
  const names = serviceNames(object.spec?.targetRefs);
  if (names === undefined) return selectAtLeast(object, workloads, settings);
  const { selection } = targetServices(names, namespaceOf(object), snapshot, workloads);
  if (object.spec.selector === undefined) return selection;
  const selected = selectAtLeast(object, workloads, settings);
  return selectionOf(workloads.all.filter((workload) => selection.has(workload) || selected.has(workload)));
}

/** Names of the Services that a list of unknown shape refers to; undefined when it is no list of Services. */
function serviceNames(refs: unknown): readonly string[] | undefined {
  if (!Array.isArray(refs)) return undefined;
  const names = refs.flatMap((ref: unknown) => {
    const { kind, name } = (typeof ref === "object" && ref !== null ? ref : {}) as { kind?: unknown; name?: unknown };
    return kind === "Service" && typeof name === "string" ? [name] : [];
  });
  return names.length === refs.length ? names : undefined;
}

function targetServices(
  names: readonly string[],
  namespace: string,
  snapshot: Snapshot,
  workloads: Workloads,
): PolicyTarget {
  const selected = new Set<Workload>();
  const missing: string[] = [];
  const unsupported: string[] = [];
  const findings: Finding[] = [];
  for (const [index, name] of names.entries()) {
    const service = snapshot.services.get(`${namespace}/${name}`);
    const labels = Object.keys(service?.spec?.selector ?? {});
    if (service === undefined) missing.push(name);
    else if (service.spec?.type === "ExternalName" || labels.length === 0) unsupported.push(name);
    else {
      for (const workload of workloads.ofNamespace.get(namespace) ?? []) {
        if (selectsWorkload(service, workload)) selected.add(workload);
      }
      const label = labels.find(isLabelOfInstances);
      if (label !== undefined) findings.push(findPart(index, name, label));
    }
  }
  const selection = selectionOf(workloads.all.filter((workload) => selected.has(workload)));
  const resolvedRefs = judgeRefs(namespace, missing, unsupported);
  const isEmpty = selection.workloads.length === 0 && resolvedRefs === resolved;
  const nothing: Finding = {
    code: "SelectorMatchesNothing",
    field: "spec.targetRefs",
    message:
      "No pod of these Services has a sidecar; label the namespace with heddle.dev/inject=enabled and restart them.",
  };
  return { selection, resolvedRefs, findings: [...(isEmpty ? [nothing] : []), ...findings] };
}

function selectionOf(workloads: readonly Workload[]): Selection {
  const set = new Set(workloads);
  return { scope: "workload", workloads, has: (workload) => set.has(workload) };
}

function findPart(index: number, name: string, label: string): Finding {
  const message =
    `Service ${name} selects by ${label}, which differs between pods of one workload, and policies apply to whole ` +
    "workloads: this one applies to all pods of each workload of which the Service selects one.";
  return { code: "TargetPartOfWorkload", field: `spec.targetRefs[${index}].name`, message };
}

function judgeRefs(namespace: string, missing: readonly string[], unsupported: readonly string[]): Verdict {
  if (missing.length > 0) {
    const message = `${listServices(missing)} not exist in namespace ${namespace}, and no pod is selected by ${missing.length === 1 ? "it" : "them"}.`;
    return { status: "False", reason: "ServiceNotFound", message };
  }
  if (unsupported.length > 0) {
    const message = `${listServices(unsupported)} not select pods by labels, so that no pod is meant: use a selector of the policy's own.`;
    return { status: "False", reason: "UnsupportedService", message };
  }
  return resolved;
}

const listServices = (names: readonly string[]): string =>
  names.length === 1 ? `Service ${names[0]} does` : `Services ${names.join(", ")} do`;
