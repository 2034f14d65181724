/** Addresses of either family where cases need them: the mesh may have pods of IPv6 alone. */

const isIPv6 = (address: string): boolean => address.includes(":");

/** An address as it stands in a URL and in a Host header (RFC 3986, section 3.2.2). */
export const inURL = (address: string): string => (isIPv6(address) ? `[${address}]` : address);

/** The block of all addresses of the same family. */
export const blockOfAll = (address: string): string => (isIPv6(address) ? "::/0" : "0.0.0.0/0");

/** The program that filters packets of the same family. */
export const iptablesFor = (address: string): string => (isIPv6(address) ? "ip6tables" : "iptables");
