/**
 * How work follows what changed. A compile is made of tables, each made of tables before it, a value per key:
 *
 *   source (what a watch has seen) --+--> each (a value for each) --+--> group (an index: who says this word)
 *                                    +--> query (what is asked for) +--> ...
 *
 * Whatever a value looked up while it was made is noted. When one of these becomes another, the value is made again; when
 * it comes out the same, nobody behind it hears of it. What is made depends on what is looked up alone, never on what was
 * made before: so a table that has followed any sequence of changes is as one that is made from nothing.
 *
 * Each table stands behind those that it looks up: they are brought up to date in the order in which they were made.
 */
import { SortedMap } from "../model/sorted-map.ts";
import { compare } from "../model/workload.ts";

/** Values by key. Whoever looks one up while making a value depends on it, on its absence too. */
export interface Lookup<Value> {
  get(key: string): Value | undefined;
}

/** Values by key, all of which can be had. */
export interface Table<Value> extends Lookup<Value> {
  /** All, in the order of keys; stays as it is, and is the same map until something changes. */
  all(): SortedMap<Value>;
  /** Calls the listener with each key whose value has changed. */
  listen(listener: (key: string) => void): void;
  /** As `get`, without depending on it. */
  peek(key: string): Value | undefined;
}

/** A table that is filled from outside. */
export interface Source<Value> extends Table<Value> {
  /** The values from now on; those that are the same JavaScript values have not changed. */
  set(values: ReadonlyMap<string, Value>): void;
}

/** Tables that are brought up to date together. */
export interface Derivation {
  source<Value>(): Source<Value>;
  /** A value for each value of a table, or none. `same`: whether a new one is as good as the one before. */
  each<From, Value>(
    table: Table<From>,
    make: (value: From, key: string, before: Value | undefined) => Value | undefined,
    same?: (before: Value, after: Value) => boolean,
  ): Table<Value>;
  /** An index: the values of a table by the words that `wordsOf` gives of each, in the order of their keys. */
  group<Value>(table: Table<Value>, wordsOf: (value: Value, key: string) => Iterable<string>): Table<readonly Value[]>;
  /** The values of a table by names that they say; each says one, and no two the same. */
  named<Value>(table: Table<Value>, nameOf: (value: Value) => string): Table<Value>;
  /** The values of several tables; where some have the same key, that of the first of them. */
  union<Value>(...parts: readonly Table<Value>[]): Table<Value>;
  /**
   * Values that are made when somebody asks for them, and kept as long as some value depends on them; those that no value
   * has ever looked up are made again when they are asked for again.
   */
  query<Value>(
    make: (key: string, before: Value | undefined) => Value,
    same?: (before: Value, after: Value) => boolean,
  ): Lookup<Value>;
  /** Tables behind all of these, which are brought up to date by a `refresh` of their own. */
  later(): Derivation;
  /** Brings all tables up to date. If this throws, the derivation is of no more use. */
  refresh(): void;
  /** How many values the last refresh made: what a test of proportion counts. */
  readonly made: number;
}

/** Somebody who depends on what he has looked up. */
interface Reader {
  readonly wake: () => void;
  readonly reads: Set<Readers>;
}

/** Those who depend on one key. */
interface Readers {
  readonly key: string;
  readonly of: KnownReaders;
  readonly all: Set<Reader>;
}

interface KnownReaders {
  readonly byKey: Map<string, Readers>;
  /** Nobody depends on this key any more. */
  readonly onIdle: (key: string) => void;
}

/** Whether two values say the same, their order included. */
export const sameJSON = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Whether two lists have the same JavaScript values. */
export const sameElements = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((element, index) => element === b[index]);

/** Keys whose values are not the same JavaScript values in both, those that are in one only included. */
export function changedKeys(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): ReadonlySet<string> {
  const changed = new Set<string>();
  if (a === b) return changed;
  if (a instanceof SortedMap && b instanceof SortedMap) return a.changedKeys(b);
  for (const [key, value] of b) if (a.get(key) !== value) changed.add(key);
  for (const key of a.keys()) if (!b.has(key)) changed.add(key);
  return changed;
}

/** No key of an object is like it. */
const everyKey = "\0";

