/**
 * Golden pairs: `in.yaml` has Kubernetes objects; beside it is what the compile makes of them.
 *
 *   mesh.yaml     the typed middle
 *   envoy.yaml    every Envoy resource of the services and of the classes, in Envoy's words
 *   objects.yaml  the ConfigMaps: names, annotations and keys (their content is envoy.yaml and start.yaml; the revision is
 *                 a hash of it, and left out, so that a change of the bootstrap is seen in one file)
 *   status.yaml   the status of each object, once all proxies have acknowledged everything
 *
 * `UPDATE_GOLDEN=1` (`make golden`) writes them and deletes what no case has.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import type { EnvoyResource } from "../../src/envoy/resource.ts";
import { resourceTypes } from "../../src/envoy/resource.ts";
import { envoyYAML } from "../../src/envoy/yaml.ts";
import { keys } from "../../src/model/sidecar.ts";
import { SortedMap } from "../../src/model/sorted-map.ts";
import type { Compilation } from "../../src/reconcilers/compile.ts";
import { compile, createCompileCache } from "../../src/reconcilers/compile.ts";
import type { ObjectStatus } from "../../src/reconcilers/programmed.ts";
import { objectStatus } from "../../src/reconcilers/programmed.ts";
import { objectsOf } from "./desired-record.ts";
import type { GivenObject } from "./objects.ts";
import { clusterOf, testSettings } from "./objects.ts";
import { syncedProxies } from "./proxies.ts";

/** Where the cases are. */
export const goldenRoot = join(import.meta.dirname, "../golden");

/** Whether this run writes the files instead of comparing with them. */
export const isUpdating = process.env["UPDATE_GOLDEN"] === "1";

/** A case: a folder with an `in.yaml`. */
export interface GoldenCase {
  /** `concept/case`. */
  readonly name: string;
  readonly folder: string;
  readonly objects: readonly GivenObject[];
}

/** The files that a case has besides `in.yaml`. */
export type GoldenFiles = Readonly<Record<"mesh.yaml" | "envoy.yaml" | "objects.yaml" | "status.yaml", string>>;

const fileNames: readonly (keyof GoldenFiles)[] = ["mesh.yaml", "envoy.yaml", "objects.yaml", "status.yaml"];

/** All cases, by name. Throws if an input is not YAML. */
export function goldenCases(): readonly GoldenCase[] {
  return readdirSync(goldenRoot, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("/in.yaml"))
    .sort()
    .map((path) => {
      const folder = join(goldenRoot, dirname(path));
      return { name: dirname(path), folder, objects: readObjects(join(folder, "in.yaml")) };
    });
}

