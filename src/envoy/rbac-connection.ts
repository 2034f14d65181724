/**
 * Authorization of connections. The rules are in the filter chains themselves: an open connection keeps the verdict that it
 * was opened with, so when a rule changes its connections must end, and Envoy ends those of a chain that changed, once the
 * drain time is over, and no others. Of the rules a chain has those that can match its port, so that it changes with these
 * alone.
 */
import type { AuthorizationRule, MeshPolicy, OperationMatch, WorkloadClass } from "../model/mesh.ts";
import { packed } from "./extension.ts";
import type { FilterJson } from "./generated/envoy/config/listener/v3/listener_components_pb.js";
import type { RBACJson } from "./generated/envoy/config/rbac/v3/rbac_pb.js";
import { RBACSchema } from "./generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import type { RBACAction } from "./matching.ts";
import { extensionNames, rbacStatPrefixes } from "./names.ts";
import { rules } from "./rbac-rules.ts";
import { trustDomainOf } from "./tls.ts";

/** A container port, or all that the given ones leave. */
export type PortScope = number | { readonly otherThan: ReadonlySet<number> };

/** The filters that judge the connections to a port, in their order; none where everything passes. */
export function connectionFilters(workload: WorkloadClass, scope: PortScope): readonly FilterJson[] {
  const trustDomain = trustDomainOf(workload.identity);
  const onPort = (action: RBACAction, policies: readonly MeshPolicy[]): RBACJson =>
    withoutRules(rules(action, policies, "tcp", trustDomain), namesElsewhere(policies, scope));
  const filter = (name: string, action: RBACAction, rbac: RBACJson): FilterJson => ({
    name,
    typedConfig: packed(RBACSchema, { statPrefix: rbacStatPrefixes[action], rules: rbac }),
  });
  const deny = onPort("DENY", workload.deny);
  return [
    ...(Object.keys(deny.policies ?? {}).length === 0 ? [] : [filter(extensionNames.tcpDeny, "DENY", deny)]),
    ...(workload.allow === undefined
      ? []
      : [filter(extensionNames.tcpAllow, "ALLOW", onPort("ALLOW", workload.allow))]),
  ];
}

/** Whether a rule can match a connection to some port of the scope. */
export function concernsScope({ operations, conditions = [] }: AuthorizationRule, scope: PortScope): boolean {
  const always = conditions.flatMap((condition) => ("operation" in condition ? [condition.operation] : []));
  return (
    always.every((operation) => isInScope(operation, scope)) &&
    (operations.length === 0 || operations.some((operation) => isInScope(operation, scope)))
  );
}

function isInScope({ ports: { any, none = [] } = {} }: OperationMatch, scope: PortScope): boolean {
  if (typeof scope === "number") return any?.includes(scope) !== false && !none.includes(scope);
  return any === undefined || any.some((port) => !scope.otherThan.has(port));
}

function namesElsewhere(policies: readonly MeshPolicy[], scope: PortScope): ReadonlySet<string> {
  const names = policies.flatMap(({ name, rules: itsRules }) =>
    itsRules.flatMap((rule, index) => (concernsScope(rule, scope) ? [] : [`${name}/${index}`])),
  );
  return new Set(names);
}

function withoutRules(rbac: RBACJson, names: ReadonlySet<string>): RBACJson {
  const { policies, ...rest } = rbac;
  const kept = Object.entries(policies ?? {}).filter(([name]) => !names.has(name));
  return kept.length === 0 ? rest : { ...rest, policies: Object.fromEntries(kept) };
}
