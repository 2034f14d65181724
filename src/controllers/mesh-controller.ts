/**
 * The loop of the operator:
 *
 *   watch --> store --dirty--> hold-off --> snapshot --> compile --+--> serve (every replica)
 *                                                                 +--> ConfigMaps, Secrets (the leader)
 *                                     acknowledgements --> status +--> status (the leader)
 */

import type { Certificate } from "../api/cert-manager/generated/Certificate.ts";
import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import type { MeshTLS } from "../api/generated/MeshTLS.ts";
import type { TrafficSplit } from "../api/generated/TrafficSplit.ts";
import type { KindName } from "../api/kinds.ts";
import type { EndpointSlice, KubernetesObject, Namespace, Pod, Secret, Service } from "../api/kubernetes.ts";
import type { ProxyTarget, ReachGroups } from "../envoy/resource.ts";
import { readAuthorityRecord } from "../identity/authority-secret.ts";
import type { ProxyStates } from "../model/acknowledgement.ts";
import { drainSecondsOf } from "../model/drain.ts";
import type { IdentityPlan } from "../model/identity.ts";
import type { ObjectReference, WorkloadIdentity } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import type { DesiredRecord } from "../model/output.ts";
import { remembered } from "../model/remember.ts";
import { keys } from "../model/sidecar.ts";
import type { MeshSettings, Snapshot } from "../model/snapshot.ts";
import type { Clock, Timer } from "../ops/clock.ts";
import type { Logger } from "../ops/logger.ts";
import type { Metrics } from "../ops/metrics.ts";
import { type Compilation, type CompileCache, compile, createCompileCache } from "../reconcilers/compile.ts";
import { isMeshWide, planIdentities } from "../reconcilers/identity.ts";
import { keyOfReference } from "../reconcilers/objects.ts";
import { hasLiveListeners, type ModesTaken, modesTaken } from "../reconcilers/proxies.ts";
import { createStatuses } from "../reconcilers/statuses.ts";
import { advanceDrains, nextDrained, nextDrains, noDrains, versionOf } from "./drains.ts";
import { createHoldOff } from "./hold-off.ts";
import type { IdentityController } from "./identity-controller.ts";
import { knowledgeOf, type Seen } from "./knowledge.ts";
import { nextTransitions, noTransitions, sameHolds } from "./mode-transitions.ts";
import type { Publisher } from "./publisher.ts";
import type { SeenRecord } from "./record-difference.ts";
import type { StatusWriter } from "./status-writer.ts";

/** A view of the watched objects: a map per kind that stays as it was when it was taken. */
export type Observed = (kind: KindName) => ReadonlyMap<ObjectKey, KubernetesObject>;

/** The loop. */
export interface MeshController {
  /** Something that a compile reads has changed. */
  dirty(): void;
  /** These pods' proxies said something; absent: perhaps all have. */
  acknowledged(pods?: ReadonlySet<ObjectKey>): void;
  /** What the author of a policy that is about to be stored should know; undefined before the first pass. */
  warningsOf(policy: AuthorizationPolicy): readonly string[] | undefined;
  /** Passes of compile and serve since start. */
  readonly passes: number;
  stop(): Promise<void>;
}

/** The hold-off of a compile and of a status pass, in milliseconds. */
const compileHoldOff = { minimum: 1, maximum: 100 } as const;
/** Sidecars have the time: what is recorded is what they were sent. A new pod waits for its ConfigMap, though. */
const recordHoldOff = { minimum: 20, maximum: 250 } as const;
const statusHoldOff = { minimum: 5, maximum: 250 } as const;

/** Time alone may mend what failed, as it takes a step of a change of mode. What is changed meanwhile is compiled at once. */
const retries = { first: 1000, last: 60_000 } as const;

