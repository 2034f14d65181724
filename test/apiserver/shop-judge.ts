/**
 * Whether what a proxy of the shop holds is all of one policy and all of one split. Both come in generations, told apart by
 * the callers of a policy and the weights of a split; 0 is none.
 */
import type { EnvoyConfig } from "../../src/envoy/resource.ts";
import { walkObjects } from "../support/walk.ts";
import type { Held } from "../xds/sidecar.ts";

/** What of it is in force; undefined what the proxy does not have yet, and so lets nothing through. */
export interface Generations {
  /** Of the requests to the HTTP port, and of the connections to the TCP port. */
  readonly requests: number | undefined;
  readonly connections: number | undefined;
  readonly split: number | undefined;
}

/** The callers that a policy of the shop lets in by its rules; the second for requests only. */
export const callersOf = (generation: number): readonly string[] =>
  ["one", "two", "three"].map((word) => `${word}-${generation}`);

/** The weights of a split of the shop, by generation. */
export const weightsOf: readonly (readonly number[])[] = [[], [90, 10], [50, 50]];

/** The ports of the application, and that of its Service. */
export const shopPorts = { http: 8080, tcp: 9000, service: 80 } as const;

/** Judges; `say` is told what no proxy may ever hold. */
export function judge(held: Held, say: (problem: string) => void): Generations {
  for (const [name, { config }] of held.route)
    walkObjects(config, ({ cluster }) => {
      if (typeof cluster === "string" && !held.cluster.has(cluster))
        say(`the route ${name} leads to ${cluster}, which is not there`);
    });
  const inbound = held.listener.get("inbound")?.config;
  return {
    requests: inbound === undefined ? undefined : requests(held, inbound, say),
    connections: inbound === undefined ? undefined : connections(inbound, say),
    split: split(held, say),
  };
}

interface Chain {
  readonly name?: string;
  readonly filters?: readonly { readonly name?: string }[];
}

const chainsOf = (inbound: EnvoyConfig, port: number): readonly Chain[] =>
  (inbound["filter_chains"] as readonly Chain[]).filter(({ name }) => name?.startsWith(`${port}/`));

function requests(held: Held, inbound: EnvoyConfig, say: (problem: string) => void): number | undefined {
  const names = ["authorization-http-deny", "authorization-http-allow"];
  let chains = 0;
  walkObjects(chainsOf(inbound, shopPorts.http), ({ http_filters: filters }) => {
    if (!Array.isArray(filters)) return;
    chains += 1;
    const [deny, allow] = filters as readonly { readonly name: string; readonly config_discovery?: object }[];
    for (const [index, filter] of [deny, allow].entries())
      if (
        filter === undefined ||
        filter.name !== names[index] ||
        !JSON.stringify(filter.config_discovery ?? {}).includes('"rules":{}')
      )
        say(`requests are served without ${names[index]}, or until it is there without a denial`);
  });
  if (chains === 0) say("the HTTP port is not served");
  const extension = held.extension.get("authorization-http-allow");
  return extension && generationOf(extension.config, [0, 1, 2], say);
}

function connections(inbound: EnvoyConfig, say: (problem: string) => void): number | undefined {
  const filters = new Map(
    [...chainsOf(inbound, shopPorts.tcp), ...chainsOf(inbound, shopPorts.http)].map((chain) => [
      chain.name,
      chain.filters?.find(({ name }) => name === "authorization-tcp-allow"),
    ]),
  );
  const judged = filters.get(`${shopPorts.tcp}/mutual-tls`);
  for (const name of [`${shopPorts.tcp}/tls`, `${shopPorts.tcp}/plaintext`, `${shopPorts.http}/tls`])
    if (filters.has(name) && (filters.get(name) === undefined) !== (judged === undefined))
      say(
        `of the connections to port ${shopPorts.tcp} some are judged, and those of ${name} are not, or the other way round`,
      );
  return judged === undefined ? 0 : generationOf(judged, [0, 2], say);
}

/** The one generation whose callers are in it. @param rules those that must all be there */
function generationOf(config: unknown, rules: readonly number[], say: (problem: string) => void): number {
  const found = [...JSON.stringify(config).matchAll(/\/sa\/((?:one|two|three)-(\d+))"/g)];
  const callers = new Set(found.map(([, caller]) => caller));
  const generation = Number(found[0]?.[2] ?? 0);
  if (callers.size === 0) return 0;
  const expected = rules.map((rule) => callersOf(generation)[rule]);
  if (expected.length !== callers.size || !expected.every((caller) => callers.has(caller)))
    say(`half a policy: it lets in ${[...callers].sort().join(", ")}, and not ${expected.join(", ")}`);
  return generation;
}

function split(held: Held, say: (problem: string) => void): number | undefined {
  const route = held.route.get(`outbound/shop/cart/${shopPorts.service}`);
  if (route === undefined) return undefined;
  const weights: number[] = [];
  walkObjects(route.config, ({ weighted_clusters: weighted }) => {
    const { clusters = [] } = (weighted ?? {}) as { readonly clusters?: readonly { readonly weight: number }[] };
    const sum = clusters.reduce((total, { weight }) => total + weight, 0);
    weights.push(...clusters.map(({ weight }) => (weight * 100) / sum));
  });
  const generation = weightsOf.findIndex((known) => known.join() === weights.join());
  if (generation < 0) say(`half a split: its weights are ${weights.join(" to ")}`);
  return generation;
}
