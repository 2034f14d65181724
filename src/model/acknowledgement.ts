/** What a proxy last said of one resource: the version it has accepted, and the one it refused, if that is newer. */
export interface ResourceState {
  readonly acknowledged?: string;
  readonly rejected?: { readonly version: string; readonly message: string };
}

/** What is known of one proxy's stream. Written by `xds/`, read by status. */
export interface ProxyState {
  readonly connected: boolean;
  /** Milliseconds since the epoch at which `connected` last changed. */
  readonly since: number;
  /** State of a resource by type and name. */
  resource(type: string, name: string): ResourceState | undefined;
  /**
   * Whether these groups, told by their hashes, are all that the proxy is to have, and it has acknowledged each resource in
   * them in the version that they have. Then nobody needs to ask for single ones.
   */
  hasAll(groups: readonly { readonly hash: string }[]): boolean;
}

/** All proxies by pod key. A pod that never connected is absent. */
export type ProxyStates = ReadonlyMap<string, ProxyState>;
