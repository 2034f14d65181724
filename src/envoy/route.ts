/** Routes: which cluster a request to a Service's port goes to. */
import type { MeshRoute, MeshServicePort, RouteMatch, ServicePortReference, WeightedBackend } from "../model/mesh.ts";
import { encodeResource } from "./encode.ts";
import { packed } from "./extension.ts";
import type {
  HeaderMatcherJson,
  RetryPolicyJson,
  RouteActionJson,
  RouteJson,
  RouteMatchJson,
} from "./generated/envoy/config/route/v3/route_components_pb.js";
import { PreviousHostsPredicateSchema } from "./generated/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import { internalOnlyHeaders } from "./http.ts";
import { servicePortName, unavailableCluster } from "./names.ts";
import type { EnvoyResource } from "./resource.ts";

/** Only what certainly reached no server is tried again: up to twice, each time at another endpoint. */
const retryPolicy: RetryPolicyJson = {
  retryOn: "connect-failure,refused-stream",
  numRetries: 2,
  retryHostPredicate: [
    { name: "envoy.retry_host_predicates.previous_hosts", typedConfig: packed(PreviousHostsPredicateSchema, {}) },
  ],
  hostSelectionRetryMaxAttempts: "3",
};

/**
 * The routes of a Service's HTTP port. Any host is served: the listener's address has already chosen the Service, so a
 * Host header cannot choose another one.
 */
export function serviceRoutes(reference: ServicePortReference, port: MeshServicePort): EnvoyResource {
  const name = servicePortName(reference);
  return encodeResource("route", name, {
    name,
    // A route may name a cluster that is on its way, or gone: 503 for that route, rather than a refusal of all of them.
    validateClusters: false,
    internalOnlyHeaders,
    virtualHosts: [{ name, domains: ["*"], retryPolicy, routes: port.routing.routes.map(route) }],
  });
}

/** The cluster of a backend. */
export function backendCluster({ target }: WeightedBackend): string {
  return target.kind === "service" ? servicePortName(target) : unavailableCluster(target.reason);
}

/**
 * Where a route leads: one cluster, or several with their weights. Envoy refuses a list of weights that is empty or all
 * zero, so without any the request goes to the cluster that says so.
 */
export function backendShares(
  backends: readonly WeightedBackend[],
): { readonly cluster: string } | { readonly shares: readonly { readonly name: string; readonly weight: number }[] } {
  const weighted = backends.filter((backend) => backend.weight > 0);
  const [first, ...others] = weighted;
  if (first === undefined) {
    return { cluster: unavailableCluster("no-weight") };
  }
  return others.length === 0
    ? { cluster: backendCluster(first) }
    : { shares: weighted.map((backend) => ({ name: backendCluster(backend), weight: backend.weight })) };
}

function route({ match, backends }: MeshRoute): RouteJson {
  const shares = backendShares(backends);
  const target: RouteActionJson =
    "cluster" in shares ? { cluster: shares.cluster } : { weightedClusters: { clusters: [...shares.shares] } };
  // Envoy's default of 15 s would cut answers that take longer; the caller has a timeout of its own.
  return { match: routeMatch(match), route: { ...target, timeout: "0s" } };
}

function routeMatch(match: RouteMatch | undefined): RouteMatchJson {
  const headers: HeaderMatcherJson[] = [];
  if (match?.method !== undefined) {
    headers.push({ name: ":method", stringMatch: { exact: match.method } });
  }
  for (const { type, name, value } of match?.headers ?? []) {
    headers.push({ name, stringMatch: type === "Exact" ? { exact: value } : { safeRegex: { regex: value } } });
  }
  return { ...pathMatch(match?.path), ...(headers.length > 0 ? { headers } : {}) };
}

/** The path types of Gateway API: a prefix ends at a slash (`/api` is not a prefix of `/apis`), a final one is ignored. */
function pathMatch(path: RouteMatch["path"]): RouteMatchJson {
  switch (path?.type) {
    case "Exact":
      return { path: path.value };
    case "RegularExpression":
      return { safeRegex: { regex: path.value } };
    case "PathPrefix":
      return prefixMatch(path.value);
    case undefined:
      return { prefix: "/" };
  }
}

function prefixMatch(value: string): RouteMatchJson {
  let end = value.length;
  while (end > 0 && value[end - 1] === "/") {
    end--;
  }
  return end === 0 ? { prefix: "/" } : { pathSeparatedPrefix: value.slice(0, end) };
}
