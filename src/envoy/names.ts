/** Names of xDS resources: constant where a proxy has one of a kind, derived from the object's identity elsewhere. */
import type { ServicePortReference, UnavailableReason } from "../model/mesh.ts";

/** Listeners of a sidecar's own ports; the `6` one is bound to the IPv6 wildcard address. */
export const listenerNames = {
  inbound: "inbound",
  outboundCapture: "outbound-capture",
  outboundCapture6: "outbound-capture6",
  readiness: "readiness",
} as const;

/** Clusters that every sidecar has. */
export const clusterNames = {
  /** The application in the same pod, at the connection's original destination. */
  inbound: "inbound",
  /** Destinations that the mesh does not know. */
  passThrough: "pass-through",
  /** Always empty: connections that must go nowhere. */
  blackHole: "black-hole",
  /** The operator's ADS; in the bootstrap. */
  xds: "xds",
  /** Envoy's own admin interface; in the bootstrap. */
  admin: "admin",
} as const;

/** Names of the filters that judge. Those for HTTP are ECDS resources, which have the same names. */
export const extensionNames = {
  httpDeny: "authorization-http-deny",
  httpAllow: "authorization-http-allow",
  tcpDeny: "authorization-tcp-deny",
  tcpAllow: "authorization-tcp-allow",
} as const;

/** Prefixes of what the authorization filters write into statistics and logs. Each has its own, else both would write the same. */
export const rbacStatPrefixes = { DENY: "heddle.deny_", ALLOW: "heddle.allow_" } as const;

/** Every reason for which a backend is unavailable; each has an always empty cluster. */
export const unavailableReasons: readonly UnavailableReason[] = ["missing-backend", "missing-port", "no-weight"];

/** The always empty cluster of a reason: access logs show its name. */
export const unavailableCluster = (reason: UnavailableReason): string => `unavailable-${reason}`;

/** Name of the cluster, the route configuration and the endpoints of a Service's port. */
export function servicePortName({ namespace, service, port }: ServicePortReference): string {
  return `outbound/${namespace}/${service}/${port}`;
}

/** Name of the cluster that copies of requests to a Service's port go to. Its endpoints are those of the port. */
export function mirrorName({ namespace, service, port }: ServicePortReference): string {
  return `mirror/${namespace}/${service}/${port}`;
}

/** Name of the listener of a Service's port at one of its addresses. */
export function serviceListenerName(reference: ServicePortReference, address: string): string {
  return `${servicePortName(reference)}/${address}`;
}

const headlessPrefix = "headless/";

/** Name of the listener of a headless Service's port at one of its endpoints. */
export function headlessListenerName(reference: ServicePortReference, address: string, port: number): string {
  const { namespace, service } = reference;
  return `${headlessPrefix}${namespace}/${service}/${reference.port}/${address}/${port}`;
}

/** Whether a listener is one of an endpoint's, and comes and goes with it. */
export const isHeadlessListener = (name: string): boolean => name.startsWith(headlessPrefix);
