/** What a proxy has of what it is to have, in few words: nearly always all of it. */
import type { ResourceGroup, ResourceType } from "../envoy/resource.ts";
import { resourceTypes, sameGroups } from "../envoy/resource.ts";
import type { StreamView } from "./ordering.ts";
import type { ResourceEntry } from "./replica-page.ts";

/** See above; as the entry of a page has it. */
export interface Account {
  /** The types of which it has acknowledged everything that its groups hold, but for what `said` says of it. */
  readonly types: readonly ResourceType[];
  /** What it has acknowledged otherwise; an empty version: nothing. */
  readonly said: readonly ResourceEntry[];
  /** What it refused: type, name, version, its words. */
  readonly rejected: readonly (readonly [ResourceType, string, string, string])[];
}

const none: ReadonlySet<string> = new Set();

/** Names of this type that the proxy is to have, and has not asked for. */
function unwanted({ types, target, index }: StreamView, type: ResourceType): readonly string[] {
  const { requested, wildcard, subscribed } = types[type];
  if (requested && wildcard) return [];
  return target.groups.flatMap((group) => index.missing(requested ? subscribed : none, group, type));
}

/** Whether these are the groups of its target, and it has acknowledged everything in them: see `ProxyState.hasAll`. */
export function hasAll(view: StreamView, groups: readonly Pick<ResourceGroup, "hash">[]): boolean {
  if (!sameGroups(groups, view.target.groups)) return false;
  return resourceTypes.every((type) => view.types[type].open.size === 0 && unwanted(view, type).length === 0);
}

/** What the session of a proxy says of every resource, in words that are few where it has nearly all, or nearly nothing. */
export function accountOf(view: StreamView): Account {
  const { groups, readiness } = view.target;
  const types: ResourceType[] = [];
  const said: ResourceEntry[] = [];
  const rejected: [ResourceType, string, string, string][] = [];
  for (const type of resourceTypes) {
    const state = view.types[type];
    if (!state.requested) continue;
    const { open } = state;
    const absent = unwanted(view, type);
    const count = groups.reduce((sum, { byType }) => sum + byType[type].size, 0);
    const hasMost = 2 * (absent.length + open.size) <= count;
    if (hasMost) {
      types.push(type);
      for (const name of absent) said.push([type, name, ""]);
    } else {
      for (const [name, { version }] of groups.flatMap(({ byType }) => [...byType[type]])) {
        if (state.wants(name) && !open.has(name)) said.push([type, name, version]);
      }
    }
    for (const [name, entry] of open) {
      const isWanted = state.wants(name);
      const version = isWanted ? (entry.held?.version ?? "") : "";
      if (hasMost || version !== "") said.push([type, name, version]);
      if (isWanted && entry.rejected !== undefined)
        rejected.push([type, name, entry.rejected.version, entry.rejected.message]);
    }
    // It is in no group, as it is of the pod.
    if (type === "listener" && state.wants(readiness.name) && !open.has(readiness.name))
      said.push([type, readiness.name, readiness.version]);
  }
  return { types, said, rejected };
}
