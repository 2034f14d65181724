import { createHash } from "node:crypto";
import type {
  EnvoyConfig,
  EnvoyResource,
  ProxyTarget,
  ResourceGroup,
  ResourceType,
} from "../../../src/envoy/resource.ts";
import { resourceTypes, typeUrls } from "../../../src/envoy/resource.ts";
import type { DiscoveryRequest } from "../../../src/xds/types.ts";

/** A resource with just the configuration that the session looks at. */
export function resource(type: ResourceType, name: string, config: EnvoyConfig = {}): EnvoyResource {
  const version = createHash("sha256").update(JSON.stringify(config)).digest("hex").slice(0, 8);
  return { type, name, version, wire: Buffer.from(`${type} ${name} ${version};`), config };
}

export const cluster = (name: string, config: EnvoyConfig = {}): EnvoyResource =>
  resource("cluster", name, { type: "EDS", ...config });
export const endpoint = (name: string, config: EnvoyConfig = {}): EnvoyResource => resource("endpoint", name, config);
export const route = (name: string, clusters: readonly string[], config: EnvoyConfig = {}): EnvoyResource =>
  resource("route", name, { clusters, ...config });
export const listener = (name: string, config: EnvoyConfig = {}): EnvoyResource => resource("listener", name, config);
export const extension = (name: string, config: EnvoyConfig = {}): EnvoyResource => resource("extension", name, config);

export function group(resources: readonly EnvoyResource[]): ResourceGroup {
  const byType = Object.fromEntries(resourceTypes.map((type) => [type, new Map<string, EnvoyResource>()])) as Record<
    ResourceType,
    Map<string, EnvoyResource>
  >;
  for (const one of resources) byType[one.type].set(one.name, one);
  const hash = createHash("sha256");
  for (const { type, name, version } of [...resources].sort((a, b) => (a.type + a.name < b.type + b.name ? -1 : 1))) {
    hash.update(`${type}/${name}/${version}\n`);
  }
  return { hash: hash.digest("hex").slice(0, 8), byType };
}

export function target(...groups: readonly (readonly EnvoyResource[])[]): ProxyTarget {
  return {
    pod: "shop/cart-1",
    podUid: "uid-1",
    addresses: ["127.0.0.1"],
    identity: "spiffe://cluster.local/ns/shop/sa/cart",
    groups: groups.map(group),
    readiness: listener("readiness"),
  };
}

export function request(type: ResourceType, fields: Partial<Omit<DiscoveryRequest, "typeUrl">> = {}): DiscoveryRequest {
  return {
    typeUrl: typeUrls[type],
    resourceNamesSubscribe: [],
    resourceNamesUnsubscribe: [],
    initialResourceVersions: new Map(),
    responseNonce: "",
    ...fields,
  };
}
