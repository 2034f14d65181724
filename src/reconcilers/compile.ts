/**
 * Snapshot in, everything out: what is served, what is recorded, and what is said of each object. Pure: the same snapshot
 * gives the same result, on any replica and after any restart; a cache makes it faster, never different.
 */
import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import type { EnvoyResource, ProxyTarget } from "../envoy/resource.ts";
import type { StatusDecision } from "../model/finding.ts";
import type { IdentityPlan } from "../model/identity.ts";
import type { Mesh, MeshEndpoint, MeshService, WorkloadClass, WorkloadIdentity } from "../model/mesh.ts";
import { type ObjectKey, objectKey } from "../model/object-key.ts";
import type { DesiredObject } from "../model/output.ts";
import type { MeshSettings, ModeHolds, Snapshot } from "../model/snapshot.ts";
import { compare } from "../model/workload.ts";
import type { WorkloadPolicies } from "./authorization-policy.ts";
import { decideAuthorization } from "./authorization-policy.ts";
import { warnOfAuthorization } from "./authorization-warnings.ts";
import type { CompileCache } from "./cache.ts";
import { createCompileCache, sweep } from "./cache.ts";
import { encodeMesh, targetsOf } from "./encoding.ts";
import { groupFaults, withFaults } from "./encoding-verdicts.ts";
import type { ServiceEndpoint } from "./endpoints.ts";
import { decideIdentity } from "./identity.ts";
import type { WorkloadTLS } from "./mesh-tls.ts";
import { clientsSpeakTLS, decideTLS, heldModes } from "./mesh-tls.ts";
import { compareReferences, distinctReferences } from "./objects.ts";
import { type ReachRecord, recordMesh, recordReaches } from "./outputs.ts";
import { decideReaches } from "./reach.ts";
import type { ClientService } from "./services.ts";
import { findServedPorts, findServices, sidecarPorts } from "./services.ts";
import type { SplitDecisions } from "./traffic-split.ts";
import { decideSplits } from "./traffic-split.ts";
import type { Workload } from "./workloads.ts";
import { enrolledNamespaces, findWorkloads, neededIdentities } from "./workloads.ts";

export type { CompileCache } from "./cache.ts";
export { createCompileCache } from "./cache.ts";

/** The result of a compile. */
export interface Compilation {
  readonly mesh: Mesh;
  /** What each injected pod is to be served. */
  readonly targets: ReadonlyMap<ObjectKey, ProxyTarget>;
  /**
   * The ConfigMaps that are to exist, sorted by namespace and name. An unchanged one is the same value as before. They
   * are made when they are first asked for, so that proxies are served before anything is written down.
   */
  readonly outputs: readonly DesiredObject[];
  /** Services for which a reach's ConfigMap has no room; found when they are first asked for. */
  readonly unrecorded: ReadonlySet<ObjectKey>;
  readonly identities: readonly WorkloadIdentity[];
  /** How they are issued. */
  readonly identityPlan: IdentityPlan;
  /** What the MeshTLS objects say of each class, whatever step is out. */
  readonly tls: ReadonlyMap<string, WorkloadTLS>;
  /** The services that have endpoints of a class, by class id. */
  readonly servicesOfClass: ReadonlyMap<string, ReadonlySet<ObjectKey>>;
  /** One for each object of ours, sorted by kind, namespace and name. */
  readonly decisions: readonly StatusDecision[];
  /** The resources of each service, as in the targets. */
  readonly serviceResources: ReadonlyMap<ObjectKey, readonly EnvoyResource[]>;
  /** The resources of each class, as in the targets. */
  readonly classResources: ReadonlyMap<string, readonly EnvoyResource[]>;
  /** What the author of a policy that is about to be stored should know, a line each. */
  warningsOf(policy: AuthorizationPolicy): readonly string[];
}

