import fc from "fast-check";
import { expect, test } from "vitest";
import { SortedMap } from "../../../src/model/sorted-map.ts";

const key = fc.oneof(
  fc.nat({ max: 2000 }).map((number) => `ns-${number % 50}/app-${number}`),
  fc.constantFrom("", "constructor", "__proto__", "é", "\u{1f600}"),
);
/** Many keys at once come, change and go, so that parts are made, split, emptied and put together again. */
const change = fc.record({ keys: fc.uniqueArray(key, { maxLength: 400 }), value: fc.option(fc.nat({ max: 3 })) });
const changes = fc.array(change, { maxLength: 8 });

const changesOf = ({ keys, value }: { readonly keys: readonly string[]; readonly value: number | null }) =>
  keys.map((one) => [one, value ?? undefined] as const);

const sorted = (map: ReadonlyMap<string, number>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

test("a sorted map is as a map that has been through the same changes, in the order of keys", () => {
  fc.assert(
    fc.property(changes, (all) => {
      const known = new Map<string, number>();
      const seen: { readonly map: SortedMap<number>; readonly entries: readonly [string, number][] }[] = [];
      let map = SortedMap.empty<number>();
      for (const one of all) {
        for (const [name, value] of changesOf(one)) {
          if (value === undefined) known.delete(name);
          else known.set(name, value);
        }
        map = map.with(changesOf(one));
        seen.push({ map, entries: sorted(known) });
      }
      for (const { map: then, entries } of seen) {
        // One that was taken before stays as it was.
        expect([...then]).toEqual(entries);
        expect([...then.keys()]).toEqual(entries.map(([name]) => name));
        expect([...then.values()]).toEqual(entries.map(([, value]) => value));
        expect(then.size).toBe(entries.length);
        const own = new Map(entries);
        for (const name of all.flatMap(({ keys }) => keys)) {
          expect(then.get(name)).toBe(own.get(name));
          expect(then.has(name)).toBe(own.has(name));
        }
        for (const other of seen) {
          const names = new Set([...own.keys(), ...other.map.keys()]);
          const differing = [...names].filter((name) => own.get(name) !== other.map.get(name));
          expect([...then.changedKeys(other.map)].sort()).toEqual(differing.sort());
        }
      }
    }),
    { numRuns: 30 },
  );
});

test("a change that changes nothing gives the same map", () => {
  const map = SortedMap.empty<number>().with([["a", 1]]);
  expect(map.with([["a", 1]])).toBe(map);
  expect(map.with([["b", undefined]])).toBe(map);
});
