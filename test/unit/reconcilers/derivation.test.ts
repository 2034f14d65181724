import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDerivation } from "../../../src/reconcilers/derivation.ts";

/** Teams by name, and people by name: each of a team, with a number. */
interface Person {
  readonly team: string;
  readonly number: number;
}

/** Tables of every sort: what a team's people have together, and what a person has of it. */
function createTables() {
  const tables = createDerivation();
  const teams = tables.source<{ readonly factor: number }>();
  const people = tables.source<Person>();
  const adults = tables.each(people, (person) => (person.number < 0 ? undefined : person));
  const byTeam = tables.group(adults, ({ team }) => [team]);
  const sums = tables.query((team) => {
    const factor = teams.get(team)?.factor ?? 0;
    return factor * (byTeam.get(team) ?? []).reduce((sum, { number }) => sum + number, 0);
  });
  const shares = tables.each(
    adults,
    ({ team, number }) => `${number} of ${sums.get(team)}`,
    (before, after) => before === after,
  );
  const everybody = tables.each(teams, (_, team) => `${team}: ${[...shares.all()].map(String).join(" ")}`);
  return { tables, teams, people, shares, everybody };
}

const read = ({ shares, everybody }: ReturnType<typeof createTables>) => ({
  shares: [...shares.all()],
  everybody: [...everybody.all()],
});

const names = fc.constantFrom("a", "b", "constructor", "__proto__");
const teamMaps = fc.dictionary(names, fc.record({ factor: fc.integer({ min: 0, max: 2 }) }), { maxKeys: 3 });
const peopleMaps = fc.dictionary(
  fc.constantFrom("p", "q", "r", "__proto__"),
  fc.record({ team: names, number: fc.integer({ min: -1, max: 2 }) }),
);

/** What equals a value before is the same JavaScript value, as of a watch. */
function following<Value>(): (next: Readonly<Record<string, Value>>) => ReadonlyMap<string, Value> {
  let before = new Map<string, Value>();
  return (next) => {
    before = new Map(
      Object.entries(next).map(([key, value]) => {
        const known = before.get(key);
        return [key, JSON.stringify(known) === JSON.stringify(value) ? (known as Value) : value];
      }),
    );
    return before;
  };
}

test("after any sequence of changes tables are as those that are made from nothing", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(teamMaps, peopleMaps), { minLength: 1, maxLength: 6 }), (steps) => {
      const followed = createTables();
      const [teams, people] = [following<{ readonly factor: number }>(), following<Person>()];
      for (const [teamMap, personMap] of steps) {
        followed.teams.set(teams(teamMap));
        followed.people.set(people(personMap));
        followed.tables.refresh();
        const fresh = createTables();
        fresh.teams.set(new Map(Object.entries(teamMap)));
        fresh.people.set(new Map(Object.entries(personMap)));
        fresh.tables.refresh();
        expect(read(followed)).toEqual(read(fresh));
      }
    }),
  );
});

describe("what is made again", () => {
  const fill = () => {
    const all = createTables();
    all.teams.set(new Map([..."ab"].map((team) => [team, { factor: 1 }])));
    all.people.set(
      new Map<string, Person>([
        ["p", { team: "a", number: 1 }],
        ["q", { team: "b", number: 2 }],
      ]),
    );
    all.tables.refresh();
    return all;
  };
  const people = (number: number): ReadonlyMap<string, Person> => new Map([["p", { team: "a", number }]]);

  test("nothing, where nothing has changed", () => {
    const { tables } = fill();
    tables.refresh();
    expect(tables.made).toBe(0);
  });

  test("what looked up a value that is there no more, and what looked up that it is not there", () => {
    const all = fill();
    all.teams.set(new Map());
    all.tables.refresh();
    expect([...all.shares.all().values()]).toEqual(["1 of 0", "2 of 0"]);
    all.teams.set(new Map([["b", { factor: 3 }]]));
    all.tables.refresh();
    expect([...all.shares.all().values()]).toEqual(["1 of 0", "2 of 6"]);
    // The sum and the share of b, and what is said of all.
    expect(all.tables.made).toBe(3);
  });

  test("nothing behind a value that comes out the same", () => {
    const all = fill();
    const before = all.everybody.all();
    all.teams.set(new Map([...all.teams.all()].map(([team, { factor }]) => [team, { factor }])));
    all.tables.refresh();
    // Both sums, and what is said of both teams.
    expect(all.tables.made).toBe(4);
    expect(all.everybody.all()).toEqual(before);
    expect([...all.shares.all().values()]).toEqual(["1 of 1", "2 of 2"]);
  });

  test("what is given out stays as it is", () => {
    const all = fill();
    const before = all.shares.all();
    all.people.set(people(5));
    all.tables.refresh();
    expect([...before]).toEqual([
      ["p", "1 of 1"],
      ["q", "2 of 2"],
    ]);
    expect([...all.shares.all()]).toEqual([["p", "5 of 5"]]);
  });
});

test("after any sequence of changes the union of tables has the value of the first that has one, by name or by key", () => {
  const values = fc.dictionary(names, fc.record({ name: fc.constantFrom("a", "x", "y") }), { maxKeys: 4 });
  fc.assert(
    fc.property(fc.array(fc.tuple(values, values), { minLength: 1, maxLength: 6 }), (steps) => {
      const tables = createDerivation();
      const [first, second] = [tables.source<{ readonly name: string }>(), tables.source<{ readonly name: string }>()];
      const only = tables.each(second, (value, key) => (key === "a" ? value : undefined));
      const both = tables.union(
        first,
        tables.named(only, ({ name }) => name),
      );
      for (const [before, after] of steps) {
        const [known, others] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
        first.set(known);
        second.set(others);
        tables.refresh();
        const named = others.get("a");
        const expected = new Map([...(named === undefined ? [] : [[named.name, named] as const]), ...known]);
        expect([...both.all()]).toEqual([...expected].sort(([a], [b]) => (a < b ? -1 : 1)));
      }
    }),
    { numRuns: 200 },
  );
});
