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
}

/** All proxies by pod key. A pod that never connected is absent. */
export type ProxyStates = ReadonlyMap<string, ProxyState>;
