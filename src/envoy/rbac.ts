/**
 * Authorization: a class's policies as two filters, and each of them once for HTTP and once for TCP. A request passes if
 * the deny filter matches nothing and the allow filter has no rules at all or one that matches.
 */
import type { WorkloadClass } from "../model/mesh.ts";
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

const filterNames: Readonly<Record<RBACLayer, Readonly<Record<RBACAction, string>>>> = {
  http: { DENY: extensionNames.httpDeny, ALLOW: extensionNames.httpAllow },
  tcp: { DENY: extensionNames.tcpDeny, ALLOW: extensionNames.tcpAllow },
};

const filterConfig: Readonly<Record<RBACLayer, (action: RBACAction, rbac: RBACJson | undefined) => AnyJson>> = {
  http: httpFilterConfig,
  tcp: tcpFilterConfig,
};

/**
 * The resources that hold the policies of a class. They change without touching the listener that refers to them. Without
 * an HTTP port nothing refers to those for HTTP, and a proxy neither asks for them nor acknowledges them.
 */
export function authorizationResources(
  workload: WorkloadClass,
  layers: readonly RBACLayer[],
): readonly EnvoyResource[] {
  const trustDomain = trustDomainOf(workload.identity);
  const deny = workload.deny.length === 0 ? undefined : workload.deny;
  return layers.flatMap((layer) => [
    ...(workload.dryRuns ?? []).map((policy) =>
      policyResource(dryRunName(layer, policy), dryRunConfig(layer, policy, trustDomain)),
    ),
    ...(
      [
        ["DENY", deny],
        ["ALLOW", workload.allow],
      ] as const
    ).map(([action, policies]) => {
      // No policies at all are no rules, which let everything pass.
      const rbac = policies === undefined ? undefined : rules(action, policies, layer, trustDomain);
      return policyResource(filterNames[layer][action], filterConfig[layer](action, rbac));
    }),
  ]);
}

function policyResource(name: string, typedConfig: AnyJson): EnvoyResource {
  return encodeResource("extension", name, { name, typedConfig });
}

/** A filter whose rules come from one of those resources. Until what it enforces is there nothing passes. */
export interface AuthorizationFilter {
  readonly name: string;
  readonly configDiscovery: ExtensionConfigSourceJson;
}

/** The filters of a layer: those that only count see every call, and come before those that judge, in their order. */
export function authorizationFilters(
  layer: RBACLayer,
  { dryRuns = [] }: Pick<WorkloadClass, "dryRuns">,
): readonly AuthorizationFilter[] {
  return [
    ...dryRuns.map((policy) => discoveredFilter(layer, dryRunName(layer, policy), dryRunConfig(layer))),
    ...(["DENY", "ALLOW"] as const).map((action) =>
      discoveredFilter(layer, filterNames[layer][action], filterConfig[layer](action, denyAll)),
    ),
  ];
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

function httpFilterConfig(action: RBACAction, rbac: RBACJson | undefined): AnyJson {
  return packed(HttpRBACSchema, {
    rulesStatPrefix: rbacStatPrefixes[action],
    trackPerRuleStats: true,
    ...(rbac === undefined ? {} : { rules: rbac }),
  });
}

function tcpFilterConfig(action: RBACAction, rbac: RBACJson | undefined): AnyJson {
  return packed(NetworkRBACSchema, {
    statPrefix: rbacStatPrefixes[action],
    ...(rbac === undefined ? {} : { rules: rbac }),
  });
}
