/**
 * Last pass: the record in the cluster.
 *
 *   WorkloadClass --> ConfigMap heddle-<class>          what a sidecar mounts and starts from, and its inbound side
 *   Reach ----------> ConfigMap heddle-reach-<hash>     in each namespace that uses it: its outbound side, no endpoints
 */
import { bootstrapFiles } from "../envoy/bootstrap.ts";
import { envoyYAML } from "../envoy/yaml.ts";
import type { Mesh, ObjectReference, Reach } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import type { DesiredObject } from "../model/output.ts";
import { configMapOfClass, configMapOfReach, keys, manager } from "../model/sidecar.ts";
import type { MeshSettings, Snapshot } from "../model/snapshot.ts";
import { compare, mountedClass, shortHash } from "../model/workload.ts";
import type { CompileCache, RecordText } from "./cache.ts";
import { contentHash } from "./cache.ts";
import type { Encoding } from "./encoding.ts";
import { distinctReferences, namespaceOf } from "./objects.ts";
import { measured, recordLimit, render } from "./record-text.ts";
import { isMember } from "./workloads.ts";

/** Value of the annotation `heddle.dev/recorded` of a class whose inbound side has no room: what there is of it is older. */
export const recordedStart = "bootstrap";

/** Annotations of an object hold 256 KiB in all; in bytes. */
const originsLimit = 200_000;

/** All ConfigMaps that are to exist, by namespace and name. */
export function recordMesh(
  mesh: Mesh,
  encoding: Encoding,
  reaches: ReadonlyMap<string, ReachRecord>,
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
    const unit = encoding.classes.get(id);
    const inbound = unit === undefined ? undefined : render(unit.resources, cache);
    const content: RecordContent =
      inbound !== undefined && inbound.bytes <= recordLimit
        ? { files: { ...start, "inbound.yaml": recordOf([inbound], cache) }, origins: workload.origins }
        : { files: start, origins: [], keeps: ["inbound.yaml"], annotations: { [keys.recorded]: recordedStart } };
    add(workload.namespace, configMapOfClass(id), content);
  }
  for (const [namespace, id] of mesh.reachOfNamespace) {
    const reach = reaches.get(id);
    if (reach !== undefined) add(namespace, configMapOfReach(id), reach.content);
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
  readonly keeps?: readonly string[];
}

function configMap(namespace: string, name: string, content: RecordContent, cache: CompileCache): DesiredObject {
  const files = Object.entries(content.files);
  const annotations = {
    [keys.revision]: revisionOf(files.map(([file, { hash }]) => [file, hash])),
    [keys.origins]: originsText(content.origins),
    ...content.annotations,
  };
  return cache.outputs.get(
    contentHash([namespace, name, files.map(([file, { hash }]) => [file, hash]), annotations]),
    () => {
      const metadata = { name, namespace, labels: { [keys.managedBy]: manager }, annotations };
      const data = Object.fromEntries(files.map(([file, { text }]) => [file, text]));
      const { keeps } = content;
      return { apiVersion: "v1", kind: "ConfigMap", metadata, data, ...(keeps === undefined ? {} : { keeps }) };
    },
  );
}

/** A JSON list of the objects behind a record, as many as fit. */
function originsText(origins: readonly ObjectReference[]): string {
  const texts: string[] = [];
  let bytes = 2;
  for (const { kind, namespace, name, uid, generation } of origins) {
    const text = JSON.stringify({ kind, namespace, name, uid, generation });
    bytes += text.length + 1;
    if (bytes > originsLimit) break;
    texts.push(text);
  }
  return `[${texts.join(",")}]`;
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
 * The name is the user's to write, so one that is not a class's, or that no object can have, is left alone.
 */
function mountedClasses(snapshot: Snapshot): readonly (readonly [namespace: string, classId: string])[] {
  return [...snapshot.pods.values()].filter(isMember).flatMap((pod) => {
    const id = mountedClass(pod);
    return id !== undefined && isClassId(id) ? [[namespaceOf(pod), id] as const] : [];
  });
}

/** Whether it ends as the id of a class does, and an object can be called `heddle-` and this (RFC 1123 subdomain). */
const isClassId = (text: string): boolean =>
  text.length <= 240 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*-[0-9a-f]{10}$/.test(text);

/** What is recorded of a reach. */
export interface ReachRecord {
  readonly content: RecordContent;
  /** Services for which there is no room. */
  readonly missing: readonly ObjectKey[];
}

/** What is recorded of each reach, by its id: services in their order, each that still fits. */
export function recordReaches(mesh: Mesh, encoding: Encoding, cache: CompileCache): ReadonlyMap<string, ReachRecord> {
  return new Map([...mesh.reaches].map(([id, reach]) => [id, recordReach(reach, mesh, encoding, cache)]));
}

function recordReach(reach: Reach, mesh: Mesh, encoding: Encoding, cache: CompileCache): ReachRecord {
  const texts: RecordText[] = [];
  const origins: ObjectReference[] = [];
  const missing: ObjectKey[] = [];
  let bytes = 0;
  for (const key of reach.services) {
    const text = render(encoding.services.get(key)?.resources ?? [], cache);
    if (bytes + text.bytes > recordLimit) {
      missing.push(key);
      continue;
    }
    bytes += text.bytes;
    texts.push(text);
    const routes = mesh.services.get(key)?.ports.flatMap(({ routing }) => routing.routes) ?? [];
    origins.push(...routes.flatMap(({ origin }) => origin ?? []));
  }
  const content = {
    files: { "outbound.yaml": recordOf(texts, cache) },
    origins: distinctReferences(origins),
    ...(missing.length === 0 ? {} : { annotations: { [keys.recorded]: `${texts.length}/${reach.services.length}` } }),
  };
  return { content, missing };
}

/** A record of entries. */
function recordOf(entries: readonly RecordText[], cache: CompileCache): RecordText {
  return cache.texts.get(`record ${contentHash(entries.map(({ hash }) => hash))}`, () => {
    const body = entries.map(({ text }) => text).join("");
    return measured(body === "" ? "resources: []\n" : `resources:\n${body}`);
  });
}
