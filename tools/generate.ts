/**
 * Makes everything that derives from `crds/`: TypeScript types, compiled validators, the reference pages, and the chart's
 * templates of them; from the tables of annotations, settings and metrics, their pages; from the list of exemptions, the
 * conditions of the webhook and of the admission policy; and from the chart, its table of values and install.yaml. The
 * result is committed; `--check` says whether it is what its sources give, and changes nothing.
 *
 *   node tools/generate.ts [--check]   all of that
 *   node tools/generate.ts --envoy     the types of Envoy's API too (needs Go)
 *   node tools/generate.ts --cert-manager   the types of cert-manager's API too (needs Go)
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { annotationsPage } from "./generate/annotations.ts";
import { generateCertManagerTypes } from "./generate/cert-manager.ts";
import { definitionTemplate, installManifest, withValues } from "./generate/chart.ts";
import { readCustomResources } from "./generate/custom-resources.ts";
import { generateEnvoyTypes } from "./generate/envoy.ts";
import { metricsPage, settingsPage } from "./generate/operations.ts";
import { referencePage } from "./generate/reference.ts";
import { typesOf } from "./generate/types.ts";
import { validatorsOf } from "./generate/validators.ts";
import { withExemptions, withMatchConditions } from "./generate/webhook.ts";

const root = join(import.meta.dirname, "..");

/** Folders in which every file is generated, so that one that is not generated any more is deleted. */
const ownedFolders = ["src/api/generated", "charts/heddle/templates/crds"];

/** Every generated file but install.yaml, by its path from the root of the tree. */
async function generate(): Promise<Map<string, string>> {
  const resources = await readCustomResources(join(root, "crds"));
  const files = new Map<string, string>();
  for (const resource of resources) {
    files.set(`src/api/generated/${resource.kind}.ts`, await typesOf(resource));
    files.set(`docs/reference/${resource.kind.toLowerCase()}.md`, referencePage(resource));
    const definition = await readText(`crds/${resource.file}`);
    files.set(`charts/heddle/templates/crds/${resource.file}`, definitionTemplate(resource.file, definition));
  }
  for (const [name, content] of validatorsOf(resources)) {
    files.set(`src/api/generated/${name}`, content);
  }
  files.set("docs/reference/annotations.md", annotationsPage());
  files.set("docs/reference/settings.md", settingsPage());
  files.set("docs/reference/metrics.md", metricsPage());
  for (const file of ["webhook.yaml", "warnings.yaml"].map((name) => `charts/heddle/templates/${name}`)) {
    files.set(file, withMatchConditions(await readText(file)));
  }
  const policies = "charts/heddle/templates/admission.yaml";
  files.set(policies, withExemptions(await readText(policies)));
  const readme = "charts/heddle/README.md";
  files.set(readme, withValues(await readText(readme), await readText("charts/heddle/values.yaml")));
  return files;
}

const readText = (path: string): Promise<string> => readFile(join(root, path), "utf8");

/** Those of the files that are not as they are to be. */
async function differingOf(files: ReadonlyMap<string, string>): Promise<string[]> {
  const differing: string[] = [];
  for (const [path, content] of files) {
    const present = await readText(path).catch(() => undefined);
    if (present !== content) differing.push(path);
  }
  return differing;
}

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
  console.log(`generate: wrote ${path}`);
}

/** Paths of files in the owned folders that are not among the generated ones. */
async function orphans(files: ReadonlyMap<string, string>): Promise<string[]> {
  const found: string[] = [];
  for (const folder of ownedFolders) {
    const names = await readdir(join(root, folder)).catch(() => []);
    found.push(...names.map((name) => `${folder}/${name}`).filter((path) => !files.has(path)));
  }
  return found;
}

async function main(options: readonly string[]): Promise<number> {
  const unknown = options.find((option) => !["--check", "--envoy", "--cert-manager"].includes(option));
  if (unknown !== undefined) {
    console.error(`generate: unknown option ${unknown}; use --check, --envoy or --cert-manager`);
    return 2;
  }
  const check = options.includes("--check");
  if (options.includes("--envoy") && !check) {
    await generateEnvoyTypes(root);
  }
  if (options.includes("--cert-manager") && !check) {
    await generateCertManagerTypes(root);
  }
  const files = await generate();
  const stale = await orphans(files);
  const differing = await differingOf(files);
  if (!check) {
    for (const path of differing) await write(path, files.get(path) ?? "");
    for (const path of stale) {
      await rm(join(root, path), { recursive: true });
      console.log(`generate: deleted ${path}`);
    }
  }
  // The chart as it is now.
  const install = new Map([["install.yaml", await installManifest(join(root, "charts/heddle"))]]);
  const differingInstall = await differingOf(install);
  if (!check) {
    for (const path of differingInstall) await write(path, install.get(path) ?? "");
    return 0;
  }
  for (const path of [...differing, ...differingInstall])
    console.error(`generate: ${path} is not what it is made from gives`);
  for (const path of stale) console.error(`generate: ${path} is generated by nothing any more`);
  const failed = differing.length + differingInstall.length + stale.length > 0;
  if (failed) console.error("generate: run `make generate` and commit the result");
  return failed ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
