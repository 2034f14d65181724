/** Heddle on a kind cluster, installed by Helm as a user would. */
import { join } from "node:path";
import { binary } from "../binaries.ts";
import type { ClusterAccess } from "../cluster.ts";
import { repository } from "../demo/mesh.ts";
import { run } from "../processes.ts";
import { imageTag } from "./images.ts";

const namespace = "heddle-system";

/** What differs from the defaults: the images that are built here; and nobody waits half a minute for connections to end. */
const values = {
  "image.tag": imageTag,
  "proxy.image.tag": imageTag,
  "settings.proxy-drain-time": "2s",
};

/** Installs the chart; resolves when Helm finds everything ready. Fails with Helm's message, or after three minutes. */
export async function installChart(cluster: ClusterAccess): Promise<void> {
  // As strict as a namespace can be: nothing of the operator asks for more.
  const restricted = `apiVersion: v1
kind: Namespace
metadata: {name: ${namespace}, labels: {pod-security.kubernetes.io/enforce: restricted}}
`;
  const applied = await cluster.kubectl(["apply", "-f", "-"], restricted);
  if (applied.status !== 0) throw new Error(applied.stderr);
  const flags = ["--namespace", namespace, "--create-namespace", "--wait", "--timeout=3m"];
  const set = Object.entries(values).flatMap(([name, value]) => ["--set-string", `${name}=${value}`]);
  const environment = { ...process.env, KUBECONFIG: cluster.kubeconfig };
  const chart = join(repository, "charts/heddle");
  await run(await binary("helm"), ["install", "heddle", chart, ...flags, ...set], { environment });
}
