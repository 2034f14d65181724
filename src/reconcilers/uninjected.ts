import type { Namespace, Pod } from "../api/kubernetes.ts";
import { exemptionsOf, isEnrolled, isNeverInjected } from "../model/exemptions.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { keys } from "../model/sidecar.ts";
import { compare, isInjected } from "../model/workload.ts";

/** A namespace of the mesh with pods that should have a sidecar and have none. */
export interface UninjectedPods {
  readonly namespace: Namespace;
  /** Sorted by name; at least one. */
  readonly pods: readonly Pod[];
}

/**
 * Where pods run without a sidecar although their namespace asks for one and nothing exempts them: they were created
 * before it was labelled, or while nothing saw to it. Pods that have ended or are ending do not count. Sorted by name.
 */
export function uninjectedPods(
  namespaces: ReadonlyMap<ObjectKey, Namespace>,
  pods: ReadonlyMap<ObjectKey, Pod>,
  rootNamespace: string,
): readonly UninjectedPods[] {
  const found = new Map<string, Pod[]>();
  for (const pod of pods.values()) {
    const name = pod.metadata.namespace ?? "";
    const labels = namespaces.get(name)?.metadata.labels;
    if (!isEnrolled(labels) || isNeverInjected(name, rootNamespace)) continue;
    if (hasEnded(pod) || isInjected(pod)) continue;
    if (exemptionsOf({ enforced: labels?.[keys.inject] === "enforced" }).some((exemption) => exemption.applies(pod)))
      continue;
    found.set(name, [...(found.get(name) ?? []), pod]);
  }
  return [...found]
    .sort(([a], [b]) => compare(a, b))
    .flatMap(([name, list]) => {
      const namespace = namespaces.get(name);
      const sorted = list.toSorted((a, b) => compare(a.metadata.name, b.metadata.name));
      return namespace === undefined ? [] : [{ namespace, pods: sorted }];
    });
}

const hasEnded = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp !== undefined || status?.phase === "Succeeded" || status?.phase === "Failed";
