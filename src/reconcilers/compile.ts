/**
 * Snapshot in, everything out: what is served, what is recorded, and what is said of each object. Pure: the same snapshot
 * gives the same result, on any replica and after any restart; a cache makes it faster, never different.
 */
import type { AuthorizationPolicy } from "../api/generated/AuthorizationPolicy.ts";
import type { EnvoyResource, ProxyTarget, ReachGroups } from "../envoy/resource.ts";
import type { StatusDecision } from "../model/finding.ts";
import type { IdentityPlan } from "../model/identity.ts";
import type { Mesh, WorkloadIdentity } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import type { DesiredRecord } from "../model/output.ts";
import type { MeshSettings, ModeHolds, Snapshot } from "../model/snapshot.ts";
import type { SortedMap } from "../model/sorted-map.ts";
import { warnOfAuthorization } from "./authorization-warnings.ts";
import type { CompileCache } from "./cache.ts";
import { createCompileCache } from "./cache.ts";
import { decideIdentity } from "./identity.ts";
import type { WorkloadTLS } from "./mesh-tls.ts";
import { createPasses } from "./passes.ts";

export type { CompileCache } from "./cache.ts";
export { createCompileCache } from "./cache.ts";

/** The result of a compile. */
export interface Compilation {
  readonly mesh: Mesh;
  /** What each injected pod is to be served beside the reach of its namespace. */
  readonly targets: ReadonlyMap<ObjectKey, ProxyTarget>;
  readonly reachGroups: ReachGroups;
  /**
   * The ConfigMaps that are to exist, by namespace and name. They are made when they are first asked for, so that
   * proxies are served before anything is written down; one that has not changed since a compile before this one was asked
   * for them is the same value.
   */
  readonly outputs: ReadonlyMap<ObjectKey, DesiredRecord>;
  /** Services for which a reach's ConfigMap has no room; found when they are first asked for. */
  readonly unrecorded: ReadonlySet<ObjectKey>;
  readonly identities: readonly WorkloadIdentity[];
  /** How they are issued. */
  readonly identityPlan: IdentityPlan;
  /** What the MeshTLS objects say of each class, whatever step is out. */
  readonly tls: ReadonlyMap<string, WorkloadTLS>;
  /** The services that have endpoints of a class, by class id. */
  readonly servicesOfClass: ReadonlyMap<string, ReadonlySet<ObjectKey>>;
  /** One for each object of ours, by `keyOfReference`, in the order of these keys. */
  readonly decisions: ReadonlyMap<string, StatusDecision>;
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
  // Where identities come from: the trust domain in force is in every identity.
  const identity = decideIdentity(snapshot, given);
  const settings: MeshSettings = { ...given, trustDomain: identity.plan.trustDomain };
  const { held } = cache;
  const isHeld = held?.given === given && held.trustDomain === settings.trustDomain;
  const passes = isHeld ? held.passes : createPasses(settings);
  // What is left half done is of no use to the next one.
  cache.held = undefined;
  passes.set(snapshot);
  passes.tables.refresh();
  const { tls, authorization } = passes;
  const mesh: Mesh = {
    services: passes.services.all(),
    classes: passes.classes.all(),
    reaches: passes.reaches().all,
    reachOfNamespace: passes.reaches().ofNamespace,
    classOfPod: passes.classOfPod.all(),
    identities: passes.identities(),
  };
  const holds = snapshot.holds ?? noHolds;
  const state = {};
  passes.state = state;
  cache.held = { given, trustDomain: settings.trustDomain, passes };
  /** The tables go on with the next compile. What was not asked for before that is found out anew. */
  const whileCurrent = <Value>(ask: () => Value, otherwise: (again: Compilation) => Value): (() => Value) => {
    let known: { readonly value: Value } | undefined;
    return () => {
      if (known !== undefined) return known.value;
      const isCurrent = passes.state === state;
      try {
        known = { value: isCurrent ? ask() : otherwise(compile(snapshot, given)) };
      } catch (error) {
        if (isCurrent) cache.held = undefined;
        throw error;
      }
      return known.value;
    };
  };
  const outputs = whileCurrent(
    () => passes.outputs(),
    (again) => again.outputs,
  );
  const unrecorded = whileCurrent(
    () => passes.unrecorded(),
    (again) => again.unrecorded,
  );
  return {
    mesh,
    targets: passes.targets.all(),
    reachGroups: passes.reachGroups(),
    get outputs() {
      return outputs();
    },
    get unrecorded() {
      return unrecorded();
    },
    identities: mesh.identities,
    identityPlan: identity.plan,
    tls: tls.ofWorkload.all(),
    servicesOfClass: passes.servicesOfClass.all(),
    decisions: changedIn(passes.decisions(), (decision) => withInterim(identity.judge(decision), mesh, holds)),
    serviceResources: passes.serviceResources.all(),
    classResources: passes.classResources.all(),
    warningsOf: (policy) => {
      if (passes.state !== state) return compile(snapshot, given).warningsOf(policy);
      return warnOfAuthorization(policy, { settings, authorization, tls: tls.ofWorkload });
    },
  };
}

const noHolds: ModeHolds = new Map();

/** Few are another after this. */
function changedIn<Value>(values: SortedMap<Value>, change: (value: Value) => Value): SortedMap<Value> {
  const changed: [string, Value][] = [];
  for (const [key, value] of values) {
    const next = change(value);
    if (next !== value) changed.push([key, next]);
  }
  return values.with(changed);
}

/** A MeshTLS is not live on a proxy that is at a step between two modes. */
function withInterim(decision: StatusDecision, mesh: Mesh, holds: ModeHolds): StatusDecision {
  if (decision.object.kind !== "MeshTLS" || holds.size === 0) return decision;
  const interim = decision.pods.filter((pod) => holds.has(mesh.classOfPod.get(pod) ?? ""));
  return interim.length === 0 ? decision : { ...decision, interim };
}
