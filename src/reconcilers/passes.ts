/** The passes of a compile, in order. Each is a few tables (`derivation.ts`) over those of the passes before it. */
import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import type { MeshTLS } from "../api/generated/MeshTLS.ts";
import type { TrafficSplit } from "../api/generated/TrafficSplit.ts";
import type { EndpointSlice, Namespace, Pod, Service } from "../api/kubernetes.ts";
import type { StatusDecision } from "../model/finding.ts";
import type { MeshSettings, Snapshot } from "../model/snapshot.ts";
import { deriveAuthorization } from "./authorization-policy.ts";
import type { Source } from "./derivation.ts";
import { createDerivation } from "./derivation.ts";
import { deriveEncoding } from "./encoding.ts";
import { withFaults } from "./encoding-verdicts.ts";
import { meshService, workloadClass } from "./mesh.ts";
import type { PortHolds } from "./mesh-tls.ts";
import { deriveTLS } from "./mesh-tls.ts";
import { keyOfReference } from "./objects.ts";
import { deriveRecords } from "./outputs.ts";
import { deriveReaches } from "./reach.ts";
import { deriveReachRecords } from "./reach-records.ts";
import { deriveSelected, deriveServedPorts, deriveServices } from "./services.ts";
import { deriveReachGroups, deriveTargets } from "./targets.ts";
import { deriveSplits } from "./traffic-split.ts";
import { deriveEnrolled, deriveIdentities, deriveWorkloads } from "./workloads.ts";

const none: ReadonlyMap<string, unknown> = new Map();

/** The tables of all passes. */
export type Passes = ReturnType<typeof createPasses>;

/** All passes, in order: each looks up what those before it have found. */
export function createPasses(settings: MeshSettings) {
  const tables = createDerivation();
  // 0. What the watches have seen.
  const seen = {
    namespaces: tables.source<Namespace>(),
    services: tables.source<Service>(),
    endpointSlices: tables.source<EndpointSlice>(),
    pods: tables.source<Pod>(),
    trafficSplits: tables.source<TrafficSplit>(),
    authorizationPolicies: tables.source<AuthorizationPolicy>(),
    meshTLS: tables.source<MeshTLS>(),
    holds: tables.source<PortHolds>(),
  };
  // 1. Who is in the mesh: injected pods, grouped by what makes them alike; namespaces that are labelled or have one.
  const workloads = deriveWorkloads(tables, seen.pods, settings);
  const isEnrolled = deriveEnrolled(tables, seen.namespaces, workloads);
  const identities = deriveIdentities(tables, workloads);
  // 2. What they call and what they serve: Services with their endpoints, and the container ports that Services declare.
  const clientServices = deriveServices(tables, { ...seen, workloads, isEnrolled });
  const selected = deriveSelected(tables, seen.services, workloads);
  const served = deriveServedPorts(tables, selected);
  // 3. MeshTLS: the mode of every port of every workload. Needs the served ports, to resolve names.
  const tls = deriveTLS(tables, { ...seen, settings, workloads, served });
  // 4. AuthorizationPolicy: the policies of every workload. Needs the modes, to tell which identities are certain.
  const authorization = deriveAuthorization(tables, { ...seen, settings, workloads, selected, tls: tls.ofWorkload });
  // 5. Which services each namespace is sent.
  const { reaches, clientsOf } = deriveReaches(tables, clientServices, workloads);
  // 6. TrafficSplit: the routing of every port of every service. Needs the reaches, to tell which clients it concerns.
  const splits = deriveSplits(tables, {
    ...seen,
    settings,
    stored: seen.services,
    services: clientServices,
    clientsOf,
  });
  // 7. All of it together, as the typed middle.
  const speaking = { tls: tls.ofWorkload, holds: seen.holds };
  const services = tables.each(clientServices, (service) => meshService(service, { ...speaking, splits }));
  const classes = tables.each(workloads.byId, (workload) =>
    workloadClass(workload, speaking, authorization.ofWorkload),
  );
  const classOfPod = tables.each(workloads.members, ({ classId }) => classId);
  // 8. Envoy's words for it, encoded once.
  const encoding = deriveEncoding(tables, services, classes, settings);
  // 9. What each proxy is sent.
  const targets = deriveTargets(tables, { classes, encoding, workloads, settings });
  const reachGroups = deriveReachGroups(encoding.services, reaches);
  // 10. What is said of each object.
  const judged = [tls.decisions, authorization.decisions, splits.decisions].map((some) =>
    tables.each(some, (decision, key) => {
      const isDryRun = decision.object.kind === "AuthorizationPolicy" && authorization.isDryRun(key);
      return withFaults(decision, encoding.faultsOf(keyOfReference(decision.object)), isDryRun);
    }),
  );
  const nameOf = ({ object }: StatusDecision) => keyOfReference(object);
  const decisions = tables.union(...judged.map((some) => tables.named(some, nameOf)));
  const ofClass = tables.group(clientServices, ({ ports }) =>
    ports.flatMap(({ endpoints }) => endpoints.flatMap(({ workload }) => workload?.id ?? [])),
  );
  // 11. What is recorded in the cluster: only when it is asked for, so that proxies are served before.
  const later = { reaches: tables.later(), records: tables.later() };
  const reachRecords = deriveReachRecords(later.reaches, { services, encoding, reaches });
  const records = deriveRecords(later.records, { classes, encoding, workloads, reaches, reachRecords, settings });
  return {
    tables,
    set: (snapshot: Snapshot): void => {
      for (const kind of Object.keys(seen) as (keyof typeof seen)[]) {
        (seen[kind] as Source<unknown>).set(snapshot[kind] ?? none);
      }
    },
    ...{
      workloads,
      identities,
      tls,
      authorization,
      reaches,
      services,
      classes,
      classOfPod,
      encoding,
      targets,
      reachGroups,
    },
    decisions: () => decisions.all(),
    servicesOfClass: tables.each(ofClass, (some) => new Set(some.map(({ key }) => key))),
    serviceResources: tables.each(encoding.services, ({ resources }) => resources),
    classResources: tables.each(encoding.classes, ({ resources }) => resources),
    unrecorded: () => {
      later.reaches.refresh();
      return reachRecords.unrecorded();
    },
    outputs: () => {
      later.reaches.refresh();
      later.records.refresh();
      return records.all();
    },
    /** Of which compile the tables are. */
    state: {} as object,
  };
}
