/** What a TrafficSplit names: whether it exists, and what its author should know. */
import type { Service } from "../api/kubernetes.ts";
import type { Finding, Verdict } from "../model/finding.ts";
import type { RouteMatch } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import type { Lookup } from "./derivation.ts";
import { resolved } from "./objects.ts";
import type { ClientPort, ClientService } from "./services.ts";
import { clusterAddresses } from "./services.ts";
import type { Backend, GivenMirror } from "./split-backends.ts";

/** The names in a split, and where to look them up. */
export interface SplitReferences {
  readonly root: ObjectKey;
  readonly backends: readonly Backend[];
  readonly mirror: GivenMirror | undefined;
  /** With matches the split does not apply to TCP ports. */
  readonly matches: readonly (RouteMatch | undefined)[] | undefined;
  /** Services as they are stored. */
  readonly stored: Lookup<Service>;
  readonly services: Lookup<ClientService>;
}

/** The outcome: the condition, and what does not make it fail. */
export interface ResolvedReferences {
  readonly resolvedRefs: Verdict;
  readonly findings: readonly Finding[];
}

/** Looks up the root, the backends and the mirror. */
export function resolveReferences(given: SplitReferences): ResolvedReferences {
  const { root, services } = given;
  const rootService = services.get(root);
  const stored = given.stored.get(root);
  if (stored === undefined) {
    return { resolvedRefs: failed("ServiceNotFound", `spec.service: Service ${root} does not exist.`), findings: [] };
  }
  if (clusterAddresses(stored).length === 0) {
    return { resolvedRefs: unsupported("spec.service", root, stored), findings: [] };
  }
  if (rootService === undefined) {
    const namespace = root.slice(0, root.indexOf("/"));
    const message = `Namespace ${namespace} is not in the mesh: no sidecar is sent its Services. Label it with heddle.dev/inject=enabled.`;
    return { resolvedRefs: resolved, findings: [{ code: "NamespaceNotInMesh", field: "metadata.namespace", message }] };
  }
  const ofRequests = { ...rootService, ports: rootService.ports.filter(({ protocol }) => protocol !== "tcp") };
  const divided = given.matches === undefined ? rootService : ofRequests;
  const problems: Verdict[] = [...findNothingToAnswer(divided, given)];
  const findings: Finding[] = [];
  for (const part of [
    ...given.backends.map((backend, index) => resolveBackend(backend, index, divided, given)),
    ...(given.mirror === undefined ? [] : [resolveMirror(given.mirror, ofRequests, given)]),
  ]) {
    problems.push(...part.problems);
    findings.push(...part.findings);
  }
  return { resolvedRefs: joined(problems), findings };
}

interface Part {
  readonly problems: readonly Verdict[];
  readonly findings: readonly Finding[];
}

/** What becomes of what has no endpoint to go to: a request is answered, of a TCP connection nothing can be but closed. */
function lost(what: "every" | "share", ports: readonly ClientPort[], where = ""): string {
  const isTCP = ({ protocol }: ClientPort) => protocol === "tcp";
  const [requests, connections] =
    what === "every"
      ? [`every request${where}`, `every connection${where}`]
      : ["its share of the requests", "its share of the connections"];
  if (ports.length > 0 && ports.every(isTCP)) return `${connections} is closed`;
  return `${requests} is answered with 503${ports.some(isTCP) ? " (TCP connections are closed)" : ""}`;
}

/** What fails every request: no weight at all, or a port on which all that has a share and exists has no endpoint. */
function findNothingToAnswer(root: ClientService, { backends, services }: SplitReferences): readonly Verdict[] {
  if (backends.every(({ weight }) => weight === 0)) {
    const message = `spec.backends: all weights are 0, so ${lost("every", root.ports)}. Give a backend a weight.`;
    return [failed("NoWeight", message)];
  }
  const weighted = backends
    .filter(({ weight }) => weight > 0)
    .flatMap(({ service }) => services.get(`${root.namespace}/${service}`) ?? []);
  const empty = root.ports.filter(({ port }) => {
    const shares = weighted.flatMap(({ ports }) => ports.filter((own) => own.port === port));
    return shares.length > 0 && shares.every(({ endpoints }) => endpoints.length === 0);
  });
  if (empty.length === 0) return [];
  const where = empty.length === root.ports.length ? "" : ` to port ${empty.map(({ port }) => port).join(", ")}`;
  const message = `spec.backends: ${lost("every", empty, where)}, since no backend has a ready endpoint for it.`;
  return [failed("NoEndpoints", message)];
}

