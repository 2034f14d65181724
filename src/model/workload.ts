import { hash } from "node:crypto";
import type { Container, Pod } from "../api/kubernetes.ts";
import type { InjectionRecord } from "./injection-record.ts";
import { encodeRecord, isEmptyRecord, readRecord } from "./injection-record.ts";
import { configMapOfClass, containers, volumes } from "./sidecar.ts";

/** Labels that differ between pods of one workload and so take no part in its class. A trailing slash means a prefix. */
const labelsOfInstances = [
  "pod-template-hash",
  "controller-revision-hash",
  "statefulset.kubernetes.io/",
  "apps.kubernetes.io/pod-index",
  "batch.kubernetes.io/",
  "controller-uid",
  "job-name",
  "rollouts-pod-template-hash",
];

/** A container port by which a Service's target port can be resolved. */
export interface NamedPort {
  /** Empty when the port has no name. */
  readonly name: string;
  readonly port: number;
}

/** What makes pods alike: the input of the class id. */
export interface WorkloadTraits {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Sorted by number, then name. */
  readonly ports: readonly NamedPort[];
  readonly record: InjectionRecord;
}

/** The first 10 hex digits of the SHA-256 of a value's JSON: how names derive from content. */
export function shortHash(value: unknown): string {
  return hash("sha256", JSON.stringify(value)).slice(0, 10);
}

/** Compares by UTF-16 code units: the one order of names in everything that is compiled. */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Entries of a record, sorted by key. */
export function sortedEntries<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => compare(a, b));
}

/** Whether a label differs between pods of one workload, so that no class has it and no selector of a policy may use it. */
export function isLabelOfInstances(name: string): boolean {
  return labelsOfInstances.some((known) => (known.endsWith("/") ? name.startsWith(known) : name === known));
}

/** What makes this pod like others. Our own containers take no part, so that it is the same before and after injection. */
export function workloadTraits(pod: Pick<Pod, "metadata" | "spec">, namespace: string): WorkloadTraits {
  const labels = sortedEntries(pod.metadata.labels ?? {}).filter(([name]) => !isLabelOfInstances(name));
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === "Always");
  const ports = [...pod.spec.containers, ...sidecars]
    .filter((container) => container.name !== containers.proxy)
    .flatMap((container: Container) => container.ports ?? [])
    .filter((port) => (port.protocol ?? "TCP") === "TCP")
    .map((port) => ({ name: port.name ?? "", port: port.containerPort }))
    .sort((a, b) => a.port - b.port || compare(a.name, b.name));
  return {
    namespace,
    serviceAccount: pod.spec.serviceAccountName ?? "default",
    labels: Object.fromEntries(labels),
    ports,
    record: readRecord(pod.spec.initContainers),
  };
}

/** `<serviceaccount>-<hash>`: the id of a class, a legal part of an object's name. */
export function workloadClassId(traits: WorkloadTraits): string {
  const hash = shortHash([
    traits.namespace,
    traits.serviceAccount,
    sortedEntries(traits.labels),
    traits.ports.map(({ name, port }) => [name, port]),
    ...(isEmptyRecord(traits.record) ? [] : [encodeRecord(traits.record)]),
  ]);
  // A name that was cut may end in a dot or a dash, which a name before a dash may not.
  return `${traits.serviceAccount.slice(0, 200).replace(/[.-]+$/, "")}-${hash}`;
}

/**
 * Whether the pod has our sidecar: by its containers alone, which nobody can change once the pod exists. Labels and
 * annotations are whoever's may patch the pod, and a sidecar runs, and redirects, whatever they say.
 */
export function isInjected(pod: Pick<Pod, "spec">): boolean {
  return (pod.spec.initContainers ?? []).some(
    ({ name, restartPolicy }) => name === containers.proxy && restartPolicy === "Always",
  );
}

/** The class whose ConfigMap the pod's sidecar mounts and starts from; undefined if there is none. Cannot change either. */
export function mountedClass(pod: Pick<Pod, "spec">): string | undefined {
  const volume = (pod.spec.volumes ?? []).find(({ name }) => name === volumes.configuration);
  const name = volume?.configMap?.name;
  const prefix = configMapOfClass("");
  return name?.startsWith(prefix) ? name.slice(prefix.length) : undefined;
}

/** The SPIFFE ID of a ServiceAccount (SPIFFE-ID section 2, with the path that Kubernetes meshes share). */
export function spiffeId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}
