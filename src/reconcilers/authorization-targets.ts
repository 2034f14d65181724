/**
 * Whose calls an AuthorizationPolicy judges.
 *
 *   selector              pods with these labels (see selector.ts)
 *   targetRefs: Service   the pods that a Service of the policy's own namespace selects, whatever Service was dialed
 */
import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import type { Service } from "../api/kubernetes.ts";
import type { Finding, Verdict } from "../model/finding.ts";
import { type ObjectKey, objectKey } from "../model/object-key.ts";
import type { MeshSettings } from "../model/snapshot.ts";
import { compare, isLabelOfInstances } from "../model/workload.ts";
import type { Lookup } from "./derivation.ts";
import { InvalidObject, namespaceOf, resolved } from "./objects.ts";
import type { Selector } from "./selector.ts";
import { findNothing, readSelector, readSelectorAtLeast, select, selects, wordOfSelector } from "./selector.ts";
import type { SelectedWorkload } from "./services.ts";
import type { Workload, Workloads } from "./workloads.ts";
import { wordsOfWorkload } from "./workloads.ts";

/** Whom a policy is about, as it says. With both parts it is about both. */
export interface PolicyTarget {
  readonly selector?: Selector;
  /** Names of Services of the policy's namespace, in its order. */
  readonly services?: readonly string[];
}

/** What a target is looked up in. */
export interface TargetInputs {
  readonly services: Lookup<Service>;
  readonly workloads: Pick<Workloads, "ofWord">;
  /** The workloads of which a Service selects pods, in the order of ids. */
  readonly selectedBy: Lookup<readonly Workload[]>;
}

/** Whom a policy is about, as it turned out. */
export interface ResolvedTarget {
  /** Sorted by id. */
  readonly workloads: readonly Workload[];
  readonly resolvedRefs: Verdict;
  readonly findings: readonly Finding[];
}

/** Reads the selector or the targetRefs of a policy. Throws InvalidObject when they cannot be understood. */
export function readTarget(object: AuthorizationPolicy, settings: MeshSettings): PolicyTarget {
  const { selector, targetRefs } = object.spec;
  if (targetRefs === undefined) return { selector: readSelector(object, settings) };
  if (selector !== undefined) throw new InvalidObject("spec: give a selector or targetRefs, not both");
  return { services: targetRefs.map(({ name }) => name) };
}

/**
 * What a policy is about whatever is wrong with it: at least what its author meant. Where it has a selector and targetRefs
 * it is about both; where a targetRef cannot be understood, about the namespace.
 */
export function readTargetAtLeast(object: AuthorizationPolicy, settings: MeshSettings): PolicyTarget {
  const services = serviceNames(object.spec?.targetRefs);
  if (services === undefined) return { selector: readSelectorAtLeast(object, settings) };
  return object.spec.selector === undefined
    ? { services }
    : { selector: readSelectorAtLeast(object, settings), services };
}

/** The word of a Service that policies refer to. */
const serviceWord = (key: ObjectKey): string => `service ${key}`;

/** Words that every workload has which a target is about, and few others. */
export function wordsOfTarget({ selector, services = [] }: PolicyTarget, namespace: string): readonly string[] {
  const ofServices = services.map((name) => serviceWord(`${namespace}/${name}`));
  return [...(selector === undefined ? [] : [wordOfSelector(selector)]), ...ofServices];
}

/** The words of a workload by which the policies about it are found. */
export function wordsOfSelected({ workload, services }: SelectedWorkload): readonly string[] {
  return [...wordsOfWorkload(workload), ...services.map((service) => serviceWord(objectKey(service)))];
}

/** Whether a target is about a workload that has one of its words. */
export function isAbout(
  { selector, services = [] }: PolicyTarget,
  namespace: string,
  selected: SelectedWorkload,
): boolean {
  const { workload } = selected;
  return (
    (selector !== undefined &&
      wordsOfWorkload(workload).includes(wordOfSelector(selector)) &&
      selects(selector, workload)) ||
    selected.services.some((service) => namespaceOf(service) === namespace && services.includes(service.metadata.name))
  );
}

/** Looks up whom a policy is about. */
export function resolveTarget(
  { selector, services }: PolicyTarget,
  object: AuthorizationPolicy,
  inputs: TargetInputs,
): ResolvedTarget {
  const selected = selector === undefined ? [] : select(selector, inputs.workloads);
  if (services === undefined) {
    const findings = selector === undefined ? [] : findNothing(selector, selected, object);
    return { workloads: selected, resolvedRefs: resolved, findings };
  }
  const target = resolveServices(services, namespaceOf(object), inputs);
  if (selector === undefined) return target;
  return { ...target, workloads: distinctById([...selected, ...target.workloads]) };
}

const distinctById = (workloads: readonly Workload[]): readonly Workload[] =>
  [...new Set(workloads)].sort((a, b) => compare(a.id, b.id));

/** Names of the Services that a list of unknown shape refers to; undefined when it is no list of Services. */
function serviceNames(refs: unknown): readonly string[] | undefined {
  if (!Array.isArray(refs)) return undefined;
  const names = refs.flatMap((ref: unknown) => {
    const { kind, name } = (typeof ref === "object" && ref !== null ? ref : {}) as { kind?: unknown; name?: unknown };
    return kind === "Service" && typeof name === "string" ? [name] : [];
  });
  return names.length === refs.length ? names : undefined;
}

function resolveServices(
  names: readonly string[],
  namespace: string,
  { services, selectedBy }: TargetInputs,
): ResolvedTarget {
  const selected: Workload[] = [];
  const missing: string[] = [];
  const unsupported: string[] = [];
  const findings: Finding[] = [];
  for (const [index, name] of names.entries()) {
    const service = services.get(`${namespace}/${name}`);
    const labels = Object.keys(service?.spec?.selector ?? {});
    if (service === undefined) missing.push(name);
    else if (service.spec?.type === "ExternalName" || labels.length === 0) unsupported.push(name);
    else {
      selected.push(...(selectedBy.get(`${namespace}/${name}`) ?? []));
      const label = labels.find(isLabelOfInstances);
      if (label !== undefined) findings.push(findPart(index, name, label));
    }
  }
  const workloads = distinctById(selected);
  const resolvedRefs = judgeRefs(namespace, missing, unsupported);
  const isEmpty = workloads.length === 0 && resolvedRefs === resolved;
  const nothing: Finding = {
    code: "SelectorMatchesNothing",
    field: "spec.targetRefs",
    message:
      "No pod of these Services has a sidecar; label the namespace with heddle.dev/inject=enabled and restart them.",
  };
  return { workloads, resolvedRefs, findings: [...(isEmpty ? [nothing] : []), ...findings] };
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
