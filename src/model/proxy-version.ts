/** The version of Envoy that sidecars run. */

/** Major, minor, patch. */
export type ProxyVersion = readonly [number, number, number];

/** The oldest Envoy that may enforce policies: before it, four ways past RBAC and path rules were open (Envoy's security advisories). */
export const minimumProxyVersion: ProxyVersion = [1, 39, 2];

/** Such as 1.40.0. */
export function proxyVersionText(version: ProxyVersion): string {
  return version.join(".");
}

/** Reads such as 1.40.0; undefined for anything else. */
export function parseProxyVersion(text: string): ProxyVersion | undefined {
  const [, major, minor, patch] = /^(\d{1,4})\.(\d{1,4})\.(\d{1,4})$/.exec(text) ?? [];
  if (major === undefined || minor === undefined || patch === undefined) return undefined;
  return [Number(major), Number(minor), Number(patch)];
}

/** Whether it may serve in the mesh. */
export function isSupportedProxy([major, minor, patch]: ProxyVersion): boolean {
  const [leastMajor, leastMinor, leastPatch] = minimumProxyVersion;
  if (major !== leastMajor) return major > leastMajor;
  if (minor !== leastMinor) return minor > leastMinor;
  return patch >= leastPatch;
}
