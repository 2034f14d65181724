/** What the author of a valid AuthorizationPolicy should know: where it cannot be judged, and how it can be evaded. */
import type { Finding } from "../model/finding.ts";
import type { AuthorizationRule, InboundPort, MeshPolicy, OperationMatch, SourceMatch } from "../model/mesh.ts";
import type { WorkloadTLS } from "./mesh-tls.ts";
import type { Workload } from "./workloads.ts";

type Action = "ALLOW" | "DENY";

/** All findings of a policy, in the order of its rules. */
export function findAuthorizationProblems(
  action: Action,
  policy: MeshPolicy,
  workloads: readonly Workload[],
  tls: ReadonlyMap<string, WorkloadTLS>,
): readonly Finding[] {
  const modes = workloads.map(({ id }) => tls.get(id)).filter((mode) => mode !== undefined);
  const declared = modes.flatMap(({ ports }) => ports);
  return policy.rules.flatMap((rule, index) => {
    const path = `spec.rules[${index}]`;
    return [
      ...rule.operations.flatMap((operation, at) => [
        ...findHTTPOnTCP(action, operation, `${path}.to[${at}].operation`, declared),
        ...findEvadablePaths(action, operation, `${path}.to[${at}].operation`),
        ...(workloads.length === 0
          ? []
          : findUndeclared(operation, `${path}.to[${at}].operation`, declared, workloads)),
      ]),
      ...(action === "DENY" ? findIdentityWithoutStrict(rule, path, modes) : []),
    ];
  });
}

const isHTTP = ({ protocol }: InboundPort): boolean => protocol !== "tcp";

/** Whether the demand on the port, if any, can hold for it. */
function concerns(operation: OperationMatch, port: number): boolean {
  const { any, none = [] } = operation.ports ?? {};
  return (any === undefined || any.includes(port)) && !none.includes(port);
}

const httpFields = ["hosts", "methods", "paths"] as const;

/** The name of a field as the user wrote it. */
function writtenName(operation: OperationMatch, field: (typeof httpFields)[number]): string {
  if (operation[field]?.any !== undefined) return field;
  return `not${field.charAt(0).toUpperCase()}${field.slice(1)}`;
}

/** A port that is named and that no Service declares is TCP to the sidecar. */
function findHTTPOnTCP(
  action: Action,
  operation: OperationMatch,
  path: string,
  declared: readonly InboundPort[],
): readonly Finding[] {
  const field = httpFields.find((name) => operation[name] !== undefined);
  if (field === undefined) return [];
  const named = (operation.ports?.any ?? []).filter((port) => !declared.some((known) => known.port === port));
  const known = declared.filter((port) => !isHTTP(port) && concerns(operation, port.port)).map(({ port }) => port);
  const ports = [...new Set([...named, ...known])].sort((a, b) => a - b);
  if (ports.length === 0) return [];
  const effect =
    action === "ALLOW" ? "the rule allows nothing there" : "the rule denies there whatever fits its other fields";
  const message = `${listPorts(ports)} TCP to the sidecar, which cannot see HTTP there: ${effect}. If a port speaks HTTP, say so in its Service (appProtocol, or the port's name).`;
  return [{ code: "HTTPFieldOnTCPPort", field: `${path}.${writtenName(operation, field)}`, message }];
}

function listPorts(ports: readonly number[]): string {
  const shown = ports.slice(0, 8).join(", ");
  if (ports.length === 1) return `Port ${shown} is`;
  return ports.length > 8 ? `Ports ${shown} and ${ports.length - 8} more are` : `Ports ${shown} are`;
}

/** Paths that keep callers out: listed in a DENY, excepted in an ALLOW. What looks like another path gets past them. */
function findEvadablePaths(action: Action, operation: OperationMatch, path: string): readonly Finding[] {
  const name = action === "DENY" ? "paths" : "notPaths";
  const patterns = action === "DENY" ? operation.paths?.any : operation.paths?.none;
  return (patterns ?? []).flatMap((pattern, index): Finding[] => {
    if (pattern.type === "present") return [];
    const message =
      "An application that ignores upper case, cuts `;` parameters or decodes twice (%2561) serves this path under names " +
      "that the pattern does not fit. Rather allow the paths that callers need.";
    return [{ code: "PathPatternBypass", field: `${path}.${name}[${index}]`, message }];
  });
}

function findUndeclared(
  operation: OperationMatch,
  path: string,
  declared: readonly InboundPort[],
  workloads: readonly Workload[],
): readonly Finding[] {
  return (operation.ports?.any ?? []).flatMap((port, index): Finding[] => {
    const isKnown =
      declared.some((known) => known.port === port) ||
      workloads.some(({ containerPorts }) => containerPorts.some((known) => known.port === port));
    if (isKnown) return [];
    const message = `No container of the selected workloads declares port ${port}. Ports of policies are container ports, not ports of Services.`;
    return [{ code: "UnknownPort", field: `${path}.ports[${index}]`, message }];
  });
}

const identityFields = ["principals", "namespaces", "serviceAccounts"] as const;

/** A caller in plaintext has no identity and so is not the one that the policy denies. */
function findIdentityWithoutStrict(
  rule: AuthorizationRule,
  path: string,
  modes: readonly WorkloadTLS[],
): readonly Finding[] {
  const covers = (port: number) =>
    rule.operations.length === 0 || rule.operations.some((operation) => concerns(operation, port));
  const coversMore = (known: ReadonlySet<number>) =>
    rule.operations.length === 0 ||
    rule.operations.some(({ ports }) => ports?.any === undefined || ports.any.some((port) => !known.has(port)));
  const isOpen = modes.some(({ mode, ports }) => {
    const known = new Set(ports.map(({ port }) => port));
    return (
      (mode !== "Strict" && coversMore(known)) || ports.some((port) => port.mode !== "Strict" && covers(port.port))
    );
  });
  if (!isOpen) return [];
  return rule.sources.flatMap((source: SourceMatch, index): Finding[] => {
    const field = identityFields.find((name) => source[name]?.any !== undefined);
    if (field === undefined) return [];
    const message =
      "Callers in plaintext have no identity, so this denies none of them, and the workload accepts plaintext. " +
      "Demand mutual TLS with a MeshTLS of mode Strict.";
    return [{ code: "IdentityWithoutStrict", field: `${path}.from[${index}].source.${field}`, message }];
  });
}
