/**
 * The one table of what a pod may ask of its sidecar by annotations. Validation, bounds, the operator's settings and the
 * reference page are made from it.
 */
import type { ValueKind } from "./annotation-kinds.ts";
import { addressBlocks, count, cpu, logLevel, memory, ports, seconds } from "./annotation-kinds.ts";
import { quote } from "./quote.ts";
import { keys } from "./sidecar.ts";

/** Before the name of every annotation of ours. */
export const annotationPrefix = "heddle.dev/";

/** Before the names of a Namespace's annotations and of the operator's settings that bound annotations of pods. */
const boundPrefix = "bound-" as const;

interface Row {
  /** Without the prefix. */
  readonly name: string;
  readonly kind: ValueKind;
  /** The mesh's bound, unless it is set. */
  readonly bound: string;
  /** What it does, for the reference page. */
  readonly effect: string;
  /**
   * It takes connections out of the mesh. Where pods may not opt out (`heddle.dev/inject: enforced`) it needs the consent
   * of the Namespace: a bound of its own.
   */
  readonly isExclusion?: boolean;
}

/** The table. */
export const podAnnotations = [
  { name: "proxy-cpu-request", kind: cpu, bound: "4", effect: "CPU that is reserved for the sidecar" },
  { name: "proxy-cpu-limit", kind: cpu, bound: "4", effect: "CPU that the sidecar may use" },
  { name: "proxy-memory-request", kind: memory, bound: "2Gi", effect: "memory that is reserved for the sidecar" },
  { name: "proxy-memory-limit", kind: memory, bound: "2Gi", effect: "memory beyond which the sidecar is ended" },
  { name: "proxy-concurrency", kind: count, bound: "8", effect: "worker threads of the sidecar" },
  { name: "proxy-log-level", kind: logLevel, bound: "debug", effect: "how much the sidecar writes to its log" },
  {
    name: "drain-time",
    kind: seconds,
    bound: "30s",
    effect:
      "how long connections go on after a change that closes them; unless set, as the operator's `--proxy-drain-time` says",
  },
  {
    name: "exclude-inbound-ports",
    kind: ports,
    bound: "any",
    isExclusion: true,
    effect: "connections to these ports of the pod reach it directly: in plaintext, under no policy",
  },
  {
    name: "exclude-inbound-cidrs",
    kind: addressBlocks,
    bound: "any",
    isExclusion: true,
    effect:
      "connections from these addresses, which must be outside of the mesh, reach the pod directly, under no policy",
  },
  {
    name: "exclude-outbound-ports",
    kind: ports,
    bound: "any",
    isExclusion: true,
    effect: "connections of the pod to these ports go out directly: in plaintext, past every split",
  },
  {
    name: "exclude-outbound-cidrs",
    kind: addressBlocks,
    bound: "any",
    isExclusion: true,
    effect: "connections of the pod to these addresses go out directly: in plaintext, past every split",
  },
  {
    name: "server-first-ports",
    kind: ports,
    bound: "any",
    effect:
      "ports of the pod whose server speaks first, such as MySQL's or SMTP's: they take ALLOW by exact identity only",
  },
] as const satisfies readonly Row[];

/** Name of an annotation of the table, without its prefix. */
export type PodAnnotation = (typeof podAnnotations)[number]["name"];

/** Bounds of the mesh by annotation: values in their normal form. One that is absent is the table's. */
export type AnnotationBounds = ReadonlyMap<PodAnnotation, string>;

/** A setting of the operator that bounds an annotation. */
interface BoundSetting {
  readonly name: `bound-${PodAnnotation}`;
  readonly annotation: PodAnnotation;
  /** What it is unless it is set. */
  readonly fallback: string;
}

/** The settings of the operator that bound annotations. */
export const boundSettings: readonly BoundSetting[] = podAnnotations.map(({ name, bound }) => {
  return { name: `${boundPrefix}${name}`, annotation: name, fallback: bound };
});

/** The annotations of a Namespace that bound those of its pods, with the prefix. */
export const namespaceBoundKeys: readonly string[] = boundSettings.map(({ name }) => `${annotationPrefix}${name}`);

