/**
 * The life of one pod, in the kubelet's order:
 *
 *   volumes -> network -> init containers and sidecars, one by one -> containers -> [containers, then sidecars end] -> gone
 */
import { closeSync, constants, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Api } from "./api.ts";
import { startContainer } from "./container.ts";
import { programOf } from "./environment.ts";
import { createPodNetwork, deletePodNetwork, podAddresses } from "./network.ts";
import { pause, probeResults, runHook } from "./probes.ts";
import { hostsFile } from "./services.ts";
import { type ContainerState, initialStates, podStatus } from "./status.ts";
import type { NodeOptions, NodePod } from "./types.ts";
import { createVolumes } from "./volumes.ts";

/** A pod that runs. */
export type PodRunner = ReturnType<typeof runPod>;

/** Runs a pod once it is synced. Its addresses and network derive from its number; the directory is its own, in memory. */
export function runPod(first: NodePod, number: number, directory: string, options: NodeOptions, api: Api) {
  let pod = first;
  const addresses = podAddresses(number, pod, options.families);
  const [address = ""] = addresses;
  const network = `pod${number}`;
  const states = initialStates(pod);
  const refreshVolumes = createVolumes(join(directory, "volumes"), api);
  /** Volumes and names are complete. */
  const prepared = Promise.withResolvers<void>();
  /** Its object is being deleted, or gone. */
  const deleted = Promise.withResolvers<void>();
  /** Nothing is started any more. */
  const ending = new AbortController();
  let networked = false;
  let over = false;
  let hosts = "";
  let told = "";

  const settingsOf = ({ spec }: ContainerState): Parameters<typeof startContainer>[0] => {
    const image = options.images.get(spec.image ?? "");
    if (image === undefined)
      throw new Error(`there is no image ${spec.image}; there are ${[...options.images.keys()]}`);
    const apiServer = api.services.get("default/kubernetes")?.spec?.clusterIP;
    if (apiServer === undefined) throw new Error("there is no Service default/kubernetes yet");
    const given = [{ source: join(directory, "hosts"), target: "/etc/hosts" }, ...(image.mounts ?? [])];
    const volumes = (spec.volumeMounts ?? []).map(({ name, mountPath, readOnly }) => {
      return [join(directory, "volumes", name), mountPath, readOnly ? "ro" : "rw"];
    });
    return {
      network,
      root: join(directory, "root"),
      mounts: [...given.map(({ source, target }) => [source, target, "ro"]), ...volumes],
      ...programOf(pod, { address, apiServer }, spec, image),
      logFile: join(options.logDirectory, `${pod.metadata.namespace}_${pod.metadata.name}_${spec.name}.log`),
    };
  };

  const refresh = async (): Promise<void> => {
    mkdirSync(directory, { recursive: true });
    const before = hosts;
    hosts = hostsFile(pod, addresses, [...api.services.entries().values()], [...api.slices.entries().values()]);
    if (hosts !== before) overwrite(join(directory, "hosts"), hosts);
    await refreshVolumes(pod, address);
    // What a container lacks is said before anything starts.
    states.forEach(settingsOf);
    prepared.resolve();
  };

  /** Ends a container by its hook and, in its turn, SIGTERM; after `grace` seconds by SIGKILL. */
  const end = async ({ spec, container }: ContainerState, grace: number, turn?: Promise<unknown>): Promise<void> => {
    const timer = setTimeout(() => container?.signal("SIGKILL"), grace * 1000);
    await Promise.race([runHook(spec.lifecycle?.preStop ?? {}, address, spec), container?.ended]);
    await turn;
    container?.signal("SIGTERM");
    await container?.ended;
    clearTimeout(timer);
  };

  const probe = async (state: ContainerState, signal: AbortSignal, onStarted: () => void): Promise<void> => {
    const { startupProbe, readinessProbe } = state.spec;
    for await (const healthy of probeResults(startupProbe, address, state.spec, signal)) {
      if (healthy) break;
      void end(state, pod.spec.terminationGracePeriodSeconds ?? 30);
    }
    if (signal.aborted) return;
    state.started = true;
    onStarted();
    for await (const healthy of probeResults(readinessProbe, address, state.spec, signal)) state.ready = healthy;
  };

  /** Runs a container until it ended for good. `onStarted` is called when it started first, or never will. */
  const supervise = async (state: ContainerState, onStarted: () => void = () => {}): Promise<void> => {
    const { restartPolicy = "Always" } = pod.spec;
    const always = state.kind === "sidecar" || (state.kind === "app" && restartPolicy === "Always");
    for (let backoff = 1; !ending.signal.aborted; backoff = Math.min(backoff * 2, 30)) {
      const container = startContainer(settingsOf(state));
      const startedAt = new Date().toISOString();
      Object.assign(state, { container, state: { running: { startedAt } } });
      await container.created;
      const probes = new AbortController();
      void probe(state, probes.signal, onStarted);
      const exitCode = await container.ended;
      probes.abort();
      const terminated = { exitCode, startedAt, finishedAt: new Date().toISOString() };
      Object.assign(state, { container: undefined, exitCode, started: false, ready: false, state: { terminated } });
      if (ending.signal.aborted || (!always && (exitCode === 0 || restartPolicy === "Never"))) break;
      const waiting = { reason: "CrashLoopBackOff", message: `exit code ${exitCode}; again in ${backoff} s` };
      Object.assign(state, { state: { waiting }, lastState: { terminated } });
      await pause(backoff, ending.signal);
      state.restartCount += 1;
    }
    onStarted();
  };

  /** Starts all containers in their order; resolves when those that are no sidecars have ended for good. */
  const live = async (): Promise<void> => {
    await prepared.promise;
    if (ending.signal.aborted) return;
    await createPodNetwork(network, number, addresses);
    networked = true;
    for (const state of states) {
      if (state.kind === "sidecar") await new Promise<void>((resolve) => void supervise(state, resolve));
      if (state.kind === "init") await supervise(state);
      if (state.kind === "init" && state.exitCode !== 0) return;
    }
    await Promise.all(states.filter(({ kind }) => kind === "app").map((each) => supervise(each)));
  };

  const run = async (): Promise<void> => {
    const life = live().catch(options.onError);
    await Promise.race([life, deleted.promise]);
    ending.abort();
    prepared.resolve();
    const grace = pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
    // The hooks of all run at once. Sidecars end after the others, the last first, and have 2 s even when those had all.
    let turn: Promise<unknown> = Promise.resolve();
    for (const state of states.toReversed()) {
      turn = state.kind === "sidecar" ? end(state, grace + 2, turn) : Promise.all([turn, end(state, grace)]);
    }
    await Promise.all([turn, life]);
    over = true;
    if (networked) await deletePodNetwork(network).catch(options.onError);
    rmSync(directory, { recursive: true, force: true });
    await deleted.promise;
    await api.remove(pod).catch(options.onError);
  };

  return {
    /** Name of its network namespace. */
    network,
    /** Resolves once nothing of the pod is left on this node. */
    ended: run(),
    /** A running container by name. */
    container: (name: string) => states.find(({ spec }) => spec.name === name)?.container,
    /** Takes the present object, brings volumes and names up to date, and tells how things are. Never twice at once. */
    async sync(next: NodePod): Promise<void> {
      pod = next;
      if (pod.metadata.deletionTimestamp !== undefined) deleted.resolve();
      const explain = ({ message }: Error): void => {
        // What runs goes on with what it has.
        for (const state of networked ? [] : states)
          state.state = { waiting: { reason: "ContainerCreating", message } };
      };
      if (!ending.signal.aborted) await refresh().catch(explain);
      const status = podStatus(states, networked ? addresses : [], over);
      if (JSON.stringify(status) === told) return;
      await api.tell(pod, status);
      told = JSON.stringify(status);
    },
    /** Ends it at once: its object is gone, or the node is. */
    kill(): void {
      ending.abort();
      deleted.resolve();
      for (const { container } of states) container?.signal("SIGKILL");
    },
  };
}

/** Puts a text into a file that stays the same file, and is at no moment without content: names are looked up all the time. */
function overwrite(path: string, text: string): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o644);
  try {
    const bytes = Buffer.from(text);
    writeSync(file, bytes, 0, bytes.length, 0);
    ftruncateSync(file, bytes.length);
  } finally {
    closeSync(file);
  }
}
