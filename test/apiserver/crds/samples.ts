/**
 * Samples of our kinds: what the API server takes, and what it refuses with which words. One YAML file per kind:
 *
 *   - takes: a short name           or   refuses: a short name
 *     spec: {...}                   or   object: {...}, everything but apiVersion, kind and metadata
 *     because: part of the message       (with refuses)
 *     called: default                    (optional) the object's name
 *     each: {FIELD: [hosts, paths]}      (optional) one sample per word, which takes the place of FIELD in keys and strings
 *
 * `!repeat {times: 33, item: "v#"}` is a list of 33 items with `#` counting from 0, `!text {times: 254, of: a}` a string.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse, type Tags } from "yaml";

/** One sample. */
export interface Sample {
  readonly name: string;
  /** Name of the kind, such as `TrafficSplit`. */
  readonly kind: string;
  /** Name of the object. */
  readonly called: string;
  /** What the object has besides `apiVersion`, `kind` and `metadata`. */
  readonly body: Readonly<Record<string, unknown>>;
  /** A part of the API server's message; absent when it takes the sample. */
  readonly refusal?: string;
}

interface Entry {
  readonly takes?: string;
  readonly refuses?: string;
  readonly because?: string;
  readonly called?: string;
  readonly spec?: unknown;
  readonly object?: Readonly<Record<string, unknown>>;
  readonly each?: Readonly<Record<string, readonly string[]>>;
}

interface Node {
  toJSON(): unknown;
}

const tags = [
  {
    tag: "!repeat",
    collection: "map",
    resolve(node: Node): unknown {
      const { times, item } = node.toJSON() as { times: number; item: unknown };
      return Array.from({ length: times }, (_, index) => replaceWord(item, "#", String(index)));
    },
  },
  {
    tag: "!text",
    collection: "map",
    resolve(node: Node): unknown {
      const { times, of } = node.toJSON() as { times: number; of: string };
      return of.repeat(times);
    },
  },
] as unknown as Tags;

/** The value with a word replaced in every key and string. */
function replaceWord(value: unknown, word: string, by: string): unknown {
  if (typeof value === "string") return value.replaceAll(word, () => by);
  if (Array.isArray(value)) return value.map((item) => replaceWord(item, word, by));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key.replaceAll(word, () => by), replaceWord(item, word, by)]),
  );
}

function expand(kind: string, entry: Entry): readonly Sample[] {
  const name = entry.takes === undefined ? `refuses ${entry.refuses}` : `takes ${entry.takes}`;
  if ((entry.takes === undefined) === (entry.refuses === undefined))
    throw new Error(`${kind}: ${name}: takes or refuses?`);
  if ((entry.refuses === undefined) !== (entry.because === undefined)) throw new Error(`${kind}: ${name}: because?`);
  const body = entry.object ?? { spec: entry.spec };
  const called = entry.called ?? "sample";
  const whole: Sample = {
    name,
    kind,
    called,
    body,
    ...(entry.because === undefined ? {} : { refusal: entry.because }),
  };
  const [word, ...more] = Object.entries(entry.each ?? {});
  if (word === undefined) return [whole];
  if (more.length > 0) throw new Error(`${kind}: ${name}: each has one word`);
  return word[1].map((by) => {
    const sample = replaceWord({ ...whole, name: `${name} (${by})` }, word[0], by) as Sample;
    return { ...sample, kind, called };
  });
}

/** All samples, by kind. */
export function readSamples(): readonly Sample[] {
  const folder = import.meta.dirname;
  return readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .sort()
    .flatMap((file) => {
      const entries = parse(readFileSync(join(folder, file), "utf8"), { customTags: tags }) as readonly Entry[];
      return entries.flatMap((entry) => expand(basename(file, ".yaml"), entry));
    });
}
