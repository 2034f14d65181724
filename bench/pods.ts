/**
 * What injection costs a new pod: the API server's answer to its creation, in which admission is, and the time to Ready, in
 * which are the sidecar's start and, for the first pod of a workload, the making of its certificate and of its record.
 */
import { type Kind, kinds } from "../src/api/kinds.ts";
import { createKubeClient } from "../src/kube/client.ts";
import type { ObjectToWrite } from "../src/kube/objects.ts";
import type { ClusterAccess } from "../tools/cluster.ts";
import type { Figures } from "./figures.ts";
import { meshed, plain, podOf } from "./workloads.ts";

const serviceAccount: Kind = { apiVersion: "v1", kind: "ServiceAccount", plural: "serviceaccounts", namespaced: true };

/** Creates pods of each sort by turns. */
export async function measurePods(cluster: ClusterAccess, rounds: number): Promise<readonly Figures[]> {
  const client = createKubeClient({ kubeconfig: cluster.kubeconfig });
  const measure = async (namespace: string, name: string, app: string, account: string) => {
    const start = performance.now();
    const pod = await client.create(kinds.Pod, podOf(namespace, name, app, account) as ObjectToWrite);
    const answered = performance.now() - start;
    const over = new AbortController();
    const { resourceVersion = "" } = pod.metadata;
    const one = {
      namespace,
      fieldSelector: `metadata.name=${name}`,
      resourceVersion,
      timeoutSeconds: 120,
      idle: 120_000,
    };
    let ready = Number.NaN;
    await client
      .watch(kinds.Pod, { ...one, signal: over.signal }, ({ object }) => {
        const { status } = object as { status?: { conditions?: readonly { type: string; status: string }[] } };
        if (!status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True")) return;
        ready = performance.now() - start;
        over.abort();
      })
      .catch((error: unknown) => {
        if (!over.signal.aborted) throw error;
      });
    await client.delete(kinds.Pod, { namespace, name });
    return { answered, ready };
  };
  const sorts = [
    { what: "outside of the mesh", namespace: plain, isFirst: false },
    { what: "in the mesh, of a workload that has pods", namespace: meshed, isFirst: false },
    { what: "in the mesh, the first of its workload and ServiceAccount", namespace: meshed, isFirst: true },
  ].map((sort) => ({ ...sort, answered: [] as number[], ready: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, { namespace, isFirst, answered, ready }] of sorts.entries()) {
      const name = `pod-${index}-${round}`;
      const account = isFirst ? name : "default";
      if (isFirst) await client.create(serviceAccount, { metadata: { name, namespace } } as ObjectToWrite);
      const times = await measure(namespace, name, isFirst ? name : "server-a", account);
      answered.push(times.answered);
      ready.push(times.ready);
    }
  }
  return sorts.flatMap(({ what, answered, ready }) => [
    { what: `pod ${what}: created`, values: answered },
    { what: `pod ${what}: Ready`, values: ready },
  ]);
}
