/** Whether one rule fits one call, read as a rule that allows or as one that denies. */
import { isInBlock } from "../model/cidr.ts";
import type { AuthorizationRule, OperationMatch, SourceMatch, SpiffeID, StringMatch } from "../model/mesh.ts";
import { demandedOperations } from "../model/port-scope.ts";
import { isCertainly, isPerhaps } from "./header.ts";
import type { JudgedRequest } from "./request.ts";
import type { Action } from "./text.ts";
import { fitsPath, fitsText, holds, mayFitPath } from "./text.ts";

/** What a sidecar knows of a call when it judges. */
export interface Facts {
  /** Undefined: nobody knows who calls. */
  readonly peer: SpiffeID | undefined;
  /** Of the workload that is called, which is that of every peer. */
  readonly trustDomain: string;
  readonly source: string;
  readonly destination: { readonly address: string; readonly port: number };
  /** In lower case; empty when the caller sent none. */
  readonly serverName: string;
  /** Undefined: a connection, of which the sidecar does not see the requests. */
  readonly request: JudgedRequest | undefined;
}

/**
 * Whether a rule fits: any source, any operation and all conditions. Of a connection an ALLOW that demands anything of
 * requests never fits, and of a DENY the rest counts.
 */
export function fitsRule(rule: AuthorizationRule, action: Action, facts: Facts): boolean {
  const { sources, operations, conditions = [] } = rule;
  if (facts.request === undefined && action === "ALLOW" && demandsRequest(rule)) return false;
  return (
    (sources.length === 0 || sources.some((source) => fitsSource(source, action, facts))) &&
    (operations.length === 0 || operations.some((operation) => fitsOperation(operation, action, facts))) &&
    conditions.every((condition) =>
      "source" in condition
        ? fitsSource(condition.source, action, facts)
        : fitsOperation(condition.operation, action, facts),
    )
  );
}

/** Whether any field of the rule can be answered by a request only. */
export function demandsRequest(rule: AuthorizationRule): boolean {
  return [...rule.operations, ...demandedOperations(rule)].some(
    ({ hosts, methods, paths, header }) =>
      hosts !== undefined || methods !== undefined || paths !== undefined || header !== undefined,
  );
}

/** A caller whom nobody knows fits no identity; a negation of one it fits under DENY only. */
function fitsSource(source: SourceMatch, action: Action, { peer, trustDomain, source: address }: Facts): boolean {
  const { principals, namespaces, serviceAccounts, ipBlocks } = source;
  const isNegated = [principals, namespaces, serviceAccounts].some((field) => field?.none !== undefined);
  if (peer === undefined && action === "ALLOW" && isNegated) return false;
  const identity = peer?.slice("spiffe://".length);
  const known =
    <T>(fits: (value: T, of: string) => boolean) =>
    (value: T): boolean =>
      identity !== undefined && fits(value, identity);
  return (
    holds(principals, known(fitsText)) &&
    holds(
      namespaces,
      known((match: StringMatch, of) => fitsText(match, namespaceOf(of, trustDomain))),
    ) &&
    holds(
      serviceAccounts,
      known(({ namespace, name }, of) => of === `${trustDomain}/ns/${namespace}/sa/${name}`),
    ) &&
    holds(ipBlocks, (block) => isInBlock(block, address))
  );
}

/** The namespace of an identity; empty, which is no namespace, where it is no workload's of this trust domain. */
function namespaceOf(identity: string, trustDomain: string): string {
  const [domain, ns, namespace = "", sa, name = "", ...more] = identity.split("/");
  return domain === trustDomain && ns === "ns" && sa === "sa" && name !== "" && more.length === 0 ? namespace : "";
}

function fitsOperation(operation: OperationMatch, action: Action, facts: Facts): boolean {
  const { ports, addresses, hosts, methods, paths, header } = operation;
  const { destination, request } = facts;
  return (
    holds(ports, (port) => port === destination.port) &&
    holds(addresses, (block) => isInBlock(block, destination.address)) &&
    fitsServerName(operation, action, facts) &&
    (request === undefined ||
      (holds(hosts, (host) => fitsText(host, request.host)) &&
        holds(methods, (method) => fitsText(method, request.method)) &&
        fitsPaths(paths, action, request.path) &&
        fitsHeader(header, action, request)))
  );
}

/** Where a path keeps callers out, every spelling of it counts. */
function fitsPaths(paths: OperationMatch["paths"], action: Action, path: string): boolean {
  const exactly = (match: StringMatch) => fitsPath(match, path);
  const perhaps = (match: StringMatch) => mayFitPath(match, path);
  return action === "ALLOW" ? holds(paths, exactly, perhaps) : holds(paths, perhaps, exactly);
}

/**
 * An unknown server name fits no ALLOW. A DENY it fits where it is negated, and on connections always, since the handshake
 * may have begun after the sidecar had stopped to wait for it. Where a name keeps callers out, it does so with a dot at its
 * end too, which servers may ignore.
 */
function fitsServerName({ serverNames }: OperationMatch, action: Action, { serverName, request }: Facts): boolean {
  if (serverNames === undefined) return true;
  const exactly = (match: StringMatch) => fitsText(match, serverName);
  const perhaps = (match: StringMatch) =>
    exactly(match) || (serverName.endsWith(".") && fitsText(match, serverName.slice(0, -1)));
  if (action === "ALLOW") return serverName !== "" && holds(serverNames, exactly, perhaps);
  const isUnknown = serverName === "" && request === undefined;
  return holds(serverNames, (match) => isUnknown || perhaps(match), exactly);
}

function fitsHeader(header: OperationMatch["header"], action: Action, { headers }: JudgedRequest): boolean {
  if (header === undefined) return true;
  const lines = headers.get(header.name) ?? [];
  const certainly = (match: StringMatch) => isCertainly(header.name, lines, match);
  const perhaps = (match: StringMatch) => isPerhaps(lines, match);
  return action === "ALLOW" ? holds(header.values, certainly, perhaps) : holds(header.values, perhaps, certainly);
}
