/** What a reflector lives between: a server that a test plays, a clock, a store. */
import { kinds } from "../../../src/api/kinds.ts";
import type { ConfigMap } from "../../../src/api/kubernetes.ts";
import type { KubeClient, List, ListOptions, WatchOptions } from "../../../src/kube/client.ts";
import { type ApiError, errorOfStatus } from "../../../src/kube/error.ts";
import { createReflector, type ReflectorOptions, type ReflectorState } from "../../../src/kube/reflector.ts";
import { createStore } from "../../../src/kube/store.ts";
import type { WatchEvent } from "../../../src/kube/watch.ts";
import { createFakeClock, type FakeClock, settle } from "../../support/fake-clock.ts";

/** A ConfigMap of the namespace shop. */
export const configMap = (name: string, resourceVersion: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "shop", uid: name, resourceVersion },
});

/** What a server says when it refuses. */
export const failure = (code: number, reason: string, more: object = {}): ApiError =>
  errorOfStatus("test", code, { code, reason, message: reason, ...more });

/** A watch from the server's side. */
interface OpenWatch {
  readonly options: WatchOptions;
  accept(): void;
  send(type: WatchEvent<ConfigMap>["type"], object: ConfigMap): void;
  end(): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/** A server that answers as the test says. */
function createServer(clock: FakeClock) {
  const watches: OpenWatch[] = [];
  const lists: { readonly options: ListOptions<ConfigMap> | undefined; readonly at: number }[] = [];
  let answer: () => List<ConfigMap> = () => ({ items: [], resourceVersion: "1" });
  const client = {
    list: async (_kind: unknown, options?: ListOptions<ConfigMap>) => {
      lists.push({ options, at: clock.monotonic() });
      await Promise.resolve();
      const { items, resourceVersion } = answer();
      return { items: items.flatMap((item) => options?.keep?.(item) ?? []), resourceVersion };
    },
    watch: (_kind: unknown, options: WatchOptions, handler: (event: WatchEvent<ConfigMap>) => void) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      options.signal?.addEventListener("abort", () => reject(failure(0, "Aborted")));
      watches.push({
        options,
        accept: () => options.onOpen?.(),
        send: (type, object) => handler({ type, object }),
        end: async () => {
          resolve();
          await settle();
        },
        fail: async (error) => {
          reject(error);
          await settle();
        },
      });
      return promise;
    },
  } as unknown as Pick<KubeClient, "list" | "watch">;
  return {
    client,
    watches,
    lists,
    answer: (next: () => List<ConfigMap>) => {
      answer = next;
    },
    /** The watch that is open; fails when none is. */
    get watch(): OpenWatch {
      const last = watches.at(-1);
      if (last === undefined) throw new Error("no watch was opened");
      return last;
    },
  };
}

/** A reflector of ConfigMaps, its server, clock and store. */
export function setUp(options: Partial<ReflectorOptions<typeof kinds.ConfigMap>> = {}) {
  const clock = createFakeClock();
  const server = createServer(clock);
  const store = createStore<ConfigMap>();
  const states: ReflectorState[] = [];
  const errors: unknown[] = [];
  const reflector = createReflector({
    client: server.client,
    kind: kinds.ConfigMap,
    sink: store,
    clock,
    random: () => 0.5,
    onState: (state) => states.push(state),
    onError: (error) => errors.push(error),
    ...options,
  });
  return { clock, server, store, states, errors, reflector };
}

/** Keys of a store, sorted. */
export const keys = (store: { entries(): ReadonlyMap<string, unknown> }): string[] =>
  [...store.entries().keys()].sort();
