import type { SidecarSettings } from "./settings.ts";

const units: ReadonlyMap<string, number> = new Map([
  ["m", 0.001],
  ["", 1],
  ["Mi", 2 ** 20],
  ["Gi", 2 ** 30],
]);

/** A quantity as annotations and our own settings have it (annotation-kinds.ts): a whole number and a unit. */
function amountOf(quantity: string): number {
  return Number.parseInt(quantity, 10) * (units.get(quantity.replace(/^\d+/, "")) ?? Number.NaN);
}

/** Why these settings contradict each other: more is reserved than may be used. The API server would refuse the pod. */
export function contradiction({ proxyResources: { requests = {}, limits = {} } }: SidecarSettings): string | undefined {
  for (const name of ["cpu", "memory"] as const) {
    const [request, limit] = [requests[name], limits[name]];
    if (request === undefined || limit === undefined || amountOf(request) <= amountOf(limit)) continue;
    return `the sidecar's ${name} request, ${request}, is more than its limit, ${limit}: set heddle.dev/proxy-${name}-request and heddle.dev/proxy-${name}-limit so that they fit`;
  }
  return undefined;
}