/**
 * The mesh's bound of an annotation in its normal form.
 * @throws RangeError which says what a bound looks like
 */
export function parseBound(annotation: PodAnnotation, text: string): string {
  const { kind } = rowOf(annotation);
  const bound = kind.parseBound(text);
  if (bound === undefined) throw new RangeError(`must be ${kind.bound} (${kind.form}), not '${text}'`);
  return bound;
}

/** What the annotations of a pod say. */
export interface AnnotatedPod {
  /** Values in their normal form. */
  readonly values: ReadonlyMap<PodAnnotation, string>;
  /** Why the pod cannot be taken as it is: which annotation, what is wrong, what to do. */
  readonly problems: readonly string[];
  /** What its author should know. */
  readonly warnings: readonly string[];
}

/** The Namespace as far as it bounds its pods' annotations. */
export interface BoundingNamespace {
  readonly name: string;
  /** Its pods may not opt out. */
  readonly enforced: boolean;
  /** Undefined while the Namespace is not known. */
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

type Annotations = Readonly<Record<string, string>>;

const entry = (annotations: Annotations | undefined, key: string): string | undefined =>
  annotations !== undefined && Object.hasOwn(annotations, key) ? annotations[key] : undefined;

/** Reads the annotations of a pod, within the bounds of the mesh and of its Namespace. */
export function readAnnotations(
  annotations: Annotations,
  namespace: BoundingNamespace,
  bounds: AnnotationBounds,
): AnnotatedPod {
  const values = new Map<PodAnnotation, string>();
  const problems: string[] = [];
  for (const row of podAnnotations) {
    const text = entry(annotations, annotationPrefix + row.name);
    if (text === undefined) continue;
    const value = row.kind.parse(text);
    const problem = value === undefined ? `it must be ${row.kind.form}` : outOfBounds(row, value, namespace, bounds);
    if (value !== undefined) values.set(row.name, value);
    if (problem !== undefined) problems.push(`annotation ${annotationPrefix}${row.name} is ${quote(text)}: ${problem}`);
  }
  return { values, problems, warnings: unknownAnnotations(annotations) };
}

function outOfBounds(
  row: Row,
  value: string,
  namespace: BoundingNamespace,
  bounds: AnnotationBounds,
): string | undefined {
  const name = row.name as PodAnnotation;
  const ofMesh = bounds.get(name) ?? row.bound;
  if (!row.kind.isWithin(value, ofMesh)) return `the mesh's bound, ${row.kind.bound}, is ${ofMesh}`;
  if (namespace.annotations === undefined)
    return `namespace ${namespace.name} is not known to the operator yet, so that it cannot be checked; try again`;
  const key = annotationPrefix + boundPrefix + name;
  const text = entry(namespace.annotations, key);
  if (text === undefined) {
    if (row.isExclusion !== true || !namespace.enforced) return undefined;
    return `namespace ${namespace.name} is 'enforced', so that its pods cannot leave the mesh in part; whoever may change the namespace can allow it by its annotation ${key}`;
  }
  const ofNamespace = row.kind.parseBound(text);
  if (ofNamespace === undefined)
    return `annotation ${key} of namespace ${namespace.name} must be ${row.kind.bound}, not ${quote(text)}; correct that first`;
  if (row.kind.isWithin(value, ofNamespace)) return undefined;
  return `the bound of namespace ${namespace.name}, ${row.kind.bound}, is ${ofNamespace}`;
}

/** Annotations under our prefix that mean nothing: most often misspelt ones. */
function unknownAnnotations(annotations: Annotations): readonly string[] {
  const known = new Set<string>([keys.class, ...podAnnotations.map(({ name }) => annotationPrefix + name)]);
  return Object.keys(annotations)
    .filter((key) => key.startsWith(annotationPrefix) && !known.has(key))
    .map((key) => {
      if (key === keys.inject) return `${key} is a label, and has no effect as an annotation`;
      return `annotation ${quote(key)} has no effect: Heddle does not know it`;
    });
}

function rowOf(annotation: PodAnnotation): Row {
  const row: Row | undefined = podAnnotations.find(({ name }) => name === annotation);
  if (row === undefined) throw new Error(`there is no annotation ${annotation}`);
  return row;
}
