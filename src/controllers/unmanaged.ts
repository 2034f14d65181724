/**
 * Tells people of namespaces that are enrolled, and in which the operator may not keep identities: in the log of every
 * replica, and in an event of the namespace, which is the leader's to write, once when it begins.
 */
import type { Namespace } from "../api/kubernetes.ts";
import { isEnrolled, isNeverInjected } from "../model/exemptions.ts";
import { keys } from "../model/sidecar.ts";
import type { Observed } from "./mesh-controller.ts";
import type { WriterOptions } from "./writer.ts";

/** See above. */
export interface UnmanagedNamespaces {
  /** Namespaces have changed, or a watch is doing better or worse, or this replica has begun to lead. */
  look(): void;
}

const note =
  "This namespace is enrolled, but the operator may not keep identities in it: it is none of its setting 'namespaces' (the " +
  "chart's value rbac.namespaces), or has no Role for it. Pods of the mesh are refused here, and those that run go on until " +
  `their certificates end. Have the namespace added, or take its label ${keys.inject} away.`;

/** Writes nothing until both are listed that it looks at. */
export function createUnmanagedNamespaces(
  options: Pick<WriterOptions, "isLeader" | "logger" | "record"> & {
    readonly observed: Observed;
    readonly isSynced: () => boolean;
    readonly isManaged: (namespace: string) => boolean;
    readonly rootNamespace: string;
  },
): UnmanagedNamespaces {
  const logged = new Set<string>();
  const told = new Set<string>();
  const isUnmanaged = ({ metadata: { name, labels, deletionTimestamp } }: Namespace): boolean =>
    isEnrolled(labels) &&
    deletionTimestamp === undefined &&
    !isNeverInjected(name, options.rootNamespace) &&
    !options.isManaged(name);
  return {
    look: () => {
      if (!options.isSynced()) return;
      for (const namespace of (options.observed("Namespace") as ReadonlyMap<string, Namespace>).values()) {
        const { name } = namespace.metadata;
        if (!isUnmanaged(namespace)) {
          logged.delete(name);
          told.delete(name);
          continue;
        }
        if (!logged.has(name)) options.logger.warn({ namespace: name }, note);
        logged.add(name);
        if (!options.isLeader() || told.has(name)) continue;
        told.add(name);
        options.record(namespace, { type: "Warning", reason: "NamespaceNotManaged", action: "Refuse", note });
      }
    },
  };
}
