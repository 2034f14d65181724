/** Envoy resources as text for people, and how much of it a record holds. */
import { isHeadlessListener } from "../envoy/names.ts";
import type { EnvoyResource } from "../envoy/resource.ts";
import { resourceTypes, typeUrls } from "../envoy/resource.ts";
import { envoyYAML } from "../envoy/yaml.ts";
import { compare } from "../model/workload.ts";
import type { CompileCache, RecordText } from "./cache.ts";
import { contentHash } from "./cache.ts";

/** A ConfigMap holds 1 MiB (1,048,576 bytes) of data; what is left is for other files, keys and the object around. */
export const recordLimit = 1_000_000;

/** Encoded bytes below which a text surely fits: measured, a text has 5 times the bytes of what it says; 25 are allowed. */
const surelyFits = recordLimit / 25;

/** Entries of a YAML list with each resource in Envoy's words; endpoints, and what is there for one, change too often to be recorded. */
export function render(resources: readonly EnvoyResource[], cache: CompileCache): RecordText {
  const recorded = resources.filter(({ type, name }) => {
    return type !== "endpoint" && !(type === "listener" && isHeadlessListener(name));
  });
  const key = recorded.map(({ type, name, version }) => `${type} ${name} ${version}`).join("\n");
  return cache.texts.get(`resources ${key}`, () => {
    if (recorded.length === 0) return measured("");
    const order = (resource: EnvoyResource) => resourceTypes.indexOf(resource.type);
    const sorted = [...recorded].sort((a, b) => order(a) - order(b) || compare(a.name, b.name));
    return measured(envoyYAML(sorted.map(({ type, config }) => ({ "@type": typeUrls[type], ...config }))));
  });
}

/** Whether the resources fit into a record. Renders them only if that is in doubt. */
export function fitsRecord(resources: readonly EnvoyResource[], cache: CompileCache): boolean {
  const encoded = resources.reduce((sum, { wire }) => sum + wire.length, 0);
  return encoded < surelyFits || render(resources, cache).bytes <= recordLimit;
}

const encoder = new TextEncoder();

/** A text with what is asked of it again and again. */
export const measured = (text: string): RecordText => ({
  text,
  hash: contentHash(text),
  bytes: encoder.encode(text).length,
});
