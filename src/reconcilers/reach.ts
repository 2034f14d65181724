/**
 * Pass 5: which services the proxies of each namespace are sent. In this version every proxy is sent every service of the
 * mesh, so that there is one reach.
 */
import type { Reach } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { shortHash } from "../model/workload.ts";
import type { Derivation, Table } from "./derivation.ts";
import type { ClientService } from "./services.ts";
import type { Workloads } from "./workloads.ts";

/** The outcome of the pass. */
export interface Reaches {
  /** By id. */
  readonly all: ReadonlyMap<string, Reach>;
  /** Reach ids by namespace, in the order of namespaces. */
  readonly ofNamespace: ReadonlyMap<string, string>;
}

/** See {@link deriveReaches}. */
export interface ReachDecisions {
  readonly reaches: () => Reaches;
  /** Ready pods of the clients that are sent a service, sorted. */
  readonly clientsOf: (service: ObjectKey) => readonly ObjectKey[];
}

const noReaches: Reaches = { all: new Map(), ofNamespace: new Map() };

/** Decides the reach of every namespace with an injected pod. */
export function deriveReaches(
  tables: Derivation,
  services: Table<ClientService>,
  workloads: Workloads,
): ReachDecisions {
  // Of a service, and of a namespace, only counts that it is there.
  const known = tables.each(services, (_service, key) => key);
  const clients = tables.each(workloads.ofNamespace, (_workloads, namespace) => namespace);
  const reaches = tables.query((): Reaches => {
    const namespaces = [...clients.all().keys()];
    if (namespaces.length === 0) return noReaches;
    const keys = [...known.all().keys()];
    const reach: Reach = { id: shortHash(keys), services: keys };
    return {
      all: new Map([[reach.id, reach]]),
      ofNamespace: new Map(namespaces.map((namespace) => [namespace, reach.id])),
    };
  });
  return {
    reaches: () => reaches.get("") ?? noReaches,
    clientsOf: (service) => (known.get(service) === undefined ? [] : workloads.ready()),
  };
}
