/** Argo CD on the cluster of the run, and Heddle and an application as it delivers them. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { ClusterAccess } from "../../../tools/cluster.ts";
import { moduleFolder } from "../../../tools/definitions.ts";
import { type Mesh, repository } from "../../../tools/demo/mesh.ts";
import { argocdImage, redisImage } from "../../../tools/kind/gitops-images.ts";
import { imageTag } from "../../../tools/kind/images.ts";
import { until } from "../../../tools/processes.ts";
import { shopFiles } from "./shop.ts";
import { commit, type Files, repositoryUrl } from "./sources.ts";

const namespace = "argocd";
/** How long anything may take, in milliseconds. */
const patience = 240_000;

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** An Application, as far as tests look. */
export interface Application {
  readonly status?: {
    readonly sync?: { readonly status: string; readonly revision: string };
    readonly health?: { readonly status: string };
    readonly resources?: readonly {
      readonly kind: string;
      readonly name: string;
      readonly status?: string;
      readonly health?: { readonly status: string; readonly message?: string };
    }[];
    readonly operationState?: { readonly phase: string; readonly finishedAt?: string; readonly message?: string };
    readonly conditions?: readonly { readonly type: string; readonly message: string }[];
  };
}

/** What is set beside its defaults, by the name of the object. */
const settings: Readonly<Record<string, object>> = {
  // Tests look at the health of each object.
  "argocd-cmd-params-cm": { data: { "controller.resource.health.persist": "true" } },
  // Argo CD's API server, which is not of the core, would write one when it starts.
  "argocd-secret": { stringData: { "server.secretkey": randomUUID() } },
};

/** Installs Argo CD's core: what has no user interface. Its health checks of our kinds are those of the example. */
async function installArgo(mesh: Mesh<ClusterAccess>): Promise<void> {
  await apply(mesh, `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${namespace}}\n`);
  const file = join(await moduleFolder("argo-cd"), "manifests/core-install.yaml");
  const text = (await readFile(file, "utf8"))
    .replaceAll(/image: \S+\/argocd:\S+/g, `image: ${argocdImage}`)
    .replaceAll(/image: \S+\/redis:\S+/g, `image: ${redisImage}`)
    .replaceAll("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent");
  const items = parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest)
    .filter(({ metadata }) => !metadata.name.includes("applicationset"))
    .map((object) => ({ ...object, ...settings[object.metadata.name] }));
  await apply(mesh, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  const health = join(repository, "examples/gitops/argocd/argocd-cm.yaml");
  await mesh.kubectl("patch", "configmap", "argocd-cm", "-n", namespace, "--type=merge", "--patch-file", health);
  await mesh.kubectl("wait", "crd", "--for=condition=Established", "appprojects.argoproj.io", "--timeout=60s");
  await apply(
    mesh,
    `apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: ${namespace}}
spec:
  sourceRepos: ["*"]
  destinations: [{namespace: "*", server: "*"}]
  clusterResourceWhitelist: [{group: "*", kind: "*"}]
`,
  );
  for (const part of [
    "deployment/argocd-redis",
    "deployment/argocd-repo-server",
    "statefulset/argocd-application-controller",
  ]) {
    await mesh.kubectl("rollout", "status", part, "-n", namespace, "--timeout=4m");
  }
}

async function apply(mesh: Mesh<ClusterAccess>, text: string): Promise<void> {
  const { status, stderr } = await mesh.cluster.kubectl(["apply", "--server-side", "-n", namespace, "-f", "-"], text);
  if (status !== 0) throw new Error(stderr);
}

