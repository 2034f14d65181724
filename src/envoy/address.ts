/** Where a sidecar listens. */
import type { AddressJson } from "./generated/envoy/config/core/v3/address_pb.js";

/** Address families of the pods that a resource is for. */
export interface AddressFamilies {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

/** A TCP address. */
export function socketAddress(address: string, port: number): AddressJson {
  return { socketAddress: { address, portValue: port } };
}

/**
 * The wildcard addresses of the families. Each family has a socket of its own (`ipv4_compat` is off), since the redirect
 * of iptables and that of ip6tables are separate. Pods whose family is not known yet get IPv4.
 */
export function wildcardAddresses({ ipv4, ipv6 }: AddressFamilies): readonly ("0.0.0.0" | "::")[] {
  return [...(ipv4 || !ipv6 ? (["0.0.0.0"] as const) : []), ...(ipv6 ? (["::"] as const) : [])];
}
