/** Types of xDS resources that are served, in the order in which a proxy must take additions. */
export const resourceTypes = ["cluster", "endpoint", "listener", "route", "extension"] as const;

/** One of {@link resourceTypes}. */
export type ResourceType = (typeof resourceTypes)[number];

/** Type URLs of the delta discovery protocol. */
export const typeUrls: Readonly<Record<ResourceType, string>> = {
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoint: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  extension: "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
};

/** One resource as every proxy that has it is sent it: encoded once, shared by reference. */
export interface EnvoyResource {
  readonly type: ResourceType;
  /** Name on the wire; unique among the resources of its type in one proxy. */
  readonly name: string;
  /** Content hash. Equal versions of one type and name mean equal content. */
  readonly version: string;
  /** The field `resources` of a DeltaDiscoveryResponse with this resource in it: tag, length, `Resource` message. */
  readonly wire: Uint8Array;
  /** In Envoy's own words (snake_case), for records and goldens. */
  readonly config: EnvoyConfig;
}

/** A JSON object with Envoy's field names. */
export interface EnvoyConfig {
  readonly [field: string]: unknown;
}

/** Resources that belong together: all that is common, one class's, or one reach's. */
export interface ResourceGroup {
  /** Hash of the versions in it; equal hashes mean equal groups. */
  readonly hash: string;
  readonly byType: Readonly<Record<ResourceType, ReadonlyMap<string, EnvoyResource>>>;
  /** The groups that it is put together of, if it is. */
  readonly parts?: readonly ResourceGroup[];
}

/** Whether they have the same content, group for group. */
export const sameGroups = (
  groups: readonly Pick<ResourceGroup, "hash">[],
  others: readonly Pick<ResourceGroup, "hash">[],
): boolean => groups.length === others.length && groups.every(({ hash }, index) => hash === others[index]?.hash);

/**
 * What one proxy is to be served, but for its reach: that is another part of what is published, by namespace, so that what
 * changes in it changes no target ({@link withReach}).
 */
export interface ProxyTarget {
  /** `namespace/name` of the pod. */
  readonly pod: string;
  readonly podUid: string;
  /** Its pod IPs: the stream must come from one of them. */
  readonly addresses: readonly string[];
  /** SPIFFE ID that the stream's client certificate must carry. */
  readonly identity: string;
  /** In no particular order; no two groups share a resource's type and name. */
  readonly groups: readonly ResourceGroup[];
  /** The listener of port 15020, sent last: once all the rest is acknowledged, the startup probe passes. */
  readonly readiness: EnvoyResource;
}

/** By namespace: the resources of its reach, which all its proxies are served beside their own. */
export type ReachGroups = ReadonlyMap<string, ResourceGroup>;

/** All that a proxy is to be served. */
export const withReach = (own: ProxyTarget, reach: ResourceGroup | undefined): ProxyTarget =>
  reach === undefined ? own : { ...own, groups: [...own.groups, reach] };

/** The reach of a target's namespace. */
export const reachOf = ({ pod }: ProxyTarget, reaches: ReachGroups): ResourceGroup | undefined =>
  reaches.get(pod.slice(0, pod.indexOf("/")));
