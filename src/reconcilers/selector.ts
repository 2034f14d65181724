/**
 * Which workloads an object of ours selects. In the root namespace an object without a selector means the whole mesh, and
 * one with a selector means those labels in every namespace.
 */
import type { KubernetesObject } from "../api/kubernetes.ts";
import type { Finding } from "../model/finding.ts";
import type { MeshSettings } from "../model/snapshot.ts";
import { isLabelOfInstances } from "../model/workload.ts";
import { fitsLabels, InvalidObject, namespaceOf } from "./objects.ts";
import type { Workload, Workloads } from "./workloads.ts";

/** How narrow an object is, widest first. */
export type Scope = "mesh" | "namespace" | "workload";

/** What an object selects. */
export interface Selection {
  readonly scope: Scope;
  /** Sorted by id. */
  readonly workloads: readonly Workload[];
  readonly has: (workload: Workload) => boolean;
}

/** An object that may have a selector. */
export interface Selecting extends KubernetesObject {
  readonly spec?: { readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> } };
}

/** Resolves the selector of an object. Throws InvalidObject when it cannot be understood. */
export function select(object: Selecting, workloads: Workloads, settings: MeshSettings): Selection {
  return selectBy(matchLabelsOf(object), object, workloads, settings);
}

/**
 * What an object selects whatever is wrong with it: a selector that cannot be understood counts as far as it can be, and
 * wholly broken as none. An invalid policy denies this much, which is at least what its author meant.
 */
export function selectAtLeast(object: Selecting, workloads: Workloads, settings: MeshSettings): Selection {
  const given: unknown = object.spec?.selector?.matchLabels;
  const entries = typeof given === "object" && given !== null ? Object.entries(given) : [];
  const understood = entries.filter(([name, value]) => typeof value === "string" && !isLabelOfInstances(name));
  const labels = understood.length === 0 ? undefined : Object.fromEntries(understood);
  return selectBy(labels, object, workloads, settings);
}

function selectBy(
  labels: Readonly<Record<string, string>> | undefined,
  object: Selecting,
  workloads: Workloads,
  settings: MeshSettings,
): Selection {
  const namespace = namespaceOf(object);
  const inScope = namespace === settings.rootNamespace ? workloads.all : (workloads.ofNamespace.get(namespace) ?? []);
  if (labels !== undefined) {
    const fitting = inScope.filter((workload) => fitsLabels(labels, workload.labels));
    return selection("workload", fitting);
  }
  return selection(namespace === settings.rootNamespace ? "mesh" : "namespace", inScope);
}

function selection(scope: Scope, workloads: readonly Workload[]): Selection {
  const set = new Set(workloads);
  return { scope, workloads, has: (workload) => set.has(workload) };
}

function matchLabelsOf(object: Selecting): Readonly<Record<string, string>> | undefined {
  const selector = object.spec?.selector;
  if (selector === undefined) return undefined;
  const labels: unknown = selector?.matchLabels;
  if (typeof labels !== "object" || labels === null || Object.keys(labels).length === 0) {
    throw new InvalidObject("spec.selector.matchLabels: give at least one label, or leave the selector out");
  }
  const understood: [string, string][] = [];
  for (const [name, value] of Object.entries(labels)) {
    if (typeof value !== "string") {
      throw new InvalidObject(`spec.selector.matchLabels[${name}]: give the value of the label as a string`);
    }
    if (isLabelOfInstances(name)) {
      throw new InvalidObject(
        `spec.selector.matchLabels[${name}]: this label differs between pods of one workload, and policies apply to ` +
          "whole workloads: select by another label",
      );
    }
    understood.push([name, value]);
  }
  return Object.fromEntries(understood);
}

/** The finding of an object that selects nothing, if it does. */
export function findNothing(selection: Selection, object: Selecting): readonly Finding[] {
  if (selection.workloads.length > 0) return [];
  const field = selection.scope === "workload" ? "spec.selector.matchLabels" : "metadata.namespace";
  const where = selection.scope === "mesh" ? "the mesh" : `namespace ${namespaceOf(object)}`;
  const message =
    selection.scope === "workload"
      ? "No pod with a sidecar has these labels; compare them with `kubectl get pods --show-labels`."
      : `No pod of ${where} has a sidecar; label namespaces with heddle.dev/inject=enabled and restart their pods.`;
  return [{ code: "SelectorMatchesNothing", field, message }];
}