/** Builds the loop. Nothing runs until the first {@link MeshController.dirty}. */
export function createMeshController(options: {
  readonly observed: Observed;
  /** How much of that can be relied on. */
  readonly seen: Seen;
  readonly settings: MeshSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "compileSeconds">;
  readonly publish: (targets: ReadonlyMap<ObjectKey, ProxyTarget>, reaches: ReachGroups) => void;
  readonly states: () => ProxyStates;
  /**
   * Milliseconds since the epoch at which proxies could begin to connect; undefined while they cannot. Proxies that are
   * missing are given their time from there. {@link MeshController.acknowledged} is to be called when it changes.
   */
  readonly listeningSince: () => number | undefined;
  /** Whether what is compiled for a namespace is written there; sidecars of any are served. */
  readonly isManaged: (namespace: string) => boolean;
  readonly publisher: Publisher;
  readonly identities: IdentityController;
  readonly statusWriter: StatusWriter;
}): MeshController {
  const { clock, logger } = options;
  const cache: CompileCache = createCompileCache();
  let compilation: Compilation | undefined;
  let deadlineTimer: Timer | undefined;

  const recordedAuthority = (): Pick<Snapshot, "authority"> => {
    const authority = readAuthorityRecord(secretsOf(options.observed), options.settings.rootNamespace);
    return authority === undefined ? {} : { authority };
  };
  const snapshot = (): Snapshot =>
    Object.freeze({
      ...takeSnapshot(options.observed),
      ...recordedAuthority(),
      identityFaults: options.identities.faults,
    });
  let transitions = noTransitions;
  /** Of the last compile. */
  let hasTaken: ModesTaken | undefined;
  let drains = noDrains;
  const drainingSets = new WeakMap<ReadonlyMap<ObjectKey, unknown>, ReadonlySet<ObjectKey>>();
  /** The pods with connections that an object's present version is to end. The same set as long as they are the same. */
  const drainingOf = (object: ObjectReference): ReadonlySet<ObjectKey> | undefined => {
    const pods = drains.size === 0 ? undefined : drains.get(versionOf(object));
    return pods && remembered(drainingSets, pods, () => new Set(pods.keys()));
  };
  let judged = createStatuses();
  /** Of these pods the proxies have said something since the last status pass; undefined: perhaps of all. */
  let said: Set<ObjectKey> | undefined;
  const drainTime = (pod: ObjectKey): number => {
    const known = options.observed("Pod").get(pod) as Pod | undefined;
    return drainSecondsOf(known?.spec.initContainers) * 1000;
  };

  /** Compiles, and again if that brings to light that a port changes its mode and takes another step of that. */
  const compileInSteps = (input: Snapshot): Compilation => {
    const { holds } = transitions;
    const next = compile({ ...input, holds }, options.settings, cache);
    const stepped = nextTransitions(transitions, compilation?.tls, next.tls, isTaken, clock.monotonic());
    const compiled = sameHolds(holds, stepped.holds)
      ? next
      : compile({ ...input, holds: stepped.holds }, options.settings, cache);
    // Not before: a step counts as acknowledged when what was compiled last is.
    transitions = stepped;
    return compiled;
  };
  const isTaken = (classId: string): boolean => hasTaken?.(classId, options.states()) === true;

  const setIdentities = (plan: IdentityPlan, identities: readonly WorkloadIdentity[]): void =>
    options.identities.setIdentities(
      plan,
      identities.filter(({ namespace }) => options.isManaged(namespace)),
    );
  /** All that can be done while a kind of ours cannot be listed. */
  const identify = (): void => {
    const known = takeSnapshot(options.observed);
    const meshTLS = options.seen.isSynced("MeshTLS") ? known.meshTLS : undefined;
    const { plan, identities } = planIdentities({ ...known, ...recordedAuthority(), meshTLS }, options.settings);
    setIdentities(plan, identities);
  };
  const pass = (): void => {
    const knowledge = knowledgeOf(options.seen);
    if (knowledge === "identities") identify();
    if (knowledge !== "everything") return;
    const start = clock.monotonic();
    const before = compilation;
    compilation = compileInSteps(snapshot());
    hasTaken = modesTaken(compilation);
    drains = nextDrains(drains, before, compilation);
    options.metrics.compileSeconds.observe((clock.monotonic() - start) / 1000);
    logger.debug({ milliseconds: clock.monotonic() - start }, "compiled");
    options.publish(compilation.targets, compilation.reachGroups);
    setIdentities(compilation.identityPlan, compilation.identities);
    statuses.trigger();
    records.trigger();
  };
  const writeRecords = (): void => {
    if (compilation === undefined) return;
    const { outputs, mesh } = compilation;
    // Whatever is recorded is of a namespace with workloads, and each of them has a reach.
    const isAllManaged = [...mesh.reachOfNamespace.keys()].every(options.isManaged);
    const isManaged = ([, { metadata }]: readonly [ObjectKey, DesiredRecord]) => options.isManaged(metadata.namespace);
    options.publisher.setDesired(isAllManaged ? outputs : new Map([...outputs].filter(isManaged)));
  };
  /** The next status pass is due after the shortest of these, in milliseconds. */
  const setDeadline = (delays: readonly number[]): void => {
    deadlineTimer?.cancel();
    const delay = Math.min(...delays);
    deadlineTimer = Number.isFinite(delay) ? clock.setTimeout(() => statuses.trigger(), delay + 1) : undefined;
  };
  const writeStatuses = (): void => {
    if (compilation === undefined) return;
    const current = compilation;
    const states = options.states();
    const [now, monotonic] = [clock.now(), clock.monotonic()];
    const listening = options.listeningSince() ?? now;
    const restoring = recordsOfOrigins(options.publisher.restoring);
    const [identity] = options.identities.restoring;
    drains = advanceDrains(drains, current, (pod) => hasLiveListeners(pod, current, states), drainTime, monotonic);
    const changed = said;
    said = new Set();
    try {
      options.statusWriter.setStatuses(
        judged.of({
          ...{ compilation: current, states, now, listeningSince: listening, changed },
          restoring: (object) =>
            (restoring.size === 0 ? undefined : restoring.get(keyOfReference(object))) ??
            (isMeshWide(object, options.settings) ? identity : undefined),
          draining: drainingOf,
        }),
      );
    } catch (error) {
      judged = createStatuses();
      throw error;
    }
    const { journeys, deadline: bound = Number.POSITIVE_INFINITY } = transitions;
    const isStepDue = bound <= monotonic || [...journeys.keys()].some(isTaken);
    if (isStepDue && !compiles.isFailing) compiles.trigger();
    const disconnection = judged.deadline;
    setDeadline([
      ...(disconnection === undefined ? [] : [disconnection - now]),
      // A step that is due waits for a compile.
      ...[bound, nextDrained(drains)].flatMap((time) =>
        time === undefined || time <= monotonic ? [] : [time - monotonic],
      ),
    ]);
  };
  const report = (what: string) => (error: unknown) =>
    logger.error({ error }, `${what} failed; what was served before stays`);
  const compiles = createHoldOff({ run: pass, onError: report("the compile"), clock, retries, ...compileHoldOff });
  const records = createHoldOff({
    run: writeRecords,
    onError: report("the record of a compile"),
    clock,
    ...recordHoldOff,
  });
  const statuses = createHoldOff({ run: writeStatuses, onError: report("the status pass"), clock, ...statusHoldOff });
  return {
    dirty: () => compiles.trigger(),
    acknowledged: (pods) => {
      if (pods === undefined) said = undefined;
      else for (const pod of pods) said?.add(pod);
      statuses.trigger();
    },
    warningsOf: (policy) => compilation?.warningsOf(policy),
    get passes() {
      return compiles.completed;
    },
    stop: async () => {
      deadlineTimer?.cancel();
      await Promise.all([compiles.stop(), records.stop(), statuses.stop()]);
    },
  };
}

