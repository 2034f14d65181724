/**
 * What replicas tell each other of their proxies: pages of JSON, from a long poll over mutual TLS on the port of ADS.
 *
 *   GET /heddle.dev/acknowledgements/v1?epoch=<of the last page>&cursor=<of the last page>
 *
 * A page has the proxies that changed after the cursor, each whole: most have acknowledged the same as others, and name one
 * of the page's sets. Proxies whose pods are gone are in no page: whoever reads it knows that from the API server.
 */
import type { ResourceState } from "../model/acknowledgement.ts";

/** Path of the long poll; a change of the format changes it. */
export const replicaPath = "/heddle.dev/acknowledgements/v1";

/** One proxy. */
export interface ProxyEntry {
  /** `namespace/name` of its pod. */
  readonly pod: string;
  readonly connected: boolean;
  /** Milliseconds since `connected` last changed: clocks of replicas differ. */
  readonly age: number;
  /** Which of the page's sets it has acknowledged. */
  readonly set: number;
  /** What it refused: type, name, version, the proxy's words. */
  readonly rejected?: readonly (readonly [string, string, string, string])[];
}

/** Acknowledged resources: type, name, version. */
export type AcknowledgedSet = readonly (readonly [string, string, string])[];

/** See above. */
export interface ReplicaPage {
  /** Of the process that made it. Cursors of another one mean nothing. */
  readonly epoch: string;
  readonly cursor: number;
  /** Whether more is there already. */
  readonly more: boolean;
  readonly sets: readonly AcknowledgedSet[];
  readonly proxies: readonly ProxyEntry[];
}

/** Key of a resource in a map. */
const keyOf = (type: string, name: string): string => `${type} ${name}`;

/** Reads a page. @throws Error when it is none */
export function parsePage(text: string): ReplicaPage {
  const page = JSON.parse(text) as ReplicaPage;
  const isStrings = (value: unknown, length: number): boolean =>
    Array.isArray(value) && value.length === length && value.every((part) => typeof part === "string");
  const isSet = (value: unknown): boolean => Array.isArray(value) && value.every((entry) => isStrings(entry, 3));
  const isProxy = (value: ProxyEntry): boolean =>
    typeof value?.pod === "string" &&
    typeof value.connected === "boolean" &&
    Number.isFinite(value.age) &&
    page.sets[value.set] !== undefined &&
    (value.rejected === undefined ||
      (Array.isArray(value.rejected) && value.rejected.every((entry) => isStrings(entry, 4))));
  if (
    typeof page?.epoch !== "string" ||
    !Number.isSafeInteger(page.cursor) ||
    typeof page.more !== "boolean" ||
    !Array.isArray(page.sets) ||
    !page.sets.every(isSet) ||
    !Array.isArray(page.proxies) ||
    !page.proxies.every(isProxy)
  )
    throw new Error("the answer is not a page of acknowledgements");
  return page;
}

/** What each proxy of a page says of resources. Proxies of one set share its map. */
export function resourcesOf(
  page: ReplicaPage,
): ReadonlyMap<string, (type: string, name: string) => ResourceState | undefined> {
  const sets = page.sets.map(
    (set) => new Map(set.map(([type, name, acknowledged]) => [keyOf(type, name), { acknowledged } as ResourceState])),
  );
  return new Map(
    page.proxies.map(({ pod, set, rejected = [] }) => {
      const acknowledged = sets[set] ?? new Map<string, ResourceState>();
      const refused = new Map(
        rejected.map(([type, name, version, message]) => [keyOf(type, name), { version, message }]),
      );
      return [
        pod,
        (type: string, name: string) => {
          const key = keyOf(type, name);
          const refusal = refused.get(key);
          return refusal === undefined ? acknowledged.get(key) : { ...acknowledged.get(key), rejected: refusal };
        },
      ];
    }),
  );
}
