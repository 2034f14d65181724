/** Services as seen from pods: addresses by iptables in the outer namespace (as kube-proxy), names by hosts files. Pure. */
import type { EndpointSlice, Service } from "../../src/api/kubernetes.ts";

interface Target {
  readonly address: string;
  readonly port: number;
}

type Slices = Iterable<EndpointSlice>;

/**
 * The tables `nat` and `filter` for iptables-restore: each cluster IP and port leads to one of its ready endpoints by
 * chance; what has none, or is no port of a Service, is refused.
 */
export function serviceRules(
  services: Iterable<Service>,
  slices: Slices,
  serviceCIDR: string,
  nodeAddress: string,
): string {
  const slicesOf = byService(slices);
  const nat: string[] = [];
  const endpoints = new Set<string>();
  for (const service of services) {
    const address = service.spec?.clusterIP;
    if (address === undefined || address === "" || address === "None" || address.includes(":")) continue;
    for (const { name = "", port, protocol = "TCP" } of service.spec?.ports ?? []) {
      const targets = targetsOf(
        slicesOf.get(`${service.metadata.namespace}/${service.metadata.name}`) ?? [],
        name,
        protocol,
      );
      targets.forEach((target, index) => {
        endpoints.add(target.address);
        const left = targets.length - index;
        const chance = left === 1 ? "" : ` -m statistic --mode random --probability ${(1 / left).toFixed(10)}`;
        const match = `-d ${address}/32 -p ${protocol.toLowerCase()} --dport ${port}`;
        nat.push(`-A SERVICES ${match}${chance} -j DNAT --to-destination ${target.address}:${target.port}`);
      });
    }
  }
  // A pod that reaches itself through a Service must not see its own address as the caller's.
  const hairpin = [...endpoints]
    .sort()
    .map((ip) => `-A POSTROUTING -s ${ip}/32 -d ${ip}/32 -j SNAT --to-source ${nodeAddress}`);
  return [
    "*nat",
    ...["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"].map((chain) => `:${chain} ACCEPT [0:0]`),
    ":SERVICES - [0:0]",
    "-A PREROUTING -j SERVICES",
    "-A OUTPUT -j SERVICES",
    ...nat,
    ...hairpin,
    "COMMIT",
    "*filter",
    ...["INPUT", "FORWARD", "OUTPUT"].map((chain) => `:${chain} ACCEPT [0:0]`),
    `-A FORWARD -d ${serviceCIDR} -j REJECT`,
    `-A OUTPUT -d ${serviceCIDR} -j REJECT`,
    "COMMIT",
    "",
  ].join("\n");
}

/**
 * The hosts file of a pod: itself, and each Service under every name that cluster DNS would answer in its namespace. A
 * headless Service is its ready endpoints.
 */
export function hostsFile(
  pod: { readonly name: string; readonly namespace: string; readonly address: string },
  services: Iterable<Service>,
  slices: Slices,
): string {
  const slicesOf = byService(slices);
  const lines = ["127.0.0.1 localhost", "::1 localhost", `${pod.address} ${pod.name}`];
  for (const { metadata, spec } of services) {
    const { name, namespace = "" } = metadata;
    const endpoints = (slicesOf.get(`${namespace}/${name}`) ?? []).flatMap(readyEndpoints);
    const addresses = spec?.clusterIP === "None" ? endpoints : [spec?.clusterIP ?? ""];
    const names = [`${name}.${namespace}`, `${name}.${namespace}.svc`, `${name}.${namespace}.svc.cluster.local`];
    if (namespace === pod.namespace) names.push(name);
    for (const address of addresses) if (address !== "") lines.push(`${address} ${names.join(" ")}`);
  }
  return `${lines.join("\n")}\n`;
}

function byService(slices: Slices): Map<string, EndpointSlice[]> {
  const result = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    if (slice.addressType !== "IPv4") continue;
    const key = `${slice.metadata.namespace}/${slice.metadata.labels?.["kubernetes.io/service-name"]}`;
    result.set(key, [...(result.get(key) ?? []), slice]);
  }
  return result;
}

function targetsOf(slices: readonly EndpointSlice[], portName: string, protocol: string): Target[] {
  return slices.flatMap((slice) =>
    (slice.ports ?? [])
      .filter((port) => (port.name ?? "") === portName && (port.protocol ?? "TCP") === protocol)
      .flatMap(({ port }) => (port === undefined ? [] : readyEndpoints(slice).map((address) => ({ address, port })))),
  );
}

function readyEndpoints(slice: EndpointSlice): string[] {
  return (slice.endpoints ?? [])
    .filter((each) => each.conditions?.ready !== false)
    .flatMap((each) => each.addresses.slice(0, 1));
}