/** By the object that they record: one of these ConfigMaps, in words. */
function recordsOfOrigins(outputs: readonly DesiredRecord[]): ReadonlyMap<string, string> {
  return new Map(
    outputs.flatMap(({ metadata }) => {
      const origins = JSON.parse(metadata.annotations[keys.origins] ?? "[]") as ObjectReference[];
      const record = `ConfigMap ${metadata.namespace}/${metadata.name}`;
      return origins.map((origin) => [keyOfReference(origin), record] as const);
    }),
  );
}

/** What the watch has for a compile. The watch keeps each kind's objects apart, so that each map holds what its type says. */
function takeSnapshot(observed: Observed): Snapshot {
  const of = <T extends KubernetesObject>(kind: KindName) => observed(kind) as ReadonlyMap<ObjectKey, T>;
  return {
    namespaces: of<Namespace>("Namespace"),
    services: of<Service>("Service"),
    endpointSlices: of<EndpointSlice>("EndpointSlice"),
    pods: of<Pod>("Pod"),
    trafficSplits: of<TrafficSplit & KubernetesObject>("TrafficSplit"),
    authorizationPolicies: of<AuthorizationPolicy & KubernetesObject>("AuthorizationPolicy"),
    meshTLS: of<MeshTLS & KubernetesObject>("MeshTLS"),
  };
}

/** The kinds that carry a status of ours. */
export const statusKinds: readonly ObjectReference["kind"][] = ["TrafficSplit", "AuthorizationPolicy", "MeshTLS"];

/** Narrowed views for the writers. */
export const configMapsOf = (observed: Observed) => observed("ConfigMap") as ReadonlyMap<ObjectKey, SeenRecord>;
/** See {@link configMapsOf}. */
export const secretsOf = (observed: Observed) => observed("Secret") as ReadonlyMap<ObjectKey, Secret>;
/** See {@link configMapsOf}. */
export const podsOf = (observed: Observed) => observed("Pod") as ReadonlyMap<ObjectKey, Pod>;
/** See {@link configMapsOf}. */
export const certificatesOf = (observed: Observed) =>
  observed("Certificate") as ReadonlyMap<ObjectKey, Certificate & KubernetesObject>;
