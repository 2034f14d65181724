/** Policies as RBAC rules, each once for HTTP and once for TCP. */
import type { AuthorizationRule, MeshPolicy } from "../model/mesh.ts";
import type { PolicyJson, RBACJson } from "./generated/envoy/config/rbac/v3/rbac_pb.js";
import type { RBACAction } from "./matching.ts";
import { headerCondition } from "./rbac-header.ts";
import { httpPermissions, needsHTTP, tcpPermissions } from "./rbac-permission.ts";
import { principals } from "./rbac-principal.ts";

/** What the filter can see: requests, or no more than connections. */
export type RBACLayer = "http" | "tcp";

/**
 * Policies as RBAC rules; an ALLOW without any allows nothing. Each rule is an RBAC policy of its own, called
 * `namespace/name/index`, so that a log names the object and the rule. `concerned` gives what of a rule is wanted, undefined
 * for nothing of it; the others keep their index.
 */
export function rules(
  action: RBACAction,
  policies: readonly MeshPolicy[],
  layer: RBACLayer,
  trustDomain: string,
  concerned: (rule: AuthorizationRule) => AuthorizationRule | undefined = (rule) => rule,
): RBACJson {
  const compiled = policies.flatMap((policy) =>
    policy.rules.flatMap((given, index) => {
      const rule = concerned(given);
      if (rule === undefined) return [];
      const compiledRule =
        layer === "http" ? requestRule(rule, action, trustDomain) : connectionRule(rule, action, trustDomain);
      return compiledRule === undefined ? [] : [[`${policy.name}/${index}`, compiledRule] as const];
    }),
  );
  return { action, ...(compiled.length > 0 ? { policies: Object.fromEntries(compiled) } : {}) };
}

/** What a rule says about a request. */
function requestRule(rule: AuthorizationRule, action: RBACAction, trustDomain: string): PolicyJson {
  const condition = headerCondition(rule, action);
  return {
    permissions: httpPermissions(rule, action),
    principals: principals(rule, action, trustDomain),
    ...(condition === undefined ? {} : { condition }),
  };
}

/**
 * What a rule says about a connection whose requests cannot be seen. An ALLOW with an HTTP field cannot match there; of a
 * DENY the rest counts, which denies more.
 */
function connectionRule(rule: AuthorizationRule, action: RBACAction, trustDomain: string): PolicyJson | undefined {
  if (action === "ALLOW" && needsHTTP(rule)) return undefined;
  return { permissions: tcpPermissions(rule, action), principals: principals(rule, action, trustDomain) };
}
