import type { Rejection } from "./rejection.ts";
import { reject } from "./rejection.ts";

/**
 * The host as a sidecar compares and forwards it, in lower case: without a trailing dot and without a port
 * (`strip_trailing_host_dot`, then `strip_any_host_port`). What is not a host and a port after that is not served, since an
 * application might read in it another host than a policy has.
 */
export function normalizeHost(given: string): string | Rejection {
  const host = withoutPort(withoutDot(given.trim())).toLowerCase();
  return isHost(host) ? host : reject("host", "a host is a name, or an address in brackets, and perhaps a port");
}

/** The last dot, if it is the end or if the port begins behind it. */
function withoutDot(host: string): string {
  const dot = host.lastIndexOf(".");
  if (dot === -1) return host;
  const after = host.slice(dot + 1);
  return after === "" || after.startsWith(":") ? host.slice(0, dot) + after : host;
}

function withoutPort(host: string): string {
  const colon = host.lastIndexOf(":");
  if (colon === -1 || host.indexOf("]", colon) !== -1) return host;
  const port = host.slice(colon + 1);
  return /^[+]?[0-9]+$/.test(port) && Number(port) < 2 ** 32 ? host.slice(0, colon) : host;
}

/** Nothing, an address in brackets, or a registered name (RFC 3986, section 3.2.2) of non-empty labels without `%`, `,` and `;`. */
function isHost(host: string): boolean {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9!$&'()*+=_~-]+(\.[a-z0-9!$&'()*+=_~-]+)*)?$/.test(host);
}
