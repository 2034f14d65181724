/** Sets of names that thousands of streams have in common: equal ones are one object. */
export interface NameSets {
  /** The set of these names, which is not to be changed any more: neither what is given nor what is returned. */
  shared(names: ReadonlySet<string>): ReadonlySet<string>;
}

/** Sets live as long as somebody else holds them. */
export function createNameSets(): NameSets {
  const known = new Map<string, WeakRef<ReadonlySet<string>>>();
  /** What is gone is looked for when there are twice as many as were left the last time. */
  let sweepAt = 64;
  const sweep = (): void => {
    for (const [key, reference] of known) if (reference.deref() === undefined) known.delete(key);
    sweepAt = Math.max(64, 2 * known.size);
  };
  return {
    shared: (names) => {
      const key = keyOf(names);
      const found = known.get(key)?.deref();
      if (found === names) return found;
      if (found !== undefined) return equal(found, names) ? found : names;
      if (known.size >= sweepAt) sweep();
      known.set(key, new WeakRef(names));
      return names;
    },
  };
}

/** The same for equal sets, in whatever order they were put together; others differ, but for collisions. */
function keyOf(names: ReadonlySet<string>): string {
  let sum = 0;
  let mixed = 0;
  for (const name of names) {
    // FNV-1a, 32 bits.
    let hash = 0x811c9dc5;
    for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
    sum = (sum + hash) | 0;
    mixed ^= Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  }
  return `${names.size} ${sum} ${mixed}`;
}

function equal(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a.size !== b.size) return false;
  for (const name of a) if (!b.has(name)) return false;
  return true;
}
