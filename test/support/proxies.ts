/** States of proxies for tests. */
import type { EnvoyResource, ProxyTarget } from "../../src/envoy/resource.ts";
import { reachOf, resourceTypes, sameGroups, withReach } from "../../src/envoy/resource.ts";
import type { ProxyState, ProxyStates, ResourceState } from "../../src/model/acknowledgement.ts";
import type { Compilation } from "../../src/reconcilers/compile.ts";

/** By pod, all that its proxy is to be served. */
export const wholeTargets = ({ targets, reachGroups }: Targets): ReadonlyMap<string, ProxyTarget> =>
  new Map([...targets].map(([pod, own]) => [pod, withReach(own, reachOf(own, reachGroups))]));

type Targets = Pick<Compilation, "targets" | "reachGroups">;

/** A proxy that acknowledged everything that it was to be served. */
export function syncedProxy(target: ProxyTarget): ProxyState {
  const states = new Map<string, ResourceState>();
  for (const group of target.groups) {
    for (const type of resourceTypes) {
      for (const [name, { version }] of group.byType[type]) states.set(`${type} ${name}`, { acknowledged: version });
    }
  }
  return {
    connected: true,
    since: 0,
    resource: (type, name) => states.get(`${type} ${name}`),
    hasAll: (groups) => sameGroups(groups, target.groups),
  };
}

/** A proxy that says this of its resources instead. */
export const saying = (state: ProxyState, resource: ProxyState["resource"]): ProxyState => ({
  ...state,
  resource,
  hasAll: () => false,
});

/** All proxies of a compilation, each of which acknowledged everything. */
export function syncedProxies(compilation: Targets): ProxyStates {
  return new Map([...wholeTargets(compilation)].map(([pod, target]) => [pod, syncedProxy(target)]));
}

/** All proxies synced, but for what one of them is to say of some of its resources. */
export function proxiesSaying(
  compilation: Targets,
  pod: string,
  said: (resource: EnvoyResource) => ResourceState | undefined,
): ProxyStates {
  const target = wholeTargets(compilation).get(pod);
  if (target === undefined) throw new Error(`there is no target ${pod}`);
  const synced = syncedProxy(target);
  const changed = new Map<string, ResourceState>();
  for (const { byType } of target.groups) {
    for (const resource of Object.values(byType).flatMap((ofType) => [...ofType.values()])) {
      const state = said(resource);
      if (state !== undefined) changed.set(`${resource.type} ${resource.name}`, state);
    }
  }
  const resource: ProxyState["resource"] = (type, name) =>
    changed.get(`${type} ${name}`) ?? synced.resource(type, name);
  return new Map(syncedProxies(compilation)).set(pod, saying(synced, resource));
}