function resolveBackend(
  { service, weight }: Backend,
  index: number,
  root: ClientService,
  { stored: known, services }: SplitReferences,
): Part {
  const field = `spec.backends[${index}].service`;
  const key = `${root.namespace}/${service}`;
  const backend = services.get(key);
  if (backend === undefined) {
    if (weight > 0) {
      const stored = known.get(key);
      const message = `${field}: Service ${key} does not exist; ${lost("share", root.ports)}.`;
      const problem = stored === undefined ? failed("BackendNotFound", message) : unsupported(field, key, stored);
      return { problems: [problem], findings: [] };
    }
    const message = `Service ${key} is not there to take a share.`;
    return { problems: [], findings: [{ code: "BackendWithoutWeight", field, message }] };
  }
  const lacking = portsLackedBy(backend, root);
  const message = `${field}: Service ${key} has no port ${lacking}, which ${root.key} has; it is left out there.`;
  const problems = lacking === "" ? [] : [failed("PortNotFound", message)];
  if (weight === 0 || !hasNoEndpoints(backend, root)) return { problems, findings: [] };
  const finding = `Service ${key} has no ready endpoint; ${lost("share", root.ports)}.`;
  return { problems, findings: [{ code: "BackendWithoutEndpoints", field, message: finding }] };
}

/** A mirror never breaks the split: what it lacks is not mirrored. */
function resolveMirror(
  { service }: GivenMirror,
  root: ClientService,
  { stored: known, services }: SplitReferences,
): Part {
  const field = "spec.mirror.service";
  const key = `${root.namespace}/${service}`;
  const mirror = services.get(key);
  if (mirror === undefined) {
    const stored = known.get(key);
    const message = `${field}: Service ${key} does not exist; nothing is mirrored.`;
    return {
      problems: [stored === undefined ? failed("MirrorNotFound", message) : unsupported(field, key, stored)],
      findings: [],
    };
  }
  const lacking = portsLackedBy(mirror, root);
  const message = `${field}: Service ${key} has no port ${lacking}, which ${root.key} has; nothing is mirrored there.`;
  const problems = lacking === "" ? [] : [failed("PortNotFound", message)];
  if (!hasNoEndpoints(mirror, root)) return { problems, findings: [] };
  const finding = `Service ${key} has no ready endpoint; copies of requests are dropped.`;
  return { problems, findings: [{ code: "MirrorWithoutEndpoints", field, message: finding }] };
}

/** Numbers of the root's ports that a Service lacks, for people. */
function portsLackedBy(service: ClientService, root: ClientService): string {
  const lacking = root.ports.filter(({ port }) => !service.ports.some((own) => own.port === port));
  return lacking.map(({ port }) => port).join(", ");
}

function hasNoEndpoints(service: ClientService, root: ClientService): boolean {
  const shared = service.ports.filter(({ port }) => root.ports.some((own) => own.port === port));
  return shared.length > 0 && shared.every(({ endpoints }) => endpoints.length === 0);
}

const failed = (reason: Verdict["reason"], message: string): Verdict => ({ status: "False", reason, message });

function unsupported(field: string, key: ObjectKey, stored: Service): Verdict {
  const what = stored.spec?.type === "ExternalName" ? "is an ExternalName" : "has no cluster IP";
  return failed("UnsupportedService", `${field}: Service ${key} ${what}; name one with a cluster IP.`);
}

/** The reason of the first problem, and the messages of all. */
function joined(problems: readonly Verdict[]): Verdict {
  const [first] = problems;
  if (first === undefined) return resolved;
  return { ...first, message: problems.map(({ message }) => message).join(" ") };
}
