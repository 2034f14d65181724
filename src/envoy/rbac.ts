/**
 * Authorization of requests: a class's policies as two filters. A request passes if the deny filter matches nothing and the
 * allow filter has no rules at all or one that matches. Connections are judged by the filters of `rbac-connection.ts`.
 */
import type { DryRun, MeshPolicy, WorkloadClass } from "../model/mesh.ts";
import { remembered } from "../model/remember.ts";
import { encodeResource } from "./encode.ts";
import { packed, typeUrlOf } from "./extension.ts";
import type { ExtensionConfigSourceJson } from "./generated/envoy/config/core/v3/config_source_pb.js";
import type { RBACJson } from "./generated/envoy/config/rbac/v3/rbac_pb.js";
import { RBACSchema as HttpRBACSchema } from "./generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { RBACSchema as NetworkRBACSchema } from "./generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import type { AnyJson } from "./generated/google/protobuf/any_pb.js";
import type { RBACAction } from "./matching.ts";
import { extensionNames, rbacStatPrefixes } from "./names.ts";
import { dryRunConfig, dryRunName } from "./rbac-dry-run.ts";
import type { RBACLayer } from "./rbac-rules.ts";
import { rules } from "./rbac-rules.ts";
import type { EnvoyResource } from "./resource.ts";
import { adsSource } from "./source.ts";
import { trustDomainOf } from "./tls.ts";

const filterNames: Readonly<Record<RBACAction, string>> = {
  DENY: extensionNames.httpDeny,
  ALLOW: extensionNames.httpAllow,
};

/**
 * The resources that hold what the filters of a class refer to: they change without touching, or draining, the listener.
 * Without an HTTP port nothing refers to those for HTTP, and a proxy neither asks for them nor acknowledges them.
 */
export function authorizationResources(
  workload: WorkloadClass,
  layers: readonly RBACLayer[],
): readonly EnvoyResource[] {
  return layers.flatMap((layer) => [
    ...(workload.dryRuns ?? []).map((policy) =>
      policyResource(dryRunName(layer, policy), dryRunConfig(layer, policy, trustDomainOf(workload.identity))),
    ),
    ...(layer === "http" ? requestPolicies(workload) : []),
  ]);
}

function requestPolicies({ deny, allow, identity }: WorkloadClass): readonly EnvoyResource[] {
  const trustDomain = trustDomainOf(identity);
  return [
    requestResource("DENY", deny.length === 0 ? noPolicies : deny, trustDomain),
    requestResource("ALLOW", allow ?? noPolicies, trustDomain),
  ];
}

/** None at all: no rules, which let everything pass. */
const noPolicies: readonly MeshPolicy[] = [];

/** Most workloads share the list of their policies with others, and a list never changes. */
const requestResources = new WeakMap<readonly MeshPolicy[], Map<string, EnvoyResource>>();

function requestResource(action: RBACAction, policies: readonly MeshPolicy[], trustDomain: string): EnvoyResource {
  const known = remembered(requestResources, policies, () => new Map());
  const key = `${action} ${trustDomain}`;
  const rbac = () => (policies === noPolicies ? undefined : rules(action, policies, "http", trustDomain));
  const resource = known.get(key) ?? policyResource(filterNames[action], requestFilterConfig(action, rbac()));
  known.set(key, resource);
  return resource;
}

function policyResource(name: string, typedConfig: AnyJson): EnvoyResource {
  return encodeResource("extension", name, { name, typedConfig });
}

/** A filter whose rules come from one of those resources. Until what it enforces is there nothing passes. */
export interface AuthorizationFilter {
  readonly name: string;
  readonly configDiscovery: ExtensionConfigSourceJson;
}

/** A workload and the names of its dry runs. */
interface CountingWorkload {
  readonly dryRuns?: readonly Pick<DryRun, "name">[];
}

/** The filters of requests: those that only count see every call, and come before those that judge, in their order. */
export function requestFilters(workload: CountingWorkload): readonly AuthorizationFilter[] {
  return [
    ...dryRunFilters("http", workload),
    ...(["DENY", "ALLOW"] as const).map((action) =>
      discoveredFilter("http", filterNames[action], requestFilterConfig(action, denyAll)),
    ),
  ];
}

/** The filters that only count, in a fixed order. */
export function dryRunFilters(layer: RBACLayer, { dryRuns = [] }: CountingWorkload): readonly AuthorizationFilter[] {
  return dryRuns.map((policy) => discoveredFilter(layer, dryRunName(layer, policy), dryRunConfig(layer)));
}

function discoveredFilter(layer: RBACLayer, name: string, defaultConfig: AnyJson): AuthorizationFilter {
  return {
    name,
    configDiscovery: {
      configSource: adsSource,
      // A listener whose policy is not known yet waits for it (`apply_default_config_without_warming` is off).
      defaultConfig,
      typeUrls: [typeUrlOf(layer === "http" ? HttpRBACSchema : NetworkRBACSchema)],
    },
  };
}

/** An ALLOW without policies allows nothing. */
const denyAll: RBACJson = { action: "ALLOW" };

function requestFilterConfig(action: RBACAction, rbac: RBACJson | undefined): AnyJson {
  return packed(HttpRBACSchema, {
    rulesStatPrefix: rbacStatPrefixes[action],
    trackPerRuleStats: true,
    ...(rbac === undefined ? {} : { rules: rbac }),
  });
}