/** Compiles a snapshot. No object in it makes this throw: whatever is wrong with one is said in its decision. */
export function compile(
  snapshot: Snapshot,
  given: MeshSettings,
  cache: CompileCache = createCompileCache(),
): Compilation {
  sweep(cache);
  // 0. Where identities come from: the trust domain in force is in every identity.
  const identity = decideIdentity(snapshot, given);
  const settings: MeshSettings = { ...given, trustDomain: identity.plan.trustDomain };
  // 1. Who is in the mesh: injected pods, grouped by what makes them alike; namespaces that are labelled or have one.
  const workloads = findWorkloads(snapshot, settings);
  const enrolled = enrolledNamespaces(snapshot, workloads);
  // 2. What they call and what they serve: Services with their endpoints, and the container ports that Services declare.
  const services = findServices(snapshot, enrolled, workloads);
  const served = findServedPorts(snapshot, workloads);
  // 3. MeshTLS: the mode of every port of every workload. Needs the served ports, to resolve names.
  const tls = decideTLS(snapshot, settings, workloads, served);
  // 4. AuthorizationPolicy: the policies of every workload. Needs the modes, to tell which identities are certain.
  const authorization = decideAuthorization(snapshot, settings, workloads, tls.ofWorkload);
  // 5. Which services each namespace is sent.
  const reaches = decideReaches(services, workloads);
  // 6. TrafficSplit: the routing of every port of every service. Needs the reaches, to tell which clients it concerns.
  const splits = decideSplits({ snapshot, settings, services, clientsOf: reaches.clientsOf });
  // 7. All of it together, as the typed middle.
  const holds: ModeHolds = snapshot.holds ?? new Map();
  const mesh: Mesh = {
    services: new Map(
      [...services].map(([key, service]) => [key, meshService(service, { tls: tls.ofWorkload, holds, splits })]),
    ),
    classes: new Map(
      workloads.all.map((workload) => {
        return [workload.id, workloadClass(workload, tls.ofWorkload, holds, authorization.ofWorkload)] as const;
      }),
    ),
    reaches: reaches.all,
    reachOfNamespace: reaches.ofNamespace,
    classOfPod: new Map(
      [...workloads.ofPod].map(([pod, { id }]) => [pod, id] as const).sort(([a], [b]) => compare(a, b)),
    ),
    identities: neededIdentities(workloads),
  };
  // 8. Envoy's words for it, encoded once; what each proxy is sent; what is recorded in the cluster.
  const encoding = encodeMesh(mesh, settings, cache);
  const targets = targetsOf(mesh, encoding, snapshot, settings, cache);
  let outputs: readonly DesiredObject[] | undefined;
  let reachRecords: ReadonlyMap<string, ReachRecord> | undefined;
  const recordOfReaches = () => {
    reachRecords ??= recordReaches(mesh, encoding, cache);
    return reachRecords;
  };
  let unrecorded: ReadonlySet<ObjectKey> | undefined;
  const faults = groupFaults(encoding.faults);
  const decisions = [...tls.decisions, ...authorization.decisions, ...splits.decisions]
    .map((decision) => {
      const judged = withFaults(identity.judge(decision), faults, authorization.dryRuns.has(decision.object));
      return withInterim(judged, mesh, holds);
    })
    .sort((a, b) => compareReferences(a.object, b.object));
  return {
    mesh,
    targets,
    get outputs() {
      outputs ??= recordMesh(mesh, encoding, recordOfReaches(), snapshot, settings, cache);
      return outputs;
    },
    get unrecorded() {
      unrecorded ??= new Set([...recordOfReaches().values()].flatMap(({ missing }) => missing));
      return unrecorded;
    },
    identities: mesh.identities,
    identityPlan: identity.plan,
    tls: tls.ofWorkload,
    servicesOfClass: servicesByClass(services.values()),
    decisions,
    serviceResources: new Map([...encoding.services].map(([key, { resources }]) => [key, resources])),
    classResources: new Map([...encoding.classes].map(([id, { resources }]) => [id, resources])),
    warningsOf: (policy) =>
      warnOfAuthorization(policy, {
        snapshot,
        settings,
        workloads,
        policies: authorization.ofWorkload,
        tls: tls.ofWorkload,
      }),
  };
}

