/** How a ConfigMap in the cluster differs from the record that is to be there. */
import type { ConfigMap, ObjectMeta } from "../api/kubernetes.ts";
import type { DesiredObject, DesiredRecord } from "../model/output.ts";
import { keys, manager } from "../model/sidecar.ts";
import { hashesOf, recordedStart, recordRevision, revisionOfHashes } from "../reconcilers/outputs.ts";

/** A ConfigMap as the watch keeps it: thousands of texts are much, and of most nobody asks more than whether they are the same. */
export interface SeenRecord {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  /** By file, the hash of its text. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Of one that is recorded in part: what it keeps is nowhere else. */
  readonly data?: Readonly<Record<string, string>>;
  /** Whether it has binary data. */
  readonly isBinary: boolean;
  readonly immutable: boolean;
}

/** What is kept of a ConfigMap. */
export function seenRecord({ apiVersion, kind, metadata, data = {}, binaryData, immutable }: ConfigMap): SeenRecord {
  const isPart = metadata.annotations?.[keys.recorded] === recordedStart;
  return {
    ...{ apiVersion, kind, metadata },
    hashes: hashesOf(data),
    ...(isPart ? { data } : {}),
    isBinary: Object.keys(binaryData ?? {}).length > 0,
    immutable: immutable === true,
  };
}

/**
 * - `none`: all that we set is there, and no content but ours.
 * - `fields`: an apply mends it.
 * - `strangers`: it has content that is not ours, or is immutable. An apply takes nothing away that others own, and is
 *   refused where one of our files is among `binaryData`.
 */
export type Difference = "none" | "fields" | "strangers";

/** What an annotation of ours begins with; others may annotate as they like. */
const ourPrefix = "heddle.dev/";

/** Compares what is to be with what is. */
export function differenceOf(wanted: DesiredObject, observed: SeenRecord): Difference {
  const { labels, annotations = {} } = observed.metadata;
  const isStrange =
    observed.immutable ||
    observed.isBinary ||
    Object.keys(observed.hashes).some((key) => !Object.hasOwn(wanted.data, key)) ||
    Object.keys(annotations).some(
      (key) => key.startsWith(ourPrefix) && !Object.hasOwn(wanted.metadata.annotations, key),
    );
  if (isStrange) return "strangers";
  const isSame =
    hasEntries(wanted.metadata.labels, labels) &&
    hasEntries(wanted.metadata.annotations, annotations) &&
    hasEntries(hashesOf(wanted.data), observed.hashes);
  return isSame ? "none" : "fields";
}

/**
 * The object to write: what is wanted, with the files that it keeps as `last` has them, a record of the same name with its
 * texts. One that somebody has changed has nothing to keep.
 */
export function withKept(record: DesiredRecord, last: ConfigMap | undefined): DesiredObject {
  const wanted = record.object();
  const { keeps } = record;
  if (keeps === undefined || last === undefined || !isRecord(last) || isTamperedWith(seenRecord(last))) return wanted;
  const kept = Object.entries(last.data ?? {}).filter(([file]) => keeps.includes(file));
  if (kept.length === 0) return wanted;
  const data = { ...wanted.data, ...Object.fromEntries(kept) };
  const annotations = {
    ...wanted.metadata.annotations,
    [keys.revision]: recordRevision(data),
    [keys.origins]: last.metadata.annotations?.[keys.origins] ?? "[]",
  };
  return { ...wanted, metadata: { ...wanted.metadata, annotations }, data };
}

/** Whether its content is not what its own revision says: somebody has changed one of the two. */
export function isTamperedWith({ metadata, hashes }: SeenRecord): boolean {
  return metadata.annotations?.[keys.revision] !== revisionOfHashes(hashes);
}

/** Written by this operator's publisher; other objects with our label are left alone. */
export function isRecord({ metadata: { labels, annotations } }: Pick<SeenRecord, "metadata">): boolean {
  return labels?.[keys.managedBy] === manager && annotations?.[keys.revision] !== undefined;
}

/** Whether something without our label was the operator's: its revision is left. */
export function isLeftOfRecord({ metadata }: Pick<SeenRecord, "metadata">): boolean {
  return metadata.annotations?.[keys.revision] !== undefined;
}

/** The object with our content and no other, and with the labels and annotations of others as they are. */
export function restored(wanted: DesiredObject, live: ConfigMap): ConfigMap {
  const { binaryData: _binaryData, immutable: _immutable, ...rest } = live;
  const foreign = Object.entries(live.metadata.annotations ?? {}).filter(([key]) => !key.startsWith(ourPrefix));
  return {
    ...rest,
    metadata: {
      ...live.metadata,
      labels: { ...live.metadata.labels, ...wanted.metadata.labels },
      annotations: { ...Object.fromEntries(foreign), ...wanted.metadata.annotations },
    },
    data: wanted.data,
  };
}

function hasEntries(
  wanted: Readonly<Record<string, string>>,
  observed: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(wanted).every(
    ([key, value]) => observed !== undefined && Object.hasOwn(observed, key) && observed[key] === value,
  );
}
