/**
 * Last pass: the record in the cluster.
 *
 *   WorkloadClass --> ConfigMap heddle-<class>          what a sidecar mounts and starts from, and its inbound side
 *   Reach ----------> ConfigMap heddle-reach-<hash>     in each namespace that uses it: its outbound side, no endpoints
 */
import { bootstrapFiles } from "../envoy/bootstrap.ts";
import type { EnvoyResource } from "../envoy/resource.ts";
import { resourceTypes, typeUrls } from "../envoy/resource.ts";
import { envoyYAML } from "../envoy/yaml.ts";
import type { Mesh, ObjectReference, Reach } from "../model/mesh.ts";
import type { DesiredObject } from "../model/output.ts";
import { configMapOfClass, configMapOfReach, keys, manager } from "../model/sidecar.ts";
import type { MeshSettings, Snapshot } from "../model/snapshot.ts";
import { compare, shortHash } from "../model/workload.ts";
import type { CompileCache, RecordText } from "./cache.ts";
import { contentHash } from "./cache.ts";
import type { Encoding } from "./encoding.ts";
import { distinctReferences, namespaceOf, own } from "./objects.ts";
import { isMember } from "./workloads.ts";

/** A ConfigMap holds 1 MiB (1,048,576 bytes) of data; what is left is for keys and the object around. */
const recordLimit = 1_000_000;

/** Annotations of an object hold 256 KiB in all. */
const originsLimit = 1000;

/** All ConfigMaps that are to exist, by namespace and name. */
export function recordMesh(
  mesh: Mesh,
  encoding: Encoding,
  snapshot: Snapshot,
  settings: MeshSettings,
  cache: CompileCache,
): readonly DesiredObject[] {
  const start = startFiles(settings, cache);
  const outputs = new Map<string, DesiredObject>();
  const add = (namespace: string, name: string, content: RecordContent) => {
    const key = `${namespace}/${name}`;
    if (!outputs.has(key)) outputs.set(key, configMap(namespace, name, content, cache));
  };
  for (const [id, workload] of mesh.classes) {
    const resources = encoding.classes.get(id)?.resources ?? [];
    const files = { ...start, "inbound.yaml": recordOf([render(resources, cache)], cache) };
    add(workload.namespace, configMapOfClass(id), { files, origins: workload.origins });
  }
  for (const [namespace, id] of mesh.reachOfNamespace) {
    const reach = mesh.reaches.get(id);
    if (reach !== undefined) add(namespace, configMapOfReach(id), reachContent(reach, mesh, encoding, cache));
  }
  for (const [namespace, id] of mountedClasses(snapshot)) {
    add(namespace, configMapOfClass(id), { files: start, origins: [] });
  }
  return [...outputs.values()].sort(
    (a, b) => compare(a.metadata.namespace, b.metadata.namespace) || compare(a.metadata.name, b.metadata.name),
  );
}

/** What goes into one ConfigMap. */
interface RecordContent {
  readonly files: Readonly<Record<string, RecordText>>;
  readonly origins: readonly ObjectReference[];
  readonly annotations?: Readonly<Record<string, string>>;
}

function configMap(namespace: string, name: string, content: RecordContent, cache: CompileCache): DesiredObject {
  const origins = content.origins
    .slice(0, originsLimit)
    .map(({ kind, namespace: of, name: named, uid, generation }) => {
      return { kind, namespace: of, name: named, uid, generation };
    });
  const files = Object.entries(content.files);
  const annotations = {
    [keys.revision]: revisionOf(files.map(([file, { hash }]) => [file, hash])),
    [keys.origins]: JSON.stringify(origins),
    ...content.annotations,
  };
  return cache.outputs.get(
    contentHash([namespace, name, files.map(([file, { hash }]) => [file, hash]), annotations]),
    () => {
      const metadata = { name, namespace, labels: { [keys.managedBy]: manager }, annotations };
      const data = Object.fromEntries(files.map(([file, { text }]) => [file, text]));
      return { apiVersion: "v1", kind: "ConfigMap", metadata, data };
    },
  );
}

