/** A cluster with Heddle in it, installed from the manifests of the repository as a user would. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary } from "../binaries.ts";
import { type Cluster, type Image, startCluster } from "../cluster.ts";
import { Mesh, repository } from "./mesh.ts";

/** The images that the manifests and examples name, as the local node runs them. */
function images(): ReadonlyMap<string, Image> {
  const node = { "/usr/local/bin/node": process.execPath };
  return new Map<string, Image>([
    ["heddle:dev", { mounts: { ...node, "/app": join(repository, "dist") }, entrypoint: ["node", "/app/heddle.mjs"] }],
    [
      "heddle-proxy:dev",
      { mounts: { "/usr/local/bin/envoy": binary("envoy"), "/usr/local/bin/heddle-redirect": join(repository, "images/proxy/heddle-redirect") }, entrypoint: [] },
    ],
    ["heddle-demo-app:dev", { mounts: { ...node, "/app": repository }, entrypoint: ["node", "/app/tools/demo/app.ts"] }],
  ]);
}

/** Starts a cluster in the present (outer) namespace and installs the CRDs and the operator; resolves when it is ready. */
export async function startMesh(log: (line: string) => void): Promise<Mesh> {
  const directory = mkdtempSync(join(tmpdir(), "heddle-"));
  const cluster: Cluster = await startCluster({ directory, images: images() });
  log(`control plane and node are up (${directory})`);
  const mesh = new Mesh(cluster);
  const kubectl = async (...args: string[]): Promise<void> => {
    const result = await cluster.kubectl(args);
    if (result.status !== 0) throw new Error(`kubectl ${args.join(" ")}: ${result.stderr}`);
  };
  await kubectl("apply", "-f", join(repository, "crds"));
  await kubectl("wait", "crd", ...["trafficsplits", "authorizationpolicies", "meshtls"].map((plural) => `${plural}.heddle.dev`), "--for=condition=Established", "--timeout=30s");
  await kubectl("apply", "-f", join(repository, "config"));
  await mesh.waitDeployments("heddle-system", 60);
  log("the operator is ready");
  return mesh;
}
