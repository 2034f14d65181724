/** Affinity of a TrafficSplit: what callers are told by. */
import type { TrafficSplit } from "../api/generated/TrafficSplit.ts";
import type { Affinity } from "../model/mesh.ts";
import { quote } from "../model/quote.ts";
import { InvalidObject } from "./objects.ts";

/** RFC 9110 section 5.6.2: what names of headers and of cookies (RFC 6265 section 4.1.1) are made of. */
export const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

const longestSeconds = 8760 * 3600;

/** Reads the affinity. Throws InvalidObject for what the API server refuses by CEL, since a stored object may be older. */
export function readAffinity(given: TrafficSplit["spec"]["affinity"]): Affinity | undefined {
  if (given === undefined) return undefined;
  const { header, cookie } = given;
  if (header !== undefined && cookie !== undefined) {
    throw new InvalidObject("spec.affinity: give one of header and cookie, not both");
  }
  if (cookie !== undefined) {
    demandName("spec.affinity.cookie.name", cookie.name, /^__(host|secure)-/);
    return { kind: "cookie", name: cookie.name, ttlSeconds: readTTL(cookie.ttl) };
  }
  const name = (header ?? "").toLowerCase();
  demandName("spec.affinity.header", name, /^(x-envoy-.*|x-forwarded-client-cert)$/);
  return { kind: "header", name };
}

function demandName(field: string, name: string, unusable: RegExp): void {
  if (!token.test(name) || unusable.test(name.toLowerCase())) {
    throw new InvalidObject(`${field}: ${quote(name)} cannot be used: take a name of letters, digits and \`-\``);
  }
}

/** Seconds of a duration such as `1h30m`. */
function readTTL(ttl: string): number {
  const parts = /^(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/.exec(ttl);
  const [hours = 0, minutes = 0, seconds = 0] = (parts ?? []).slice(1).map((part) => Number(part ?? 0));
  const total = (hours * 60 + minutes) * 60 + seconds;
  if (parts === null || total < 1 || total > longestSeconds) {
    const hint = "write a duration from `1s` to `8760h`, such as `1h` or `1h30m`";
    throw new InvalidObject(`spec.affinity.cookie.ttl: ${quote(ttl)}: ${hint}`);
  }
  return total;
}
