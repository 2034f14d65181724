/**
 * Authorization: a class's policies as two filters, and each of them once for HTTP and once for TCP. A request passes if
 * the deny filter matches nothing and the allow filter has no rules at all or one that matches.
 */
import type { AuthorizationRule, MeshPolicy, WorkloadClass } from "../model/mesh.ts";
import { encodeResource } from "./encode.ts";
import { packed, typeUrlOf } from "./extension.ts";
import type { ExtensionConfigSourceJson } from "./generated/envoy/config/core/v3/config_source_pb.js";
import type { PolicyJson, RBACJson } from "./generated/envoy/config/rbac/v3/rbac_pb.js";
import { RBACSchema as HttpRBACSchema } from "./generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { RBACSchema as NetworkRBACSchema } from "./generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import type { AnyJson } from "./generated/google/protobuf/any_pb.js";
import type { RBACAction } from "./matching.ts";
import { extensionNames, rbacStatPrefixes } from "./names.ts";
import { hasHTTPField, httpPermissions, tcpPermissions } from "./rbac-permission.ts";
import { principals } from "./rbac-principal.ts";
import type { EnvoyResource } from "./resource.ts";
import { adsSource } from "./source.ts";
import { trustDomainOf } from "./tls.ts";

/** What the filter can see: requests, or no more than connections. */
export type RBACLayer = "http" | "tcp";

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
    policyResource(layer, "DENY", rules("DENY", deny, layer, trustDomain)),
    policyResource(layer, "ALLOW", rules("ALLOW", workload.allow, layer, trustDomain)),
  ]);
}

function policyResource(layer: RBACLayer, action: RBACAction, rbac: RBACJson | undefined): EnvoyResource {
  const name = filterNames[layer][action];
  return encodeResource("extension", name, { name, typedConfig: filterConfig[layer](action, rbac) });
}

/** A filter whose rules come from one of those resources. Until it is there nothing passes. */
export interface AuthorizationFilter {
  readonly name: string;
  readonly configDiscovery: ExtensionConfigSourceJson;
}

/** The filters of a layer, in the order in which they judge. */
export function authorizationFilters(layer: RBACLayer): readonly AuthorizationFilter[] {
  return (["DENY", "ALLOW"] as const).map((action) => ({
    name: filterNames[layer][action],
    configDiscovery: {
      configSource: adsSource,
      // A listener whose policy is not known yet waits for it (`apply_default_config_without_warming` is off).
      defaultConfig: filterConfig[layer](action, denyAll),
      typeUrls: [typeUrlOf(layer === "http" ? HttpRBACSchema : NetworkRBACSchema)],
    },
  }));
}

/** An ALLOW without policies allows nothing. */
const denyAll: RBACJson = { action: "ALLOW" };

/**
 * Policies as RBAC rules, undefined for no policies at all, which lets everything pass. Each rule is an RBAC policy of its
 * own, called `namespace/name/index`, so that a log names the object and the rule.
 */
export function rules(
  action: RBACAction,
  policies: readonly MeshPolicy[] | undefined,
  layer: RBACLayer,
  trustDomain: string,
): RBACJson | undefined {
  if (policies === undefined) {
    return undefined;
  }
  const compiled: [string, PolicyJson][] = policies.flatMap((policy) =>
    policy.rules.flatMap((rule, index) => {
      const permissions = layer === "http" ? httpPermissions(rule.operations) : connectionPermissions(rule, action);
      return permissions === undefined
        ? []
        : [
            [`${policy.name}/${index}`, { permissions, principals: principals(rule.sources, action, trustDomain) }] as [
              string,
              PolicyJson,
            ],
          ];
    }),
  );
  return { action, ...(compiled.length > 0 ? { policies: Object.fromEntries(compiled) } : {}) };
}

/**
 * What a rule says about a connection whose requests cannot be seen. An ALLOW with an HTTP field cannot match there; of a
 * DENY the rest counts, which denies more.
 */
function connectionPermissions(rule: AuthorizationRule, action: RBACAction): PolicyJson["permissions"] {
  return action === "ALLOW" && rule.operations.some(hasHTTPField) ? undefined : tcpPermissions(rule.operations);
}

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
