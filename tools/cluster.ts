/**
 * A cluster of one local node in the present network namespace, which must be a throw-away one (outer-namespace.sh): etcd,
 * kube-apiserver, kube-controller-manager and the local node. For the demo and for tests.
 */
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { binary } from "./binaries.ts";
import { startControlPlane } from "./control-plane.ts";
import { expose } from "./expose.ts";
import { type Kubectl, kubectlOf } from "./kubectl.ts";
import { type Family, nodeAddresses, prepareNodeNetwork } from "./local-node/network.ts";
import { type LocalNode, startLocalNode } from "./local-node/node.ts";
import type { Image } from "./local-node/types.ts";
import { type CommandResult, type Running, until } from "./processes.ts";

export type { Family } from "./local-node/network.ts";
export type { Image } from "./local-node/types.ts";
export type { CommandResult, Running } from "./processes.ts";

/** How to start a cluster. */
export interface ClusterOptions {
  /** For data, certificates, logs and the kubeconfig; the caller's to remove. */
  readonly directory: string;
  /** What each image name stands for. */
  readonly images: ReadonlyMap<string, Image>;
  /**
   * Families that the cluster has: both unless said otherwise. Services and pods that ask for nothing are of the first one,
   * and pods that ask for both (local-node/network.ts) get those that there are.
   */
  readonly families?: readonly [Family, ...Family[]];
}

/** What a user with all rights can do with any cluster. */
export interface ClusterAccess {
  /** Path of a kubeconfig with all rights, valid inside the outer namespace. */
  readonly kubeconfig: string;
  readonly kubectl: Kubectl;
  /** Runs a program in a container. */
  exec(namespace: string, pod: string, container: string, command: readonly string[]): Promise<CommandResult>;
  /** Starts a program in a container; its standard input stays open. */
  start(namespace: string, pod: string, container: string, command: readonly string[]): Running;
}

/** A cluster of one local node. */
export interface Cluster extends ClusterAccess {
  /** For data, certificates, logs and the kubeconfig. */
  readonly directory: string;
  /** Families of addresses that it has, the first one first. */
  readonly families: readonly Family[];
  /** Folder of the containers' logs: `<namespace>_<pod>_<container>.log`. */
  readonly logDirectory: string;
  /** Applies a file, a folder or YAML text (more than one line). Fails with kubectl's message. */
  apply(fileOrText: string): Promise<void>;
  /** Waits until `check` gives something other than `undefined` or `false`, and gives that; at most 30 s by default. */
  waitFor<T>(what: string, check: () => Promise<T | undefined | false>, timeout?: number): Promise<T>;
  /** Runs a program in a container, or in the network of the pod when none is named. */
  exec(
    namespace: string,
    pod: string,
    container: string | undefined,
    command: readonly string[],
  ): Promise<CommandResult>;
  /** Starts a program in a container, or in the network of the pod; its standard input stays open. */
  start(namespace: string, pod: string, container: string | undefined, command: readonly string[]): Running;
  /** All that a container has written. */
  logs(namespace: string, pod: string, container: string): string;
  /** Pods, recent events and the ends of logs, for a person who looks for what went wrong. */
  describe(): Promise<string>;
  /**
   * Lets the host reach the API server, when the outer namespace was made with `--forward`.
   * @returns path of a kubeconfig that works outside
   */
  expose(): Promise<string>;
  /** Ends the API server at once and starts it again with the same data. */
  restartApiServer(): Promise<void>;
  /** Ends all pods and processes. */
  stop(): Promise<void>;
}

/** Ranges of cluster IPs. */
const serviceRanges: Readonly<Record<Family, string>> = { IPv4: "10.96.0.0/16", IPv6: "fd00:10:96::/112" };

/** Starts a cluster; resolves when it takes pods, about 5 s. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const logDirectory = join(options.directory, "logs");
  mkdirSync(logDirectory, { recursive: true });
  const families = options.families ?? ["IPv4", "IPv6"];
  const serviceCIDRs = families.map((family) => serviceRanges[family]);
  await prepareNodeNetwork(serviceCIDRs);
  const binaries = {
    etcd: await binary("etcd"),
    kubeApiserver: await binary("kube-apiserver"),
    kubeControllerManager: await binary("kube-controller-manager"),
  };
  const directory = join(options.directory, "control-plane");
  const controlPlane = await startControlPlane({
    directory,
    binaries,
    serviceCIDR: serviceCIDRs.join(),
    advertiseAddress: nodeAddresses[families[0]],
  });
  const { kubeconfig } = controlPlane;
  const nodeLog = join(logDirectory, "local-node.log");
  const onError = (error: unknown): void =>
    appendFileSync(nodeLog, `${new Date().toISOString()} ${error instanceof Error ? error.stack : String(error)}\n`);
  let node: LocalNode;
  try {
    node = await startLocalNode({ kubeconfig, images: options.images, logDirectory, families, serviceCIDRs, onError });
  } catch (error) {
    await controlPlane.stop();
    throw error;
  }
  const kubectl = kubectlOf(kubeconfig);
  return {
    kubeconfig,
    directory: options.directory,
    families,
    logDirectory,
    kubectl,
    async apply(fileOrText) {
      const text = fileOrText.includes("\n");
      const result = await kubectl(["apply", "-f", text ? "-" : fileOrText], text ? fileOrText : undefined);
      if (result.status !== 0) throw new Error(`kubectl apply: ${result.stderr.trim()}`);
    },
    waitFor: (what, check, timeout = 30_000) => until(what, check, { timeout }),
    async exec(namespace, pod, container, command) {
      const running = node.start(`${namespace}/${pod}`, container, command);
      running.endInput();
      return running.result;
    },
    start: (namespace, pod, container, command) => node.start(`${namespace}/${pod}`, container, command),
    logs: (namespace, pod, container) => node.logs(`${namespace}/${pod}`, container),
    async describe() {
      const pods = await kubectl(["get", "pods", "-A", "-o", "wide"]);
      const waiting =
        "{range .items[*]}{.metadata.namespace}/{.metadata.name}:{range .status.initContainerStatuses[*]} {.name}={.state}{end}{range .status.containerStatuses[*]} {.name}={.state}{end}{'\\n'}{end}";
      const states = await kubectl(["get", "pods", "-A", "-o", `jsonpath=${waiting}`]);
      const events = await kubectl(["get", "events", "-A", "--field-selector=type!=Normal"]);
      return [pods.stdout, states.stdout, events.stdout, `Logs: ${logDirectory}`].join("\n");
    },
    expose: () => expose(kubeconfig, options.directory),
    restartApiServer: () => controlPlane.restart(),
    async stop() {
      await node.stop();
      await controlPlane.stop();
    },
  };
}
