/** Services as seen from pods: addresses by iptables in the outer namespace (as kube-proxy), names by hosts files. Pure. */
import type { Endpoint, EndpointSlice, Service } from "../../src/api/kubernetes.ts";
import { type Family, familyOf, nodeAddresses } from "./network.ts";
import type { NodePod } from "./types.ts";

/**
 * The tables `nat` and `filter` for iptables-restore, or ip6tables-restore: each cluster IP and port leads to one of its
 * ready endpoints by chance; what has none, or is no port of a Service, is refused. The range is one of that family.
 */
export function serviceRules(services: Service[], slices: EndpointSlice[], serviceCIDR: string): string {
  const family = familyOf(serviceCIDR);
  const rules: string[] = [];
  for (const service of services) {
    const address = addressesOf(service).find((each) => familyOf(each) === family);
    for (const { name, port, protocol = "TCP" } of address === undefined ? [] : (service.spec?.ports ?? [])) {
      const match = `-d ${address} -p ${protocol.toLowerCase()} --dport ${port}`;
      endpointsOf(service, name, slices, family).forEach(({ ip, port }, index, { length }) => {
        const chance = `-m statistic --mode random --probability ${(1 / (length - index)).toFixed(10)}`;
        const target = family === "IPv6" ? `[${ip}]` : ip;
        rules.push(`-A SERVICES ${match} ${chance} -j DNAT --to-destination ${target}:${port}`);
        // A pod that reaches itself through a Service must not see its own address as the caller's.
        rules.push(`-A POSTROUTING -s ${ip} -d ${ip} -j SNAT --to-source ${nodeAddresses[family]}`);
      });
    }
  }
  const nat = [":SERVICES - [0:0]", "-A PREROUTING -j SERVICES", "-A OUTPUT -j SERVICES", ...rules];
  const filter = [`-A FORWARD -d ${serviceCIDR} -j REJECT`, `-A OUTPUT -d ${serviceCIDR} -j REJECT`];
  return ["*nat", ...nat, "COMMIT", "*filter", ...filter, "COMMIT\n"].join("\n");
}

/**
 * The hosts file of a pod: itself, and each name that cluster DNS would answer in its namespace with its addresses: those of
 * the Service, of the endpoints of a headless one, or of the Service that an ExternalName leads to.
 */
export function hostsFile(
  { metadata: pod }: NodePod,
  addresses: readonly string[],
  services: Service[],
  slices: EndpointSlice[],
): string {
  const lines: string[] = [];
  const add = (ips: readonly string[], name: string, namespace: string | undefined): void => {
    const long = `${name}.${namespace}`;
    const short = namespace === pod.namespace ? name : "";
    for (const ip of ips) lines.push(`${ip} ${short} ${long} ${long}.svc ${long}.svc.cluster.local\n`);
  };
  const byName = new Map(
    services.map((service) => [`${service.metadata.name}.${service.metadata.namespace}`, service]),
  );
  for (const service of services) {
    const { name, namespace } = service.metadata;
    const target = externalNameOf(service)?.replace(/\.svc(\.cluster\.local)?$/, "");
    add(addressesOf(target === undefined ? service : byName.get(target)), name, namespace);
    if (service.spec?.clusterIP !== "None") continue;
    for (const endpoint of slices.filter((slice) => isOf(slice, service)).flatMap(readyOf)) {
      add(endpoint.addresses, name, namespace);
      const hostname = hostnameOf(endpoint);
      if (hostname !== undefined) add(endpoint.addresses, `${hostname}.${name}`, namespace);
    }
  }
  const itself = addresses.map((address) => `${address} ${pod.name}\n`).join("");
  return `127.0.0.1 localhost\n::1 localhost\n${itself}${lines.join("")}`;
}

/** Its cluster IPs. */
function addressesOf(service: Service | undefined): readonly string[] {
  return (service?.spec?.clusterIPs ?? []).filter((address) => /^[\d.]+$|:/.test(address));
}

/** What Heddle does not read of a Service, and of an endpoint. */
const externalNameOf = ({ spec }: Service): string | undefined =>
  (spec as { readonly externalName?: string } | undefined)?.externalName;
const hostnameOf = (endpoint: Endpoint): string | undefined => (endpoint as { readonly hostname?: string }).hostname;

const isOf = ({ metadata: slice }: EndpointSlice, { metadata }: Service): boolean =>
  slice.namespace === metadata.namespace && slice.labels?.["kubernetes.io/service-name"] === metadata.name;

const readyOf = ({ endpoints }: EndpointSlice) =>
  (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);

/** Where a port of a Service leads: its ready endpoints. */
function endpointsOf(service: Service, portName = "", slices: EndpointSlice[], family: Family) {
  return slices
    .filter((slice) => slice.addressType === family && isOf(slice, service))
    .flatMap((slice) => {
      const port = slice.ports?.find((each) => (each.name ?? "") === portName)?.port ?? 0;
      return readyOf(slice).map(({ addresses: [ip] }) => ({ ip, port }));
    });
}
