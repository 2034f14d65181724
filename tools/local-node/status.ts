/** What the API server is told of a pod, made from the states of its containers. */
import type { V1Container } from "@kubernetes/client-node";
import type { RunningContainer } from "./container.ts";
import { nodeAddress } from "./network.ts";
import type { NodePod } from "./types.ts";

/** The state of one container. An init container with `restartPolicy: Always` is a (native) sidecar. */
export interface ContainerState {
  readonly spec: V1Container;
  readonly kind: "init" | "sidecar" | "app";
  /** While it runs. */
  running?: { readonly container: RunningContainer; readonly startedAt: string } | undefined;
  /** How it ended last. */
  terminated?: {
    readonly exitCode: number;
    readonly startedAt: string;
    readonly finishedAt: string;
    readonly reason: string;
  };
  /** Why it does not run. */
  waiting: { readonly reason: string; readonly message?: string };
  restartCount: number;
  /** Its startup probe, if any, has passed. */
  started: boolean;
  ready: boolean;
  /** It has ended, and is not started again. */
  done: boolean;
}

/** The states of a pod's containers before anything runs, in the order in which they start. */
export function initialStates(pod: NodePod): ContainerState[] {
  const state = (spec: V1Container, kind: ContainerState["kind"]): ContainerState => {
    const waiting = { reason: kind === "app" ? "PodInitializing" : "ContainerCreating" };
    return { spec, kind, waiting, restartCount: 0, started: false, ready: false, done: false };
  };
  const init = pod.spec.initContainers ?? [];
  return [
    ...init.map((spec) => state(spec, spec.restartPolicy === "Always" ? "sidecar" : "init")),
    ...pod.spec.containers.map((spec) => state(spec, "app")),
  ];
}

/** The phase of a pod; `over` once all of its containers have ended for good. */
export function phaseOf(states: readonly ContainerState[], over: boolean): string {
  if (over)
    return states.some((each) => each.kind !== "sidecar" && each.terminated?.exitCode !== 0) ? "Failed" : "Succeeded";
  return states.some((each) => each.kind === "app" && (each.running ?? each.terminated)) ? "Running" : "Pending";
}

/** A v1 PodStatus. `address` is absent until the pod has a network. `times` remembers since when each condition is as it is. */
export function podStatus(
  states: readonly ContainerState[],
  address: string | undefined,
  over: boolean,
  times: Map<string, { readonly status: string; readonly since: string }>,
): Record<string, unknown> {
  const now = new Date().toISOString();
  const condition = (type: string, met: boolean, waitingFor: readonly ContainerState[] = []): object => {
    const status = met ? "True" : "False";
    const before = times.get(type);
    const since = before?.status === status ? before.since : now;
    times.set(type, { status, since });
    const names = waitingFor.map((each) => each.spec.name).join(" ");
    // null takes away what an earlier status said.
    const why = met
      ? { reason: null, message: null }
      : { reason: over ? "PodCompleted" : "ContainersNotReady", message: `not ready: ${names}` };
    return { type, status, lastTransitionTime: since, ...why };
  };
  const before = states.filter(
    (each) =>
      !(each.kind === "sidecar" ? each.started : each.kind === "app" || (each.done && each.terminated?.exitCode === 0)),
  );
  const notReady = states.filter((each) => each.kind !== "init" && !each.ready);
  const ready = before.length === 0 && notReady.length === 0 && !over;
  return {
    phase: phaseOf(states, over),
    hostIP: nodeAddress,
    hostIPs: [{ ip: nodeAddress }],
    ...(address === undefined ? {} : { podIP: address, podIPs: [{ ip: address }] }),
    conditions: [
      condition("PodReadyToStartContainers", address !== undefined && !over),
      condition("Initialized", before.length === 0, before),
      condition("ContainersReady", ready, notReady),
      condition("Ready", ready, notReady),
    ],
    initContainerStatuses: states.filter((each) => each.kind !== "app").map(containerStatus),
    containerStatuses: states.filter((each) => each.kind === "app").map(containerStatus),
  };
}

function containerStatus(state: ContainerState): Record<string, unknown> {
  const { spec, running, terminated, done, restartCount } = state;
  const current = running
    ? { running: { startedAt: running.startedAt } }
    : done && terminated
      ? { terminated }
      : { waiting: state.waiting };
  return {
    name: spec.name,
    image: spec.image,
    imageID: spec.image,
    containerID: `process://${spec.name}-${restartCount}`,
    restartCount,
    ready: state.kind === "init" ? done && terminated?.exitCode === 0 : state.ready,
    started: state.started,
    state: current,
    lastState: terminated && !done ? { terminated } : {},
  };
}
