/** A cluster with Heddle in it, installed from the manifests of the repository as a user would. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary } from "../binaries.ts";
import { type Cluster, type ClusterAccess, type Image, startCluster } from "../cluster.ts";
import { until } from "../processes.ts";
import { Mesh, repository } from "./mesh.ts";

/** The images that the manifests and examples name, as the local node runs them. */
async function images(): Promise<ReadonlyMap<string, Image>> {
  const node = { source: process.execPath, target: "/usr/local/bin/node" };
  const proxy = [
    { source: await binary("envoy"), target: "/usr/local/bin/envoy" },
    { source: join(repository, "images/proxy/heddle-redirect"), target: "/usr/local/bin/heddle-redirect" },
  ];
  const bundle = { source: join(repository, "dist"), target: "/app" };
  const sources = { source: repository, target: "/app" };
  const images: [string, Image][] = [
    ["heddle:dev", { mounts: [node, bundle], entrypoint: ["node", "/app/heddle.mjs"] }],
    ["heddle-proxy:dev", { mounts: proxy }],
    ["heddle-demo-app:dev", { mounts: [node, sources], entrypoint: ["node", "/app/tools/demo/app.ts"] }],
  ];
  return new Map(images);
}

/** Starts a cluster in the present (outer) namespace and installs the CRDs and the operator; resolves when it is ready. */
export async function startMesh(log: (line: string) => void): Promise<Mesh> {
  const directory = mkdtempSync(join(tmpdir(), "heddle-"));
  const cluster: Cluster = await startCluster({ directory, images: await images() });
  log(`control plane and node are up (${directory})`);
  const mesh = await installHeddle(cluster);
  log("the operator is ready");
  return mesh;
}

/** The manifests with a short drain time, so that nobody waits half a minute for connections to end. */
function hurried(manifests: string): string {
  const directory = mkdtempSync(join(tmpdir(), "heddle-config-"));
  for (const file of readdirSync(manifests)) {
    const text = readFileSync(join(manifests, file), "utf8");
    const setting = "\n            - { name: HEDDLE_PROXY_DRAIN_TIME, value: 2s }";
    writeFileSync(
      join(directory, file),
      text.replace(/^ {10}env:$/m, (env) => env + setting),
    );
  }
  return directory;
}

/** Installs the CRDs and the operator from the manifests of the repository; resolves when the operator is ready. */
export async function installHeddle<Access extends ClusterAccess>(
  cluster: Access,
  seconds = 60,
): Promise<Mesh<Access>> {
  const mesh = new Mesh(cluster);
  const kubectl = async (...args: string[]): Promise<void> => {
    const result = await cluster.kubectl(args);
    if (result.status !== 0) throw new Error(`kubectl ${args.join(" ")}: ${result.stderr}`);
  };
  await kubectl("apply", "-f", join(repository, "crds"));
  const crds = ["trafficsplits", "authorizationpolicies", "meshtls"].map((plural) => `${plural}.heddle.dev`);
  // Before the API server has looked at a definition it has no conditions, and kubectl then does not wait but fails.
  const established = () => kubectl("wait", "crd", ...crds, "--for=condition=Established", "--timeout=30s");
  await until("the CRDs to be established", () => established().then(() => true), { timeout: 30_000 });
  const manifests = hurried(join(repository, "config"));
  await kubectl("apply", "-f", manifests).finally(() => rmSync(manifests, { recursive: true }));
  await mesh.waitDeployments("heddle-system", seconds);
  return mesh;
}