function readObjects(file: string): readonly GivenObject[] {
  return parseAllDocuments(readFileSync(file, "utf8")).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${file}: ${error.message}`);
    return document.toJS() as GivenObject;
  });
}

/** Compiles the objects of a case. */
export const compileObjects = (objects: readonly GivenObject[]): Compilation =>
  compile(clusterOf(objects), testSettings);

/** The status of each object, in the order of decisions, once all proxies have acknowledged everything. */
export function syncedStatuses(
  compilation: Compilation,
): readonly { readonly object: string; readonly status: ObjectStatus }[] {
  const states = syncedProxies(compilation);
  return [...compilation.decisions.values()].map((decision) => {
    const { kind, namespace, name } = decision.object;
    return { object: `${kind} ${namespace}/${name}`, status: objectStatus(decision, compilation, states, 0) };
  });
}

/** What pods with probes are sent on account of these: their status listener, and clusters that no other pod has. */
export function podResources({ mesh, targets }: Compilation): ReadonlyMap<string, readonly EnvoyResource[]> {
  const probed = [...mesh.classes.values()].filter(({ probes }) => probes !== undefined).flatMap(({ pods }) => pods);
  return new Map(
    probed.map((pod) => {
      const { readiness, groups = [] } = targets.get(pod) ?? {};
      const clusters = groups.flatMap(({ byType }) => [...byType.cluster.values()]);
      const checks = clusters.filter(({ name }) => name.startsWith("probe/GRPC/"));
      return [pod, [...checks, ...(readiness === undefined ? [] : [readiness])]];
    }),
  );
}

/** What the files of a case are to be. */
export function renderCase(compilation: Compilation): GoldenFiles {
  const probed = podResources(compilation);
  return {
    "mesh.yaml": readable(
      Object.fromEntries(Object.entries(compilation.mesh).map(([name, part]) => [name, plain(part)])),
    ),
    "envoy.yaml": envoyYAML({
      services: grouped(compilation.serviceResources),
      classes: grouped(compilation.classResources),
      ...(probed.size === 0 ? {} : { pods: grouped(probed) }),
    }),
    "objects.yaml": readable(
      objectsOf(compilation).map(({ kind, metadata: { namespace, name, labels, annotations }, data }) => {
        const { [keys.revision]: _revision, ...others } = annotations;
        return { kind, name: `${namespace}/${name}`, labels, annotations: others, keys: Object.keys(data) };
      }),
    ),
    "status.yaml": readable(syncedStatuses(compilation)),
  };
}

/** What a library knows how to write. */
const plain = (value: unknown): unknown => (value instanceof SortedMap ? new Map(value) : value);

/** Words that YAML 1.1 takes for something else, such as `no`, are quoted: they are names here. */
const readable = (value: unknown): string =>
  stringify(value, { compat: "yaml-1.1", lineWidth: 0, aliasDuplicateObjects: false });

/** Without access logs, which are the same for every listener, and long. test/envoy has tests of what they say. */
function brief(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(brief);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== "access_log");
  return Object.fromEntries(entries.map(([key, inner]) => [key, brief(inner)]));
}

/** Resources of each unit by type, as JSON. */
function grouped(units: ReadonlyMap<string, readonly EnvoyResource[]>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    [...units].map(([key, resources]) => {
      const byType = Map.groupBy(resources, ({ type }) => type);
      const types = resourceTypes.filter((type) => byType.has(type));
      return [
        key,
        Object.fromEntries(types.map((type) => [`${type}s`, byType.get(type)?.map(({ config }) => brief(config))])),
      ];
    }),
  );
}

/** What a file holds; undefined if there is none. */
export function readGolden(folder: string, file: string): string | undefined {
  const path = join(folder, file);
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** Writes a file of a case. */
export function writeGolden(folder: string, file: string, text: string): void {
  if (readGolden(folder, file) === text) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file), text);
}

/** Files and folders that belong to no case, relative to the root. `kept` are files beside the cases. */
export function findOrphans(cases: readonly GoldenCase[], kept: readonly string[]): readonly string[] {
  const known = new Set([
    ...kept,
    ...cases.flatMap(({ name }) => [...fileNames, "in.yaml"].map((file) => join(name, file))),
  ]);
  return readdirSync(goldenRoot, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(goldenRoot, join(entry.parentPath, entry.name)))
    .filter((path) => !known.has(path))
    .sort();
}

/** Deletes orphans, and the folders that are empty then. */
export function deleteOrphans(orphans: readonly string[]): void {
  for (const orphan of orphans) {
    rmSync(join(goldenRoot, orphan));
    let folder = dirname(join(goldenRoot, orphan));
    while (folder !== goldenRoot && readdirSync(folder).length === 0) {
      rmSync(folder, { recursive: true });
      folder = dirname(folder);
    }
  }
}

/**
 * Objects of the input without which the result would be the same: a case that says less than it seems to. An object of
 * ours has a status, so it always shows.
 */
export function findUnused(objects: readonly GivenObject[]): readonly string[] {
  const cache = createCompileCache();
  const resultOf = (some: readonly GivenObject[]): string => {
    const compilation = compile(clusterOf(some), testSettings, cache);
    return JSON.stringify([compilation.mesh, syncedStatuses(compilation)], (_key, value: unknown) =>
      value instanceof Map || value instanceof SortedMap ? [...value] : value,
    );
  };
  const whole = resultOf(objects);
  return objects
    .filter(({ apiVersion }) => !apiVersion.startsWith("heddle.dev/"))
    .filter((object) => resultOf(objects.filter((other) => other !== object)) === whole)
    .map(
      ({ kind, metadata: { namespace, name } }) => `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`,
    );
}
