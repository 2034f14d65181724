/** States of proxies for tests. */
import type { ProxyTarget } from "../../src/envoy/resource.ts";
import { resourceTypes } from "../../src/envoy/resource.ts";
import type { ProxyState, ProxyStates, ResourceState } from "../../src/model/acknowledgement.ts";

/** A proxy that acknowledged everything that it was to be served. */
export function syncedProxy(target: ProxyTarget): ProxyState {
  const states = new Map<string, ResourceState>();
  for (const group of target.groups) {
    for (const type of resourceTypes) {
      for (const [name, { version }] of group.byType[type]) states.set(`${type} ${name}`, { acknowledged: version });
    }
  }
  return { connected: true, since: 0, resource: (type, name) => states.get(`${type} ${name}`) };
}

/** All proxies of a compilation, each of which acknowledged everything. */
export function syncedProxies(compilation: { readonly targets: ReadonlyMap<string, ProxyTarget> }): ProxyStates {
  return new Map([...compilation.targets].map(([pod, target]) => [pod, syncedProxy(target)]));
}
