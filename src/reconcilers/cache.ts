/**
 * What one compile leaves to the next. An entry is found by its whole input, so a compile with a cache and one without
 * have equal results; what a compile did not ask for is forgotten at its end.
 */
import { createHash } from "node:crypto";
import type { EnvoyResource, ProxyTarget, ResourceGroup } from "../envoy/resource.ts";
import type { DesiredObject } from "../model/output.ts";

/** Values by the content that they were made of. */
export interface Memo<Value> {
  /** The value of this key, made now unless the last compile or this one made it. */
  get(key: string, make: () => Value): Value;
  /** Forgets what was not asked for since the last sweep. */
  sweep(): void;
}

/** A service or a class, encoded. */
export interface EncodedUnit {
  /** Hash of the input; equal hashes mean equal units. */
  readonly hash: string;
  readonly resources: readonly EnvoyResource[];
  readonly group: ResourceGroup;
}

/** A text of a record. */
export interface RecordText {
  readonly text: string;
  /** Hash of the text. */
  readonly hash: string;
  /** Length in UTF-8. */
  readonly bytes: number;
}

/** Everything that a compile may find again. Made by {@link createCompileCache}; belongs to one loop. */
export interface CompileCache {
  readonly units: Memo<EncodedUnit>;
  readonly groups: Memo<ResourceGroup>;
  readonly readiness: Memo<EnvoyResource>;
  readonly texts: Memo<RecordText>;
  readonly targets: Memo<ProxyTarget>;
  readonly outputs: Memo<DesiredObject>;
}

/** An empty cache. */
export function createCompileCache(): CompileCache {
  return {
    units: createMemo(),
    groups: createMemo(),
    readiness: createMemo(),
    texts: createMemo(),
    targets: createMemo(),
    outputs: createMemo(),
  };
}

/** Begins a compile: what the one before did not ask for, its record included, is forgotten. */
export function sweep(cache: CompileCache): void {
  for (const memo of Object.values(cache)) memo.sweep();
}

function createMemo<Value>(): Memo<Value> {
  let previous = new Map<string, Value>();
  let current = new Map<string, Value>();
  return {
    get: (key, make) => {
      const known = current.has(key) ? current.get(key) : previous.get(key);
      const value = known ?? make();
      current.set(key, value);
      return value;
    },
    sweep: () => {
      previous = current;
      current = new Map();
    },
  };
}

/** A hash of JSON that stands for its content: long enough that two contents never share it. */
export function contentHash(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32);
}
