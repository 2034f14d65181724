/**
 * The local node: a small stand-in for kubelet, network plugin and kube-proxy, for demos and tests on one machine. It runs
 * the pods of a real API server, each in a network namespace of its own, as processes of this machine: no images, no
 * isolation to rely on, no resource limits, no liveness probes, none that run programs, no hook but a sleep or a GET before
 * the end, and `kubectl logs` and `kubectl exec` do not reach it. What production needs is proven on kind.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Running, run, start } from "../processes.ts";
import { createApi } from "./api.ts";
import { familyOf } from "./network.ts";
import { type PodRunner, runPod } from "./pod.ts";
import { serviceRules } from "./services.ts";
import type { NodeOptions, NodePod } from "./types.ts";

/** A node that runs pods. Pods are named `namespace/name`. */
export type LocalNode = Awaited<ReturnType<typeof startLocalNode>>;

/** Starts the node; resolves once it is registered and takes pods. The network must be prepared (network.ts). */
export async function startLocalNode(options: NodeOptions) {
  const { kubeconfig, serviceCIDRs, logDirectory, onError } = options;
  const api = createApi(kubeconfig, onError);
  const memory = mkdtempSync("/run/local-node-");
  /** By uid; those that ended too, so that late news of an object do not start it again. */
  const runners = new Map<string, PodRunner>();
  /** By range of cluster IPs. */
  const rules = new Map<string, string>();

  const take = async (pod: NodePod): Promise<void> => {
    if (!(await api.claim(pod))) return;
    const { uid = "" } = pod.metadata;
    const number = runners.size + 1;
    const runner = runners.get(uid) ?? runPod(pod, number, join(memory, String(number)), options, api);
    runners.set(uid, runner);
    await runner.sync(pod);
  };
  const sync = async (): Promise<void> => {
    for (const range of serviceCIDRs) {
      const next = serviceRules([...api.services.entries().values()], [...api.slices.entries().values()], range);
      if (next === rules.get(range)) continue;
      await run(familyOf(range) === "IPv6" ? "ip6tables-restore" : "iptables-restore", [], { input: next });
      rules.set(range, next);
    }
    const pods = [...api.pods.entries().values()];
    for (const [uid, runner] of runners) if (!pods.some(({ metadata }) => metadata.uid === uid)) runner.kill();
    await Promise.all(pods.map((pod) => take(pod).catch(onError)));
  };

  await api.start();
  let closed = false;
  const loop = (async () => {
    for (; !closed; await delay(100)) await sync().catch(onError);
  })();

  return {
    /**
     * Starts a program in a container, or in the pod's network with the file system of this machine when none is named.
     * Fails when that does not run.
     */
    start(pod: string, container: string | undefined, command: readonly string[]): Running {
      const runner = runners.get(api.pods.get(pod)?.metadata.uid ?? "");
      if (runner === undefined) throw new Error(`pod ${pod} does not run here`);
      if (container === undefined) return start("nsenter", [`--net=/run/netns/${runner.network}`, ...command]);
      const running = runner.container(container);
      if (running === undefined) throw new Error(`container ${container} of pod ${pod} does not run`);
      return running.start(command);
    },
    /** All that a container has written, restarts included. Empty when it has not run. */
    logs(pod: string, container: string): string {
      const file = join(logDirectory, `${pod.replace("/", "_")}_${container}.log`);
      return existsSync(file) ? readFileSync(file, "utf8") : "";
    },
    /** Ends all pods at once. */
    async stop(): Promise<void> {
      closed = true;
      await loop;
      for (const runner of runners.values()) runner.kill();
      await Promise.all([...runners.values()].map((each) => each.ended));
      await api.stop();
      rmSync(memory, { recursive: true, force: true });
    },
  };
}
