/** What every object that the operator writes has in common. */
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import { keys, manager } from "../../src/model/sidecar.ts";

/** By these, Helm, Argo CD and Flux know what is theirs to change and to prune. */
const tracking = /^app\.kubernetes\.io\/instance$|helm\.sh\/|argoproj\.io\/|fluxcd\.io\//;

/** What is wrong with an object of the operator's: its label is missing, it is tracked by an installer, it has a finalizer. */
export function unownedParts({ kind, metadata }: KubernetesObject): readonly string[] {
  const { labels = {}, annotations = {}, name } = metadata;
  const finalizers = (metadata as { readonly finalizers?: readonly string[] }).finalizers ?? [];
  return [
    ...(labels[keys.managedBy] === manager ? [] : [`no label ${keys.managedBy}`]),
    ...[...Object.keys(labels), ...Object.keys(annotations)].filter((key) => tracking.test(key)),
    ...finalizers.map((finalizer) => `finalizer ${finalizer}`),
  ].map((problem) => `${kind} ${name}: ${problem}`);
}
