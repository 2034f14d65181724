/**
 * Pass 1: which pods are in the mesh, and which of them are alike.
 *
 *   Pod (injected, alive) --live labels, ServiceAccount, ports--> Workload, which becomes a WorkloadClass
 *   Namespace (labelled, or with an injected pod) ----------------> enrolled
 */
import type { Pod } from "../api/kubernetes.ts";
import { isEnrolled } from "../model/exemptions.ts";
import type { InjectionRecord } from "../model/injection-record.ts";
import type { SpiffeID, WorkloadClass, WorkloadIdentity } from "../model/mesh.ts";
import { type ObjectKey, objectKey } from "../model/object-key.ts";
import type { MeshSettings, Snapshot } from "../model/snapshot.ts";
import type { NamedPort } from "../model/workload.ts";
import { compare, isInjected, spiffeId, workloadClassId, workloadTraits } from "../model/workload.ts";
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

/** All workloads, and how to find them. */
export interface Workloads {
  /** Sorted by id. */
  readonly all: readonly Workload[];
  readonly ofPod: ReadonlyMap<ObjectKey, Workload>;
  readonly ofNamespace: ReadonlyMap<string, readonly Workload[]>;
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

/** The workloads of a snapshot, by the pods' live labels: the class that the webhook stamped on a pod names its mount only. */
export function findWorkloads(snapshot: Pick<Snapshot, "pods">, settings: MeshSettings): Workloads {
  const pods = [...snapshot.pods.values()].filter(isMember).sort((a, b) => compare(objectKey(a), objectKey(b)));
  const drafts = new Map<string, { readonly first: Pod; readonly pods: Pod[] }>();
  for (const pod of pods) {
    const id = workloadClassId(workloadTraits(pod, namespaceOf(pod)));
    const draft = drafts.get(id);
    if (draft === undefined) drafts.set(id, { first: pod, pods: [pod] });
    else draft.pods.push(pod);
  }
  const all = [...drafts]
    .sort(([a], [b]) => compare(a, b))
    .map(([id, draft]): Workload => {
      const { namespace, serviceAccount, labels, ports, record } = workloadTraits(
        draft.first,
        namespaceOf(draft.first),
      );
      const identity = spiffeId(settings.trustDomain, namespace, serviceAccount);
      const families = familiesOf(draft.pods);
      return {
        id,
        namespace,
        serviceAccount,
        identity,
        labels,
        containerPorts: ports,
        record,
        pods: draft.pods,
        families,
      };
    });
  const ofNamespace = Map.groupBy(all, ({ namespace }) => namespace);
  const ofPod = new Map(all.flatMap((workload) => workload.pods.map((pod) => [objectKey(pod), workload] as const)));
  return { all, ofPod, ofNamespace };
}

/** Pods without an address yet count as IPv4, which every node has. */
function familiesOf(pods: readonly Pod[]): WorkloadClass["families"] {
  const addresses = pods.flatMap(addressesOf);
  const ipv6 = addresses.some(isIPv6);
  return { ipv4: !ipv6 || addresses.some((address) => !isIPv6(address)), ipv6 };
}

/** Names of the namespaces whose Services are in the mesh. */
export function enrolledNamespaces(snapshot: Snapshot, workloads: Workloads): ReadonlySet<string> {
  const labelled = [...snapshot.namespaces.values()].filter(({ metadata }) => isEnrolled(metadata.labels));
  return new Set([...labelled.map(({ metadata }) => metadata.name), ...workloads.ofNamespace.keys()]);
}

/** Every identity that a pod of the mesh needs, sorted by namespace and ServiceAccount. */
export function neededIdentities(workloads: Workloads): readonly WorkloadIdentity[] {
  const distinct = new Map<SpiffeID, WorkloadIdentity>();
  for (const { namespace, serviceAccount, identity } of workloads.all) {
    distinct.set(identity, { namespace, serviceAccount, id: identity });
  }
  return [...distinct.values()].sort(
    (a, b) => compare(a.namespace, b.namespace) || compare(a.serviceAccount, b.serviceAccount),
  );
}

/** Keys of the Ready pods of some workloads, sorted. */
export function readyPods(workloads: Iterable<Workload>): readonly ObjectKey[] {
  return [...workloads].flatMap((workload) => workload.pods.filter(isReady).map(objectKey)).sort(compare);
}
