/**
 * The life of one pod, in the kubelet's order:
 *
 *   volumes -> network -> init containers and sidecars, one by one -> containers -> [containers, then sidecars end] -> gone
 */
import { mkdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ContainerSettings, type RunningContainer, startContainer } from "./container.ts";
import { commandOf, environmentOf } from "./environment.ts";
import { createPodNetwork, deletePodNetwork, podAddress } from "./network.ts";
import { pause, runHandler, runProbe } from "./probes.ts";
import { type ContainerState, initialStates, podStatus } from "./status.ts";
import type { Image, NodePod } from "./types.ts";
import { createVolumes, type PodVolumes, type VolumeContext } from "./volumes.ts";

/** What a pod needs of its node. */
export interface PodContext extends VolumeContext {
  /** Number of the pod on this node, from which its address and the names of its networks derive. */
  readonly number: number;
  /** A folder in memory, for it alone. */
  readonly directory: string;
  readonly images: ReadonlyMap<string, Image>;
  logFile(container: string): string;
  /** Address of the Service `kubernetes`. */
  kubernetesService(): string;
  hosts(pod: NodePod, address: string): string;
  /** Resolves once it is told, or the pod does not exist any more; rejects when it must be told again. */
  tell(pod: NodePod, status: Record<string, unknown>): Promise<void>;
  /** Deletes the object of a pod that has ended. */
  remove(pod: NodePod): Promise<void>;
  onError(error: unknown): void;
}

/** Seconds that a sidecar has to end even when the containers used up the grace period. */
const minimumGrace = 2;
const longestBackoff = 30_000;

/** Runs one pod. */
export class PodRunner {
  readonly address: string;
  readonly network: string;
  /** Resolves once nothing of the pod is left on this node. */
  readonly ended: Promise<void>;
  readonly #context: PodContext;
  readonly #states: ContainerState[];
  readonly #volumes: PodVolumes;
  /** Its object is being deleted, or gone. */
  readonly #deleted = new AbortController();
  /** Nothing is started any more. */
  readonly #ending = new AbortController();
  readonly #times = new Map<string, { readonly status: string; readonly since: string }>();
  #pod: NodePod;
  #networked = false;
  #over = false;
  #gone = false;
  #untold = false;
  #telling: Promise<void> | undefined;
  #refreshing: Promise<void> = Promise.resolve();

  constructor(pod: NodePod, context: PodContext) {
    this.#pod = pod;
    this.#context = context;
    this.#states = initialStates(pod);
    this.address = podAddress(context.number);
    this.network = `pod${context.number}`;
    this.#volumes = createVolumes(join(context.directory, "volumes"), pod.spec.volumes ?? [], context);
    this.ended = this.#run();
  }

