/**
 * Last pass: the record in the cluster.
 *
 *   WorkloadClass --> ConfigMap heddle-<class>          what a sidecar mounts and starts from, and its inbound side
 *   Reach ----------> ConfigMap heddle-reach-<hash>     in each namespace that uses it: its outbound side, no endpoints
 */
import type { Pod } from "../api/kubernetes.ts";
import { bootstrapFiles } from "../envoy/bootstrap.ts";
import { envoyYAML } from "../envoy/yaml.ts";
import type { ObjectReference, WorkloadClass } from "../model/mesh.ts";
import { type ObjectKey, objectKey } from "../model/object-key.ts";
import type { DesiredObject, DesiredRecord } from "../model/output.ts";
import { configMapOfClass, configMapOfReach, keys, manager } from "../model/sidecar.ts";
import type { MeshSettings } from "../model/snapshot.ts";
import { mountedClass, shortHash, sortedEntries } from "../model/workload.ts";
import { contentHash } from "./content-hash.ts";
import type { Derivation, Table } from "./derivation.ts";
import { sameJSON } from "./derivation.ts";
import type { EncodedUnit, Encoding } from "./encoding.ts";
import { namespaceOf } from "./objects.ts";
import type { Reaches } from "./reach.ts";
import type { ReachRecords } from "./reach-records.ts";
import type { RecordContent, RecordFile } from "./record-text.ts";
import { fitsRecord, keyOfText, recordOf } from "./record-text.ts";
import type { Workloads } from "./workloads.ts";

/** Value of the annotation `heddle.dev/recorded` of a class whose inbound side has no room: what there is of it is older. */
export const recordedStart = "bootstrap";

/** Annotations of an object hold 256 KiB in all; in bytes. */
const originsLimit = 200_000;

/** What the pass needs of those before it. */
export interface RecordInputs {
  readonly reachRecords: ReachRecords;
  readonly classes: Table<WorkloadClass>;
  readonly encoding: Encoding;
  readonly workloads: Workloads;
  readonly reaches: () => Reaches;
  readonly settings: MeshSettings;
}

/** All ConfigMaps that are to exist, by namespace and name. */
export function deriveRecords(tables: Derivation, inputs: RecordInputs): Table<DesiredRecord> {
  const { reachRecords, classes, encoding, workloads, reaches, settings } = inputs;
  const startOf = tables.query(() => startFiles(settings));
  const start = () => startOf.get("") ?? {};
  const ofClasses = tables.each(
    classes,
    (workload, id) => {
      const unit = encoding.classes.get(id);
      return configMap(workload.namespace, configMapOfClass(id), classContent(workload, unit, start()));
    },
    sameOutput,
  );
  // Those of one word are in one ConfigMap.
  const mounts = tables.group(workloads.members, ({ pod }) => mountOf(pod));
  const ofMounts = tables.each(
    mounts,
    (_members, key) => {
      const [namespace = "", name = ""] = key.split("/");
      return configMap(namespace, name, { files: start(), origins: [] });
    },
    sameOutput,
  );
  const ofReaches = tables.each(
    workloads.ofNamespace,
    (_workloads, namespace) => {
      const id = reaches().ofNamespace.get(namespace) ?? "";
      const record = reachRecords.all().get(id);
      return record === undefined ? undefined : configMap(namespace, configMapOfReach(id), record.content);
    },
    sameOutput,
  );
  return tables.union(...[ofClasses, ofReaches, ofMounts].map((records) => tables.named(records, objectKey)));
}

function classContent(
  workload: WorkloadClass,
  unit: EncodedUnit | undefined,
  start: Readonly<Record<string, RecordFile>>,
): RecordContent {
  return unit !== undefined && fitsRecord(unit.resources)
    ? {
        files: { ...start, "inbound.yaml": recordOf([unit.resources], keyOfText(unit.resources)) },
        origins: workload.origins,
      }
    : { files: start, origins: [], keeps: ["inbound.yaml"], annotations: { [keys.recorded]: recordedStart } };
}

function configMap(namespace: string, name: string, content: RecordContent): DesiredRecord {
  const files = Object.entries(content.files);
  const annotations = { [keys.origins]: originsText(content.origins), ...content.annotations };
  const metadata = { name, namespace, labels: { [keys.managedBy]: manager }, annotations };
  /** It is asked for several times while it is written, and not again. */
  let made: WeakRef<DesiredObject> | undefined;
  return {
    ...head,
    metadata,
    files: Object.fromEntries(files.map(([file, { key }]) => [file, key])),
    ...(content.keeps === undefined ? {} : { keeps: content.keeps }),
    object: () => {
      const known = made?.deref();
      if (known !== undefined) return known;
      const data = Object.fromEntries(files.map(([file, { text }]) => [file, text()]));
      const object = {
        ...head,
        metadata: { ...metadata, annotations: { [keys.revision]: recordRevision(data), ...annotations } },
        data,
      };
      made = new WeakRef(object);
      return object;
    },
  };
}

const head = { apiVersion: "v1", kind: "ConfigMap" } as const;

const sameOutput = (a: DesiredRecord, b: DesiredRecord): boolean =>
  sameJSON([a.metadata, a.keeps, a.files], [b.metadata, b.keeps, b.files]);

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

/**
 * The revision of a record whose files have these hashes ({@link contentHash}): what the annotation of one says unless
 * somebody has changed it.
 */
export const revisionOfHashes = (hashes: Readonly<Record<string, string>>): string => shortHash(sortedEntries(hashes));

/** The same of the texts. */
export const recordRevision = (data: Readonly<Record<string, string>>): string => revisionOfHashes(hashesOf(data));

/** By file, the hash of its text. */
export const hashesOf = (data: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(data).map(([file, text]) => [file, contentHash(text)]));

/** The files that every sidecar starts from. */
function startFiles(settings: MeshSettings): Readonly<Record<string, RecordFile>> {
  const files = bootstrapFiles(settings);
  return {
    "bootstrap.yaml": fileOf(envoyYAML(files.bootstrap)),
    "certificate.yaml": fileOf(envoyYAML(files.certificate)),
    "trust.yaml": fileOf(envoyYAML(files.trust)),
  };
}

const fileOf = (text: string): RecordFile => ({ key: contentHash(text), text: () => text });

/**
 * The ConfigMap of a class that a pod mounts although its labels may have changed since admission: a restarted sidecar
 * starts from that mount. The name is the user's to write, so one that is not a class's, or that no object can have, is
 * left alone.
 */
function mountOf(pod: Pod): readonly ObjectKey[] {
  const id = mountedClass(pod);
  return id !== undefined && isClassId(id) ? [`${namespaceOf(pod)}/${configMapOfClass(id)}`] : [];
}

/** Whether it ends as the id of a class does, and an object can be called `heddle-` and this (RFC 1123 subdomain). */
const isClassId = (text: string): boolean =>
  text.length <= 240 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*-[0-9a-f]{10}$/.test(text);
