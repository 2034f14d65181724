/**
 * The mesh controller with all that it hands on to, but without an API server and without proxies: objects are put into the
 * stores of the watches, and every proxy has taken at once what it was sent.
 */
import type { KindName } from "../src/api/kinds.ts";
import type { KubernetesObject } from "../src/api/kubernetes.ts";
import { createMeshController } from "../src/controllers/mesh-controller.ts";
import { createPublisher } from "../src/controllers/publisher.ts";
import { createStatusWriter } from "../src/controllers/status-writer.ts";
import { isCompiledChange, watches } from "../src/controllers/watches.ts";
import type { WriterOptions } from "../src/controllers/writer.ts";
import type { ProxyTarget, ReachGroups, ResourceGroup } from "../src/envoy/resource.ts";
import { reachOf, sameGroups, withReach } from "../src/envoy/resource.ts";
import { createStore } from "../src/kube/store.ts";
import type { ProxyState } from "../src/model/acknowledgement.ts";
import type { DesiredRecord } from "../src/model/output.ts";
import type { Clock } from "../src/ops/clock.ts";
import { createLogger } from "../src/ops/logger.ts";
import { createMetrics } from "../src/ops/metrics.ts";
import { parseSettings } from "../src/ops/settings.ts";
import { lookup } from "../src/xds/ordering.ts";
import { createXdsServer } from "../src/xds/server.ts";
import { spent } from "./figures.ts";

/** What came of a change. */
export interface Outcome {
  /** Of processor time, from the event of the watch to the last status; in milliseconds. */
  readonly milliseconds: number;
  readonly compiles: number;
  /** Until proxies are served. */
  readonly served: number;
  /** Proxies that have something else to take. */
  readonly proxies: number;
  /** ConfigMaps and statuses to write. */
  readonly writes: number;
}

/** A mesh that takes changes. */
export interface MeshWorld {
  /** One event of a watch each, all before anything is compiled. */
  change(objects: readonly KubernetesObject[]): Promise<Outcome>;
}

const settings = parseSettings([], {}).mesh;

/** Time passes while somebody computes, and nobody waits for a timer. */
function createBusyClock(): Clock & { readonly run: () => Promise<void> } {
  let due: { readonly action: () => void }[] = [];
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    setTimeout: (action, milliseconds) => {
      const timer = { action };
      // What is waited for longer than any hold-off is no work.
      if (milliseconds <= 250) due.push(timer);
      return {
        cancel: () => {
          due = due.filter((other) => other !== timer);
        },
      };
    },
    run: async () => {
      while (due.length > 0) {
        const now = due;
        due = [];
        for (const { action } of now) action();
        for (let turn = 0; turn < 4; turn++) await Promise.resolve();
      }
    },
  };
}

/** A mesh without objects. */
export function createMeshWorld(): MeshWorld {
  const clock = createBusyClock();
  const logger = createLogger("error");
  const metrics = createMetrics();
  const stores = new Map(watches.map((watch) => [watch.kind, { watch, store: createStore<KubernetesObject>() }]));
  const none: ReadonlyMap<string, KubernetesObject> = new Map();
  const observed = (kind: KindName) => stores.get(kind)?.store.entries() ?? none;
  const writer: WriterOptions = {
    ...{ isLeader: () => false, clock, random: Math.random, logger, metrics },
    ...{ onError: () => {}, record: () => {} },
  };
  const client = new Proxy({} as never, { get: () => () => Promise.reject(new Error("nobody writes")) });
  const publisher = createPublisher({
    ...{ ...writer, client, observed: () => new Map(), isLeaving: () => false, onRestoring: () => {} },
  });
  const statusWriter = createStatusWriter({ ...writer, client, observed });
  const xds = createXdsServer({ logger });
  let targets: ReadonlyMap<string, ProxyTarget> = new Map();
  let reaches: ReachGroups = new Map();
  const states = new Map<string, ProxyState>();
  const stateOf = (pod: string): ProxyState => {
    const [namespace = ""] = pod.split("/");
    let known: { own: ProxyTarget; reach: ResourceGroup | undefined; whole: ProxyTarget } | undefined;
    const whole = (): ProxyTarget | undefined => {
      const own = targets.get(pod);
      if (own === undefined) return undefined;
      const reach = reaches.get(namespace);
      if (known?.own !== own || known.reach !== reach) known = { own, reach, whole: withReach(own, reach) };
      return known.whole;
    };
    return {
      connected: true,
      since: 0,
      resource: (type, name) => {
        const target = whole();
        const resource = target && lookup(target, type as never, name);
        return resource && { acknowledged: resource.version };
      },
      hasAll: (groups) => sameGroups(groups, whole()?.groups ?? []),
    };
  };
  let start = 0;
  let proxies = 0;
  let served = 0;
  let outputs: ReadonlySet<DesiredRecord> = new Set();
  let texts: ReadonlySet<string> = new Set();
  let writes = 0;
  let counting = 0;
  /** What the benchmark itself does takes no time. */
  const uncounted = (work: () => void): void => {
    const before = spent();
    work();
    counting += spent() - before;
  };
  const controller = createMeshController({
    ...{ observed, seen: { synced: true, isSynced: () => true, stateOf: () => "watching" as const } },
    ...{ settings, clock, logger, metrics, states: () => states, listeningSince: () => 0, isManaged: () => true },
    publish: (next, nextReaches) => {
      served = spent() - start;
      xds.publish(next, nextReaches);
      uncounted(() => {
        for (const [pod, target] of next)
          if (targets.get(pod) !== target || reachOf(target, reaches) !== reachOf(target, nextReaches)) proxies += 1;
        for (const pod of states.keys()) if (!next.has(pod)) states.delete(pod);
        const come = [...next.keys()].filter((pod) => !states.has(pod));
        for (const pod of come) states.set(pod, stateOf(pod));
        [targets, reaches] = [next, nextReaches];
        if (come.length > 0) controller.acknowledged(new Set(come));
      });
    },
    publisher: {
      ...publisher,
      get restoring() {
        return publisher.restoring;
      },
      setDesired: (desired) => {
        publisher.setDesired(desired);
        uncounted(() => {
          for (const output of desired.values()) if (!outputs.has(output)) writes += 1;
          outputs = new Set(desired.values());
        });
      },
    },
    identities: { setIdentities() {}, observe() {}, resync() {}, faults: [], restoring: [], stop: async () => {} },
    statusWriter: {
      ...statusWriter,
      setStatuses: (statuses) => {
        statusWriter.setStatuses(statuses);
        uncounted(() => {
          const next = new Set([...statuses.values()].map((status) => JSON.stringify(status)));
          writes += [...next].filter((text) => !texts.has(text)).length;
          texts = next;
        });
      },
    },
  });
  for (const { watch, store } of stores.values()) {
    store.listen((changes) => {
      if (changes.some(({ before, after }) => isCompiledChange(watch, before, after))) controller.dirty();
    });
  }
  return {
    change: async (objects) => {
      const passes = controller.passes;
      [counting, proxies, writes, served] = [0, 0, 0, 0];
      start = spent();
      for (const object of objects) {
        const { watch, store } = stores.get(object.kind as KindName) ?? {};
        if (watch === undefined || store === undefined) throw new Error(`nobody watches ${object.kind}`);
        store.apply(watch.trim(object));
      }
      await clock.run();
      const milliseconds = spent() - start - counting;
      return { milliseconds, compiles: controller.passes - passes, served, proxies, writes };
    },
  };
}
