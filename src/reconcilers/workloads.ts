/**
 * Pass 1: which pods are in the mesh, and which of them are alike.
 *
 *   Pod (injected, alive) --live labels, ServiceAccount, ports--> Workload, which becomes a WorkloadClass
 *   Namespace (labelled, or with an injected pod) ----------------> enrolled
 */
import type { Namespace, Pod } from "../api/kubernetes.ts";
import { isEnrolled } from "../model/exemptions.ts";
import type { InjectionRecord } from "../model/injection-record.ts";
import type { SpiffeID, WorkloadClass, WorkloadIdentity } from "../model/mesh.ts";
import { type ObjectKey, objectKey } from "../model/object-key.ts";
import type { MeshSettings, Snapshot } from "../model/snapshot.ts";
import type { NamedPort } from "../model/workload.ts";
import { compare, isInjected, spiffeId, workloadClassId, workloadTraits } from "../model/workload.ts";
import type { Derivation, Lookup, Table } from "./derivation.ts";
import { sameElements } from "./derivation.ts";
import { namespaceOf } from "./objects.ts";

/** A class before services and policies have shaped it. */
export interface Workload {
  readonly id: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly identity: SpiffeID;
  readonly labels: Readonly<Record<string, string>>;
  /** Ports that its containers declare. */
  readonly containerPorts: readonly NamedPort[];
  readonly record: InjectionRecord;
  /** Sorted by key. */
  readonly pods: readonly Pod[];
  readonly families: WorkloadClass["families"];
}

/** A pod that is in the mesh. */
export interface Member {
  readonly key: ObjectKey;
  readonly pod: Pod;
  readonly classId: string;
}

/** All workloads, and how to find them. */
export interface Workloads {
  /** By class id. */
  readonly byId: Table<Workload>;
  /** Pods of the mesh, by key. */
  readonly members: Table<Member>;
  readonly ofNamespace: Table<readonly Workload[]>;
  /** By each of {@link wordsOfWorkload}, in the order of ids. */
  readonly ofWord: Lookup<readonly Workload[]>;
  readonly ofPod: Lookup<Workload>;
  /** Of two pods that claim one address, as while it is given anew, the Ready one counts. */
  readonly ofAddress: Lookup<Workload>;
  /** Keys of all Ready pods, sorted. */
  readonly ready: () => readonly ObjectKey[];
}

/** The word of all that have a label, in one namespace or, where that is empty, in any. */
export const labelWord = (namespace: string, name: string, value: string): string =>
  `label ${namespace}/${name}=${value}`;

/** The word of a namespace. */
export const namespaceWord = (namespace: string): string => `namespace ${namespace}`;

/** The word of the whole mesh. */
export const meshWord = "mesh";

/** The words by which objects that select workloads are found for one, and it for them: see `wordOfSelector`. */
export function wordsOfWorkload({ namespace, labels }: Workload): readonly string[] {
  const ofLabels = Object.entries(labels).flatMap(([name, value]) => [
    labelWord(namespace, name, value),
    labelWord("", name, value),
  ]);
  return [meshWord, namespaceWord(namespace), ...ofLabels];
}

/** Whether a pod has a sidecar that runs, or will run. A pod on the host's network shares its ports and has none. */
export function isMember(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return isInjected(pod) && pod.spec.hostNetwork !== true && phase !== "Succeeded" && phase !== "Failed";
}

