/** Whether the slices of Services say of the pods what the pods say of themselves: a controller writes them a while later. */
import { type Kind, kinds } from "../../src/api/kinds.ts";
import type { EndpointSlice, Pod, Service } from "../../src/api/kubernetes.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import { isReady } from "../../src/reconcilers/workloads.ts";
import { until } from "../processes.ts";

type SelectingService = Service & { readonly spec?: { readonly publishNotReadyAddresses?: boolean } };

/** Waits until each Service that selects pods has exactly those that are Ready among its ready endpoints. */
export async function endpointsWritten(client: KubeClient): Promise<void> {
  const check = async (): Promise<true> => {
    const behind = await servicesBehind(client);
    if (behind.length > 0) throw new Error(behind.join("; "));
    return true;
  };
  await until("the endpoints of all Services", check, { timeout: 30_000 });
}

async function servicesBehind(client: KubeClient): Promise<readonly string[]> {
  const listed = async <T>(kind: Kind): Promise<readonly T[]> => (await client.list(kind)).items as readonly T[];
  const [services, pods, slices] = await Promise.all([
    listed<SelectingService>(kinds.Service),
    listed<Pod>(kinds.Pod),
    listed<EndpointSlice>(kinds.EndpointSlice),
  ]);
  return services.flatMap(({ metadata, spec = {} }) => {
    const { namespace, name } = metadata;
    const selector = Object.entries(spec.selector ?? {});
    if (selector.length === 0 || spec.type === "ExternalName" || spec.publishNotReadyAddresses === true) return [];
    const isSelected = (pod: Pod): boolean =>
      pod.metadata.namespace === namespace &&
      pod.metadata.deletionTimestamp === undefined &&
      selector.every(([label, value]) => pod.metadata.labels?.[label] === value);
    const selected = pods.filter(isSelected);
    const ready = selected.filter(isReady).map((pod) => pod.metadata.name);
    const written = slices
      .filter((slice) => slice.metadata.namespace === namespace)
      .filter((slice) => slice.metadata.labels?.["kubernetes.io/service-name"] === name)
      .flatMap(({ endpoints }) => endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready === true)
      .flatMap(({ targetRef }) => targetRef?.name ?? []);
    const [wanted, found] = [ready, written].map((names) => [...new Set(names)].sort().join(" "));
    return wanted === found ? [] : [`${namespace}/${name}: ${wanted} are Ready, its endpoints are ${found}`];
  });
}
