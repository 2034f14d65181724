/**
 * Policies that are counted and not enforced. Each has a filter of its own with nothing but shadow rules: Envoy gives one
 * verdict for all the shadow rules of a filter, and each dry run is to be known by itself. To Prometheus the counters are
 *
 *   envoy_http_rbac_shadow_denied{envoy_rbac_http_prefix="dry-run/<namespace>/<name>"}    requests
 *   envoy_rbac_shadow_denied{envoy_rbac_prefix="dry-run/<namespace>/<name>"}              connections, by their first byte
 *
 * and the same with `allowed`; `denied` is what the policy would deny were it the only one: under ALLOW whatever fits none
 * of its rules.
 */
import type { DryRun } from "../model/mesh.ts";
import { packed } from "./extension.ts";
import { RBACSchema as HttpRBACSchema } from "./generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { RBACSchema as NetworkRBACSchema } from "./generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import type { AnyJson } from "./generated/google/protobuf/any_pb.js";
import type { RBACLayer } from "./rbac-rules.ts";
import { rules } from "./rbac-rules.ts";

/** Name of the filter and of the resource that configures it: by the policy's identity, so that one leaves the others alone. */
export const dryRunName = (layer: RBACLayer, { name }: Pick<DryRun, "name">): string => `dry-run-${layer}/${name}`;

/** Envoy makes a label of what stands before the first dot, so dots of the name are written as `_`, which no name has. */
const statPrefix = ({ name }: DryRun): string => `dry-run/${name.replaceAll(".", "_")}.`;

/** The filter's configuration; without a policy one that does nothing. */
export function dryRunConfig(layer: RBACLayer, policy?: DryRun, trustDomain = ""): AnyJson {
  if (policy === undefined) {
    return layer === "http" ? packed(HttpRBACSchema, {}) : packed(NetworkRBACSchema, { statPrefix: "dry-run." });
  }
  const shadowRules = rules(policy.action, [policy], layer, trustDomain);
  return layer === "http"
    ? packed(HttpRBACSchema, { shadowRules, shadowRulesStatPrefix: statPrefix(policy) })
    : packed(NetworkRBACSchema, { shadowRules, statPrefix: statPrefix(policy) });
}
