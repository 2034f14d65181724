import { beforeAll } from "vitest";
import type { ClusterAccess } from "../../tools/cluster.ts";
import { Mesh } from "../../tools/demo/mesh.ts";
import { operatorPods } from "../../tools/demo/rotation.ts";
import { clusterOf } from "../../tools/kind/cluster.ts";
import { helmOn, installChart } from "../../tools/kind/install.ts";
import { until } from "../../tools/processes.ts";

/** All files run one after another in one process, on the cluster that `make e2e` has made. */
let installed: Promise<Mesh<ClusterAccess>> | undefined;

/** The cluster of the run. */
export async function clusterOfRun(): Promise<ClusterAccess> {
  const kubeconfig = process.env["HEDDLE_E2E_KUBECONFIG"];
  if (kubeconfig === undefined) throw new Error("these tests need a cluster: run `make e2e`");
  return clusterOf(kubeconfig);
}

async function install(): Promise<Mesh<ClusterAccess>> {
  const cluster = await clusterOfRun();
  // It is there for the files that come last, and in a cluster that was kept.
  if ((await helmOn(cluster, "status", "heddle")).status !== 0) await installChart(cluster);
  return new Mesh(cluster);
}

/** The mesh of the run, with the operator Ready. */
export function useMesh(): () => Mesh<ClusterAccess> {
  let mesh: Mesh<ClusterAccess> | undefined;
  beforeAll(async () => {
    installed ??= install();
    mesh = await installed;
  });
  return () => {
    if (mesh === undefined) throw new Error("no test has begun");
    return mesh;
  };
}

/** Waits until both replicas of the operator are there and Ready, and none that was told to go: it would still answer. */
export async function bothOperatorsRun(mesh: Mesh<ClusterAccess>): Promise<void> {
  const operators = ["-n", "heddle-system", "-l", operatorPods];
  await mesh.kubectl("rollout", "status", "deployment/heddle", "-n", "heddle-system", "--timeout=120s");
  const isSettled = async () =>
    JSON.parse(await mesh.kubectl("get", "pods", ...operators, "-o", "json")).items.length === 2;
  await until("two replicas", isSettled, { timeout: 60_000, interval: 500 });
}