/** The revision of a record with this data: what the annotation of one says unless somebody has changed it. */
export function recordRevision(data: Readonly<Record<string, string>>): string {
  return revisionOf(Object.entries(data).map(([file, text]) => [file, contentHash(text)]));
}

const revisionOf = (hashes: readonly (readonly [file: string, hash: string])[]): string =>
  shortHash([...hashes].sort(([a], [b]) => compare(a, b)));

/** The files that every sidecar starts from. */
function startFiles(settings: MeshSettings, cache: CompileCache): Readonly<Record<string, RecordText>> {
  const input = contentHash(settings);
  const file = (name: "bootstrap" | "certificate" | "trust") =>
    cache.texts.get(`${name} ${input}`, () => measured(envoyYAML(bootstrapFiles(settings)[name])));
  return {
    "bootstrap.yaml": file("bootstrap"),
    "certificate.yaml": file("certificate"),
    "trust.yaml": file("trust"),
  };
}

/**
 * Classes that pods mount although their labels have changed since admission: a restarted sidecar starts from that mount.
 * The name is the user's to write, so one that no object can have is left alone.
 */
function mountedClasses(snapshot: Snapshot): readonly (readonly [namespace: string, classId: string])[] {
  return [...snapshot.pods.values()].filter(isMember).flatMap((pod) => {
    const id = own(pod.metadata.annotations, keys.class) ?? "";
    return /^[a-z0-9]([a-z0-9.-]{0,240}[a-z0-9])?$/.test(id) ? [[namespaceOf(pod), id] as const] : [];
  });
}

/** Services in their order, as many as fit. */
function reachContent(reach: Reach, mesh: Mesh, encoding: Encoding, cache: CompileCache): RecordContent {
  const texts: RecordText[] = [];
  const origins: ObjectReference[] = [];
  let bytes = 0;
  for (const key of reach.services) {
    const text = render(encoding.services.get(key)?.resources ?? [], cache);
    if (bytes + text.bytes > recordLimit) break;
    bytes += text.bytes;
    texts.push(text);
    const routes = mesh.services.get(key)?.ports.flatMap(({ routing }) => routing.routes) ?? [];
    origins.push(...routes.flatMap(({ origin }) => origin ?? []));
  }
  const isWhole = texts.length === reach.services.length;
  return {
    files: { "outbound.yaml": recordOf(texts, cache) },
    origins: distinctReferences(origins),
    ...(isWhole ? {} : { annotations: { [keys.recorded]: `${texts.length}/${reach.services.length}` } }),
  };
}

/** A record of entries. */
function recordOf(entries: readonly RecordText[], cache: CompileCache): RecordText {
  return cache.texts.get(`record ${contentHash(entries.map(({ hash }) => hash))}`, () => {
    const body = entries.map(({ text }) => text).join("");
    return measured(body === "" ? "resources: []\n" : `resources:\n${body}`);
  });
}

/** Entries of a YAML list with each resource in Envoy's words; endpoints change too often to be recorded. */
function render(resources: readonly EnvoyResource[], cache: CompileCache): RecordText {
  const recorded = resources.filter(({ type }) => type !== "endpoint");
  const key = recorded.map(({ type, name, version }) => `${type} ${name} ${version}`).join("\n");
  return cache.texts.get(`resources ${key}`, () => {
    if (recorded.length === 0) return measured("");
    const order = (resource: EnvoyResource) => resourceTypes.indexOf(resource.type);
    const sorted = [...recorded].sort((a, b) => order(a) - order(b) || compare(a.name, b.name));
    return measured(envoyYAML(sorted.map(({ type, config }) => ({ "@type": typeUrls[type], ...config }))));
  });
}

const encoder = new TextEncoder();

const measured = (text: string): RecordText => ({
  text,
  hash: contentHash(text),
  bytes: encoder.encode(text).length,
});
