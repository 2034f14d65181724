/** Backends of a TrafficSplit: what they resolve to, on each port of the root. */
import type { TrafficSplit } from "../api/generated/TrafficSplit.ts";
import type { Service } from "../api/kubernetes.ts";
import type { Finding, Verdict } from "../model/finding.ts";
import type { UnavailableReason, WeightedBackend } from "../model/mesh.ts";
import type { ObjectKey, Snapshot } from "../model/snapshot.ts";
import { compare } from "../model/workload.ts";
import { InvalidObject, resolved } from "./objects.ts";
import type { ClientService } from "./services.ts";
import { clusterAddresses } from "./services.ts";

/** A backend as the user wrote it. */
export interface Backend {
  /** Name of a Service of the split's namespace. */
  readonly service: string;
  readonly weight: number;
}

/** Reads the backends. Throws InvalidObject for what the API server refuses by CEL, since a stored object may be older. */
export function readBackends(spec: TrafficSplit["spec"]): readonly Backend[] {
  if (spec.backends.every(({ weight }) => weight === undefined)) {
    throw new InvalidObject("spec.backends: no backend has a weight: give at least one of them a weight");
  }
  return spec.backends.map(({ service, weight = 0 }, index) => {
    if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(service)) {
      const hint = "name a Service of the split's own namespace by its bare name";
      throw new InvalidObject(`spec.backends[${index}].service: ${JSON.stringify(service)}: ${hint}`);
    }
    return { service, weight };
  });
}

/** The printer column: `checkout-v1 90, checkout-v2 10`, of at most 1,024 characters. */
export function summarise(backends: readonly Backend[]): string {
  const whole = backends.map(({ service, weight }) => `${service} ${weight}`).join(", ");
  return whole.length <= 1024 ? whole : `${whole.slice(0, 1021)}...`;
}

/**
 * The shares of one port, positive and in the order of names. A missing backend keeps its share as 503; one that lacks
 * the port is left out, and the others share among themselves.
 */
export function backendsForPort(
  port: number,
  namespace: string,
  backends: readonly Backend[],
  services: ReadonlyMap<ObjectKey, ClientService>,
): readonly WeightedBackend[] {
  const weighted = backends.filter(({ weight }) => weight > 0).sort((a, b) => compare(a.service, b.service));
  if (weighted.length === 0) return [unavailable(1, "no-weight")];
  const shares = weighted.flatMap(({ service, weight }): WeightedBackend[] => {
    const known = services.get(`${namespace}/${service}`);
    if (known === undefined) return [unavailable(weight, "missing-backend")];
    if (!known.ports.some((candidate) => candidate.port === port)) return [];
    return [{ weight, target: { kind: "service", namespace, service, port } }];
  });
  if (shares.length === 0) return [unavailable(1, "missing-port")];
  return mergeMissing(shares);
}

const unavailable = (weight: number, reason: UnavailableReason): WeightedBackend => ({
  weight,
  target: { kind: "unavailable", reason },
});

/** Several missing backends are one share of the one always empty cluster. */
function mergeMissing(shares: readonly WeightedBackend[]): readonly WeightedBackend[] {
  const there = shares.filter(({ target }) => target.kind === "service");
  const missing = shares.filter(({ target }) => target.kind === "unavailable");
  const weight = missing.reduce((sum, share) => sum + share.weight, 0);
  return weight === 0 ? there : [...there, unavailable(weight, "missing-backend")];
}

/** Whether everything exists that a split names, and what its author should know. */
export function resolveBackends(
  root: ObjectKey,
  backends: readonly Backend[],
  snapshot: Snapshot,
  services: ReadonlyMap<ObjectKey, ClientService>,
): { readonly resolvedRefs: Verdict; readonly findings: readonly Finding[] } {
  const namespace = root.slice(0, root.indexOf("/"));
  const rootService = services.get(root);
  const stored = snapshot.services.get(root);
  if (stored === undefined) {
    const message = `spec.service: Service ${root} does not exist.`;
    return { resolvedRefs: { status: "False", reason: "ServiceNotFound", message }, findings: [] };
  }
  if (clusterAddresses(stored).length === 0) {
    return { resolvedRefs: unsupported("spec.service", root, stored), findings: [] };
  }
  if (rootService === undefined) {
    const message = `Namespace ${namespace} is not in the mesh: no sidecar is sent its Services. Label it with heddle.dev/inject=enabled.`;
    return { resolvedRefs: resolved, findings: [{ code: "NamespaceNotInMesh", field: "metadata.namespace", message }] };
  }
  const problems: Verdict[] = [];
  const findings: Finding[] = [];
  for (const [index, { service, weight }] of backends.entries()) {
    const field = `spec.backends[${index}].service`;
    const key = `${namespace}/${service}`;
    const backend = services.get(key);
    if (backend === undefined) {
      const verdict = missing(field, key, snapshot.services.get(key));
      if (weight > 0) problems.push(verdict);
      else
        findings.push({ code: "BackendWithoutWeight", field, message: `Service ${key} is not there to take a share.` });
      continue;
    }
    const lacking = rootService.ports.filter(({ port }) => !backend.ports.some((own) => own.port === port));
    if (lacking.length > 0) {
      const names = lacking.map(({ port }) => port).join(", ");
      const message = `${field}: Service ${key} has no port ${names}, which ${root} has; it is left out there.`;
      problems.push({ status: "False", reason: "PortNotFound", message });
    }
    const shared = backend.ports.filter(({ port }) => rootService.ports.some((own) => own.port === port));
    if (weight > 0 && shared.length > 0 && shared.every(({ endpoints }) => endpoints.length === 0)) {
      const message = `Service ${key} has no ready endpoint; its share of the requests is answered with 503.`;
      findings.push({ code: "BackendWithoutEndpoints", field, message });
    }
  }
  if (backends.every(({ weight }) => weight === 0)) {
    const message = "spec.backends: all weights are 0, so every request is answered with 503. Give a backend a weight.";
    problems.unshift({ status: "False", reason: "NoWeight", message });
  }
  return { resolvedRefs: joined(problems), findings };
}

function missing(field: string, key: ObjectKey, stored: Service | undefined): Verdict {
  if (stored !== undefined) return unsupported(field, key, stored);
  const message = `${field}: Service ${key} does not exist; its share of the requests is answered with 503.`;
  return { status: "False", reason: "BackendNotFound", message };
}

function unsupported(field: string, key: ObjectKey, stored: Service): Verdict {
  const what = stored.spec?.type === "ExternalName" ? "is an ExternalName" : "has no cluster IP";
  const message = `${field}: Service ${key} ${what}; name one with a cluster IP.`;
  return { status: "False", reason: "UnsupportedService", message };
}

/** The reason of the first problem, and the messages of all. */
function joined(problems: readonly Verdict[]): Verdict {
  const [first] = problems;
  if (first === undefined) return resolved;
  return { ...first, message: problems.map(({ message }) => message).join(" ") };
}