function servicesByClass(services: Iterable<ClientService>): ReadonlyMap<string, ReadonlySet<ObjectKey>> {
  const found = new Map<string, Set<ObjectKey>>();
  for (const { key, ports } of services) {
    for (const { workload } of ports.flatMap(({ endpoints }) => endpoints)) {
      if (workload === undefined) continue;
      const keys = found.get(workload.id) ?? new Set();
      found.set(workload.id, keys.add(key));
    }
  }
  return found;
}

interface Speaking {
  readonly tls: ReadonlyMap<string, WorkloadTLS>;
  readonly holds: ModeHolds;
}

function meshService(service: ClientService, given: Speaking & { readonly splits: SplitDecisions }): MeshService {
  const { key, namespace, name, addresses } = service;
  const ports = service.ports.map((port) => {
    const endpoints = port.endpoints.map((endpoint): MeshEndpoint => {
      return { address: endpoint.address, port: endpoint.port, mutualTLS: speaksMutualTLS(endpoint, given) };
    });
    const identities = port.endpoints.flatMap((endpoint) =>
      endpoint.workload !== undefined && speaksMutualTLS(endpoint, given) ? [endpoint.workload.identity] : [],
    );
    const serverIdentities = [...new Set(identities)].sort(compare);
    const { port: number, name: portName, protocol } = port;
    const routing = given.splits.routingOf(service, port);
    const mirrored = given.splits.isMirrored(service, port) ? ({ mirrored: true } as const) : {};
    return { port: number, name: portName, protocol, endpoints, serverIdentities, routing, ...mirrored };
  });
  return { key, namespace, name, addresses, ports };
}

function speaksMutualTLS({ workload, port }: ServiceEndpoint, { tls, holds }: Speaking): boolean {
  const modes = workload === undefined ? undefined : tls.get(workload.id);
  const isCaptured = !sidecarPorts.has(port) && workload?.record.excludedPorts.includes(port) !== true;
  if (workload === undefined || modes === undefined || !isCaptured) return false;
  return clientsSpeakTLS(modes, port, holds.get(workload.id));
}

const closedTLS: WorkloadTLS = { mode: "Strict", ports: [], parameters: {}, origins: [] };

function workloadClass(
  workload: Workload,
  tls: ReadonlyMap<string, WorkloadTLS>,
  holds: ModeHolds,
  authorization: ReadonlyMap<string, WorkloadPolicies>,
): WorkloadClass {
  const { id, namespace, serviceAccount, identity, labels, families } = workload;
  // Both passes decide for every workload; if one did not, the workload is closed rather than open.
  const decided = tls.get(id) ?? closedTLS;
  const { mode, ports } = heldModes(decided, holds.get(id));
  const { deny, allow, dryRuns } = authorization.get(id) ?? { deny: [], allow: [], dryRuns: [] };
  const policies = [...deny, ...(allow ?? []), ...dryRuns].map(({ origin }) => origin);
  return {
    id,
    namespace,
    serviceAccount,
    identity,
    labels,
    pods: workload.pods.map(objectKey),
    ports,
    mode,
    tls: decided.parameters,
    deny,
    allow,
    ...(workload.record.probes.length === 0 ? {} : { probes: workload.record.probes }),
    ...(dryRuns.length === 0 ? {} : { dryRuns }),
    families,
    origins: distinctReferences([...policies, ...decided.origins]),
  };
}

/** A MeshTLS is not live on a proxy that is at a step between two modes. */
function withInterim(decision: StatusDecision, mesh: Mesh, holds: ModeHolds): StatusDecision {
  if (decision.object.kind !== "MeshTLS" || holds.size === 0) return decision;
  const interim = decision.pods.filter((pod) => holds.has(mesh.classOfPod.get(pod) ?? ""));
  return interim.length === 0 ? decision : { ...decision, interim };
}