/** Tables without values. */
export function createDerivation(): Derivation {
  /** Who is being made. */
  let reader: Reader | undefined;
  let made = 0;

  const note = (known: KnownReaders, key: string): void => {
    if (reader === undefined) return;
    let readers = known.byKey.get(key);
    if (readers === undefined) {
      readers = { key, of: known, all: new Set() };
      known.byKey.set(key, readers);
    }
    readers.all.add(reader);
    reader.reads.add(readers);
  };
  const forget = (former: Reader): void => {
    for (const readers of former.reads) {
      readers.all.delete(former);
      if (readers.all.size > 0) continue;
      readers.of.byKey.delete(readers.key);
      readers.of.onIdle(readers.key);
    }
    former.reads.clear();
  };
  const making = <Value>(next: Reader, make: () => Value): Value => {
    forget(next);
    const outer = reader;
    reader = next;
    made += 1;
    try {
      return make();
    } finally {
      reader = outer;
    }
  };

  const createCells = <Value>(onIdle: (key: string) => void = () => {}) => {
    const values = new Map<string, Value>();
    /** All, as they were when somebody asked for them last; undefined if that is long ago. */
    let view: SortedMap<Value> | undefined;
    /** What has changed since. */
    const unseen = new Set<string>();
    const readers: KnownReaders = { byKey: new Map(), onIdle };
    const listeners: ((key: string) => void)[] = [];
    const tell = (key: string): void => {
      for (const word of [key, everyKey]) {
        for (const { wake } of readers.byKey.get(word)?.all ?? []) wake();
      }
      for (const listener of listeners) listener(key);
    };
    const table: Table<Value> = {
      get: (key) => {
        note(readers, key);
        return values.get(key);
      },
      peek: (key) => values.get(key),
      all: () => {
        note(readers, everyKey);
        if (view === undefined) view = SortedMap.empty<Value>().with(values);
        else if (unseen.size > 0) view = view.with([...unseen].map((key) => [key, values.get(key)] as const));
        unseen.clear();
        return view;
      },
      listen: (listener) => listeners.push(listener),
    };
    return {
      table,
      isRead: (key: string) => readers.byKey.has(key),
      has: (key: string) => values.has(key),
      set: (key: string, value: Value | undefined, same: (before: Value, after: Value) => boolean): void => {
        const before = values.get(key);
        if (before === value) return;
        if (before !== undefined && value !== undefined && same(before, value)) return;
        if (value === undefined) values.delete(key);
        else values.set(key, value);
        if (view !== undefined) unseen.add(key);
        if (unseen.size > values.size) {
          view = undefined;
          unseen.clear();
        }
        tell(key);
      },
    };
  };

  const never = (): boolean => false;

  const derivation = (): Derivation => {
    const steps: (() => void)[] = [];
    const tables: Derivation = {
      later: derivation,
      source: <Value>(): Source<Value> => {
        const cells = createCells<Value>();
        let current: ReadonlyMap<string, Value> = new Map();
        const set = (next: ReadonlyMap<string, Value>): void => {
          if (next === current) return;
          const before = current;
          current = next;
          for (const key of changedKeys(before, next)) cells.set(key, next.get(key), never);
        };
        return { ...cells.table, set };
      },
      each: (table, make, same = never) => {
        const cells = createCells<NonNullable<ReturnType<typeof make>>>();
        const readers = new Map<string, Reader>();
        const dirty = new Set<string>();
        table.listen((key) => dirty.add(key));
        steps.push(() => {
          for (const key of dirty) {
            dirty.delete(key);
            const value = table.peek(key);
            const known = readers.get(key);
            if (value === undefined) {
              if (known !== undefined) forget(known);
              readers.delete(key);
              cells.set(key, undefined, same);
              continue;
            }
            const own = known ?? { wake: () => dirty.add(key), reads: new Set() };
            readers.set(key, own);
            cells.set(key, making(own, () => make(value, key, cells.table.peek(key))) ?? undefined, same);
          }
        });
        return cells.table;
      },
      group: <Value>(table: Table<Value>, wordsOf: (value: Value, key: string) => Iterable<string>) => {
        const cells = createCells<readonly Value[]>();
        const wordsOfKey = new Map<string, ReadonlySet<string>>();
        const members = new Map<string, Map<string, Value>>();
        const dirty = new Set<string>();
        table.listen((key) => dirty.add(key));
        steps.push(() => {
          const touched = new Set<string>();
          for (const key of dirty) {
            const value = table.peek(key);
            const words = new Set(value === undefined ? [] : wordsOf(value, key));
            for (const word of wordsOfKey.get(key) ?? []) {
              if (!words.has(word)) members.get(word)?.delete(key);
              touched.add(word);
            }
            for (const word of words) {
              const group = members.get(word) ?? new Map<string, Value>();
              members.set(word, group.set(key, value as Value));
              touched.add(word);
            }
            if (words.size === 0) wordsOfKey.delete(key);
            else wordsOfKey.set(key, words);
          }
          dirty.clear();
          for (const word of touched) {
            const group = members.get(word);
            if (group === undefined || group.size === 0) {
              members.delete(word);
              cells.set(word, undefined, never);
            } else {
              const sorted = [...group].sort(([a], [b]) => compare(a, b)).map(([, value]) => value);
              cells.set(word, sorted, never);
            }
          }
        });
        return cells.table;
      },
      named: (table, nameOf) =>
        tables.each(
          tables.group(table, (value) => [nameOf(value)]),
          ([value]) => value,
        ),
      union: <Value>(...parts: readonly Table<Value>[]) => {
        const cells = createCells<Value>();
        const dirty = new Set<string>();
        for (const part of parts) part.listen((key) => dirty.add(key));
        steps.push(() => {
          for (const key of dirty) {
            const [value] = parts.flatMap((part) => part.peek(key) ?? []);
            cells.set(key, value, never);
          }
          dirty.clear();
        });
        return cells.table;
      },
      query: (make, same = never) => {
        const readers = new Map<string, Reader>();
        const dirty = new Set<string>();
        const idle = new Set<string>();
        const stale = new Set<string>();
        const cells = createCells<{ readonly value: ReturnType<typeof make> }>((key) => idle.add(key));
        const ask = (key: string): void => {
          const own = readers.get(key) ?? { wake: () => dirty.add(key), reads: new Set() };
          readers.set(key, own);
          const before = cells.table.peek(key)?.value;
          cells.set(key, { value: making(own, () => make(key, before)) }, (former, next) => {
            return former.value === next.value || same(former.value, next.value);
          });
        };
        const drop = (key: string): void => {
          const known = readers.get(key);
          if (known !== undefined) forget(known);
          readers.delete(key);
          dirty.delete(key);
          stale.delete(key);
          cells.set(key, undefined, never);
        };
        steps.push(() => {
          for (const key of idle) if (!cells.isRead(key)) drop(key);
          idle.clear();
          for (const key of dirty) {
            dirty.delete(key);
            if (cells.isRead(key)) ask(key);
            else stale.add(key);
          }
        });
        return {
          get: (key) => {
            if (!cells.has(key) || stale.delete(key)) ask(key);
            return cells.table.get(key)?.value;
          },
        };
      },
      refresh: () => {
        made = 0;
        for (const step of steps) step();
      },
      get made() {
        return made;
      },
    };
    return tables;
  };
  return derivation();
}
