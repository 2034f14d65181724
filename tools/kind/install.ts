/** Heddle on a kind cluster, installed by Helm as a user would. */
import { join } from "node:path";
import type { ClusterAccess } from "../cluster.ts";
import { repository } from "../demo/mesh.ts";
import { helm } from "../helm.ts";
import type { CommandResult } from "../processes.ts";
import { imageTag } from "./images.ts";

const namespace = "heddle-system";

/** What differs from the defaults: the images that are built here; and nobody waits half a minute for connections to end. */
const values = {
  "image.tag": imageTag,
  "proxy.image.tag": imageTag,
  "settings.proxy-drain-time": "2s",
};

/** Runs Helm on a cluster, in the operator's namespace; does not fail by its exit code. */
export async function helmOn(cluster: ClusterAccess, ...args: readonly string[]): Promise<CommandResult> {
  return helm([...args, "--namespace", namespace], { kubeconfig: cluster.kubeconfig });
}

/** Installs or upgrades by the chart; resolves when Helm finds everything ready. Fails with Helm's message, or after three minutes. */
export async function applyChart(
  cluster: ClusterAccess,
  verb: "install" | "upgrade",
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  const set = Object.entries({ ...values, ...more }).flatMap(([name, value]) => ["--set-string", `${name}=${value}`]);
  const chart = join(repository, "charts/heddle");
  const { status, stderr } = await helmOn(cluster, verb, "heddle", chart, "--wait", "--timeout=3m", ...set);
  if (status !== 0) throw new Error(`helm ${verb}: ${stderr}`);
}

/** Installs the chart in a new namespace; resolves when it is ready. */
export async function installChart(cluster: ClusterAccess): Promise<void> {
  // As strict as a namespace can be: nothing of the operator asks for more.
  const restricted = `apiVersion: v1
kind: Namespace
metadata: {name: ${namespace}, labels: {pod-security.kubernetes.io/enforce: restricted}}
`;
  const applied = await cluster.kubectl(["apply", "-f", "-"], restricted);
  if (applied.status !== 0) throw new Error(applied.stderr);
  await applyChart(cluster, "install");
}
