/** Routes: which cluster a request to a Service's port goes to. */
import type {
  MeshRoute,
  MeshServicePort,
  Mirror,
  RouteMatch,
  ServicePortReference,
  WeightedBackend,
} from "../model/mesh.ts";
import { affinityRoutes } from "./affinity.ts";
import { backendShares } from "./backend.ts";
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
import { mirrorName, servicePortName } from "./names.ts";
import type { EnvoyResource } from "./resource.ts";

/**
 * Only what certainly reached no server is tried again: up to twice, each time at another endpoint. An endpoint that refuses
 * has the fewest open requests, so the load balancer prefers it: it is asked often enough to name another one.
 */
const retryPolicy: RetryPolicyJson = {
  retryOn: "connect-failure,refused-stream",
  numRetries: 2,
  retryHostPredicate: [
    { name: "envoy.retry_host_predicates.previous_hosts", typedConfig: packed(PreviousHostsPredicateSchema, {}) },
  ],
  hostSelectionRetryMaxAttempts: "64",
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
    virtualHosts: [{ name, domains: ["*"], retryPolicy, routes: port.routing.routes.flatMap(routes) }],
  });
}

/** One route of ours in Envoy's routes, which are tried in this order. */
function routes({ match, backends, affinity, mirror }: MeshRoute): readonly RouteJson[] {
  const matched = routeMatch(match);
  // Envoy's default of 15 s would cut answers that take longer; the caller has a timeout of its own.
  const action: RouteActionJson = { timeout: "0s", ...(mirror === undefined ? {} : mirrored(mirror)) };
  return affinity === undefined
    ? [{ match: matched, route: { ...routeTarget(backends), ...action } }]
    : affinityRoutes(affinity, matched, backends, action);
}

function routeTarget(backends: readonly WeightedBackend[]): RouteActionJson {
  const shares = backendShares(backends);
  return "cluster" in shares ? { cluster: shares.cluster } : { weightedClusters: { clusters: [...shares.shares] } };
}

/** Copies go to the mirror's cluster: with this workload's identity, as any call of it, and with the Host of the original. */
function mirrored(mirror: Mirror): RouteActionJson {
  return {
    requestMirrorPolicies: [
      {
        cluster: mirrorName(mirror),
        runtimeFraction: { defaultValue: { numerator: mirror.percent, denominator: "HUNDRED" } },
        disableShadowHostSuffixAppend: true,
      },
    ],
  };
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
