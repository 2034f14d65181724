/**
 * Authorization of connections. The rules are in the filter chains themselves: an open connection keeps the verdict that it
 * was opened with, so when a rule changes its connections must end, and Envoy ends those of a chain that changed, once the
 * drain time is over, and no others. Of the rules a chain has those that can match its port, so that it changes with these
 * alone.
 */
import type { MeshPolicy, WorkloadClass } from "../model/mesh.ts";
import { concernsScope, type PortScope } from "../model/port-scope.ts";
import { packed } from "./extension.ts";
import type { FilterJson } from "./generated/envoy/config/listener/v3/listener_components_pb.js";
import type { RBACJson } from "./generated/envoy/config/rbac/v3/rbac_pb.js";
import { RBACSchema } from "./generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import type { RBACAction } from "./matching.ts";
import { extensionNames, rbacStatPrefixes } from "./names.ts";
import { unidentifiedPart } from "./rbac-principal.ts";
import { rules } from "./rbac-rules.ts";
import { trustDomainOf } from "./tls.ts";

/**
 * The filters that judge the connections to a port, in their order; none where everything passes. Callers are identified by
 * a certificate, or have none: then an ALLOW has no rule that demands one, since it could not match.
 */
export function connectionFilters(
  workload: WorkloadClass,
  scope: PortScope,
  callers: "identified" | "unidentified",
): readonly FilterJson[] {
  const trustDomain = trustDomainOf(workload.identity);
  const onPort = (action: RBACAction, policies: readonly MeshPolicy[]): RBACJson =>
    rules(action, policies, "tcp", trustDomain, (rule) => {
      if (!concernsScope(rule, scope)) return undefined;
      return action === "ALLOW" && callers === "unidentified" ? unidentifiedPart(rule) : rule;
    });
  const filter = (name: string, action: RBACAction, rbac: RBACJson): FilterJson => ({
    name,
    typedConfig: packed(RBACSchema, { statPrefix: rbacStatPrefixes[action], rules: rbac }),
  });
  const deny = onPort("DENY", workload.deny);
  return [
    ...(deny.policies === undefined ? [] : [filter(extensionNames.tcpDeny, "DENY", deny)]),
    // One without rules denies: where an ALLOW applies, what none of them lets in is refused.
    ...(workload.allow === undefined
      ? []
      : [filter(extensionNames.tcpAllow, "ALLOW", onPort("ALLOW", workload.allow))]),
  ];
}
