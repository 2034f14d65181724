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
import type { MeshRoute, ObjectReference, WorkloadClass } from "../model/mesh.ts";
import type { ObjectKey } from "../model/snapshot.ts";
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
  const isListed = listeners.some((listener) => isMentioned(object, names, listener));
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
 * none, which is all that an ALLOW says where none of its rules can match.
 */
function isMentioned(object: ObjectReference, names: ReadonlySet<string>, listener: EnvoyResource): boolean {
  return connectionRules(listener).some(
    ({ filter, rule }) =>
      names.has(filter) && (rule === undefined || rule.startsWith(`${object.namespace}/${object.name}/`)),
  );
}

function connectionRules(listener: EnvoyResource): readonly { readonly filter: string; readonly rule?: string }[] {
  return listOf(listener.config, "filter_chains")
    .flatMap((chain) => listOf(chain, "filters"))
    .flatMap((filter) => {
      const config = fieldOf(filter, "typed_config");
      // One that only refers to an extension has nothing of a policy in it.
      if (config === undefined) return [];
      const name = String(fieldOf(filter, "name"));
      const found = Object.keys(fieldOf(fieldOf(config, "rules"), "policies") ?? {}).map((rule) => ({
        filter: name,
        rule,
      }));
      return found.length === 0 ? [{ filter: name }] : found;
    });
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

function listOf(value: unknown, name: string): readonly unknown[] {
  const list = fieldOf(value, name);
  return Array.isArray(list) ? list : [];
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
