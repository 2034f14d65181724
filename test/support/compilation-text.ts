import { SortedMap } from "../../src/model/sorted-map.ts";
import type { Compilation } from "../../src/reconcilers/compile.ts";
import { objectsOf } from "./desired-record.ts";

/** All that a compile gives, with what is recorded in words: equal texts mean equal results. */
export const textOf = (compilation: Compilation): string =>
  JSON.stringify([compilation, objectsOf(compilation)], (_key, value: unknown) => {
    if (value instanceof Map || value instanceof SortedMap || value instanceof Set) return [...value];
    return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
  });
