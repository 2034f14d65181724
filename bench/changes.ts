/**
 * How long a change takes: from the API server's answer to a write, to the first request that obeys it and to
 * `Programmed=True`, under 400 requests a second.
 */
import { kinds } from "../src/api/kinds.ts";
import { createKubeClient } from "../src/kube/client.ts";
import type { ObjectToWrite } from "../src/kube/objects.ts";
import type { ClusterAccess } from "../tools/cluster.ts";
import type { Mesh } from "../tools/demo/mesh.ts";
import type { Figures } from "./figures.ts";
import { meshed } from "./workloads.ts";

const split = (backend: string): ObjectToWrite =>
  ({
    metadata: { name: "server", namespace: meshed },
    spec: { service: "server", backends: [{ service: backend, weight: 1 }] },
  }) as ObjectToWrite;

const policy = (path: string): ObjectToWrite =>
  ({
    metadata: { name: "server", namespace: meshed },
    spec: { action: "DENY", rules: [{ to: [{ operation: { paths: [path] } }] }] },
  }) as ObjectToWrite;

/** Measures over {@link import("./workloads.ts").workloads}, which must be Available. */
export async function measureChanges(mesh: Mesh<ClusterAccess>, rounds: number): Promise<readonly Figures[]> {
  const client = createKubeClient({ kubeconfig: mesh.cluster.kubeconfig });
  /** One change; `first` is who answers once it is obeyed. */
  const change = async (
    kind: typeof kinds.TrafficSplit | typeof kinds.AuthorizationPolicy,
    body: ObjectToWrite,
    first: string,
  ) => {
    const load = await mesh.load(meshed, "client", "http://server/", { rate: 400 });
    await client.apply(kind, body, { fieldManager: "bench" });
    const answered = Date.now();
    await mesh.waitProgrammed(kind, meshed, "server");
    const programmed = Date.now() - answered;
    const report = await load.finish();
    const obeyed = (report.firstAnswer[first] ?? Number.NaN) - answered;
    return { programmed, obeyed: Math.max(0, obeyed) };
  };
  await client.apply(kinds.TrafficSplit, split("server-a"), { fieldManager: "bench" });
  await mesh.waitProgrammed(kinds.TrafficSplit, meshed, "server");
  const splits = [];
  for (let round = 0; round < rounds; round++) {
    const backend = round % 2 === 0 ? "server-b" : "server-a";
    splits.push(await change(kinds.TrafficSplit, split(backend), backend));
  }
  const last = rounds % 2 === 0 ? "server-a" : "server-b";
  await client.apply(kinds.AuthorizationPolicy, policy("/elsewhere"), { fieldManager: "bench" });
  await mesh.waitProgrammed(kinds.AuthorizationPolicy, meshed, "server");
  const policies = [];
  for (let round = 0; round < rounds; round++) {
    const denies = round % 2 === 0;
    policies.push(await change(kinds.AuthorizationPolicy, policy(denies ? "/" : "/elsewhere"), denies ? "403" : last));
  }
  await client.delete(kinds.AuthorizationPolicy, { namespace: meshed, name: "server" });
  await client.delete(kinds.TrafficSplit, { namespace: meshed, name: "server" });
  await mesh.settle();
  return [
    { what: "split: first request that obeys", values: splits.map(({ obeyed }) => obeyed) },
    { what: "split: Programmed=True", values: splits.map(({ programmed }) => programmed) },
    { what: "policy: first request that obeys", values: policies.map(({ obeyed }) => obeyed) },
    { what: "policy: Programmed=True", values: policies.map(({ programmed }) => programmed) },
  ];
}
