/**
 * Last pass but one: units to Envoy resources, and which of them each proxy is sent.
 *
 * A unit that cannot be encoded is a defect of ours, brought to light by some object. Only that object is to feel it: its
 * routes are left out of the service, its policy denies everything, and its status says so.
 */
import { commonResources, readinessListener } from "../envoy/common.ts";
import { resourceGroup } from "../envoy/encode.ts";
import { classResources } from "../envoy/inbound.ts";
import { checkClusters } from "../envoy/probes.ts";
import type { EnvoyResource, ProxyTarget, ResourceGroup } from "../envoy/resource.ts";
import { serviceResources } from "../envoy/service.ts";
import type { Mesh, MeshPolicy, MeshService, ObjectReference, WorkloadClass } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import type { AccessLogSetting, MeshSettings, Snapshot } from "../model/snapshot.ts";
import { compare } from "../model/workload.ts";
import type { CompileCache, EncodedUnit } from "./cache.ts";
import { contentHash } from "./cache.ts";
import { messageOf } from "./objects.ts";
import { fitsRecord } from "./record-text.ts";
import { addressesOf } from "./workloads.ts";

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

/** A unit, and what is wrong with what it is made of. */
interface Attempt {
  readonly unit: EncodedUnit;
  readonly faults: readonly EncodingFault[];
}

/** The outcome of the pass. A unit that could not be encoded at all is absent. */
export interface Encoding {
  readonly services: ReadonlyMap<ObjectKey, EncodedUnit>;
  readonly classes: ReadonlyMap<string, EncodedUnit>;
  readonly faults: readonly EncodingFault[];
}

/** Encodes every service and class. */
export function encodeMesh(mesh: Mesh, { accessLog }: MeshSettings, cache: CompileCache): Encoding {
  const faults: EncodingFault[] = [];
  const services = new Map<ObjectKey, EncodedUnit>();
  for (const [key, service] of mesh.services) {
    const origins = service.ports.flatMap(({ routing }) => routing.routes.flatMap(({ origin }) => origin ?? []));
    const unit = encodeWithout(
      origins,
      (faulty) => ({ unit: encodeService(withoutSplits(service, faulty), accessLog, cache), faults: [] }),
      faults,
    );
    if (unit !== undefined) services.set(key, unit);
  }
  const classes = new Map<string, EncodedUnit>();
  for (const [id, workload] of mesh.classes) {
    const { deny, allow = [], dryRuns = [] } = workload;
    const origins = [...deny, ...allow, ...dryRuns].map(({ origin }) => origin);
    const encodeOpen = (faulty: ReadonlySet<ObjectReference>) => {
      return fitIntoRecord(closed(workload, faulty), accessLog, cache);
    };
    const unit = encodeWithout(origins, encodeOpen, faults);
    if (unit !== undefined) classes.set(id, unit);
  }
  return { services, classes, faults };
}

/**
 * The inbound side of a class is recorded whole, and a ConfigMap holds 1 MiB: dry runs are left out, the largest first, and
 * then the largest policies are closed, until the rest fits. Not the newest: which ones it takes must not depend on when
 * they came.
 */
