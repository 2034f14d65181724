/** Envoy resources as text for people, and how much of it a record holds. */
import { isHeadlessListener } from "../envoy/names.ts";
import type { EnvoyResource } from "../envoy/resource.ts";
import { resourceTypes, typeUrls } from "../envoy/resource.ts";
import { envoyYAML } from "../envoy/yaml.ts";
import type { ObjectReference } from "../model/mesh.ts";
import { compare } from "../model/workload.ts";
import { contentHash } from "./content-hash.ts";

/** A ConfigMap holds 1 MiB (1,048,576 bytes) of data; what is left is for other files, keys and the object around. */
export const recordLimit = 1_000_000;

/** Encoded bytes below which a text surely fits: measured, a text has 5 times the bytes of what it says; 25 are allowed. */
const surelyFits = recordLimit / 25;

/** A file of a record. */
export interface RecordFile {
  /** What the text is of; equal keys mean equal texts. */
  readonly key: string;
  text(): string;
}

/** What goes into one ConfigMap. */
export interface RecordContent {
  readonly files: Readonly<Record<string, RecordFile>>;
  readonly origins: readonly ObjectReference[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly keeps?: readonly string[];
}

/** What is recorded of some resources: endpoints, and what is there for one, change too often. */
export const recordedOf = (resources: readonly EnvoyResource[]): readonly EnvoyResource[] =>
  resources.filter(({ type, name }) => type !== "endpoint" && !(type === "listener" && isHeadlessListener(name)));

/** What the text of resources is of. */
export const keyOfText = (resources: readonly EnvoyResource[]): string =>
  contentHash(recordedOf(resources).map(({ type, name, version }) => [type, name, version]));

/** Entries of a YAML list with each resource that is recorded in Envoy's words. */
export function render(resources: readonly EnvoyResource[]): string {
  const order = (resource: EnvoyResource) => resourceTypes.indexOf(resource.type);
  const sorted = [...recordedOf(resources)].sort((a, b) => order(a) - order(b) || compare(a.name, b.name));
  const entries = sorted.map(({ type, config }) => ({ "@type": typeUrls[type], ...config }));
  return entries.length === 0 ? "" : envoyYAML(entries);
}

/** Whether the resources fit into a record. Renders them only if that is in doubt. */
export function fitsRecord(resources: readonly EnvoyResource[]): boolean {
  const encoded = resources.reduce((sum, { wire }) => sum + wire.length, 0);
  return encoded < surelyFits || Buffer.byteLength(render(resources)) <= recordLimit;
}

/** A record of resources that are rendered in this order, one list after another. */
export const recordOf = (lists: readonly (readonly EnvoyResource[])[], key: string): RecordFile => ({
  key,
  text: () => {
    const body = lists.map(render).join("");
    return body === "" ? "resources: []\n" : `resources:\n${body}`;
  },
});
