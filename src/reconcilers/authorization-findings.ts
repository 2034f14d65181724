/** What the author of a valid AuthorizationPolicy should know: where it cannot be judged, and how it can be evaded. */
import type { Finding } from "../model/finding.ts";
import type { AuthorizationRule, InboundPort, MeshPolicy, OperationMatch, SourceMatch } from "../model/mesh.ts";
import { concernsScope, demandedOperations, isInScope } from "../model/port-scope.ts";
import { isApplicationPort } from "../model/sidecar.ts";
import type { NamedPort } from "../model/workload.ts";
import type { Lookup } from "./derivation.ts";
import type { WorkloadTLS } from "./mesh-tls.ts";
import type { Workload } from "./workloads.ts";

type Action = "ALLOW" | "DENY";

/** All findings of a policy, in the order of its rules. */
export function findAuthorizationProblems(
  action: Action,
  policy: MeshPolicy,
  workloads: readonly Workload[],
  tls: Lookup<WorkloadTLS>,
): readonly Finding[] {
  const modes = workloads.map(({ id }) => tls.get(id)).filter((mode) => mode !== undefined);
  // Workloads are many and alike: each port and protocol, and each set of modes, is looked at once.
  const declared = distinct(
    workloads.flatMap((workload) => declaredPorts(workload, tls.get(workload.id)?.ports ?? [])),
  );
  const distinctModes = distinct(modes.map(({ mode, ports }) => ({ mode, ports })));
  const known = new Set(
    [...declared, ...workloads.flatMap(({ containerPorts }) => containerPorts)].map(({ port }) => port),
  );
  return policy.rules.flatMap((rule, index) => {
    const path = `spec.rules[${index}]`;
    const conditions = (rule.conditions ?? []).map((condition, at) => ({ condition, path: `${path}.when[${at}]` }));
    return [
      ...rule.operations.flatMap((operation, at) => [
        ...findHTTPOnTCP(action, operation, `${path}.to[${at}].operation`, rule, declared),
        ...findEvadablePaths(action, operation, `${path}.to[${at}].operation`),
        ...(workloads.length === 0 ? [] : findUndeclared(operation, `${path}.to[${at}].operation.ports`, known)),
      ]),
      ...conditions.flatMap(({ condition, path: at }) => {
        if (!("operation" in condition)) return [];
        return [
          ...findHTTPOnTCP(action, condition.operation, at, rule, declared),
          ...(workloads.length === 0 ? [] : findUndeclared(condition.operation, `${at}.values`, known)),
        ];
      }),
      ...(action === "DENY" ? findIdentityWithoutStrict(rule, path, distinctModes) : []),
    ];
  });
}

type DeclaredPort = Pick<InboundPort, "port" | "protocol">;

/** What a port speaks is said by Services: one that only a container declares is TCP to the sidecar. */
function declaredPorts(workload: Workload, served: readonly InboundPort[]): readonly DeclaredPort[] {
  const isJudged = ({ port }: NamedPort) =>
    isApplicationPort(port) &&
    !workload.record.excludedPorts.includes(port) &&
    !served.some((known) => known.port === port);
  return [
    ...served.map(({ port, protocol }) => ({ port, protocol })),
    ...workload.containerPorts.filter(isJudged).map(({ port }) => ({ port, protocol: "tcp" }) as const),
  ];
}

const distinct = <T>(values: readonly T[]): readonly T[] => [
  ...new Map(values.map((value) => [JSON.stringify(value), value])).values(),
];

const isHTTP = ({ protocol }: DeclaredPort): boolean => protocol !== "tcp";

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
  rule: AuthorizationRule,
  declared: readonly DeclaredPort[],
): readonly Finding[] {
  const field = httpFields.find((name) => operation[name] !== undefined);
  if (field === undefined && operation.header === undefined) return [];
  // A condition holds for whatever the operations of its rule cover.
  const named = operation.header === undefined ? [operation] : [...rule.operations, ...demandedOperations(rule)];
  const concerned = (port: number) =>
    (operation.header === undefined ? isInScope(operation, port) : true) && concernsScope(rule, port);
  const undeclared = named
    .flatMap(({ ports }) => ports?.any ?? [])
    .filter((port) => !declared.some((known) => known.port === port));
  const carried = declared.filter((port) => !isHTTP(port)).map(({ port }) => port);
  const ports = [...new Set([...undeclared, ...carried])].filter(concerned).sort((one, other) => one - other);
  if (ports.length === 0) return [];
  const effect =
    action === "ALLOW" ? "the rule allows nothing there" : "the rule denies there whatever fits its other fields";
  const message = `${listPorts(ports)} TCP to the sidecar, which cannot see HTTP there: ${effect}. If a port speaks HTTP, say so in its Service (appProtocol, or the port's name).`;
  return [
    {
      code: "HTTPFieldOnTCPPort",
      field: `${path}.${field === undefined ? "key" : writtenName(operation, field)}`,
      message,
    },
  ];
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

function findUndeclared({ ports }: OperationMatch, path: string, known: ReadonlySet<number>): readonly Finding[] {
  return (ports?.any ?? []).flatMap((port, index): Finding[] => {
    if (known.has(port)) return [];
    const message = `No container of the selected workloads declares port ${port}. Ports of policies are container ports, not ports of Services.`;
    return [{ code: "UnknownPort", field: `${path}[${index}]`, message }];
  });
}

const identityFields = ["principals", "namespaces", "serviceAccounts"] as const;

/** A caller in plaintext has no identity and so is not the one that the policy denies. */
function findIdentityWithoutStrict(
  rule: AuthorizationRule,
  path: string,
  modes: readonly Pick<WorkloadTLS, "mode" | "ports">[],
): readonly Finding[] {
  const demands = demandedOperations(rule);
  const operations: readonly OperationMatch[] = rule.operations.length === 0 ? [{}] : rule.operations;
  // Whether it can hold for a port that nobody declares.
  const coversMore = (known: ReadonlySet<number>) => {
    const reachesMore = ({ ports }: OperationMatch) =>
      ports?.any === undefined || ports.any.some((port) => !known.has(port));
    return operations.some(reachesMore) && demands.every(reachesMore);
  };
  const isOpen = modes.some(({ mode, ports }) => {
    const known = new Set(ports.map(({ port }) => port));
    return (
      (mode !== "Strict" && coversMore(known)) ||
      ports.some((port) => port.mode !== "Strict" && concernsScope(rule, port.port))
    );
  });
  if (!isOpen) return [];
  const message =
    "Callers in plaintext have no identity, so this denies none of them, and the workload accepts plaintext. " +
    "Demand mutual TLS with a MeshTLS of mode Strict.";
  const positive = (source: SourceMatch) => identityFields.find((name) => source[name]?.any !== undefined);
  const find = (field: string): Finding => ({ code: "IdentityWithoutStrict", field, message });
  return [
    ...rule.sources.flatMap((source, index) => {
      const field = positive(source);
      return field === undefined ? [] : [find(`${path}.from[${index}].source.${field}`)];
    }),
    ...(rule.conditions ?? []).flatMap((condition, index) =>
      "source" in condition && positive(condition.source) !== undefined ? [find(`${path}.when[${index}].values`)] : [],
    ),
  ];
}
