/** Services as seen from pods: addresses by iptables in the outer namespace (as kube-proxy), names by hosts files. Pure. */
import type { EndpointSlice, Service } from "../../src/api/kubernetes.ts";
import { nodeAddress } from "./network.ts";
import type { NodePod } from "./types.ts";

/**
 * The tables `nat` and `filter` for iptables-restore: each cluster IP and port leads to one of its ready endpoints by
 * chance; what has none, or is no port of a Service, is refused.
 */
export function serviceRules(services: Service[], slices: EndpointSlice[], serviceCIDR: string): string {
  const rules: string[] = [];
  for (const service of services.filter(hasAddress)) {
    for (const { name, port, protocol = "TCP" } of service.spec?.ports ?? []) {
      const match = `-d ${service.spec?.clusterIP}/32 -p ${protocol.toLowerCase()} --dport ${port}`;
      endpointsOf(service, name, slices).forEach(({ ip, port }, index, { length }) => {
        const chance = `-m statistic --mode random --probability ${(1 / (length - index)).toFixed(10)}`;
        rules.push(`-A SERVICES ${match} ${chance} -j DNAT --to-destination ${ip}:${port}`);
        // A pod that reaches itself through a Service must not see its own address as the caller's.
        rules.push(`-A POSTROUTING -s ${ip}/32 -d ${ip}/32 -j SNAT --to-source ${nodeAddress}`);
      });
    }
  }
  const nat = [":SERVICES - [0:0]", "-A PREROUTING -j SERVICES", "-A OUTPUT -j SERVICES", ...rules];
  const filter = [`-A FORWARD -d ${serviceCIDR} -j REJECT`, `-A OUTPUT -d ${serviceCIDR} -j REJECT`];
  return ["*nat", ...nat, "COMMIT", "*filter", ...filter, "COMMIT\n"].join("\n");
}

/** The hosts file of a pod: itself, and each cluster IP under every name that cluster DNS would answer in its namespace. */
export function hostsFile({ metadata: pod }: NodePod, address: string, services: Service[]): string {
  const lines = services.filter(hasAddress).map(({ metadata: { name, namespace }, spec }) => {
    const long = `${name}.${namespace}`;
    return `${spec?.clusterIP} ${namespace === pod.namespace ? name : ""} ${long} ${long}.svc ${long}.svc.cluster.local\n`;
  });
  return `127.0.0.1 localhost\n::1 localhost\n${address} ${pod.name}\n${lines.join("")}`;
}

/** Whether it has an IPv4 cluster IP. */
const hasAddress = ({ spec }: Service): boolean => /^[\d.]+$/.test(spec?.clusterIP ?? "");

/** Where a port of a Service leads: its ready endpoints. */
function endpointsOf({ metadata }: Service, portName = "", slices: EndpointSlice[]) {
  return slices
    .filter((slice) => slice.addressType === "IPv4" && slice.metadata.namespace === metadata.namespace)
    .filter((slice) => slice.metadata.labels?.["kubernetes.io/service-name"] === metadata.name)
    .flatMap(({ endpoints, ports }) => {
      const port = ports?.find((each) => (each.name ?? "") === portName)?.port ?? 0;
      const ready = (endpoints ?? []).filter((each) => each.conditions?.ready !== false);
      return ready.map(({ addresses: [ip] }) => ({ ip, port }));
    });
}
