/**
 * What replicas tell each other of their proxies: pages of JSON, from a long poll over mutual TLS on the port of ADS.
 *
 *   GET /heddle.dev/acknowledgements/v2?epoch=<of the last page>&cursor=<of the last page>
 *
 * A page has the proxies that changed after the cursor, each whole. Most have all that they are to have: so a proxy names the
 * groups of resources that it is to have, and says what it has otherwise. What is in a group is told before a proxy names it,
 * once for each connection: of thousands of proxies nearly all have the same groups. Proxies whose pods are gone are in no
 * page: whoever reads it knows that from the API server.
 */
import { sameGroups } from "../envoy/resource.ts";
import type { ProxyState, ResourceState } from "../model/acknowledgement.ts";

/** Path of the long poll; a change of the format changes it. */
export const replicaPath = "/heddle.dev/acknowledgements/v2";

/** A resource: type, name, version. */
export type ResourceEntry = readonly [string, string, string];

/** What is in a group: resources, or the groups that it is made of, which are told before it. */
export type GroupEntry =
  | { readonly hash: string; readonly resources: readonly ResourceEntry[] }
  | { readonly hash: string; readonly parts: readonly string[] };

/** One proxy. */
export interface ProxyEntry {
  /** `namespace/name` of its pod. */
  readonly pod: string;
  readonly connected: boolean;
  /** Milliseconds since `connected` last changed: clocks of replicas differ. */
  readonly age: number;
  /** The hashes of the groups that it is to have. */
  readonly groups: readonly string[];
  /** The types of which it has acknowledged everything that is in these groups, but for what `said` says of it. */
  readonly types: readonly string[];
  /** What it has acknowledged otherwise; an empty version: nothing. */
  readonly said: readonly ResourceEntry[];
  /** What it refused: type, name, version, the proxy's words. */
  readonly rejected: readonly (readonly [string, string, string, string])[];
  /** Whether it has acknowledged everything that is in these groups. */
  readonly hasAll: boolean;
}

/** See above. */
export interface ReplicaPage {
  /** Of the process that made it. Cursors of another one mean nothing. */
  readonly epoch: string;
  readonly cursor: number;
  /** Whether more is there already. */
  readonly more: boolean;
  /** In this order: first those that nobody names any more are forgotten, then these are told. */
  readonly forgotten: readonly string[];
  readonly groups: readonly GroupEntry[];
  readonly proxies: readonly ProxyEntry[];
}

/** Reads a page. @throws Error when it is none */
export function parsePage(text: string): ReplicaPage {
  const page = JSON.parse(text) as ReplicaPage;
  if (
    typeof page?.epoch !== "string" ||
    !Number.isSafeInteger(page.cursor) ||
    typeof page.more !== "boolean" ||
    !isStrings(page.forgotten) ||
    !isList(page.groups, isGroup) ||
    !isList(page.proxies, isProxy)
  )
    throw new Error("the answer is not a page of acknowledgements");
  return page;
}

const isList = (value: unknown, isElement: (element: never) => boolean): boolean =>
  Array.isArray(value) && value.every((element) => isElement(element as never));

const isStrings = (value: unknown, length?: number): boolean =>
  Array.isArray(value) &&
  (length === undefined || value.length === length) &&
  value.every((part) => typeof part === "string");

const isResource = (value: unknown): boolean => isStrings(value, 3);

const isGroup = (value: Partial<Record<"hash" | "resources" | "parts", unknown>> | null): boolean =>
  typeof value?.hash === "string" &&
  (value.parts === undefined ? isList(value.resources, isResource) : isStrings(value.parts));

const isProxy = (value: ProxyEntry | null): boolean =>
  typeof value?.pod === "string" &&
  typeof value.connected === "boolean" &&
  typeof value.hasAll === "boolean" &&
  Number.isFinite(value.age) &&
  isStrings(value.groups) &&
  isStrings(value.types) &&
  isList(value.said, isResource) &&
  isList(value.rejected, (each: unknown) => isStrings(each, 4));

/** Resources by type and name. */
type KnownGroup = ReadonlyMap<string, ResourceState>;

/** Key of a resource in a map. */
const keyOf = (type: string, name: string): string => `${type} ${name}`;

/** Reads the pages of one connection. */
export interface PageReader {
  /**
   * What each proxy of the next page says. `now` is in milliseconds since the epoch.
   * @throws Error when it names a group that was not told: the connection is of no more use
   */
  read(page: ReplicaPage, now: number): ReadonlyMap<string, ProxyState>;
}

/** A reader that was told nothing yet. */
export function createPageReader(): PageReader {
  const groups = new Map<string, KnownGroup>();
  const groupOf = (hash: string): KnownGroup => {
    const known = groups.get(hash);
    if (known === undefined) throw new Error(`the answer names the group ${hash}, which it has not told of`);
    return known;
  };
  return {
    read: (page, now) => {
      for (const hash of page.forgotten) groups.delete(hash);
      for (const group of page.groups) {
        const parts = "parts" in group ? group.parts.flatMap((hash) => [...groupOf(hash)]) : stated(group.resources);
        groups.set(group.hash, new Map(parts));
      }
      return new Map(page.proxies.map((entry) => [entry.pod, stateOf(entry, entry.groups.map(groupOf), now)]));
    },
  };
}

const stated = (resources: readonly ResourceEntry[]): readonly (readonly [string, ResourceState])[] =>
  resources.map(([type, name, acknowledged]) => [keyOf(type, name), { acknowledged }]);

function stateOf(entry: ProxyEntry, groups: readonly KnownGroup[], now: number): ProxyState {
  const types = new Set(entry.types);
  const wanted = entry.groups.map((hash) => ({ hash }));
  const otherwise = new Map<string, ResourceState | undefined>(
    entry.said.map(([type, name, acknowledged]) => [
      keyOf(type, name),
      acknowledged === "" ? undefined : { acknowledged },
    ]),
  );
  for (const [type, name, version, message] of entry.rejected) {
    const key = keyOf(type, name);
    otherwise.set(key, { ...otherwise.get(key), rejected: { version, message } });
  }
  return {
    connected: entry.connected,
    since: now - entry.age,
    resource: (type, name) => {
      const key = keyOf(type, name);
      if (otherwise.size > 0 && otherwise.has(key)) return otherwise.get(key);
      if (!types.has(type)) return undefined;
      for (const group of groups) {
        const state = group.get(key);
        if (state !== undefined) return state;
      }
      return undefined;
    },
    hasAll: (given) => entry.hasAll && sameGroups(given, wanted),
  };
}
