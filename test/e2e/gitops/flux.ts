/**
 * Flux's kustomize-controller on the cluster of the run. What fetches from git for it, source-controller, is left out: a
 * GitRepository is given the status that it would write.
 */
import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { ClusterAccess } from "../../../tools/cluster.ts";
import { moduleFolder } from "../../../tools/definitions.ts";
import { conditionOf, type Mesh, repository, type StatusView } from "../../../tools/demo/mesh.ts";
import { kustomizeControllerImage } from "../../../tools/kind/gitops-images.ts";
import { until } from "../../../tools/processes.ts";
import { type Files, publish } from "./sources.ts";

const namespace = "flux-system";
/** How long anything may take, in milliseconds. */
const patience = 240_000;

interface Manifest {
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string };
  readonly subjects?: readonly Readonly<Record<string, unknown>>[];
}

/** A Kustomization, as far as tests look. */
interface Kustomization extends StatusView {
  readonly status?: StatusView["status"] & { readonly lastAttemptedRevision?: string };
}

async function apply(mesh: Mesh<ClusterAccess>, objects: readonly object[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
  const { status, stderr } = await mesh.cluster.kubectl(["apply", "--server-side", "-f", "-"], list);
  if (status !== 0) throw new Error(stderr);
}

async function objectsIn(folder: string): Promise<readonly Manifest[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".yaml") && file !== "kustomization.yaml");
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  return texts
    .flatMap((text) => parseAllDocuments(text))
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null);
}

/** Installs the controller and the kinds that it reads. */
export async function installFlux(mesh: Mesh<ClusterAccess>): Promise<void> {
  await apply(mesh, [{ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }]);
  const config = join(await moduleFolder("kustomize-controller"), "config");
  await apply(mesh, [
    ...(await objectsIn(join(await moduleFolder("source-controller"), "config/crd/bases"))),
    ...(await objectsIn(join(config, "crd/bases"))),
  ]);
  await mesh.kubectl("wait", "crd", "--for=condition=Established", "--all", "--timeout=60s");
  // Its manifests say where they belong by Kustomize, of which this is all that is needed.
  const parts = [...(await objectsIn(join(config, "rbac"))), ...(await objectsIn(join(config, "manager")))].map(
    (object) => ({
      ...object,
      metadata: { ...object.metadata, ...(object.kind.startsWith("Cluster") ? {} : { namespace }) },
      ...(object.subjects && { subjects: object.subjects.map((subject) => ({ ...subject, namespace })) }),
    }),
  );
  const text = JSON.stringify(parts).replace('"fluxcd/kustomize-controller"', JSON.stringify(kustomizeControllerImage));
  await apply(mesh, JSON.parse(text) as object[]);
  await mesh.kubectl("rollout", "status", "deployment/kustomize-controller", "-n", namespace, "--timeout=3m");
}

/**
 * Makes the example's Kustomization of objects of Heddle, with changes to its spec. It depends on nothing: what brings
 * Heddle in the example is a HelmRelease's. Files have their namespace in them.
 */
export async function applyKustomization(
  mesh: Mesh<ClusterAccess>,
  spec: Readonly<Record<string, unknown>>,
): Promise<void> {
  const example = readFileSync(join(repository, "examples/gitops/flux/heddle.yaml"), "utf8");
  const found = parseAllDocuments(example)
    .map((document) => document.toJS() as Manifest & { readonly spec: Readonly<Record<string, unknown>> })
    .find(({ metadata }) => metadata.name === "shop-traffic");
  if (found === undefined) throw new Error("the example has no Kustomization shop-traffic");
  const { dependsOn: _, targetNamespace: __, ...others } = found.spec;
  await apply(mesh, [{ ...found, spec: { ...others, ...spec } }]);
}

/** Gives the GitRepository of the example these files as its newest artifact; gives the revision. */
export async function publishShop(mesh: Mesh<ClusterAccess>, files: Files): Promise<string> {
  const artifact = await publish(mesh, "shop", files);
  const source = `apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: shop, namespace: ${namespace}}
spec: {url: "https://git.example.com/shop.git", interval: 10m}
`;
  await mesh.apply(source);
  const ready = {
    type: "Ready",
    status: "True",
    reason: "Succeeded",
    message: "stored",
    lastTransitionTime: artifact.lastUpdateTime,
  };
  const patch = JSON.stringify({ status: { observedGeneration: 1, artifact, conditions: [ready] } });
  const flags = ["-n", namespace, "--subresource=status", "--type=merge", "-p", patch];
  await mesh.kubectl("patch", "gitrepositories.source.toolkit.fluxcd.io", "shop", ...flags);
  return artifact.revision;
}

async function kustomization(mesh: Mesh<ClusterAccess>): Promise<Kustomization> {
  const kind = "kustomizations.kustomize.toolkit.fluxcd.io";
  return JSON.parse(await mesh.kubectl("get", kind, "shop-traffic", "-n", namespace, "-o", "json")) as Kustomization;
}

/** Waits until the Kustomization has tried a revision and its `Ready` has this status; gives it as it is then. */
export async function waitReady(
  mesh: Mesh<ClusterAccess>,
  revision: string,
  status: "True" | "False",
): Promise<Kustomization> {
  let seen: Kustomization | undefined;
  try {
    return await until(
      `the Kustomization's Ready is ${status} with ${revision}`,
      async () => {
        seen = await kustomization(mesh);
        const tried =
          seen.status?.lastAttemptedRevision === revision &&
          seen.status.observedGeneration === seen.metadata.generation;
        return tried && conditionOf(seen, "Ready")?.status === status ? seen : undefined;
      },
      { timeout: patience, interval: 1_000 },
    );
  } catch (error) {
    throw new Error(
      `${error instanceof Error ? error.message : String(error)}\n${JSON.stringify(seen?.status, undefined, 2)}`,
    );
  }
}
