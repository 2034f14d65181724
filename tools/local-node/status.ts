/** What the API server is told of a pod, made from the states of its containers. */
import type { V1Container } from "@kubernetes/client-node";
import type { RunningContainer } from "./container.ts";
import type { NodePod } from "./types.ts";

/** The state of one container. An init container with `restartPolicy: Always` is a (native) sidecar. */
export interface ContainerState {
  readonly spec: V1Container;
  readonly kind: "init" | "sidecar" | "app";
  /** While it runs. */
  container?: RunningContainer | undefined;
  /** How it ended last. */
  exitCode?: number;
  restartCount: number;
  /** It runs, and its startup probe, if any, has passed. */
  started: boolean;
  ready: boolean;
  /** The v1 ContainerState of now, and of how it ended before. */
  state: object;
  lastState: object;
}

/** The states of a pod's containers before anything runs, in the order in which they start. */
export function initialStates({ spec }: NodePod): ContainerState[] {
  const nothing = { restartCount: 0, started: false, ready: false, state: { waiting: {} }, lastState: {} };
  const kindOf = (each: V1Container): ContainerState["kind"] => (each.restartPolicy === "Always" ? "sidecar" : "init");
  const init = (spec.initContainers ?? []).map((each) => ({ ...nothing, spec: each, kind: kindOf(each) }));
  return [...init, ...spec.containers.map((each) => ({ ...nothing, spec: each, kind: "app" as const }))];
}

/** A v1 PodStatus. There are no addresses until the pod has a network; `over` once its containers have ended for good. */
export function podStatus(states: readonly ContainerState[], addresses: readonly string[], over: boolean): object {
  const condition = (type: string, met: boolean): object => ({ type, status: met ? "True" : "False" });
  const apps = states.filter(({ kind }) => kind === "app");
  const others = states.filter(({ kind }) => kind !== "app");
  const failed = states.some(({ kind, exitCode }) => kind !== "sidecar" && exitCode !== 0);
  const running = apps.some(({ container, exitCode }) => container !== undefined || exitCode !== undefined);
  const initialized = others.every(({ kind, started, exitCode }) => (kind === "sidecar" ? started : exitCode === 0));
  const ready = !over && initialized && states.every((each) => each.kind === "init" || each.ready);
  return {
    phase: over ? (failed ? "Failed" : "Succeeded") : running ? "Running" : "Pending",
    ...(addresses.length === 0 ? {} : { podIP: addresses[0], podIPs: addresses.map((ip) => ({ ip })) }),
    conditions: [condition("Initialized", initialized), condition("ContainersReady", ready), condition("Ready", ready)],
    initContainerStatuses: others.map(containerStatus),
    containerStatuses: apps.map(containerStatus),
  };
}

function containerStatus(container: ContainerState): object {
  const { spec, kind, exitCode, restartCount, started, state, lastState } = container;
  const ready = kind === "init" ? exitCode === 0 : container.ready;
  return { name: spec.name, image: spec.image, imageID: spec.image, ready, restartCount, started, state, lastState };
}
