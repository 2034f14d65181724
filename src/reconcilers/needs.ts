/**
 * What must be live on a proxy before an object is, and whose fault it is when that is refused.
 *
 *   TrafficSplit           listeners and routes of its Service; clusters and endpoints that its own routes lead to
 *   MeshTLS                the inbound listener
 *   AuthorizationPolicy    its rules: those for requests are an extension, those for connections in the inbound listener
 */

import { extensionNames, mirrorName, servicePortName } from "../envoy/names.ts";
import { dryRunName } from "../envoy/rbac-dry-run.ts";
import type { EnvoyResource, ResourceType } from "../envoy/resource.ts";
import type { StatusDecision } from "../model/finding.ts";
import type { MeshRoute, MeshService, ObjectReference, WorkloadClass } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { concernsScope } from "../model/port-scope.ts";
import type { Compilation } from "./compile.ts";

/** What an object needs of one proxy. */
export interface Need {
  /** What the object itself is in: who refuses one of these refuses the object. */
  readonly own: readonly EnvoyResource[];
  /** What it works through, but is not in. It must be live too; its refusal is the fault of another object. */
  readonly through: readonly EnvoyResource[];
  /**
   * What others are in and those wait for. Any answer will do: while Envoy refuses a version, it goes on with the one before,
   * or with the default, which denies everything.
   */
  readonly beside: readonly EnvoyResource[];
}

const nothing: Need = { own: [], through: [], beside: [] };

/** What the object of a decision needs, by pod. */
export function neededResources(decision: StatusDecision, compilation: Compilation): (pod: ObjectKey) => Need {
  const { need, object } = decision;
  if (need.kind === "service") {
    const ofService = needOfSplit(object, need.service, compilation);
    return () => ofService;
  }
  const { mesh, classResources } = compilation;
  const ofClass = new Map<string, Need>();
  return (pod) => {
    const id = mesh.classOfPod.get(pod) ?? "";
    const workload = mesh.classes.get(id);
    if (workload === undefined) return nothing;
    const known = ofClass.get(id) ?? needInClass(object, workload, classResources.get(id) ?? []);
    ofClass.set(id, known);
    return known;
  };
}

/** What the modes of a class need: the listener, with whatever it waits for. */
export function needOfModes(resources: readonly EnvoyResource[]): Need {
  return {
    own: resources.filter(({ type }) => type === "listener"),
    through: [],
    beside: resources.filter(({ type }) => type === "extension"),
  };
}

function needInClass(object: ObjectReference, workload: WorkloadClass, resources: readonly EnvoyResource[]): Need {
  const ofModes = needOfModes(resources);
  if (object.kind === "MeshTLS") return ofModes;
  const { own: listeners, beside: extensions } = ofModes;
  const names = extensionsOf(object, workload);
  const own = extensions.filter(({ name }) => names.has(name));
  const beside = extensions.filter(({ name }) => !names.has(name));
  const isListed = isInHandshake(object, workload) || listeners.some((listener) => isIn(object, names, listener));
  return isListed ? { own: [...listeners, ...own], through: [], beside } : { own, through: listeners, beside };
}

const isSame = (a: ObjectReference, b: ObjectReference): boolean =>
  a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;

/** Names of the extensions, and of the filters, that hold what a policy says. */
function extensionsOf(object: ObjectReference, { deny, dryRuns = [] }: WorkloadClass): ReadonlySet<string> {
  const dryRun = dryRuns.find(({ origin }) => isSame(origin, object));
  if (dryRun !== undefined) return new Set([dryRunName("http", dryRun), dryRunName("tcp", dryRun)]);
  return deny.some(({ origin }) => isSame(origin, object))
    ? new Set([extensionNames.httpDeny, extensionNames.tcpDeny])
    : new Set([extensionNames.httpAllow, extensionNames.tcpAllow]);
}

/**
 * Whether a listener has something of a policy in it: a filter for connections with one of its rules, or, of an ALLOW, with
 * no rule of any, which is all that ALLOWs say where none of their rules can match.
 */
function isIn(object: ObjectReference, names: ReadonlySet<string>, listener: EnvoyResource): boolean {
  const { policies, withoutRules } = contentOf(listener);
  return policies.has(`${object.namespace}/${object.name}`) || [...withoutRules].some((filter) => names.has(filter));
}

