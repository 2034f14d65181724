/** What is recorded of each reach: as many of its services as a ConfigMap has room for. */
import type { EnvoyResource } from "../envoy/resource.ts";
import type { MeshService, ObjectReference, Reach } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { keys } from "../model/sidecar.ts";
import { contentHash } from "./content-hash.ts";
import type { Derivation, Table } from "./derivation.ts";
import { sameJSON } from "./derivation.ts";
import type { EncodedUnit, Encoding } from "./encoding.ts";
import { distinctReferences } from "./objects.ts";
import type { Reaches } from "./reach.ts";
import type { RecordContent } from "./record-text.ts";
import { keyOfText, recordLimit, recordOf, render } from "./record-text.ts";

/** What is recorded of a reach. */
export interface ReachRecord {
  readonly content: RecordContent;
  /** Services for which there is no room. */
  readonly missing: readonly ObjectKey[];
}

/** The outcome of the pass. Each value stays the same until something changes. */
export interface ReachRecords {
  /** By id of the reach. */
  readonly all: () => ReadonlyMap<string, ReachRecord>;
  /** Services for which a reach's ConfigMap has no room. */
  readonly unrecorded: () => ReadonlySet<ObjectKey>;
}

/** Renders every service, and puts together every reach. */
export function deriveReachRecords(
  tables: Derivation,
  inputs: {
    readonly services: Table<MeshService>;
    readonly encoding: Encoding;
    readonly reaches: () => Reaches;
  },
): ReachRecords {
  const { services, encoding, reaches } = inputs;
  const texts = tables.each(encoding.services, serviceText, (a, b) => a.key === b.key);
  const origins = tables.each(
    services,
    ({ ports }) => ports.flatMap(({ routing }) => routing.routes.flatMap(({ origin }) => origin ?? [])),
    sameJSON,
  );
  const all = tables.query((): ReadonlyMap<string, ReachRecord> => {
    return new Map([...reaches().all].map(([id, reach]) => [id, recordReach(reach, texts.all(), origins.all())]));
  });
  const known = () => all.get("") ?? new Map<string, ReachRecord>();
  const unrecorded = tables.query(() => new Set([...known().values()].flatMap(({ missing }) => missing)));
  return { all: known, unrecorded: () => unrecorded.get("") ?? new Set() };
}

/** What is recorded of a service. */
interface ServiceText {
  /** What the text is of; equal keys mean equal texts. */
  readonly key: string;
  readonly resources: readonly EnvoyResource[];
  /** Length of the text in UTF-8. */
  readonly bytes: number;
}

function serviceText({ resources }: EncodedUnit, _key: ObjectKey, before: ServiceText | undefined): ServiceText {
  const key = keyOfText(resources);
  return before?.key === key ? before : { key, resources, bytes: Buffer.byteLength(render(resources)) };
}

/** Of a service that could not be encoded. */
const nothing: ServiceText = { key: "", resources: [], bytes: 0 };

/** What is recorded of a reach: services in their order, each that still fits. */
function recordReach(
  { services }: Reach,
  known: ReadonlyMap<ObjectKey, ServiceText>,
  originsOf: ReadonlyMap<ObjectKey, readonly ObjectReference[]>,
): ReachRecord {
  const texts: ServiceText[] = [];
  const origins: ObjectReference[] = [];
  const missing: ObjectKey[] = [];
  let bytes = 0;
  for (const key of services) {
    const text = known.get(key) ?? nothing;
    if (bytes + text.bytes > recordLimit) {
      missing.push(key);
      continue;
    }
    bytes += text.bytes;
    texts.push(text);
    origins.push(...(originsOf.get(key) ?? []));
  }
  const lists = texts.map(({ resources }) => resources);
  const file = recordOf(lists, contentHash(texts.map((text) => text.key)));
  const content = {
    files: { "outbound.yaml": file },
    origins: distinctReferences(origins),
    ...(missing.length === 0 ? {} : { annotations: { [keys.recorded]: `${texts.length}/${services.length}` } }),
  };
  return { content, missing };
}
