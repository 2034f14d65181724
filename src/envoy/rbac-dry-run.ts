/**
 * Policies that are counted and not enforced. Each has a filter of its own with nothing but shadow rules: Envoy gives one
 * verdict for all the shadow rules of a filter, and each dry run is to be known by itself. The counters are
 *
 *   http.inbound.rbac.heddle.dry_run.<namespace>/<name>.shadow_allowed and .shadow_denied      requests
 *   tcp.rbac.heddle.dry_run.<namespace>/<name>.shadow_allowed and .shadow_denied               connections, by their first byte
 *
 * where `denied` is what the policy would deny were it the only one: under ALLOW whatever fits none of its rules.
 */
import type { DryRun } from "../model/mesh.ts";
import { packed } from "./extension.ts";
import { RBACSchema as HttpRBACSchema } from "./generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { RBACSchema as NetworkRBACSchema } from "./generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import type { AnyJson } from "./generated/google/protobuf/any_pb.js";
import type { RBACLayer } from "./rbac-rules.ts";
import { rules } from "./rbac-rules.ts";

/** Name of the filter and of the resource that configures it: by the policy's identity, so that one leaves the others alone. */
export const dryRunName = (layer: RBACLayer, { name }: DryRun): string => `dry-run-${layer}/${name}`;

/** The filter's configuration; without a policy one that does nothing. */
export function dryRunConfig(layer: RBACLayer, policy?: DryRun, trustDomain = ""): AnyJson {
  const shadow =
    policy === undefined
      ? {}
      : {
          shadowRules: rules(policy.action, [policy], layer, trustDomain),
          shadowRulesStatPrefix: `heddle.dry_run.${policy.name}.`,
        };
  return layer === "http"
    ? packed(HttpRBACSchema, shadow)
    : packed(NetworkRBACSchema, { statPrefix: "tcp.", ...shadow });
}
