/** Pass 9: which resources each proxy is sent. A pod whose class could not be encoded is absent: it keeps what it has. */
import { commonResources, readinessListener } from "../envoy/common.ts";
import { resourceGroup } from "../envoy/encode.ts";
import type { JoinedGroup } from "../envoy/joined-group.ts";
import { joinGroups } from "../envoy/joined-group.ts";
import { checkClusters } from "../envoy/probes.ts";
import type { EnvoyResource, ProxyTarget, ResourceGroup } from "../envoy/resource.ts";
import type { WorkloadClass } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import type { MeshSettings } from "../model/snapshot.ts";
import type { Derivation, Table } from "./derivation.ts";
import { sameElements, sameJSON } from "./derivation.ts";
import type { EncodedUnit, Encoding } from "./encoding.ts";
import type { ReachDecisions, Reaches } from "./reach.ts";
import type { Member, Workloads } from "./workloads.ts";
import { addressesOf } from "./workloads.ts";

/** What all pods of a class are sent, but for their reach. */
interface ClassParts {
  readonly workload: Pick<WorkloadClass, "families" | "identity" | "namespace">;
  readonly probes: WorkloadClass["probes"];
  readonly groups: readonly ResourceGroup[];
  readonly readiness: EnvoyResource;
}

/** What a pod is sent, but for its reach. */
interface OwnTarget {
  readonly namespace: string;
  readonly target: ProxyTarget;
  /** With the reach that it was put together with last. */
  whole?: { readonly reach: ResourceGroup; readonly target: ProxyTarget };
}

/** What the pass needs of those before it. */
export interface TargetInputs {
  readonly classes: Table<WorkloadClass>;
  readonly encoding: Encoding;
  readonly workloads: Workloads;
  readonly reaches: ReachDecisions["reaches"];
  readonly settings: MeshSettings;
}

/** The target of each pod, by key in the order of keys. The same map is returned until something changes. */
export function deriveTargets(
  tables: Derivation,
  { classes, encoding, workloads, reaches, settings: { accessLog } }: TargetInputs,
): () => ReadonlyMap<ObjectKey, ProxyTarget> {
  const common = tables.query((text) =>
    resourceGroup(commonResources(JSON.parse(text) as WorkloadClass["families"], accessLog)),
  );
  const readiness = tables.query((text) => {
    const [families, probes] = JSON.parse(text) as [WorkloadClass["families"], WorkloadClass["probes"] | null];
    return readinessListener(families, probes ?? undefined);
  });
  const ofClass = tables.each(
    classes,
    ({ families, identity, namespace, probes }, id): ClassParts | undefined => {
      const own = encoding.classes.get(id);
      const shared = common.get(JSON.stringify(families));
      const last = readiness.get(JSON.stringify([families, probes]));
      if (own === undefined || shared === undefined || last === undefined) return undefined;
      return { workload: { families, identity, namespace }, probes, groups: [shared, own.group], readiness: last };
    },
    (a, b) =>
      sameElements(a.groups, b.groups) &&
      a.readiness === b.readiness &&
      sameJSON([a.workload, a.probes], [b.workload, b.probes]),
  );
  const own = tables.each(
    workloads.members,
    (member) => {
      const parts = ofClass.get(member.classId);
      return parts === undefined ? undefined : ownTarget(member, parts);
    },
    (a, b) => {
      const [{ groups, readiness: last, ...before }, { groups: others, readiness: next, ...after }] = [
        a.target,
        b.target,
      ];
      const hashes = [groups, others].map((some) => some.map(({ hash }) => hash));
      return last === next && sameElements(hashes[0] ?? [], hashes[1] ?? []) && sameJSON(before, after);
    },
  );
  let last: Last = { own: new Map(), units: new Map(), reaches: undefined, groups: new Map(), targets: new Map() };
  // By hand, and not as a table: with one service everything that a reach has is another, for every pod that has it.
  return () => {
    const now = { own: own.all(), units: encoding.services.all(), reaches: reaches() };
    const isSameReach = now.units === last.units && now.reaches === last.reaches;
    if (isSameReach && now.own === last.own) return last.targets;
    const groups = isSameReach ? last.groups : groupsOf(now, last);
    last = { ...now, groups, targets: assemble({ ...now, groups }) };
    return last.targets;
  };
}

/** What the last compile was given, and what came of it. */
interface Last {
  readonly own: ReadonlyMap<ObjectKey, OwnTarget>;
  readonly units: ReadonlyMap<ObjectKey, EncodedUnit>;
  readonly reaches: Reaches | undefined;
  /** By the id of the reach. */
  readonly groups: ReadonlyMap<string, JoinedGroup>;
  readonly targets: ReadonlyMap<ObjectKey, ProxyTarget>;
}

function groupsOf({ units, reaches }: Pick<Last, "units" | "reaches">, last: Last): Last["groups"] {
  const [some] = last.groups.values();
  return new Map(
    [...(reaches?.all ?? [])].map(([id, { services }]) => {
      const parts = services.flatMap((key) => units.get(key)?.group ?? []);
      return [id, joinGroups(parts, last.groups.get(id) ?? some)];
    }),
  );
}

function assemble({ own, reaches, groups }: Omit<Last, "targets">): Last["targets"] {
  const targets = new Map<ObjectKey, ProxyTarget>();
  for (const [pod, one] of own) {
    const reach = groups.get(reaches?.ofNamespace.get(one.namespace) ?? "");
    if (reach === undefined) continue;
    if (one.whole?.reach !== reach) one.whole = { reach, target: withReach(one.target, reach) };
    targets.set(pod, one.whole.target);
  }
  return targets;
}

/** There are as many as pods: this is faster than a spread. */
const withReach = (own: ProxyTarget, reach: ResourceGroup): ProxyTarget => ({
  pod: own.pod,
  podUid: own.podUid,
  addresses: own.addresses,
  identity: own.identity,
  groups: own.groups.concat(reach),
  readiness: own.readiness,
});

function ownTarget({ key, pod }: Member, { workload, probes, groups, readiness }: ClassParts): OwnTarget {
  const addresses = addressesOf(pod);
  const { identity, namespace } = workload;
  const podUid = pod.metadata.uid ?? "";
  const all = [...groups, ...checksGroup(probes, addresses)];
  return { namespace, target: { pod: key, podUid, addresses, identity, groups: all, readiness } };
}

/** The only resources that pods of a class do not share: clusters of probes that are made to the pod's own address. */
function checksGroup(probes: WorkloadClass["probes"], [address]: readonly string[]): readonly ResourceGroup[] {
  const checks = probes?.filter(({ type }) => type === "GRPC") ?? [];
  return checks.length === 0 || address === undefined ? [] : [resourceGroup(checkClusters(checks, address))];
}
