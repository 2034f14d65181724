import type { EnvoyResource, ResourceGroup, ResourceType } from "../envoy/resource.ts";
import { resourceTypes } from "../envoy/resource.ts";
import { remembered } from "../model/remember.ts";
import { createNameSets } from "./name-sets.ts";

/** Names whose resource differs between two sets of groups, by type. */
export type ChangedNames = Readonly<Record<ResourceType, ReadonlySet<string>>>;

/**
 * What many streams ask of the same resources: which names a resource mentions, and what differs between two groups. Answers
 * are kept as long as the resource or the group lives, so that a change costs its own size once, not once per proxy.
 */
export interface ResourceIndex {
  /**
   * Every string in a resource's configuration. A resource cannot refer to another one whose name is not among them; that a
   * name is among them does not prove a reference. Callers hold things back because of it, so too many is safe.
   */
  names(resource: EnvoyResource): ReadonlySet<string>;
  /** All names that the listeners of a group mention. */
  namesInListeners(group: ResourceGroup): ReadonlySet<string>;
  /** Names of the endpoint resources that the clusters of a group wait for. */
  endpointsOfClusters(group: ResourceGroup): ReadonlySet<string>;
  /** The endpoint resource that a cluster waits for, if its endpoints come by discovery. */
  endpointsOf(cluster: EnvoyResource): string | undefined;
  /** The set of these names that all streams share. Neither may be changed from then on. */
  sharedNames(names: ReadonlySet<string>): ReadonlySet<string>;
  /** The names that a group has of a type and that are not among these, which stay as they are. */
  missing(names: ReadonlySet<string>, group: ResourceGroup, type: ResourceType): readonly string[];
  /** A superset of the names whose resource differs. Groups are compared by hash, in any order. */
  changes(previous: readonly ResourceGroup[], next: readonly ResourceGroup[]): readonly ChangedNames[];
}

/** An index of its own memory. One serves a whole server. */
export function createResourceIndex(): ResourceIndex {
  const namesOf = new WeakMap<EnvoyResource, ReadonlySet<string>>();
  const listenerNamesOf = new WeakMap<ResourceGroup, ReadonlySet<string>>();
  const endpointsOfGroup = new WeakMap<ResourceGroup, ReadonlySet<string>>();
  const nameSets = createNameSets();
  const changesOf = new WeakMap<ResourceGroup, WeakMap<ResourceGroup, ChangedNames>>();
  const missingOf = new WeakMap<ReadonlySet<string>, WeakMap<ReadonlyMap<string, EnvoyResource>, readonly string[]>>();

  const names = (resource: EnvoyResource): ReadonlySet<string> =>
    remembered(namesOf, resource, () => {
      const found = new Set<string>();
      collectStrings(resource.config, found);
      return found;
    });

  const changesBetween = (previous: ResourceGroup, next: ResourceGroup): ChangedNames =>
    remembered(
      remembered(changesOf, previous, () => new WeakMap()),
      next,
      () => compareGroups(previous, next),
    );

  return {
    names,
    namesInListeners: (group) =>
      remembered(listenerNamesOf, group, () => {
        const found = new Set<string>();
        for (const listener of group.byType.listener.values()) for (const name of names(listener)) found.add(name);
        return found;
      }),
    endpointsOfClusters: (group) =>
      remembered(endpointsOfGroup, group, () => {
        const found = new Set<string>();
        for (const cluster of group.byType.cluster.values()) {
          const name = endpointsOf(cluster);
          if (name !== undefined) found.add(name);
        }
        return found;
      }),
    endpointsOf,
    sharedNames: nameSets.shared,
    missing: (names, { byType }, type) =>
      remembered(
        remembered(missingOf, names, () => new WeakMap()),
        byType[type],
        () => [...byType[type].keys()].filter((name) => !names.has(name)),
      ),
    changes: (previous, next) => {
      const gone = previous.filter(({ hash }) => !next.some((group) => group.hash === hash));
      const come = next.filter(({ hash }) => !previous.some((group) => group.hash === hash));
      const changed: ChangedNames[] = [];
      // Any pairing is right, as every name that is in one of a pair only is in the result; the same position is the best guess.
      for (let i = 0; i < Math.max(gone.length, come.length); i++) {
        changed.push(changesBetween(gone[i] ?? nothing, come[i] ?? nothing));
      }
      return changed;
    },
  };
}

const nothing: ResourceGroup = {
  hash: "",
  byType: { cluster: new Map(), endpoint: new Map(), listener: new Map(), route: new Map(), extension: new Map() },
};

function compareGroups(previous: ResourceGroup, next: ResourceGroup): ChangedNames {
  const compareType = (type: ResourceType): ReadonlySet<string> => {
    const changed = new Set<string>();
    const before = previous.byType[type];
    const after = next.byType[type];
    // Groups that are put together share what has not changed.
    if (before === after) return changed;
    for (const [name, resource] of after) if (before.get(name)?.version !== resource.version) changed.add(name);
    for (const name of before.keys()) if (!after.has(name)) changed.add(name);
    return changed;
  };
  const [cluster, endpoint, listener, route, extension] = resourceTypes.map(compareType);
  const none: ReadonlySet<string> = new Set();
  return {
    cluster: cluster ?? none,
    endpoint: endpoint ?? none,
    listener: listener ?? none,
    route: route ?? none,
    extension: extension ?? none,
  };
}

/** Envoy's rule: the service name of the EDS configuration, else the cluster's own name (Cluster.EdsClusterConfig). */
function endpointsOf(cluster: EnvoyResource): string | undefined {
  if (cluster.config["type"] !== "EDS") return undefined;
  const eds = cluster.config["eds_cluster_config"];
  const name = typeof eds === "object" && eds !== null && "service_name" in eds ? eds.service_name : undefined;
  return typeof name === "string" && name !== "" ? name : cluster.name;
}

function collectStrings(value: unknown, into: Set<string>): void {
  if (typeof value === "string") {
    into.add(value);
  } else if (Array.isArray(value)) {
    for (const item of value) collectStrings(item, into);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) if (key !== "@type") collectStrings(item, into);
  }
}
