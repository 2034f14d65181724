/**
 * Affinity: which of several weighted clusters a request goes to is decided by a hash of what its caller is told by, rather
 * than at random. Envoy takes the hash modulo the sum of the weights, and the clusters' shares as intervals in their order.
 */
import type { Affinity, WeightedBackend } from "../model/mesh.ts";
import { backendShares } from "./backend.ts";
import type {
  RouteAction_HashPolicyJson,
  RouteActionJson,
  RouteJson,
  RouteMatchJson,
} from "./generated/envoy/config/route/v3/route_components_pb.js";

/** What the sum of weights is made: were it another one after a change of weights, every caller would be divided anew. */
const totalWeight = 100_000_000;

/** What a sidecar makes a cookie of, and nothing that could end the value and begin an attribute. */
const cookieValue = { safeRegex: { regex: "[0-9A-Za-z._~-]{1,128}" } };

/** Set by Envoy on every request that has none, so that it can be the key of a caller who has no cookie yet. */
const requestID = "x-request-id";

/** The routes of a match whose requests are divided by affinity, in the order in which they are to be tried. */
export function affinityRoutes(
  affinity: Affinity,
  match: RouteMatchJson,
  backends: readonly WeightedBackend[],
  action: RouteActionJson,
): readonly RouteJson[] {
  const shares = backendShares(backends);
  const byHash = (policy: RouteAction_HashPolicyJson): RouteActionJson =>
    "cluster" in shares
      ? { cluster: shares.cluster, ...action }
      : {
          weightedClusters: { clusters: normalised(shares.shares), useHashPolicy: true },
          hashPolicy: [policy],
          ...action,
        };
  if (affinity.kind === "header") {
    return [{ match, route: byHash({ header: { headerName: affinity.name } }) }];
  }
  // Envoy's own cookies do not do: it gives none where the endpoints are not chosen by a hash, and what it gives is a hash of
  // the connection, which many callers share. So the id of a caller's first request is the key, and becomes the cookie. (Were
  // requests traced, Envoy would write into the id after the route was chosen: `pack_trace_reason` would have to be off.)
  const { name, ttlSeconds } = affinity;
  const setCookie = `${name.replaceAll("%", "%%")}=%REQ(${requestID})%; Max-Age=${ttlSeconds}; Path=/; HttpOnly`;
  return [
    { match: { ...match, cookies: [{ name, stringMatch: cookieValue }] }, route: byHash({ cookie: { name } }) },
    {
      match: { ...match, headers: [...(match.headers ?? []), { name: requestID, stringMatch: cookieValue }] },
      route: byHash({ header: { headerName: requestID } }),
      responseHeadersToAdd: [{ header: { key: "set-cookie", value: setCookie } }],
    },
    // The application gave the request an id that cannot be a cookie.
    { match, route: byHash({ header: { headerName: requestID } }) },
  ];
}

/** The same shares of another sum, to the nearest unit. A positive weight stays positive. */
function normalised(
  shares: readonly { readonly name: string; readonly weight: number }[],
): { readonly name: string; readonly weight: number }[] {
  const sum = shares.reduce((total, { weight }) => total + weight, 0);
  let before = 0;
  let given = 0;
  return shares.map(({ name, weight }) => {
    before += weight;
    // At most 32 weights of a million: below 2^53, and no share is below three units.
    const end = Math.round((before * totalWeight) / sum);
    const share = { name, weight: end - given };
    given = end;
    return share;
  });
}
