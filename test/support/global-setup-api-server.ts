/** Starts the API server that all files of a vitest run share, and bundles the operator that they start. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { binary } from "../../tools/binaries.ts";
import { bundleOperator } from "../../tools/bundle.ts";
import { startControlPlane } from "../../tools/control-plane.ts";
import { startApiServerPool } from "./api-server-pool.ts";

/** Runs once before the project's tests; the returned function runs after them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), "heddle-test-api-server-"));
  const binaries = { etcd: await binary("etcd"), kubeApiserver: await binary("kube-apiserver") };
  const { url, kubeconfig, adminToken, authority, stop } = await startControlPlane({ directory, binaries });
  const pool = await startApiServerPool();
  // Each file has its own operators, and the bundle starts in a third of the time that the sources take.
  const operator = join(directory, "heddle.mjs");
  await bundleOperator(operator);
  project.provide("apiServers", pool.socket);
  project.provide("operator", operator);
  project.provide("apiServer", { url, kubeconfig, adminToken, authority });
  return async () => {
    await Promise.all([pool.stop(), stop()]);
    rmSync(directory, { recursive: true, force: true });
  };
}
