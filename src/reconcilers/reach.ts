/**
 * Pass 5: which services the proxies of each namespace are sent. In this version every proxy is sent every service of the
 * mesh, so that there is one reach.
 */
import type { Reach } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { compare, shortHash } from "../model/workload.ts";
import type { ClientService } from "./services.ts";
import type { Workloads } from "./workloads.ts";
import { readyPods } from "./workloads.ts";

/** The outcome of the pass. */
export interface Reaches {
  /** By id. */
  readonly all: ReadonlyMap<string, Reach>;
  /** Reach ids by namespace, in the order of namespaces. */
  readonly ofNamespace: ReadonlyMap<string, string>;
  /** Ready pods of the clients that are sent a service, sorted. */
  readonly clientsOf: (service: ObjectKey) => readonly ObjectKey[];
}

/** Decides the reach of every namespace with an injected pod. */
export function decideReaches(services: ReadonlyMap<ObjectKey, ClientService>, workloads: Workloads): Reaches {
  const namespaces = [...workloads.ofNamespace.keys()].sort(compare);
  if (namespaces.length === 0) return { all: new Map(), ofNamespace: new Map(), clientsOf: () => [] };
  const keys = [...services.keys()].sort(compare);
  const reach: Reach = { id: shortHash(keys), services: keys };
  const clients = readyPods(workloads.all);
  return {
    all: new Map([[reach.id, reach]]),
    ofNamespace: new Map(namespaces.map((namespace) => [namespace, reach.id])),
    clientsOf: (service) => (services.has(service) ? clients : []),
  };
}
