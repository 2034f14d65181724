import { compare } from "./workload.ts";

/** Entries of a part at most; a part that gets larger becomes two. A change costs one part, a comparison one step for each. */
const partSize = 64;

/** Some entries that are neighbours, in the order of their keys. Never changed once it is in a map. */
interface Part<Value> {
  /** No key in it is less, and all keys of the parts before it are. */
  readonly first: string;
  readonly entries: ReadonlyMap<string, Value>;
}

/**
 * Values by key, in the order of keys. It never changes: what is changed is another map, that shares what has not. So a map
 * of thousands costs little to change, and two of which one came of the other little to compare. No value is undefined.
 */
export class SortedMap<Value> implements ReadonlyMap<string, Value> {
  readonly size: number;
  readonly #parts: readonly Part<Value>[];

  private constructor(parts: readonly Part<Value>[]) {
    this.#parts = parts;
    this.size = parts.reduce((sum, { entries }) => sum + entries.size, 0);
  }

  /** Nothing. */
  static empty<Value>(): SortedMap<Value> {
    return new SortedMap<Value>([]);
  }

  get(key: string): Value | undefined {
    return this.#parts[this.#indexOf(key)]?.entries.get(key);
  }

  has(key: string): boolean {
    return this.#parts[this.#indexOf(key)]?.entries.has(key) === true;
  }

  /** With these values; without those that are undefined. The same map if it has exactly these already. */
  with(changes: Iterable<readonly [string, Value | undefined]>): SortedMap<Value> {
    const byPart = new Map<number, [string, Value | undefined][]>();
    for (const [key, value] of changes) {
      if (this.get(key) === value) continue;
      const index = Math.max(0, this.#indexOf(key));
      const known = byPart.get(index);
      if (known === undefined) byPart.set(index, [[key, value]]);
      else known.push([key, value]);
    }
    if (byPart.size === 0) return this;
    const parts: Part<Value>[] = [];
    for (let index = 0; index < Math.max(1, this.#parts.length); index += 1) {
      const part = this.#parts[index];
      const changed = byPart.get(index);
      if (changed !== undefined) parts.push(...changedPart(part?.entries, changed));
      else if (part !== undefined) parts.push(part);
    }
    const next = new SortedMap(parts);
    // Where much has gone, what is left lies in too many parts.
    return parts.length > 4 && next.size < (parts.length * partSize) / 8 ? new SortedMap(partsOf([...next])) : next;
  }

  /** Keys whose values are not the same JavaScript values in both, those that are in one only included. */
  changedKeys(other: SortedMap<Value>): ReadonlySet<string> {
    const changed = new Set<string>();
    if (other === this) return changed;
    const shared = new Set(this.#parts);
    for (const part of other.#parts) {
      if (shared.has(part)) continue;
      for (const [key, value] of part.entries) if (this.get(key) !== value) changed.add(key);
    }
    const others = new Set(other.#parts);
    for (const part of this.#parts) {
      if (others.has(part)) continue;
      for (const key of part.entries.keys()) if (!other.has(key)) changed.add(key);
    }
    return changed;
  }

  *[Symbol.iterator](): MapIterator<[string, Value]> {
    for (const { entries } of this.#parts) yield* entries;
  }

  entries(): MapIterator<[string, Value]> {
    return this[Symbol.iterator]();
  }

  *keys(): MapIterator<string> {
    for (const { entries } of this.#parts) yield* entries.keys();
  }

  *values(): MapIterator<Value> {
    for (const { entries } of this.#parts) yield* entries.values();
  }

  forEach(callback: (value: Value, key: string, map: ReadonlyMap<string, Value>) => void): void {
    for (const { entries } of this.#parts) for (const [key, value] of entries) callback(value, key, this);
  }

  /** Of the part in which a key is, if it is in any; -1 if it comes before all. */
  #indexOf(key: string): number {
    const parts = this.#parts;
    let low = 0;
    let high = parts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((parts[middle]?.first ?? "") <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function changedPart<Value>(
  before: ReadonlyMap<string, Value> | undefined,
  changes: readonly (readonly [string, Value | undefined])[],
): readonly Part<Value>[] {
  const entries = new Map(before);
  let isSorted = true;
  for (const [key, value] of changes) {
    if (value === undefined) entries.delete(key);
    else {
      isSorted &&= entries.has(key);
      entries.set(key, value);
    }
  }
  const [first] = entries.keys();
  if (isSorted && first !== undefined && entries.size <= partSize) return [{ first, entries }];
  return partsOf([...entries].sort(([a], [b]) => compare(a, b)));
}

/** Parts of one size, of sorted entries: as few as there can be, so that each has room. */
function partsOf<Value>(sorted: readonly [string, Value][]): readonly Part<Value>[] {
  const count = Math.ceil(sorted.length / partSize);
  return Array.from({ length: count }, (_, index): Part<Value> => {
    const [from, to] = [index, index + 1].map((at) => Math.round((at * sorted.length) / count));
    const own = sorted.slice(from, to);
    return { first: own[0]?.[0] ?? "", entries: new Map(own) };
  });
}
