import { objectKey } from "../../src/model/object-key.ts";
import type { DesiredObject, DesiredRecord } from "../../src/model/output.ts";
import { keys, manager } from "../../src/model/sidecar.ts";
import type { Compilation } from "../../src/reconcilers/compile.ts";
import { recordRevision } from "../../src/reconcilers/outputs.ts";

/** A record with these texts, as a compile gives it. */
export function desiredRecord(
  { namespace = "shop", name }: { readonly namespace?: string; readonly name: string },
  data: Readonly<Record<string, string>>,
  more: {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly keeps?: readonly string[];
  } = {},
): DesiredRecord {
  const { annotations = {}, ...keeps } = more;
  const head = { apiVersion: "v1", kind: "ConfigMap" } as const;
  const metadata = { name, namespace, labels: { [keys.managedBy]: manager }, annotations };
  const whole = { ...metadata, annotations: { [keys.revision]: recordRevision(data), ...annotations } };
  return { ...head, metadata, files: data, ...keeps, object: () => ({ ...head, metadata: whole, data }) };
}

/** What a compile wants to be there, in words. */
export const objectsOf = ({ outputs }: Pick<Compilation, "outputs">): readonly DesiredObject[] =>
  [...outputs.values()].map((record) => record.object());

/** Records as a compile gives them. */
export const byKey = (records: readonly DesiredRecord[]): ReadonlyMap<string, DesiredRecord> =>
  new Map(records.map((record) => [objectKey(record), record]));
