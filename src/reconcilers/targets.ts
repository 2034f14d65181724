/** Pass 9: which resources each proxy is sent. A pod whose class could not be encoded is absent: it keeps what it has. */
import { commonResources, readinessListener } from "../envoy/common.ts";
import { resourceGroup } from "../envoy/encode.ts";
import type { JoinedGroup } from "../envoy/joined-group.ts";
import { joinGroups } from "../envoy/joined-group.ts";
import { checkClusters } from "../envoy/probes.ts";
import type { EnvoyResource, ProxyTarget, ReachGroups, ResourceGroup } from "../envoy/resource.ts";
import { sameGroups } from "../envoy/resource.ts";
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
  readonly identity: WorkloadClass["identity"];
  readonly probes: WorkloadClass["probes"];
  readonly groups: readonly ResourceGroup[];
  readonly readiness: EnvoyResource;
}

/** What the pass needs of those before it. */
export interface TargetInputs {
  readonly classes: Table<WorkloadClass>;
  readonly encoding: Encoding;
  readonly workloads: Workloads;
  readonly settings: MeshSettings;
}

/** The target of each pod. */
export function deriveTargets(
  tables: Derivation,
  { classes, encoding, workloads, settings: { accessLog } }: TargetInputs,
): Table<ProxyTarget> {
  const common = tables.query((text) =>
    resourceGroup(commonResources(JSON.parse(text) as WorkloadClass["families"], accessLog)),
  );
  const readiness = tables.query((text) => {
    const [families, probes] = JSON.parse(text) as [WorkloadClass["families"], WorkloadClass["probes"] | null];
    return readinessListener(families, probes ?? undefined);
  });
  const ofClass = tables.each(
    classes,
    ({ families, identity, probes }, id): ClassParts | undefined => {
      const own = encoding.classes.get(id);
      const shared = common.get(JSON.stringify(families));
      const last = readiness.get(JSON.stringify([families, probes]));
      if (own === undefined || shared === undefined || last === undefined) return undefined;
      return { identity, probes, groups: [shared, own.group], readiness: last };
    },
    (a, b) =>
      sameElements(a.groups, b.groups) &&
      a.readiness === b.readiness &&
      a.identity === b.identity &&
      sameJSON(a.probes, b.probes),
  );
  return tables.each(
    workloads.members,
    (member) => {
      const parts = ofClass.get(member.classId);
      return parts === undefined ? undefined : targetOf(member, parts);
    },
    (a, b) => {
      const [{ groups, readiness: last, ...before }, { groups: others, readiness: next, ...after }] = [a, b];
      return last === next && sameGroups(groups, others) && sameJSON(before, after);
    },
  );
}

/** The reach of each namespace with a pod, in resources. The same map is returned until something changes. */
export function deriveReachGroups(units: Table<EncodedUnit>, reaches: ReachDecisions["reaches"]): () => ReachGroups {
  let last: Last = { units: new Map(), reaches: undefined, groups: new Map(), ofNamespace: new Map() };
  // By hand, and not as a table: of thousands of services that are looked up one has changed.
  return () => {
    const now = { units: units.all(), reaches: reaches() };
    if (now.units === last.units && now.reaches === last.reaches) return last.ofNamespace;
    const groups = groupsOf(now.reaches, units, last);
    const ofNamespace = [...now.reaches.ofNamespace].flatMap(([namespace, id]) => {
      const group = groups.get(id);
      return group === undefined ? [] : [[namespace, group] as const];
    });
    last = { ...now, groups, ofNamespace: new Map(ofNamespace) };
    return last.ofNamespace;
  };
}

/** What the last compile was given, and what came of it. */
interface Last {
  readonly units: ReadonlyMap<ObjectKey, EncodedUnit>;
  readonly reaches: Reaches | undefined;
  /** By the id of the reach. */
  readonly groups: ReadonlyMap<string, JoinedGroup>;
  readonly ofNamespace: ReachGroups;
}

function groupsOf(reaches: Reaches, units: Table<EncodedUnit>, last: Last): Last["groups"] {
  const [some] = last.groups.values();
  return new Map(
    [...reaches.all].map(([id, { services }]) => {
      const parts: ResourceGroup[] = [];
      for (const key of services) {
        const unit = units.peek(key);
        if (unit !== undefined) parts.push(unit.group);
      }
      const before = last.groups.get(id) ?? some;
      const group = joinGroups(parts, before);
      return [id, before?.hash === group.hash ? before : group];
    }),
  );
}

function targetOf({ key, pod }: Member, { identity, probes, groups, readiness }: ClassParts): ProxyTarget {
  const addresses = addressesOf(pod);
  const podUid = pod.metadata.uid ?? "";
  return { pod: key, podUid, addresses, identity, groups: [...groups, ...checksGroup(probes, addresses)], readiness };
}

/** The only resources that pods of a class do not share: clusters of probes that are made to the pod's own address. */
function checksGroup(probes: WorkloadClass["probes"], [address]: readonly string[]): readonly ResourceGroup[] {
  const checks = probes?.filter(({ type }) => type === "GRPC") ?? [];
  return checks.length === 0 || address === undefined ? [] : [resourceGroup(checkClusters(checks, address))];
}
