/** Groups put together: what has not changed since the last time is used again, and not looked at by whoever compares. */
import { createHash } from "node:crypto";
import type { EnvoyResource, ResourceGroup, ResourceType } from "./resource.ts";

/** A group that is made of others. */
export interface JoinedGroup extends ResourceGroup {
  readonly parts: readonly ResourceGroup[];
}

/**
 * Puts groups together, in their order. `before` is what came of other groups: of each type only what is another is put
 * into its place. Throws if two resources share a type and a name.
 */
export function joinGroups(parts: readonly ResourceGroup[], before: JoinedGroup | undefined): JoinedGroup {
  const hash = createHash("sha256").update(parts.map((part) => part.hash).join("\n"));
  const changed = before === undefined ? undefined : changedParts(parts, before.parts);
  const ofType = (type: ResourceType): ReadonlyMap<string, EnvoyResource> => {
    const differing = changed?.filter(([part, other]) => !haveSame(part.byType[type], other.byType[type]));
    if (before === undefined || differing === undefined) return join(type, parts);
    if (differing.length === 0) return before.byType[type];
    if (!differing.every(([part, other]) => haveSameNames(part.byType[type], other.byType[type])))
      return join(type, parts);
    const all = new Map(before.byType[type]);
    for (const [{ byType }] of differing) for (const [name, resource] of byType[type]) all.set(name, resource);
    return all;
  };
  return {
    parts,
    hash: hash.digest("hex").slice(0, 16),
    byType: {
      cluster: ofType("cluster"),
      endpoint: ofType("endpoint"),
      listener: ofType("listener"),
      route: ofType("route"),
      extension: ofType("extension"),
    },
  };
}

/** Pairs of parts that differ; undefined if there are more of the one. */
function changedParts(
  parts: readonly ResourceGroup[],
  others: readonly ResourceGroup[],
): readonly (readonly [ResourceGroup, ResourceGroup])[] | undefined {
  if (parts.length !== others.length) return undefined;
  const changed: [ResourceGroup, ResourceGroup][] = [];
  // There are thousands, and nearly all are the same.
  for (let index = 0; index < parts.length; index += 1) {
    const [part, other] = [parts[index], others[index]];
    if (part !== undefined && other !== undefined && other !== part) changed.push([part, other]);
  }
  return changed;
}

function join(type: ResourceType, parts: readonly ResourceGroup[]): ReadonlyMap<string, EnvoyResource> {
  const all = new Map<string, EnvoyResource>();
  for (const { byType } of parts) {
    for (const [name, resource] of byType[type]) {
      if (all.has(name)) throw new Error(`two resources are the ${type} ${name}`);
      all.set(name, resource);
    }
  }
  return all;
}

function haveSameNames(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  if (a.size !== b.size) return false;
  const others = b.keys();
  for (const name of a.keys()) if (others.next().value !== name) return false;
  return true;
}

/** Whether they have equal resources in the same order. */
function haveSame(a: ReadonlyMap<string, EnvoyResource>, b: ReadonlyMap<string, EnvoyResource>): boolean {
  if (a.size !== b.size) return false;
  const others = b.values();
  for (const { name, version } of a.values()) {
    const { value: other } = others.next();
    if (other?.name !== name || other.version !== version) return false;
  }
  return true;
}
