/**
 * CustomResourceDefinitions and other manifests of others as the tests install them, from the cache of Go modules. Tests
 * have no network: `node tools/definitions.ts` fetches the modules, and `make e2e-gitops` those that only it reads.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./processes.ts";

/** Pinned by the `go.mod` of a folder in `binaries`. */
const modules = {
  "cert-manager": "github.com/cert-manager/cert-manager",
  "prometheus-operator": "github.com/prometheus-operator/prometheus-operator",
  "argo-cd": "github.com/argoproj/argo-cd/v3",
  "kustomize-controller": "github.com/fluxcd/kustomize-controller",
  "source-controller": "github.com/fluxcd/source-controller",
} as const;

/** What only the tests on a kind cluster read: those of Argo CD and of Flux. */
export const gitopsModules = ["argo-cd", "kustomize-controller", "source-controller"] as const;

/** The folder of a pinned Go module, which is fetched when it is not there. */
export async function moduleFolder(name: keyof typeof modules): Promise<string> {
  const directory = join(import.meta.dirname, "binaries", name);
  const options = { cwd: directory, environment: { ...process.env, GOFLAGS: "-mod=readonly", GOWORK: "off" } };
  const { Dir } = JSON.parse(await run("go", ["mod", "download", "-json", modules[name]], options)) as {
    readonly Dir: string;
  };
  return Dir;
}

/** Names of the files of cert-manager that are read: the plurals of its kinds. */
export const certManagerFiles = [
  "certificates",
  "certificaterequests",
  "issuers",
  "clusterissuers",
  "orders",
  "challenges",
] as const;

type CertManagerFile = (typeof certManagerFiles)[number];

/** The YAML of a CustomResourceDefinition, without the lines that only Helm understands (labels). */
export async function certManagerDefinition(file: CertManagerFile): Promise<string> {
  const text = await readFile(join(await moduleFolder("cert-manager"), "deploy/crds", `crd-${file}.yaml`), "utf8");
  return text
    .split("\n")
    .filter((line) => !line.includes("{{"))
    .join("\n");
}

/** The YAML of a CustomResourceDefinition of the Prometheus operator. */
export async function prometheusDefinition(plural: "podmonitors" | "prometheusrules"): Promise<string> {
  const folder = join(await moduleFolder("prometheus-operator"), "example/prometheus-operator-crd");
  return readFile(join(folder, `monitoring.coreos.com_${plural}.yaml`), "utf8");
}

if (import.meta.main) for (const name of ["cert-manager", "prometheus-operator"] as const) await moduleFolder(name);
