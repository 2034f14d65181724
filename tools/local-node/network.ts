/**
 * Networks of pods: a namespace and a pair of interfaces each, routed and not bridged, so that the outer namespace's
 * rules (services.ts) see both directions of every connection.
 *
 *   pod: eth0 10.244.x.y/32 --default via 10.244.0.1--> outer namespace: p<number>, route to 10.244.x.y
 */
import { run } from "../processes.ts";

/** Address of the node, of the API server as pods see it, and of every pod's gateway. */
export const nodeAddress = "10.244.0.1";

/** Address of the pod with this number, counted from 1. */
export function podAddress(number: number): string {
  return `10.244.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`;
}

/** Prepares the network namespace of this process, which must be a throw-away one: forwarding, and the node's address. */
export async function prepareNodeNetwork(serviceCIDR: string): Promise<void> {
  if (process.env["HEDDLE_OUTER_NAMESPACE"] !== "1") {
    throw new Error("the local node changes the network: run it inside tools/outer-namespace.sh");
  }
  await run("sh", ["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
  // What is left to the route of service addresses was not translated; services.ts refuses it.
  await ip([`addr replace ${nodeAddress}/32 dev lo`, `route replace ${serviceCIDR} dev lo src ${nodeAddress}`]);
}

/** Creates the namespace `name` with the address of pod `number`. */
export async function createPodNetwork(name: string, number: number): Promise<void> {
  const address = podAddress(number);
  const outside = `p${number}`;
  await ip([
    `netns add ${name}`,
    `link add ${outside} type veth peer name eth0 netns ${name}`,
    `link set ${outside} up`,
    `route add ${address}/32 dev ${outside} src ${nodeAddress}`,
  ]);
  const inside = [
    "link set lo up",
    "link set eth0 up",
    `addr add ${address}/32 dev eth0`,
    `route add ${nodeAddress} dev eth0 scope link`,
    `route add default via ${nodeAddress} dev eth0`,
  ];
  await ip(inside, ["-n", name]);
}

/** Removes the namespace; its interfaces and rules go with it. */
export async function deletePodNetwork(name: string): Promise<void> {
  await ip([`netns delete ${name}`]);
}

async function ip(commands: readonly string[], flags: readonly string[] = []): Promise<void> {
  await run("ip", [...flags, "-batch", "-"], { input: commands.map((line) => `${line}\n`).join("") });
}
