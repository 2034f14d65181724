/** Backends and mirror of a TrafficSplit: what they are on each port of the root. */
import type { TrafficSplit } from "../api/generated/TrafficSplit.ts";
import type { Mirror, UnavailableReason, WeightedBackend } from "../model/mesh.ts";
import { quote } from "../model/quote.ts";
import { compare } from "../model/workload.ts";
import type { Lookup } from "./derivation.ts";
import { InvalidObject } from "./objects.ts";

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
    demandServiceName(`spec.backends[${index}].service`, service);
    return { service, weight };
  });
}

function demandServiceName(field: string, service: string): void {
  if (/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(service)) return;
  const hint = "name a Service of the same namespace by its bare name";
  throw new InvalidObject(`${field}: ${quote(service)}: ${hint}`);
}

/** A mirror as the user wrote it. */
export interface GivenMirror {
  /** Name of a Service of the split's namespace. */
  readonly service: string;
  /** From 1 to 100. */
  readonly percent: number;
}

/** Reads the mirror. Throws InvalidObject as {@link readBackends} does. */
export function readMirror(spec: TrafficSplit["spec"]): GivenMirror | undefined {
  if (spec.mirror !== undefined) demandServiceName("spec.mirror.service", spec.mirror.service);
  return spec.mirror;
}

/** Where copies of a port's requests go; undefined if the mirror is missing or lacks the port: then nothing is mirrored. */
export function mirrorForPort(
  port: number,
  namespace: string,
  { service, percent }: GivenMirror,
  services: Lookup<{ readonly ports: readonly { readonly port: number }[] }>,
): Mirror | undefined {
  const hasPort = services.get(`${namespace}/${service}`)?.ports.some((candidate) => candidate.port === port);
  return hasPort === true ? { namespace, service, port, percent } : undefined;
}

/** The printer column: `checkout-v1 90, checkout-v2 10`, of at most 1,024 characters. */
export function summarise(backends: readonly Backend[]): string {
  const whole = backends.map(({ service, weight }) => `${service} ${weight}`).join(", ");
  return whole.length <= 1024 ? whole : `${whole.slice(0, 1021)}...`;
}

/**
 * The shares of one port, positive and in the order of names: with affinity the order decides who gets which share, and it
 * must not change when a backend goes missing or the list is written in another order. A missing backend keeps its share as
 * 503; one that lacks the port is left out, and the others share among themselves.
 */
export function backendsForPort(
  port: number,
  namespace: string,
  backends: readonly Backend[],
  services: Lookup<{ readonly ports: readonly { readonly port: number }[] }>,
): readonly WeightedBackend[] {
  const weighted = backends.filter(({ weight }) => weight > 0).sort((a, b) => compare(a.service, b.service));
  if (weighted.length === 0) return [unavailable(1, "no-weight")];
  const shares = weighted.flatMap(({ service, weight }): WeightedBackend[] => {
    const known = services.get(`${namespace}/${service}`);
    if (known === undefined) return [unavailable(weight, "missing-backend")];
    if (!known.ports.some((candidate) => candidate.port === port)) return [];
    return [{ weight, target: { kind: "service", namespace, service, port } }];
  });
  return shares.length === 0 ? [unavailable(1, "missing-port")] : shares;
}

const unavailable = (weight: number, reason: UnavailableReason): WeightedBackend => ({
  weight,
  target: { kind: "unavailable", reason },
});
