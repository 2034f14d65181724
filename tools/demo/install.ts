/** A cluster with Heddle in it, installed by kubectl as a user would. */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "../../src/ops/version.ts";
import { binary } from "../binaries.ts";
import { type Cluster, type Image, startCluster } from "../cluster.ts";
import { familiesIn } from "../local-node/network.ts";
import { until } from "../processes.ts";
import { Mesh, type MeshSettings, repository } from "./mesh.ts";

/** The images that install.yaml and examples name, as the local node runs them. */
async function images(): Promise<ReadonlyMap<string, Image>> {
  const node = { source: process.execPath, target: "/usr/local/bin/node" };
  const proxy = [
    { source: await binary("envoy"), target: "/usr/local/bin/envoy" },
    { source: join(repository, "images/proxy/heddle-redirect"), target: "/usr/local/bin/heddle-redirect" },
  ];
  const bundle = { source: join(repository, "dist"), target: "/app" };
  const sources = { source: repository, target: "/app" };
  const images: [string, Image][] = [
    [`heddle:${version}`, { mounts: [node, bundle], entrypoint: ["node", "/app/heddle.mjs"] }],
    [`heddle-proxy:${version}`, { mounts: proxy }],
    ["heddle-demo-app:dev", { mounts: [node, sources], entrypoint: ["node", "/app/tools/demo/app.ts"] }],
  ];
  return new Map(images);
}

/**
 * Starts a cluster in the present (outer) namespace and installs the CRDs and the operator; resolves when it is ready. The
 * cluster has both families of addresses, or those of HEDDLE_IP_FAMILIES: with `IPv6` nothing else.
 */
export async function startMesh(log: (line: string) => void, settings: MeshSettings = {}): Promise<Mesh> {
  const directory = mkdtempSync(join(tmpdir(), "heddle-"));
  const [first, ...others] = familiesIn(process.env["HEDDLE_IP_FAMILIES"] ?? "IPv4,IPv6");
  if (first === undefined) throw new Error("HEDDLE_IP_FAMILIES must name families, such as IPv6 or IPv4,IPv6");
  const cluster: Cluster = await startCluster({ directory, images: await images(), families: [first, ...others] });
  log(`control plane and node are up (${directory})`);
  const mesh = await installHeddle(cluster, settings);
  log("the operator is ready");
  return mesh;
}

/**
 * The manifest with a short drain time, so that nobody waits half a minute for connections to end, and with one replica:
 * the machine has to run the cluster and its applications too.
 */
function hurried(manifest: string): string {
  const setting = "\n            - { name: HEDDLE_PROXY_DRAIN_TIME, value: 2s }";
  return manifest.replace(/^ {10}env:$/m, (env) => env + setting).replace(/^ {2}replicas: 2$/m, "  replicas: 1");
}

/** Installs Heddle as a user without Helm would; resolves when the operator is ready. */
async function installHeddle(cluster: Cluster, settings: MeshSettings): Promise<Mesh> {
  const mesh = new Mesh(cluster, settings);
  await mesh.apply(hurried(readFileSync(join(repository, "install.yaml"), "utf8")));
  const crds = ["trafficsplits", "authorizationpolicies", "meshtls"].map((plural) => `${plural}.heddle.dev`);
  // Before the API server has looked at a definition it has no conditions, and kubectl then does not wait but fails.
  const established = () => cluster.kubectl(["wait", "crd", ...crds, "--for=condition=Established", "--timeout=30s"]);
  await until("the CRDs to be established", async () => (await established()).status === 0, { timeout: 30_000 });
  await mesh.waitDeployments("heddle-system");
  return mesh;
}
