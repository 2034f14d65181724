/**
 * Pass 8: units to Envoy resources.
 *
 * A unit that cannot be encoded is a defect of ours, brought to light by some object. Only that object is to feel it: its
 * routes are left out of the service, its policy denies everything, and its status says so.
 */
import { resourceGroup } from "../envoy/encode.ts";
import type { Remember } from "../envoy/inbound.ts";
import { classResources } from "../envoy/inbound.ts";
import type { EnvoyResource, ResourceGroup } from "../envoy/resource.ts";
import { serviceResources } from "../envoy/service.ts";
import type { MeshPolicy, MeshService, ObjectReference, WorkloadClass } from "../model/mesh.ts";
import { remembered } from "../model/remember.ts";
import type { AccessLogSetting, MeshSettings } from "../model/snapshot.ts";
import { compare } from "../model/workload.ts";
import { contentHash } from "./content-hash.ts";
import type { Derivation, Table } from "./derivation.ts";
import { keyOfReference, messageOf } from "./objects.ts";
import { fitsRecord } from "./record-text.ts";

/**
 * Objects that made a unit impossible to encode, or to record. A `defect` counts nowhere. Of what takes more room than a
 * record has, `omitted` is closed, or not counted if it is a dry run, in that workload alone; `unrecorded` is served there
 * and not recorded.
 */
export type EncodingFault =
  | { readonly kind: "defect"; readonly origins: readonly ObjectReference[]; readonly message: string }
  | {
      readonly kind: "omitted" | "unrecorded";
      readonly origins: readonly ObjectReference[];
      /** `namespace/class`. */
      readonly workload: string;
    };

/** A service or a class, encoded. */
export interface EncodedUnit {
  readonly resources: readonly EnvoyResource[];
  readonly group: ResourceGroup;
}

/** Makes a unit unless it is at hand: found by the hash of its input. */
type UnitMaker = (input: unknown, make: () => readonly EnvoyResource[]) => EncodedUnit;

/** A unit, and what is wrong with what it is made of. */
interface Attempt {
  readonly unit: EncodedUnit;
  readonly faults: readonly EncodingFault[];
}

/** What became of a service or a class. */
interface Outcome {
  /** Absent if it could not be encoded at all. */
  readonly unit: EncodedUnit | undefined;
  readonly faults: readonly EncodingFault[];
  /** All units that were made on the way, by their hashes: most are asked for again. */
  readonly tried: ReadonlyMap<string, EncodedUnit>;
}

/** The outcome of the pass. A unit that could not be encoded at all is absent. */
export interface Encoding {
  readonly services: Table<EncodedUnit>;
  readonly classes: Table<EncodedUnit>;
  /** By the object that they are about, as {@link keyOfReference} gives it. */
  readonly faultsOf: (object: string) => readonly EncodingFault[];
}

/** Encodes every service and class. */
export function deriveEncoding(
  tables: Derivation,
  services: Table<MeshService>,
  classes: Table<WorkloadClass>,
  { accessLog }: MeshSettings,
): Encoding {
  const ofServices = tables.each(services, (service, _key, before: Outcome | undefined) => {
    const origins = service.ports.flatMap(({ routing }) => routing.routes.flatMap(({ origin }) => origin ?? []));
    return encodeWithout(origins, before, (faulty, make) => {
      return { unit: encodeService(withoutSplits(service, faulty), accessLog, make), faults: [] };
    });
  });
  const ofClasses = tables.each(classes, (workload, _id, before: Outcome | undefined) => {
    const { deny, allow = [], dryRuns = [] } = workload;
    const origins = [...deny, ...allow, ...dryRuns].map(({ origin }) => origin);
    return encodeWithout(origins, before, (faulty, make) => fitIntoRecord(closed(workload, faulty), accessLog, make));
  });
  const unitsOf = (outcomes: Table<Outcome>) => tables.each(outcomes, ({ unit }) => unit);
  const faultyObjects = (outcomes: Table<Outcome>) =>
    tables.group(
      tables.each(outcomes, ({ faults }) => (faults.length === 0 ? undefined : faults)),
      (faults) => faults.flatMap(({ origins }) => origins.map(keyOfReference)),
    );
  const faulty = [faultyObjects(ofServices), faultyObjects(ofClasses)];
  return {
    services: unitsOf(ofServices),
    classes: unitsOf(ofClasses),
    faultsOf: (object) =>
      faulty
        .flatMap((found) => found.get(object) ?? [])
        .flat()
        .filter(({ origins }) => origins.some((origin) => keyOfReference(origin) === object)),
  };
}

