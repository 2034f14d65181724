/**
 * Which workloads an object of ours selects. In the root namespace an object without a selector means the whole mesh, and
 * one with a selector means those labels in every namespace.
 */
import type { KubernetesObject } from "../api/kubernetes.ts";
import type { Finding } from "../model/finding.ts";
import type { MeshSettings } from "../model/snapshot.ts";
import { isLabelOfInstances, sortedEntries } from "../model/workload.ts";
import { fitsLabels, InvalidObject, namespaceOf } from "./objects.ts";
import type { Workload, Workloads } from "./workloads.ts";
import { labelWord, meshWord, namespaceWord } from "./workloads.ts";

/** How narrow an object is, widest first. */
export type Scope = "mesh" | "namespace" | "workload";

/** Which workloads are meant. */
export interface Selector {
  readonly scope: Scope;
  /** Undefined: of every namespace. */
  readonly namespace: string | undefined;
  /** Undefined: whatever its labels. */
  readonly labels: Readonly<Record<string, string>> | undefined;
}

/** An object that may have a selector. */
export interface Selecting extends KubernetesObject {
  readonly spec?: { readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> } };
}

/** Reads the selector of an object. Throws InvalidObject when it cannot be understood. */
export function readSelector(object: Selecting, settings: MeshSettings): Selector {
  return selectorOf(matchLabelsOf(object), object, settings);
}

/**
 * What an object selects whatever is wrong with it: a selector that cannot be understood counts as far as it can be, and
 * wholly broken as none. An invalid policy denies this much, which is at least what its author meant.
 */
export function readSelectorAtLeast(object: Selecting, settings: MeshSettings): Selector {
  const given: unknown = object.spec?.selector?.matchLabels;
  const entries = typeof given === "object" && given !== null ? Object.entries(given) : [];
  const understood = entries.filter(([name, value]) => typeof value === "string" && !isLabelOfInstances(name));
  const labels = understood.length === 0 ? undefined : Object.fromEntries(understood);
  return selectorOf(labels, object, settings);
}

function selectorOf(
  labels: Readonly<Record<string, string>> | undefined,
  object: Selecting,
  settings: MeshSettings,
): Selector {
  const isOfRoot = namespaceOf(object) === settings.rootNamespace;
  const namespace = isOfRoot ? undefined : namespaceOf(object);
  if (labels !== undefined) return { scope: "workload", namespace, labels };
  return { scope: isOfRoot ? "mesh" : "namespace", namespace, labels };
}

/** The word that every workload has which a selector selects, and few others. */
export function wordOfSelector({ namespace, labels }: Selector): string {
  const [first] = sortedEntries(labels ?? {});
  if (first !== undefined) return labelWord(namespace ?? "", ...first);
  return namespace === undefined ? meshWord : namespaceWord(namespace);
}

/** Whether a selector selects a workload that has its word. */
export const selects = ({ labels }: Selector, workload: Workload): boolean =>
  labels === undefined || fitsLabels(labels, workload.labels);

/** The workloads that a selector selects, in the order of ids. */
export function select(selector: Selector, { ofWord }: Pick<Workloads, "ofWord">): readonly Workload[] {
  const found = ofWord.get(wordOfSelector(selector)) ?? [];
  return selector.labels === undefined ? found : found.filter((workload) => selects(selector, workload));
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
export function findNothing(
  { scope }: Selector,
  workloads: readonly Workload[],
  object: Selecting,
): readonly Finding[] {
  if (workloads.length > 0) return [];
  const field = scope === "workload" ? "spec.selector.matchLabels" : "metadata.namespace";
  const where = scope === "mesh" ? "the mesh" : `namespace ${namespaceOf(object)}`;
  const message =
    scope === "workload"
      ? "No pod with a sidecar has these labels; compare them with `kubectl get pods --show-labels`."
      : `No pod of ${where} has a sidecar; label namespaces with heddle.dev/inject=enabled and restart their pods.`;
  return [{ code: "SelectorMatchesNothing", field, message }];
}
