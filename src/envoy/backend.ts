/** Backends: where the requests of a route, or the connections of a TCP port, are sent. */
import type { WeightedBackend } from "../model/mesh.ts";
import { servicePortName, unavailableCluster } from "./names.ts";

/** The cluster of a backend. */
function backendCluster({ target }: WeightedBackend): string {
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
