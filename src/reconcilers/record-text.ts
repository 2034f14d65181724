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

/** A text of a record. */
export interface RecordText {
  readonly text: string;
  /** Hash of the text. */
  readonly hash: string;
  /** Length in UTF-8. */
  readonly bytes: number;
}

/** What goes into one ConfigMap. */
export interface RecordContent {
  readonly files: Readonly<Record<string, RecordText>>;
  readonly origins: readonly ObjectReference[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly keeps?: readonly string[];
}

/** Resources never change, and are rendered for two questions: whether they fit, and what they say. */
const rendered = new WeakMap<readonly EnvoyResource[], RecordText>();

/** What is recorded of some resources: endpoints, and what is there for one, change too often. */
export const recordedOf = (resources: readonly EnvoyResource[]): readonly EnvoyResource[] =>
  resources.filter(({ type, name }) => type !== "endpoint" && !(type === "listener" && isHeadlessListener(name)));

/** Entries of a YAML list with each resource that is recorded in Envoy's words. */
export function render(resources: readonly EnvoyResource[]): RecordText {
  const known = rendered.get(resources);
  if (known !== undefined) return known;
  const order = (resource: EnvoyResource) => resourceTypes.indexOf(resource.type);
  const sorted = [...recordedOf(resources)].sort((a, b) => order(a) - order(b) || compare(a.name, b.name));
  const entries = sorted.map(({ type, config }) => ({ "@type": typeUrls[type], ...config }));
  const text = measured(entries.length === 0 ? "" : envoyYAML(entries));
  rendered.set(resources, text);
  return text;
}

/** Whether the resources fit into a record. Renders them only if that is in doubt. */
export function fitsRecord(resources: readonly EnvoyResource[]): boolean {
  const encoded = resources.reduce((sum, { wire }) => sum + wire.length, 0);
  return encoded < surelyFits || render(resources).bytes <= recordLimit;
}

const encoder = new TextEncoder();

/** A text with what is asked of it again and again. */
export const measured = (text: string): RecordText => ({
  text,
  hash: contentHash(text),
  bytes: encoder.encode(text).length,
});

/** A record of entries. */
export function recordOf(entries: readonly RecordText[]): RecordText {
  const body = entries.map(({ text }) => text).join("");
  return measured(body === "" ? "resources: []\n" : `resources:\n${body}`);
}
