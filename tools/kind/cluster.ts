/** A kind cluster: made, filled with images, removed; and its pods as scenes and tests speak to them. */
import { binary } from "../binaries.ts";
import type { ClusterAccess } from "../cluster.ts";
import { repository } from "../demo/mesh.ts";
import { kubectlOf } from "../kubectl.ts";
import { collect, run, start } from "../processes.ts";

const name = "heddle-e2e";

/** Makes the cluster, in place of one that an earlier run may have left, and waits until its node is Ready. */
export async function createCluster(options: {
  /** Path of kind's configuration. */
  readonly configuration: string;
  /** Of the node. */
  readonly image: string;
  /** Path that is written. */
  readonly kubeconfig: string;
}): Promise<void> {
  await removeCluster();
  const { configuration, image, kubeconfig } = options;
  const flags = ["--name", name, "--config", configuration, "--image", image, "--kubeconfig", kubeconfig];
  // Paths in the configuration are the repository's.
  await run(await binary("kind"), ["create", "cluster", ...flags, "--wait=180s", "--retain"], { cwd: repository });
}

/** Writes the logs of the node and of its containers to a folder; does not fail. */
export async function exportLogs(directory: string): Promise<void> {
  await collect(await binary("kind"), ["export", "logs", "--name", name, directory], { timeout: 60_000 });
}

/** Gives the node images that docker has. */
export async function loadImages(images: readonly string[]): Promise<void> {
  await run(await binary("kind"), ["load", "docker-image", "--name", name, ...images]);
}

/** Removes the cluster; there need not be one. */
export async function removeCluster(): Promise<void> {
  await run(await binary("kind"), ["delete", "cluster", "--quiet", "--name", name, "--kubeconfig", "/dev/null"]);
}

/** The cluster of a kubeconfig, reached as any user's kubectl reaches it. */
export async function clusterOf(kubeconfig: string): Promise<ClusterAccess> {
  const program = await binary("kubectl");
  const environment = { ...process.env, KUBECONFIG: kubeconfig };
  const kubectl = kubectlOf(kubeconfig);
  return {
    kubeconfig,
    kubectl,
    exec: (namespace, pod, container, command) =>
      kubectl(["exec", "--namespace", namespace, pod, "--container", container, "--", ...command]),
    start: (namespace, pod, container, command) => {
      const into = ["--stdin", "--namespace", namespace, pod, "--container", container];
      return start(program, ["exec", ...into, "--", ...command], { environment });
    },
  };
}
