import { annotationPrefix, boundSettings, parseBound, podAnnotations } from "../model/annotations.ts";
import { isEnrolled } from "../model/exemptions.ts";
import { quote } from "../model/quote.ts";
import { containers, keys } from "../model/sidecar.ts";

/** The metadata of a Namespace, as far as it is the mesh's. */
export interface NamespaceMetadata {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** https://kubernetes.io/docs/concepts/security/pod-security-admission/ */
const podSecurityLabel = "pod-security.kubernetes.io/enforce";

/** Why a namespace that is enrolled has no pods of the mesh. */
export const unmanagedNamespace =
  "the operator may not keep identities in this namespace: it is none of its setting 'namespaces' (the chart's value rbac.namespaces), or has no Role for it. Have it added, or take the label " +
  `${keys.inject} off the namespace`;

/** What the author of a Namespace should know, a line each: what has no effect, and what refuses its pods. */
export function warnOfNamespace({ labels, annotations }: NamespaceMetadata, isManaged = true): readonly string[] {
  const inject = entryOf(labels, keys.inject);
  const level = entryOf(labels, podSecurityLabel);
  const lines: string[] = [];
  if (inject !== undefined && !["enabled", "enforced", "disabled"].includes(inject)) {
    lines.push(
      `label ${keys.inject} is ${quote(inject)}, which has no effect: "enabled" puts pods into the mesh, "enforced" does and lets none opt out`,
    );
  }
  if (isEnrolled(labels) && (level === "baseline" || level === "restricted")) {
    lines.push(
      `label ${podSecurityLabel} is ${level}, which refuses pods of the mesh: their container ${containers.redirect} needs NET_ADMIN and NET_RAW. Label it privileged, or leave the namespace out of the mesh`,
    );
  }
  if (isEnrolled(labels) && !isManaged) lines.push(`pods of the mesh are refused here: ${unmanagedNamespace}`);
  return [...lines, ...Object.entries(annotations).flatMap(([key, value]) => warnOfAnnotation(key, value))];
}

function warnOfAnnotation(key: string, value: string): readonly string[] {
  if (!key.startsWith(annotationPrefix)) return [];
  if (key === keys.inject) return [`${key} is a label, and has no effect as an annotation`];
  const name = key.slice(annotationPrefix.length);
  const bound = boundSettings.find((setting) => setting.name === name);
  if (bound === undefined) {
    const isOfPods = podAnnotations.some((known) => known.name === name);
    const why = isOfPods
      ? `it is for pods; ${annotationPrefix}bound-${name} bounds it here`
      : "Heddle does not know it";
    return [`annotation ${quote(key)} has no effect on a namespace: ${why}`];
  }
  try {
    parseBound(bound.annotation, value);
    return [];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const refused = `pods with ${annotationPrefix}${bound.annotation} are refused until it is corrected`;
    return [`annotation ${key} ${error.message}; ${refused}`];
  }
}

const entryOf = (record: Readonly<Record<string, string>>, key: string): string | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;