/** The policies whose rules are in the filters of a listener, and the filters that have a rule in none of its chains. */
interface ListenerContent {
  readonly policies: ReadonlySet<string>;
  readonly withoutRules: ReadonlySet<string>;
}

/** Statuses ask the same listeners about each policy, again and again; a resource never changes. */
const contents = new WeakMap<EnvoyResource, ListenerContent>();

function contentOf(listener: EnvoyResource): ListenerContent {
  const known = contents.get(listener);
  if (known !== undefined) return known;
  const policies = new Set<string>();
  const rulesOf = new Map<string, number>();
  for (const filter of listOf(listener.config, "filter_chains").flatMap((chain) => listOf(chain, "filters"))) {
    const config = fieldOf(filter, "typed_config");
    // One that only refers to an extension has nothing of a policy in it.
    if (config === undefined) continue;
    const found = Object.keys(fieldOf(fieldOf(config, "rules"), "policies") ?? {});
    // Such as `namespace/name/0`.
    for (const rule of found) policies.add(rule.slice(0, rule.lastIndexOf("/")));
    const name = String(fieldOf(filter, "name"));
    rulesOf.set(name, (rulesOf.get(name) ?? 0) + found.length);
  }
  const withoutRules = new Set([...rulesOf].flatMap(([name, count]) => (count === 0 ? [name] : [])));
  const content = { policies, withoutRules };
  contents.set(listener, content);
  return content;
}

/** Whether the callers that some handshake takes are what the policy makes of them. */
function isInHandshake(object: ObjectReference, { ports, deny, allow = [] }: WorkloadClass): boolean {
  const policy = [...deny, ...allow].find(({ origin }) => isSame(origin, object));
  if (policy === undefined) return false;
  const isAlone = allow.length === 1 && allow[0] === policy;
  return ports.some(
    ({ port, serverFirst }) =>
      serverFirst === true && (isAlone || policy.rules.some((rule) => concernsScope(rule, port))),
  );
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

function listOf(value: unknown, name: string): readonly unknown[] {
  const list = fieldOf(value, name);
  return Array.isArray(list) ? list : [];
}

/** The services that routes of a service lead to. */
export function destinationsOf(service: MeshService | undefined): readonly ObjectKey[] {
  const routes = (service?.ports ?? []).flatMap(({ routing }) => routing.routes);
  const keys = routes.flatMap(({ backends, mirror }) => [
    ...backends.flatMap(({ target }) => (target.kind === "service" ? [`${target.namespace}/${target.service}`] : [])),
    ...(mirror === undefined ? [] : [`${mirror.namespace}/${mirror.service}`]),
  ]);
  return [...new Set(keys)];
}

function needOfSplit(object: ObjectReference, root: ObjectKey, { mesh, serviceResources }: Compilation): Need {
  const resources = serviceResources.get(root) ?? [];
  const routes = (mesh.services.get(root)?.ports ?? []).flatMap(({ routing }) => routing.routes);
  const find = (service: ObjectKey, type: ResourceType, name: string) =>
    (serviceResources.get(service) ?? []).filter((resource) => resource.type === type && resource.name === name);
  /** A listener or a route that is acknowledged may still wait for these. */
  const destinations = ({ backends, mirror }: MeshRoute): readonly EnvoyResource[] => [
    ...backends.flatMap(({ target }) => {
      if (target.kind !== "service") return [];
      const key = `${target.namespace}/${target.service}`;
      const name = servicePortName(target);
      return [...find(key, "cluster", name), ...find(key, "endpoint", name)];
    }),
    ...(mirror === undefined
      ? []
      : [
          ...find(`${mirror.namespace}/${mirror.service}`, "cluster", mirrorName(mirror)),
          ...find(`${mirror.namespace}/${mirror.service}`, "endpoint", servicePortName(mirror)),
        ]),
  ];
  const isOwn = ({ origin }: MeshRoute) => origin !== undefined && isSame(origin, object);
  const own = new Set([
    ...resources.filter(({ type }) => type === "listener" || type === "route"),
    ...routes.filter(isOwn).flatMap(destinations),
  ]);
  const others = routes.filter((route) => !isOwn(route)).flatMap(destinations);
  return { own: [...own], through: [], beside: [...new Set(others)].filter((resource) => !own.has(resource)) };
}
