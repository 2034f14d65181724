/** What sidecars cost: memory, and the latency and CPU that two of them add to a request. Of the kubelet's own figures. */

import type { ClusterAccess } from "../tools/cluster.ts";
import type { Mesh } from "../tools/demo/mesh.ts";
import { until } from "../tools/processes.ts";
import { quantile } from "./figures.ts";
import { idleServices, meshed, plain } from "./workloads.ts";

/** https://kubernetes.io/docs/reference/node/kubelet-metrics/ (Summary API), as far as it is read. */
interface Summary {
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers?: readonly {
      readonly name: string;
      readonly cpu?: { readonly time: string; readonly usageCoreNanoSeconds: number };
      readonly memory?: { readonly time: string; readonly workingSetBytes: number; readonly rssBytes?: number };
    }[];
  }[];
}

interface Usage {
  /** Core seconds since the container's start. */
  readonly cpu: number;
  readonly workingSet: number;
}

const proxy = "heddle-proxy";
const megabyte = 1024 * 1024;

/** What the kubelet has measured of the containers of a namespace since now, by `deployment/container`: some ten seconds. */
async function usageSince(mesh: Mesh<ClusterAccess>, namespace: string): Promise<ReadonlyMap<string, Usage>> {
  const now = Date.now();
  const nodes = (await mesh.kubectl("get", "nodes", "-o", "name")).trim().split("\n");
  const read = async () => {
    const found = new Map<string, Usage>();
    for (const node of nodes) {
      const name = node.replace("node/", "");
      const text = await mesh.kubectl("get", "--raw", `/api/v1/nodes/${name}/proxy/stats/summary`);
      for (const { podRef, containers } of (JSON.parse(text) as Summary).pods.filter(
        (pod) => pod.podRef.namespace === namespace,
      ))
        for (const { name: container, cpu, memory } of containers ?? []) {
          if (cpu === undefined || memory === undefined) return undefined;
          if (Math.min(Date.parse(cpu.time), Date.parse(memory.time)) < now) return undefined;
          const deployment = podRef.name.split("-").slice(0, -2).join("-");
          found.set(`${deployment}/${container}`, {
            cpu: cpu.usageCoreNanoSeconds / 1e9,
            workingSet: memory.workingSetBytes,
          });
        }
    }
    return found;
  };
  return until("the kubelet's figures of now", read, { timeout: 120_000, interval: 1000 });
}

/** Memory of an idle sidecar with the Services that there are, and with 100 more in its reach. */
export async function measureMemory(mesh: Mesh<ClusterAccess>): Promise<readonly string[]> {
  const of = async (): Promise<string> => {
    const usage = (await usageSince(mesh, meshed)).get(`client/${proxy}`);
    return `${((usage?.workingSet ?? Number.NaN) / megabyte).toFixed(1)} MiB`;
  };
  const idle = await of();
  await mesh.apply(idleServices(100));
  await mesh.settle();
  return [`sidecar, idle, working set: ${idle}; with 100 Services more in its reach: ${await of()}`];
}

interface Cost {
  readonly p50: number;
  readonly p99: number;
  /** Core microseconds per request of the applications, and of the sidecars. */
  readonly application: number;
  readonly sidecars: number;
}

async function costOf(mesh: Mesh<ClusterAccess>, namespace: string, rate: number, seconds: number): Promise<Cost> {
  const before = await usageSince(mesh, namespace);
  const load = await mesh.load(namespace, "client", "http://server/", { rate });
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const { requests, failures, statuses, took } = await load.finish();
  if (failures > 0 || statuses["200"] !== requests) throw new Error(`requests failed: ${JSON.stringify(statuses)}`);
  const reached = requests / seconds;
  if (reached < rate * 0.9) throw new Error(`the client made ${reached.toFixed(0)} requests a second and not ${rate}`);
  const after = await usageSince(mesh, namespace);
  const used = (isProxy: boolean): number =>
    [...after].reduce(
      (sum, [key, { cpu }]) => (key.endsWith(`/${proxy}`) === isProxy ? sum + cpu - (before.get(key)?.cpu ?? 0) : sum),
      0,
    );
  const perRequest = (cpu: number): number => (cpu * 1e6) / requests;
  return { ...took, application: perRequest(used(false)), sidecars: perRequest(used(true)) };
}

/** The same load without the mesh and in it, by turns; what is printed are medians of the rounds. */
export async function measureLoad(
  mesh: Mesh<ClusterAccess>,
  options: { readonly rate: number; readonly seconds: number; readonly rounds: number },
): Promise<readonly string[]> {
  const { rate, seconds, rounds } = options;
  const costs = { [plain]: [] as Cost[], [meshed]: [] as Cost[] };
  for (let round = 0; round < rounds; round++)
    for (const namespace of [plain, meshed] as const)
      costs[namespace].push(await costOf(mesh, namespace, rate, seconds));
  const median = (namespace: typeof plain | typeof meshed, field: keyof Cost): number =>
    quantile(
      costs[namespace].map((cost) => cost[field]),
      0.5,
    );
  const latency = (["p50", "p99"] as const).map((field) => {
    const [without, within] = [median(plain, field), median(meshed, field)];
    return `${rate} requests/s, ${field}: ${without.toFixed(2)} ms without the mesh, ${within.toFixed(2)} ms by two sidecars with mutual TLS: ${(within / without).toFixed(2)} times`;
  });
  const [without, within] = [median(plain, "application"), median(meshed, "application") + median(meshed, "sidecars")];
  return [
    ...latency,
    `${rate} requests/s, CPU of client and server: ${without.toFixed(0)} core-µs a request without the mesh, ${within.toFixed(0)} in it, of which ${median(meshed, "sidecars").toFixed(0)} are the two sidecars': ${(within / without).toFixed(2)} times`,
  ];
}
