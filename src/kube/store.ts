/**
 * All objects of one kind, as a reflector last saw them. A reader takes `entries()` and keeps it: what comes later goes
 * into a copy. Objects are frozen.
 */
import type { KubernetesObject } from "../api/kubernetes.ts";
import { type ObjectKey, objectKey } from "../model/object-key.ts";
import type { ObjectSink } from "./reflector.ts";

/** One object that came, changed or went. Whether anything reads what changed is for the listener to judge. */
export interface StoreChange<T> {
  readonly key: ObjectKey;
  /** Absent when it came. */
  readonly before: T | undefined;
  /** Absent when it went. */
  readonly after: T | undefined;
}

/** Told of all changes of one event or one relist at once; never of none. */
export type StoreListener<T> = (changes: readonly StoreChange<T>[]) => void;

/** Objects of one kind by key. */
export interface Store<T> extends ObjectSink<T> {
  get(key: ObjectKey): T | undefined;
  readonly size: number;
  /** All objects at this moment. Stays as it is; the same map is returned until something changes. */
  entries(): ReadonlyMap<ObjectKey, T>;
  /** A sink for one namespace: what it resets is that namespace. */
  within(namespace: string): ObjectSink<T>;
  /** Calls the listener after each change. @returns how to stop that */
  listen(listener: StoreListener<T>): () => void;
}

/** Creates an empty store. */
export function createStore<T extends KubernetesObject>(): Store<T> {
  let objects = new Map<ObjectKey, T>();
  /** Whether a reader holds `objects`, so that the next change needs a copy. */
  let shared = false;
  const listeners = new Set<StoreListener<T>>();

  const writable = (): Map<ObjectKey, T> => {
    if (shared) {
      objects = new Map(objects);
      shared = false;
    }
    return objects;
  };

  const tell = (changes: readonly StoreChange<T>[]): void => {
    const errors: unknown[] = [];
    for (const listener of [...listeners]) {
      try {
        listener(changes);
      } catch (error) {
        errors.push(error);
      }
    }
    // One listener's fault must not keep the change from the others, nor be hidden from the one who applies.
    if (errors.length > 0) throw new AggregateError(errors, "a listener of a store has thrown");
  };

  const store: Store<T> = {
    get: (key) => objects.get(key),
    get size() {
      return objects.size;
    },
    entries: () => {
      shared = true;
      return objects;
    },
    within: (namespace) => ({
      apply: store.apply,
      delete: store.delete,
      reset: (list) => {
        const others = [...objects.values()].filter(({ metadata }) => metadata.namespace !== namespace);
        store.reset([...others, ...list]);
      },
    }),
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    apply: (object) => {
      const key = objectKey(object);
      const before = objects.get(key);
      if (before !== undefined && isSameVersion(before, object)) return;
      writable().set(key, deepFreeze(object));
      tell([{ key, before, after: object }]);
    },
    delete: (object) => {
      const key = objectKey(object);
      const before = objects.get(key);
      if (before === undefined) return;
      writable().delete(key);
      tell([{ key, before, after: undefined }]);
    },
    reset: (list) => {
      const next = new Map<ObjectKey, T>();
      const changes: StoreChange<T>[] = [];
      for (const object of list) {
        const key = objectKey(object);
        const before = objects.get(key);
        if (before !== undefined && isSameVersion(before, object)) {
          next.set(key, before);
          continue;
        }
        next.set(key, deepFreeze(object));
        changes.push({ key, before, after: object });
      }
      for (const [key, before] of objects) {
        if (!next.has(key)) changes.push({ key, before, after: undefined });
      }
      if (changes.length === 0) return;
      objects = next;
      shared = false;
      tell(changes);
    },
  };
  return store;
}

/** Versions are compared for being equal only. The uid too: an object that was made anew after a restore may repeat them. */
function isSameVersion(a: KubernetesObject, b: KubernetesObject): boolean {
  const version = a.metadata.resourceVersion;
  return version !== undefined && version === b.metadata.resourceVersion && a.metadata.uid === b.metadata.uid;
}

/** Freezes JSON in depth. What is frozen already is taken as frozen in depth. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const field of Object.values(value)) deepFreeze(field);
  return value;
}
