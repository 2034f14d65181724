/**
 * Networks of pods: a namespace and a pair of interfaces each, routed and not bridged, so that the outer namespace's
 * rules (services.ts) see both directions of every connection.
 *
 *   pod: eth0 10.244.x.y/32 --default via 10.244.0.1--> outer namespace: p<number>, route to 10.244.x.y
 *
 * and the same with addresses of IPv6, for pods that ask for them and where there is nothing else.
 */
import { run } from "../processes.ts";
import type { NodePod } from "./types.ts";

/** A family of addresses, as Services and EndpointSlices call it. */
export type Family = "IPv4" | "IPv6";

/** Addresses of the node, of the API server as pods see it, and of every pod's gateway. */
export const nodeAddresses: Readonly<Record<Family, string>> = { IPv4: "10.244.0.1", IPv6: "fd00:10:244::1" };

const isFamily = (text: string): text is Family => text === "IPv4" || text === "IPv6";

/** The family of an address. */
export const familyOf = (address: string): Family => (address.includes(":") ? "IPv6" : "IPv4");

/** Families out of a text such as `IPv4,IPv6`, in its order. */
export const familiesIn = (text: string): Family[] => text.split(",").filter(isFamily);

/**
 * Addresses of the pod with this number, counted from 1. It has those of the node's families that the annotation
 * `local-node/ip-families` of the pod lists (`IPv6`, `IPv4,IPv6`), in its order; else one, of the node's first family.
 */
export function podAddresses(
  number: number,
  { metadata }: Pick<NodePod, "metadata">,
  families: readonly Family[],
): readonly string[] {
  const wanted = familiesIn(metadata.annotations?.["local-node/ip-families"] ?? "");
  const given = wanted.filter((family) => families.includes(family));
  return (given.length > 0 ? given : families.slice(0, 1)).map((family) =>
    family === "IPv4"
      ? `10.244.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`
      : `fd00:10:244:1::${number.toString(16)}`,
  );
}

/** Prepares the network namespace of this process, which must be a throw-away one: forwarding, and the node's address. */
export async function prepareNodeNetwork(serviceCIDRs: readonly string[]): Promise<void> {
  if (process.env["HEDDLE_OUTER_NAMESPACE"] !== "1") {
    throw new Error("the local node changes the network: run it inside tools/outer-namespace.sh");
  }
  const forwarding = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"];
  await run("sh", ["-c", forwarding.map((setting) => `echo 1 > /proc/sys/${setting}`).join(" && ")]);
  // What is left to the route of service addresses was not translated; services.ts refuses it.
  await ip([
    // Without `nodad` it may not be a source yet when the next line asks for it.
    ...serviceCIDRs.map((range) => `addr replace ${hostRoute(gatewayOf(range))} dev lo${nodad(range)}`),
    ...serviceCIDRs.map((range) => `route replace ${range} dev lo src ${gatewayOf(range)}`),
  ]);
}

const gatewayOf = (address: string): string => nodeAddresses[familyOf(address)];
const nodad = (address: string): string => (familyOf(address) === "IPv6" ? " nodad" : "");
const hostRoute = (address: string): string => `${address}/${familyOf(address) === "IPv6" ? 128 : 32}`;

/** Creates the namespace `name` of pod `number` with its addresses. */
export async function createPodNetwork(name: string, number: number, addresses: readonly string[]): Promise<void> {
  const outside = `p${number}`;
  await ip([
    `netns add ${name}`,
    `link add ${outside} type veth peer name eth0 netns ${name}`,
    `link set ${outside} up`,
    // A neighbour in IPv6 must have its address at the link itself.
    ...(addresses.some((address) => familyOf(address) === "IPv6")
      ? [`addr add ${hostRoute(nodeAddresses.IPv6)} dev ${outside} nodad`]
      : []),
    ...addresses.map((address) => `route add ${hostRoute(address)} dev ${outside} src ${gatewayOf(address)}`),
  ]);
  const inside = addresses.flatMap((address) => [
    `addr add ${hostRoute(address)} dev eth0${nodad(address)}`,
    `route add ${hostRoute(gatewayOf(address))} dev eth0${familyOf(address) === "IPv6" ? "" : " scope link"}`,
    `route add default via ${gatewayOf(address)} dev eth0`,
  ]);
  await ip(["link set lo up", "link set eth0 up", ...inside], ["-n", name]);
}

/** Removes the namespace; its interfaces and rules go with it. */
export async function deletePodNetwork(name: string): Promise<void> {
  await ip([`netns delete ${name}`]);
}

async function ip(commands: readonly string[], flags: readonly string[] = []): Promise<void> {
  await run("ip", [...flags, "-batch", "-"], { input: commands.map((line) => `${line}\n`).join("") });
}
