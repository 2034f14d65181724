/**
 * Many resources that thousands of proxies are sent in one order: their bytes are put together once for all of them, as to write
 * each by itself, or to copy them for each proxy, takes longer than to encrypt them.
 */
import type { EnvoyResource, ProxyTarget, ResourceType } from "../envoy/resource.ts";
import type { TypeState } from "./type-state.ts";

type Run = ReadonlyMap<string, EnvoyResource>;

/** Fewer resources are no run. */
export const minRun = 32;
/** Bytes of all runs that are kept, and milliseconds after their last use in which they are. */
const keptBytes = 16 * 1024 * 1024;
const keptMs = 10_000;

/** The names with an entry in `open`: what the target has in its order, then all else. */
export function* inOrder(target: ProxyTarget, { type, open }: TypeState): Generator<string> {
  for (const group of target.groups) for (const name of group.byType[type].keys()) if (open.has(name)) yield name;
  for (const name of [...open.keys()]) if (!target.groups.some((group) => group.byType[type].has(name))) yield name;
}

/** The target's maps that are in a list of resources as a whole, in a row. */
export function runsIn(target: ProxyTarget, type: ResourceType, resources: readonly EnvoyResource[]): readonly Run[] {
  if (resources.length < minRun) return [];
  const runs: Run[] = [];
  let from = 0;
  for (const { byType } of target.groups) {
    const run = byType[type];
    const start = run.size < minRun ? -1 : resources.indexOf(first(run), from);
    if (start === -1 || !isAt(resources, start, run)) continue;
    runs.push(run);
    from = start + run.size;
  }
  return runs;
}

const first = (run: Run): EnvoyResource => run.values().next().value as EnvoyResource;

function isAt(resources: readonly EnvoyResource[], start: number, run: Run): boolean {
  let index = start;
  for (const resource of run.values()) if (resources[index++] !== resource) return false;
  return true;
}

/** Bytes of whole runs. */
export interface RunBytes {
  of(run: Run): Uint8Array;
}

/** Keeps the bytes of the runs that were used last, for a while. */
export function createRunBytes(): RunBytes {
  const kept = new Map<Run, Uint8Array>();
  let length = 0;
  let timer: NodeJS.Timeout | undefined;
  const forget = (): void => {
    kept.clear();
    length = 0;
    timer = undefined;
  };
  return {
    of: (run) => {
      if (timer === undefined) timer = setTimeout(forget, keptMs).unref();
      else timer.refresh();
      const known = kept.get(run);
      if (known !== undefined) return known;
      const bytes = Buffer.concat([...run.values()].map(({ wire }) => wire));
      kept.set(run, bytes);
      length += bytes.length;
      for (const [old, { length: freed }] of kept) {
        if (length <= keptBytes || old === run) break;
        kept.delete(old);
        length -= freed;
      }
      return bytes;
    },
  };
}