/** The chart as a repository has it, with values of the cluster beside it. */
export async function platformFiles(values: string): Promise<Files> {
  const chart = join(repository, "charts/heddle");
  const entries = await readdir(chart, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map([
    ...paths.map((path) => [path.slice(repository.length + 1), readFileSync(path, "utf8")] as const),
    ["charts/heddle/cluster.yaml", `image: {tag: ${imageTag}}\nproxy: {image: {tag: ${imageTag}}}\n${values}`],
  ]);
}

/** The commits of both repositories at the beginning. */
export interface Delivered {
  readonly platform: string;
  readonly shop: string;
}

/** Applies both Applications of the example at once, and waits until they are Synced and Healthy. */
async function deliver(mesh: Mesh<ClusterAccess>): Promise<Delivered> {
  await installArgo(mesh);
  const platform = await commit(mesh, "platform", await platformFiles("settings: {proxy-drain-time: 2s}\n"));
  const shop = await commit(mesh, "shop", shopFiles("shop"));
  const example = readFileSync(join(repository, "examples/gitops/argocd/applications.yaml"), "utf8")
    .replace("https://git.example.com/platform.git", repositoryUrl("platform"))
    .replace("https://git.example.com/shop.git", repositoryUrl("shop"))
    .replace("path: charts/heddle }", "path: charts/heddle, helm: { valueFiles: [cluster.yaml] } }");
  await apply(mesh, example);
  await refresh(mesh, "heddle");
  await refresh(mesh, "shop-traffic");
  await waitHealthy(mesh, "heddle", platform);
  await waitHealthy(mesh, "shop-traffic", shop);
  return { platform, shop };
}

let delivered: Promise<Delivered> | undefined;

/** Argo CD, Heddle and the application, which all files of the run share. */
export const deliveredByArgo = (mesh: Mesh<ClusterAccess>): Promise<Delivered> => {
  delivered ??= deliver(mesh);
  return delivered;
};

/** An Application as it is now. */
export async function application(mesh: Mesh<ClusterAccess>, name: string): Promise<Application> {
  return JSON.parse(
    await mesh.kubectl("get", "applications.argoproj.io", name, "-n", namespace, "-o", "json"),
  ) as Application;
}

/** Has an Application compared with its repository at once, without what was cached; gives what came of it. */
export async function refresh(mesh: Mesh<ClusterAccess>, name: string): Promise<Application> {
  const annotation = "argocd.argoproj.io/refresh";
  await mesh.kubectl(
    ...["annotate", "applications.argoproj.io", name, "-n", namespace, "--overwrite", `${annotation}=hard`],
  );
  // Argo CD takes the annotation away with the same write that tells the outcome.
  const expression = `{.metadata.annotations.argocd\\.argoproj\\.io/refresh}`;
  await until(
    `Argo CD has compared ${name}`,
    async () =>
      (await mesh.kubectl("get", "applications.argoproj.io", name, "-n", namespace, "-o", `jsonpath=${expression}`)) ===
      "",
    { timeout: patience, interval: 1_000 },
  );
  return application(mesh, name);
}

/** Waits until an Application is as `check` wants it; the error tells how it is instead. */
export async function waitApplication(
  mesh: Mesh<ClusterAccess>,
  name: string,
  what: string,
  check: (application: Application) => boolean,
): Promise<Application> {
  let seen: Application = {};
  try {
    return await until(
      `Application ${name} is ${what}`,
      async () => {
        seen = await application(mesh, name);
        return check(seen) ? seen : undefined;
      },
      { timeout: patience, interval: 2_000 },
    );
  } catch (error) {
    const { sync, health, operationState, conditions, resources = [] } = seen.status ?? {};
    const odd = resources.filter((one) => one.status !== "Synced" || (one.health?.status ?? "Healthy") !== "Healthy");
    const state = { sync, health, phase: operationState?.phase, message: operationState?.message, conditions, odd };
    throw new Error(
      `${error instanceof Error ? error.message : String(error)}\n${JSON.stringify(state, undefined, 2)}`,
    );
  }
}

/** Waits until an Application is Synced with a commit and Healthy, and does nothing any more. */
export function waitHealthy(mesh: Mesh<ClusterAccess>, name: string, revision: string): Promise<Application> {
  return waitApplication(
    mesh,
    name,
    "Synced and Healthy",
    ({ status }) =>
      status?.sync?.status === "Synced" &&
      status.sync.revision === revision &&
      status.health?.status === "Healthy" &&
      status.operationState?.phase === "Succeeded",
  );
}

/** What an Application says of one object. */
export function healthOf(
  application: Application,
  kind: string,
  name: string,
): { status: string; message?: string } | undefined {
  return application.status?.resources?.find((one) => one.kind === kind && one.name === name)?.health;
}