function fitIntoRecord(workload: WorkloadClass, accessLog: AccessLogSetting, cache: CompileCache): Attempt {
  const unit = encodeClass(workload, accessLog, cache);
  if (fitsRecord(unit.resources, cache)) return { unit, faults: [] };
  const { deny, allow = [], dryRuns = [] } = workload;
  const bySize = (policies: readonly MeshPolicy[]) =>
    policies
      .map((policy) => [policy, JSON.stringify(policy.rules).length] as const)
      .sort(([a, left], [b, right]) => right - left || compare(a.name, b.name));
  // Nothing that is enforced closes for what is only counted.
  const inOrder = [...bySize(dryRuns), ...bySize([...deny, ...allow])].map(([{ origin }]) => origin);
  const omit = (count: number): EncodedUnit =>
    encodeClass(closed(workload, new Set(inOrder.slice(0, count))), accessLog, cache);
  const fits = (count: number): boolean => fitsRecord(omit(count).resources, cache);
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
  encodeUnit: (faulty: ReadonlySet<ObjectReference>) => Attempt,
  faults: EncodingFault[],
): EncodedUnit | undefined {
  const attempt = (faulty: ReadonlySet<ObjectReference>): EncodedUnit => {
    const { unit, faults: found } = encodeUnit(faulty);
    faults.push(...found);
    return unit;
  };
  try {
    return attempt(new Set());
  } catch (error) {
    const distinct = [...new Set(origins)];
    const faulty = distinct.filter((origin) => {
      const fault = faultOf(() => encodeUnit(new Set(distinct.filter((other) => other !== origin))));
      if (fault !== undefined) faults.push({ kind: "defect", origins: [origin], message: defect(fault) });
      return fault !== undefined;
    });
    try {
      return attempt(new Set(faulty));
    } catch {
      faults.push({ kind: "defect", origins: distinct, message: defect(messageOf(error)) });
      return undefined;
    }
  }
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

function encodeService(service: MeshService, accessLog: AccessLogSetting, cache: CompileCache): EncodedUnit {
  const ports = service.ports.map(({ routing, ...port }) => {
    return { ...port, routes: routing.routes.map(({ origin: _origin, ...route }) => route) };
  });
  const { namespace, name, addresses } = service;
  const input = { namespace, name, addresses, ports, accessLog };
  return encode(["service", input], () => serviceResources(service, accessLog), cache);
}

function encodeClass(workload: WorkloadClass, accessLog: AccessLogSetting, cache: CompileCache): EncodedUnit {
  const { id, namespace, serviceAccount, identity, ports, mode, tls, probes, families } = workload;
  const content = (policies: readonly MeshPolicy[] | undefined) =>
    policies?.map(({ name, rules }) => ({ name, rules }));
  const [deny, allow] = [content(workload.deny), content(workload.allow)];
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
  return encode(["class", input], () => classResources(workload, accessLog), cache);
}

/** Only what the resources depend on is input: a new generation that means the same is not encoded again. */
function encode(input: unknown, make: () => readonly EnvoyResource[], cache: CompileCache): EncodedUnit {
  const hash = contentHash(input);
  return cache.units.get(hash, () => {
    const resources = make();
    return { hash, resources, group: resourceGroup(resources) };
  });
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

/** What each pod is to be served. A pod whose class could not be encoded is absent: it keeps what it has. */
export function targetsOf(
  mesh: Mesh,
  encoding: Encoding,
  snapshot: Snapshot,
  { accessLog }: MeshSettings,
  cache: CompileCache,
): ReadonlyMap<ObjectKey, ProxyTarget> {
  const groups = new Map<string, ResourceGroup>();
  for (const [id, reach] of mesh.reaches) groups.set(id, reachGroup(reach.services, encoding, cache));
  const targets = new Map<ObjectKey, ProxyTarget>();
  for (const [pod, classId] of mesh.classOfPod) {
    const workload = mesh.classes.get(classId);
    const own = encoding.classes.get(classId);
    const object = snapshot.pods.get(pod);
    const reach = groups.get(mesh.reachOfNamespace.get(workload?.namespace ?? "") ?? "");
    if (workload === undefined || own === undefined || object === undefined || reach === undefined) continue;
    const { families, identity, probes } = workload;
    const common = commonGroup(families, accessLog, cache);
    const podUid = object.metadata.uid ?? "";
    const addresses = addressesOf(object);
    const parts = [common, own.group, reach, ...checksGroup(probes, addresses, cache)];
    const key = JSON.stringify([pod, podUid, identity, addresses, families, parts.map(({ hash }) => hash)]);
    const readiness = cache.readiness.get(JSON.stringify([families, probes]), () =>
      readinessListener(families, probes),
    );
    const make = (): ProxyTarget => ({ pod, podUid, addresses, identity, groups: parts, readiness });
    targets.set(pod, cache.targets.get(key, make));
  }
  return targets;
}

/** The only resources that pods of a class do not share: clusters of probes that are made to the pod's own address. */
function checksGroup(
  probes: WorkloadClass["probes"],
  [address]: readonly string[],
  cache: CompileCache,
): readonly ResourceGroup[] {
  const checks = probes?.filter(({ type }) => type === "GRPC") ?? [];
  if (checks.length === 0 || address === undefined) return [];
  const key = `checks ${address} ${contentHash(checks)}`;
  return [cache.groups.get(key, () => resourceGroup(checkClusters(checks, address)))];
}

function commonGroup(
  families: WorkloadClass["families"],
  accessLog: AccessLogSetting,
  cache: CompileCache,
): ResourceGroup {
  const make = () => resourceGroup(commonResources(families, accessLog));
  return cache.groups.get(`common ${families.ipv4} ${families.ipv6} ${accessLog}`, make);
}

function reachGroup(services: readonly ObjectKey[], encoding: Encoding, cache: CompileCache): ResourceGroup {
  const units = services.flatMap((key) => encoding.services.get(key) ?? []);
  const key = `reach ${contentHash(units.map(({ hash }) => hash))}`;
  return cache.groups.get(key, () => resourceGroup(units.flatMap(({ resources }) => resources)));
}