  /** Takes a new version of the object. */
  update(pod: NodePod): void {
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined) this.#deleted.abort();
    else this.refresh();
  }

  /** Ends it at once: its object is gone, or the node is. */
  kill(): void {
    this.#gone = true;
    this.#ending.abort();
    this.#deleted.abort();
    for (const { running } of this.#states) running?.container.signal("SIGKILL");
  }

  /** Brings volumes and names up to date. */
  refresh(): void {
    if (!this.#networked || this.#ending.signal.aborted) return;
    writeFileSync(this.#hostsFile, this.#context.hosts(this.#pod, this.address));
    this.#refreshing = this.#refreshing
      .then(() => this.#volumes.refresh(this.#pod, this.address))
      .catch(this.#context.onError);
  }

  /** A running container by name. */
  container(name: string): RunningContainer | undefined {
    return this.#states.find((each) => each.spec.name === name)?.running?.container;
  }

  get #hostsFile(): string {
    return join(this.#context.directory, "hosts");
  }

  async #run(): Promise<void> {
    const deleted = new Promise<void>((resolve) => this.#deleted.signal.addEventListener("abort", () => resolve()));
    mkdirSync(this.#context.directory, { recursive: true });
    const live = this.#live().catch(this.#context.onError);
    await Promise.race([live, deleted]);
    await this.#terminate();
    await live;
    this.#over = true;
    await this.#tell();
    if (this.#networked) await deletePodNetwork(this.network).catch(this.#context.onError);
    await this.#refreshing;
    rmSync(this.#context.directory, { recursive: true, force: true });
    await deleted;
    if (!this.#gone) await this.#context.remove(this.#pod).catch(this.#context.onError);
  }

  async #live(): Promise<void> {
    await this.#prepare();
    for (const state of this.#states) {
      if (this.#ending.signal.aborted) return;
      if (state.kind === "init") {
        await this.#supervise(state);
        if (state.terminated?.exitCode !== 0) return;
      } else if (state.kind === "sidecar") {
        await new Promise<void>((resolve, reject) => void this.#supervise(state, resolve).catch(reject));
      }
    }
    await Promise.all(this.#states.filter((each) => each.kind === "app").map((each) => this.#supervise(each)));
  }

  async #prepare(): Promise<void> {
    for (let reason = ""; !this.#ending.signal.aborted; await pause(100, this.#ending.signal)) {
      try {
        await this.#volumes.refresh(this.#pod, this.address);
        break;
      } catch (error) {
        const message = messageOf(error);
        if (message === reason) continue;
        reason = message;
        for (const state of this.#states) state.waiting = { reason: "ContainerCreating", message };
        void this.#tell();
      }
    }
    if (this.#ending.signal.aborted) return;
    await createPodNetwork(this.network, this.#context.number);
    this.#networked = true;
    this.refresh();
    await this.#tell();
  }

  /** Runs a container until it ended for good. `onStarted` is called when it started first, or never will. */
  async #supervise(state: ContainerState, onStarted: () => void = () => {}): Promise<void> {
    const policy = this.#pod.spec.restartPolicy ?? "Always";
    for (let backoff = 1000; !this.#ending.signal.aborted; backoff = Math.min(backoff * 2, longestBackoff)) {
      const began = performance.now();
      const exitCode = await this.#runOnce(state, onStarted);
      const always = state.kind === "sidecar" || (state.kind === "app" && policy === "Always");
      if (exitCode !== undefined && !always && (exitCode === 0 || policy === "Never")) break;
      if (this.#ending.signal.aborted) break;
      if (performance.now() - began > longestBackoff) backoff = 1000;
      if (exitCode !== undefined) {
        state.waiting = { reason: "CrashLoopBackOff", message: `exit code ${exitCode}; again in ${backoff / 1000} s` };
      }
      void this.#tell();
      await pause(exitCode === undefined ? 1000 : backoff, this.#ending.signal);
      if (exitCode !== undefined) state.restartCount += 1;
    }
    state.done = true;
    onStarted();
    void this.#tell();
  }

  /** Runs a container once. Resolves with its exit code, or with nothing when it cannot be started as things are. */
  async #runOnce(state: ContainerState, onStarted: () => void): Promise<number | undefined> {
    let settings: ContainerSettings;
    try {
      settings = this.#settings(state);
    } catch (error) {
      state.waiting = { reason: "CreateContainerConfigError", message: messageOf(error) };
      return undefined;
    }
    const container = startContainer(settings);
    const startedAt = new Date().toISOString();
    state.running = { container, startedAt };
    const probes = new AbortController();
    await container.created;
    void this.#probe(state, container, probes.signal, onStarted);
    void this.#tell();
    const exitCode = await container.ended;
    probes.abort();
    rmSync(settings.root, { recursive: true, force: true });
    const finishedAt = new Date().toISOString();
    state.terminated = { exitCode, startedAt, finishedAt, reason: exitCode === 0 ? "Completed" : "Error" };
    Object.assign(state, { running: undefined, started: false, ready: false });
    return exitCode;
  }

  async #probe(
    state: ContainerState,
    container: RunningContainer,
    signal: AbortSignal,
    onStarted: () => void,
  ): Promise<void> {
    const { startupProbe, readinessProbe, livenessProbe, ports } = state.spec;
    const target = { address: this.address, ports, start: container.start };
    const restart = (): void => void this.#end(state, Date.now() + this.#gracePeriod * 1000);
    // While a pod ends, nothing is restarted, but whether it is ready is still asked.
    const restarting = AbortSignal.any([signal, this.#ending.signal]);
    if (startupProbe !== undefined) {
      const passed = new AbortController();
      await runProbe(startupProbe, target, AbortSignal.any([restarting, passed.signal]), (healthy) => {
        if (healthy) passed.abort();
        else restart();
      });
      if (!passed.signal.aborted) return;
    }
    state.started = true;
    state.ready = readinessProbe === undefined;
    onStarted();
    void this.#tell();
    if (livenessProbe !== undefined)
      void runProbe(livenessProbe, target, restarting, (healthy) => healthy || restart());
    if (readinessProbe === undefined) return;
    await runProbe(readinessProbe, target, signal, (healthy) => {
      if (state.ready === healthy || signal.aborted) return;
      state.ready = healthy;
      void this.#tell();
    });
  }

  /** Ends all that runs: first the hooks of all, then containers, then sidecars from the last to the first. */
  async #terminate(): Promise<void> {
    const grace = this.#deleted.signal.aborted ? this.#pod.metadata.deletionGracePeriodSeconds : undefined;
    const deadline = Date.now() + (grace ?? this.#gracePeriod) * 1000;
    this.#ending.abort();
    const hooks = new Map(this.#states.map((state) => [state, this.#preStop(state, deadline)]));
    const end = async (state: ContainerState, until: number): Promise<void> => {
      await hooks.get(state);
      await this.#end(state, until);
    };
    await Promise.all(this.#states.filter((each) => each.kind !== "sidecar").map((each) => end(each, deadline)));
    for (const sidecar of this.#states.filter((each) => each.kind === "sidecar").reverse()) {
      await end(sidecar, Math.max(deadline, Date.now() + minimumGrace * 1000));
    }
  }

  async #preStop({ spec, running }: ContainerState, deadline: number): Promise<void> {
    const handler = spec.lifecycle?.preStop;
    if (handler === undefined || running === undefined || this.#gone) return;
    const target = { address: this.address, ports: spec.ports, start: running.container.start };
    const run = runHandler(handler, target, deadline - Date.now()).catch(this.#context.onError);
    await Promise.race([run, delay(deadline - Date.now(), undefined, { ref: false }), running.container.ended]);
  }

  /** Asks a container to end, and makes it end at the deadline (milliseconds since the epoch). */
  async #end({ running }: ContainerState, deadline: number): Promise<void> {
    if (running === undefined) return;
    running.container.signal(this.#gone ? "SIGKILL" : "SIGTERM");
    const timer = setTimeout(() => running.container.signal("SIGKILL"), deadline - Date.now());
    await running.container.ended;
    clearTimeout(timer);
  }

  get #gracePeriod(): number {
    return this.#pod.spec.terminationGracePeriodSeconds ?? 30;
  }

  /** Tells the API server how things are, at the latest after what it is being told now. */
  #tell(): Promise<void> {
    this.#untold = true;
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = undefined;
    });
    return this.#telling;
  }

  async #tellAll(): Promise<void> {
    while (this.#untold && !this.#gone) {
      this.#untold = false;
      const address = this.#networked ? this.address : undefined;
      try {
        await this.#context.tell(this.#pod, podStatus(this.#states, address, this.#over, this.#times));
      } catch (error) {
        this.#context.onError(error);
        this.#untold = true;
        await delay(200);
      }
    }
  }

  #settings({ spec, restartCount }: ContainerState): ContainerSettings {
    const { images, directory, configuration } = this.#context;
    const image = images.get(spec.image ?? "");
    if (image === undefined)
      throw new Error(`there is no image ${spec.image}; there are ${[...images.keys()].join(", ")}`);
    const context = { address: this.address, configuration, kubernetesService: this.#context.kubernetesService() };
    const environment = environmentOf(this.#pod, spec, image, context);
    const volumes = (spec.volumeMounts ?? []).map(({ name, mountPath, subPath, readOnly }) => ({
      // A part of a volume is what it is now, as with the kubelet: it does not follow changes.
      source: subPath === undefined ? this.#volumes.path(name) : realpathSync(join(this.#volumes.path(name), subPath)),
      target: mountPath,
      writable: readOnly !== true,
    }));
    const hosts = { source: this.#hostsFile, target: "/etc/hosts", writable: false };
    return {
      network: this.network,
      hostname: this.#pod.metadata.name,
      root: join(directory, "roots", `${spec.name}-${restartCount}`),
      mounts: [hosts, ...(image.mounts ?? []).map((mount) => ({ ...mount, writable: false })), ...volumes],
      command: commandOf(spec, image, environment),
      environment,
      directory: spec.workingDir ?? "/",
      security: { ...this.#pod.spec.securityContext, ...spec.securityContext },
      logFile: this.#context.logFile(spec.name),
    };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
