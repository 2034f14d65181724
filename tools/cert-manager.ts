/**
 * cert-manager as the tests run it: its CustomResourceDefinitions, from the cache of Go modules. Tests have no network:
 * `node tools/cert-manager.ts` fetches the module.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./processes.ts";

/** Names of the files that are read. */
export type CertManagerFile =
  | "certificates"
  | "certificaterequests"
  | "issuers"
  | "clusterissuers"
  | "orders"
  | "challenges";

/** The folder of the pinned Go module, which is fetched when it is not there. */
async function moduleFolder(): Promise<string> {
  const directory = join(import.meta.dirname, "binaries/cert-manager");
  const options = { cwd: directory, environment: { ...process.env, GOFLAGS: "-mod=readonly", GOWORK: "off" } };
  const { Dir } = JSON.parse(
    await run("go", ["mod", "download", "-json", "github.com/cert-manager/cert-manager"], options),
  ) as {
    readonly Dir: string;
  };
  return Dir;
}

/** The YAML of a CustomResourceDefinition, without the lines that only Helm understands (labels). */
export async function certManagerDefinition(file: CertManagerFile): Promise<string> {
  const text = await readFile(join(await moduleFolder(), "deploy/crds", `crd-${file}.yaml`), "utf8");
  return text
    .split("\n")
    .filter((line) => !line.includes("{{"))
    .join("\n");
}

if (import.meta.main) await moduleFolder();