/** Whether a pod counts in `Programmed`. */
export function isReady(pod: Pod): boolean {
  return (pod.status?.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True");
}

/** IP addresses of a pod; none while it has no network. */
export function addressesOf(pod: Pod): readonly string[] {
  const listed = (pod.status?.podIPs ?? []).flatMap(({ ip }) => ip ?? []).filter((ip) => ip !== "");
  if (listed.length > 0) return [...new Set(listed)];
  return pod.status?.podIP === undefined || pod.status.podIP === "" ? [] : [pod.status.podIP];
}

/** Whether an IP address is of IPv6. */
export const isIPv6 = (address: string): boolean => address.includes(":");

/** The workloads, by the pods' live labels: the class that the webhook stamped on a pod names its mount only. */
export function deriveWorkloads(tables: Derivation, pods: Table<Pod>, settings: MeshSettings): Workloads {
  const members = tables.each(pods, (pod, key): Member | undefined => {
    return isMember(pod) ? { key, pod, classId: workloadClassId(workloadTraits(pod, namespaceOf(pod))) } : undefined;
  });
  const ofClass = tables.group(members, ({ classId }) => [classId]);
  const byId = tables.each(ofClass, (alike, id) => workloadOf(id, alike, settings));
  const atAddress = tables.group(members, ({ pod }) => addressesOf(pod));
  const ready = tables.each(members, ({ pod, key }) => (isReady(pod) ? key : undefined));
  const allReady = tables.query(() => [...ready.all().keys()]);
  const classOf = (member: Member | undefined) => (member === undefined ? undefined : byId.get(member.classId));
  return {
    byId,
    members,
    ofNamespace: tables.group(byId, ({ namespace }) => [namespace]),
    ofWord: tables.group(byId, wordsOfWorkload),
    ofPod: { get: (pod) => classOf(members.get(pod)) },
    ofAddress: { get: (address) => classOf([...(atAddress.get(address) ?? [])].sort(readyFirst)[0]) },
    ready: () => allReady.get("") ?? [],
  };
}

const readyFirst = (a: Member, b: Member): number =>
  Number(isReady(b.pod)) - Number(isReady(a.pod)) || compare(a.classId, b.classId) || compare(a.key, b.key);

function workloadOf(id: string, members: readonly Member[], { trustDomain }: MeshSettings): Workload | undefined {
  const pods = members.map(({ pod }) => pod);
  const [first] = pods;
  if (first === undefined) return undefined;
  const { namespace, serviceAccount, labels, ports, record } = workloadTraits(first, namespaceOf(first));
  const identity = spiffeId(trustDomain, namespace, serviceAccount);
  const families = familiesOf(pods);
  return { id, namespace, serviceAccount, identity, labels, containerPorts: ports, record, pods, families };
}

/** Pods without an address yet count as IPv4, which every node has. */
function familiesOf(pods: readonly Pod[]): WorkloadClass["families"] {
  const addresses = pods.flatMap(addressesOf);
  const ipv6 = addresses.some(isIPv6);
  return { ipv4: !ipv6 || addresses.some((address) => !isIPv6(address)), ipv6 };
}

/** Whether the Services of a namespace are in the mesh: it is labelled, or has an injected pod. */
export function deriveEnrolled(
  tables: Derivation,
  namespaces: Table<Namespace>,
  { ofNamespace }: Pick<Workloads, "ofNamespace">,
): (namespace: string) => boolean {
  const enrolled = tables.query(
    (name) => isEnrolled(namespaces.get(name)?.metadata.labels) || ofNamespace.get(name) !== undefined,
  );
  return (namespace) => enrolled.get(namespace) === true;
}

/** Every identity that a pod of the mesh needs. */
export function deriveIdentities(tables: Derivation, { byId }: Workloads): () => readonly WorkloadIdentity[] {
  const known = tables.each(
    tables.group(byId, ({ identity }) => [identity]),
    ([first]) => (first === undefined ? undefined : identityOf(first)),
    // The key says it all.
    () => true,
  );
  const all = tables.query(() => sorted(known.all().values()), sameElements);
  return () => all.get("") ?? [];
}

/** The same, without any compile. */
export function neededIdentities(
  { pods }: Pick<Snapshot, "pods">,
  { trustDomain }: MeshSettings,
): readonly WorkloadIdentity[] {
  const distinct = new Map<SpiffeID, WorkloadIdentity>();
  for (const pod of [...pods.values()].filter(isMember)) {
    const { namespace, serviceAccount } = workloadTraits(pod, namespaceOf(pod));
    const identity = spiffeId(trustDomain, namespace, serviceAccount);
    distinct.set(identity, identityOf({ namespace, serviceAccount, identity }));
  }
  return sorted(distinct.values());
}

const identityOf = ({
  namespace,
  serviceAccount,
  identity,
}: Pick<Workload, "namespace" | "serviceAccount" | "identity">): WorkloadIdentity => ({
  namespace,
  serviceAccount,
  id: identity,
});

/** By namespace and ServiceAccount. */
const sorted = (identities: Iterable<WorkloadIdentity>): readonly WorkloadIdentity[] =>
  [...identities].sort((a, b) => compare(a.namespace, b.namespace) || compare(a.serviceAccount, b.serviceAccount));

/** Keys of the Ready pods of some workloads, sorted. */
export function readyPods(workloads: Iterable<Workload>): readonly ObjectKey[] {
  return [...workloads].flatMap((workload) => workload.pods.filter(isReady).map(objectKey)).sort(compare);
}