/**
 * The inbound side of a class is recorded whole, and a ConfigMap holds 1 MiB: dry runs are left out, the largest first, and
 * then the largest policies are closed, until the rest fits. Not the newest: which ones it takes must not depend on when
 * they came.
 */
function fitIntoRecord(workload: WorkloadClass, accessLog: AccessLogSetting, make: UnitMaker): Attempt {
  const unit = encodeClass(workload, accessLog, make);
  if (fitsRecord(unit.resources)) return { unit, faults: [] };
  const { deny, allow = [], dryRuns = [] } = workload;
  const bySize = (policies: readonly MeshPolicy[]) =>
    policies
      .map((policy) => [policy, JSON.stringify(policy.rules).length] as const)
      .sort(([a, left], [b, right]) => right - left || compare(a.name, b.name));
  // Nothing that is enforced closes for what is only counted.
  const inOrder = [...bySize(dryRuns), ...bySize([...deny, ...allow])].map(([{ origin }]) => origin);
  const omit = (count: number): EncodedUnit =>
    encodeClass(closed(workload, new Set(inOrder.slice(0, count))), accessLog, make);
  const fits = (count: number): boolean => fitsRecord(omit(count).resources);
  const name = `${workload.namespace}/${workload.id}`;
  // Some ten thousand policies, whose names alone are too much, or a hundred ports. Served as it is; the record stays as it was.
  if (!fits(inOrder.length)) return { unit, faults: [{ kind: "unrecorded", origins: inOrder, workload: name }] };
  // With each that is left out the text is shorter, so that the least number is found by halving.
  let least = inOrder.length;
  for (let tooFew = 0; least - tooFew > 1; ) {
    const middle = Math.floor((tooFew + least) / 2);
    if (fits(middle)) least = middle;
    else tooFew = middle;
  }
  return { unit: omit(least), faults: [{ kind: "omitted", origins: inOrder.slice(0, least), workload: name }] };
}

/**
 * Encodes a unit; if that fails, without the objects that fail even when they are alone. `encodeUnit` leaves out what the
 * given objects say. What is said of the attempts on the way counts for nothing.
 */
function encodeWithout(
  origins: readonly ObjectReference[],
  before: Outcome | undefined,
  encodeUnit: (faulty: ReadonlySet<ObjectReference>, make: UnitMaker) => Attempt,
): Outcome {
  const tried = new Map<string, EncodedUnit>();
  const make: UnitMaker = (input, resourcesOf) => {
    // Only what the resources depend on is input: a new generation that means the same is not encoded again.
    const hash = contentHash(input);
    const known = tried.get(hash) ?? before?.tried.get(hash);
    const unit = known ?? unitOf(resourcesOf(), before?.unit);
    tried.set(hash, unit);
    return unit;
  };
  try {
    return { ...encodeUnit(new Set(), make), tried };
  } catch (error) {
    const defects: EncodingFault[] = [];
    const distinct = [...new Set(origins)];
    const faulty = distinct.filter((origin) => {
      const fault = faultOf(() => encodeUnit(new Set(distinct.filter((other) => other !== origin)), make));
      if (fault !== undefined) defects.push({ kind: "defect", origins: [origin], message: defect(fault) });
      return fault !== undefined;
    });
    try {
      const { unit, faults } = encodeUnit(new Set(faulty), make);
      return { unit, faults: [...defects, ...faults], tried };
    } catch {
      const all: EncodingFault = { kind: "defect", origins: distinct, message: defect(messageOf(error)) };
      return { unit: undefined, faults: [...defects, all], tried };
    }
  }
}

