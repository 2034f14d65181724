/**
 * Tells people of pods that should have a sidecar and have none: in a metric, which every replica has, and in events, which
 * are the leader's to write, once when a namespace begins to have such pods.
 */
import type { KubernetesObject, Namespace, Pod } from "../api/kubernetes.ts";
import { keys } from "../model/sidecar.ts";
import { type UninjectedPods, uninjectedPods } from "../reconcilers/uninjected.ts";
import { createHoldOff } from "./hold-off.ts";
import type { Observed } from "./mesh-controller.ts";
import type { WriterOptions } from "./writer.ts";

/** The loop. */
export interface UninjectedController {
  /** Pods or namespaces have changed, or this replica has begun to lead. */
  look(): void;
  /** How many such pods there are, by namespace: of some namespaces those with the most, of the rest together under "". */
  readonly counts: ReadonlyMap<string, number>;
  /** Looks no more, within a second. */
  stop(): void;
}

/** Nobody waits for it, and it goes through all pods: milliseconds. */
const holdOff = { minimum: 1000, maximum: 10_000 } as const;
/** Namespaces that are counted by name. */
const namespaceLimit = 100;
/** Pods of a namespace that are told of by an event of their own, and those that its event names. */
const podLimit = 10;
const namedPods = 3;

/** Runs after each {@link UninjectedController.look}, once both kinds are listed. */
export function createUninjectedController(
  options: Pick<WriterOptions, "isLeader" | "clock" | "logger" | "record"> & {
    readonly observed: Observed;
    readonly isSynced: () => boolean;
    readonly rootNamespace: string;
  },
): UninjectedController {
  const { observed, logger } = options;
  let counts: ReadonlyMap<string, number> = new Map();
  /** Namespaces whose pods were told of. */
  const told = new Set<string>();
  const tell = ({ namespace, pods }: UninjectedPods): void => {
    const { name } = namespace.metadata;
    logger.warn({ namespace: name, pods: pods.length }, "pods of a namespace of the mesh have no sidecar");
    const say = (object: KubernetesObject, which: readonly Pod[]): void =>
      options.record(object, {
        type: "Warning",
        reason: "NoSidecar",
        action: "Inject",
        note: noteOf(namespace, which),
      });
    say(namespace, pods);
    for (const pod of pods.slice(0, podLimit)) say(pod, [pod]);
  };
  const run = (): void => {
    if (!options.isSynced()) return;
    const found = uninjectedPods(
      observed("Namespace") as ReadonlyMap<string, Namespace>,
      observed("Pod") as ReadonlyMap<string, Pod>,
      options.rootNamespace,
    );
    counts = countsOf(found);
    const present = new Set(found.map(({ namespace }) => namespace.metadata.name));
    for (const name of told) if (!present.has(name)) told.delete(name);
    if (!options.isLeader()) return;
    for (const each of found.filter(({ namespace }) => !told.has(namespace.metadata.name))) {
      told.add(each.namespace.metadata.name);
      tell(each);
    }
  };
  const loop = createHoldOff({
    run,
    onError: (error) => logger.error({ error }, "pods without a sidecar could not be looked for"),
    clock: options.clock,
    ...holdOff,
  });
  return {
    look: () => loop.trigger(),
    get counts() {
      return counts;
    },
    stop: () => void loop.stop(),
  };
}

function countsOf(found: readonly UninjectedPods[]): ReadonlyMap<string, number> {
  const byNumber = found.toSorted((a, b) => b.pods.length - a.pods.length);
  const counts = new Map(
    byNumber.slice(0, namespaceLimit).map(({ namespace, pods }) => [namespace.metadata.name, pods.length]),
  );
  const rest = byNumber.slice(namespaceLimit).reduce((sum, { pods }) => sum + pods.length, 0);
  return rest === 0 ? counts : counts.set("", rest);
}

function noteOf({ metadata: { name, labels } }: Namespace, pods: readonly Pod[]): string {
  const names = pods.slice(0, namedPods).map(({ metadata }) => metadata.name);
  const more = pods.length > namedPods ? ` and ${pods.length - namedPods} more` : "";
  const [have, them] = pods.length === 1 ? ["has", "it"] : ["have", "them"];
  return (
    `${names.join(", ")}${more} ${have} no sidecar, although namespace ${name} is labelled ${keys.inject}=${labels?.[keys.inject]}: ` +
    `created before that, or while nothing saw to it. Have ${them} created anew: kubectl rollout restart deployment -n ${name}.`
  );
}
