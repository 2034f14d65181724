/** YAML that Envoy reads as it was meant. */
import { Document, isScalar, visit } from "yaml";
import { compare } from "../model/workload.ts";

/** Keys that no YAML reader takes for anything but text, but for the words below. */
const plainKey = /^[a-z][a-z0-9_]*$/;
const words = new Set(["y", "n", "yes", "no", "on", "off", "true", "false", "null"]);

/** The keys that say what an object is come first. */
const rank = (key: string): number => (key === "@type" ? 0 : key === "name" ? 1 : 2);

/**
 * Block YAML in which every string is quoted, since Envoy's reader takes a bare `no`, `on` or `1_000` for something else
 * (a Service may be called `no`). Keys are sorted, so equal values give equal texts.
 */
export function envoyYAML(value: unknown): string {
  const document = new Document(value, {
    aliasDuplicateObjects: false,
    sortMapEntries: (a, b) => rank(text(a.key)) - rank(text(b.key)) || compare(text(a.key), text(b.key)),
  });
  visit(document, {
    Scalar(key, node) {
      if (typeof node.value === "string") {
        node.type = key === "key" && plainKey.test(node.value) && !words.has(node.value) ? "PLAIN" : "QUOTE_DOUBLE";
      }
    },
  });
  return document.toString({
    lineWidth: 0,
    doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
    blockQuote: false,
  });
}

function text(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}
