/**
 * Ports whose server speaks first. A filter that judges connections waits for the caller's first bytes, so that a denied
 * caller could read the server's greeting, or an allowed one would wait forever. What can be judged before is the handshake
 * of mutual TLS: the exact identities of an ALLOW.
 */
import type { AuthorizationRule, OperationMatch, SourceMatch, SpiffeID, WorkloadClass } from "../model/mesh.ts";
import { concernsScope } from "../model/port-scope.ts";
import { spiffeId } from "../model/workload.ts";
import type { RBACAction } from "./matching.ts";
import { needsHTTP } from "./rbac-permission.ts";
import { trustDomainOf } from "./tls.ts";

/** Who may call the port: undefined for everybody, where no policy applies. Empty where one applies that cannot be judged. */
export function serverFirstCallers(workload: WorkloadClass, port: number): readonly SpiffeID[] | undefined {
  const deny = workload.deny.flatMap(({ rules }) => rules).filter((rule) => concernsScope(rule, port));
  if (deny.length === 0 && workload.allow === undefined) return undefined;
  const allow = (workload.allow ?? []).flatMap(({ rules }) => rules);
  if (deny.length > 0 || !allow.every((rule) => isJudgedInHandshake(rule, "ALLOW", port))) return [];
  const trustDomain = trustDomainOf(workload.identity);
  const matching = allow.filter((rule) => concernsScope(rule, port) && !needsHTTP(rule));
  const callers = matching.flatMap(({ sources }) =>
    sources.flatMap((source) => exactCallers(source, trustDomain) ?? []),
  );
  return [...new Set(callers)].sort();
}

/**
 * Whether a rule can be judged on such a port: one that does not concern it, one that cannot match a TCP port, and an ALLOW
 * that says nothing but who calls and on which ports.
 */
export function isJudgedInHandshake(rule: AuthorizationRule, action: RBACAction, port: number): boolean {
  if (!concernsScope(rule, port)) return true;
  if (action === "DENY") return false;
  if (needsHTTP(rule)) return true;
  const { sources, operations, conditions = [] } = rule;
  const isOfPorts = (operation: OperationMatch) =>
    operation.addresses === undefined && operation.serverNames === undefined;
  return (
    sources.length > 0 &&
    sources.every((source) => exactCallers(source, "") !== undefined) &&
    operations.every(isOfPorts) &&
    conditions.every((condition) => "operation" in condition && isOfPorts(condition.operation))
  );
}

/** The identities of a source that is nothing but a list of them. */
function exactCallers(source: SourceMatch, trustDomain: string): readonly SpiffeID[] | undefined {
  const { principals, serviceAccounts, namespaces, ipBlocks } = source;
  if (namespaces !== undefined || ipBlocks !== undefined) return undefined;
  if ((principals === undefined) === (serviceAccounts === undefined)) return undefined;
  if ((principals ?? serviceAccounts)?.none !== undefined) return undefined;
  const named = principals?.any?.map((match) => (match.type === "exact" ? `spiffe://${match.value}` : undefined)) ?? [];
  const accounts = serviceAccounts?.any?.map(({ namespace, name }) => spiffeId(trustDomain, namespace, name)) ?? [];
  const callers = [...named, ...accounts];
  return callers.includes(undefined) ? undefined : callers.filter((caller) => caller !== undefined);
}