/** Most of a changed unit is what it was: it stays the same value, of which others know what they have found out. */
function unitOf(made: readonly EnvoyResource[], before: EncodedUnit | undefined): EncodedUnit {
  const resources = made.map((resource) => {
    const known = before?.group.byType[resource.type].get(resource.name);
    return known?.version === resource.version ? known : resource;
  });
  return { resources, group: resourceGroup(resources) };
}

const defect = (message: string): string =>
  `It cannot be put into Envoy's words: ${message}. Simplify it, or report this as a defect.`;

function faultOf(attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function encodeService(service: MeshService, accessLog: AccessLogSetting, make: UnitMaker): EncodedUnit {
  const ports = service.ports.map(({ routing, ...port }) => {
    return { ...port, routes: routing.routes.map(({ origin: _origin, ...route }) => route) };
  });
  const { namespace, name, addresses } = service;
  const input = { namespace, name, addresses, ports, accessLog };
  return make(["service", input], () => serviceResources(service, accessLog));
}

/** Most workloads share the list of their policies with others, and a list never changes. */
const policyHashes = new WeakMap<readonly MeshPolicy[], string>();

const hashOfPolicies = (policies: readonly MeshPolicy[]): string =>
  remembered(policyHashes, policies, () => contentHash(policies.map(({ name, rules }) => ({ name, rules }))));

function encodeClass(workload: WorkloadClass, accessLog: AccessLogSetting, make: UnitMaker): EncodedUnit {
  const { id, namespace, serviceAccount, identity, ports, mode, tls, probes, families } = workload;
  const [deny, allow] = [hashOfPolicies(workload.deny), workload.allow && hashOfPolicies(workload.allow)];
  const dryRuns = workload.dryRuns?.map(({ name, action, rules }) => ({ name, action, rules }));
  const input = {
    id,
    namespace,
    serviceAccount,
    identity,
    ports,
    mode,
    tls,
    probes,
    families,
    deny,
    allow,
    dryRuns,
    accessLog,
  };
  const remember: Remember = (part, resourcesOf) => make(part, resourcesOf).resources;
  return make(["class", input], () => classResources(workload, accessLog, remember));
}

function withoutSplits(service: MeshService, faulty: ReadonlySet<ObjectReference>): MeshService {
  if (faulty.size === 0) return service;
  const { namespace, name } = service;
  const ports = service.ports.map((port) => {
    const target = { kind: "service", namespace, service: name, port: port.port } as const;
    const kept = port.routing.routes.filter(({ origin }) => origin === undefined || !faulty.has(origin));
    const isWhole = kept.some(({ match }) => match === undefined);
    return { ...port, routing: { routes: isWhole ? kept : [...kept, { backends: [{ weight: 1, target }] }] } };
  });
  return { ...service, ports };
}

/** What a faulty policy was to allow nobody knows, so it denies everything, unless it is a dry run. */
function closed(workload: WorkloadClass, faulty: ReadonlySet<ObjectReference>): WorkloadClass {
  if (faulty.size === 0) return workload;
  const isFaulty = ({ origin }: MeshPolicy) => faulty.has(origin);
  const closing = [...workload.deny, ...(workload.allow ?? [])].filter(isFaulty).map((policy): MeshPolicy => {
    return { ...policy, rules: [{ sources: [], operations: [] }] };
  });
  const deny = [...workload.deny.filter((policy) => !isFaulty(policy)), ...closing];
  const { dryRuns = [], ...others } = workload;
  const counted = dryRuns.filter((policy) => !isFaulty(policy));
  const allow = workload.allow?.filter((policy) => !isFaulty(policy));
  return { ...others, deny, allow, ...(counted.length === 0 ? {} : { dryRuns: counted }) };
}
