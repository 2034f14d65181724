/**
 * Pods are replaced, come and go under constant load: of podinfo, which is nobody's of this project. The same without the
 * mesh, beside it, is the control.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../tools/processes.ts";
import { useMesh } from "./cluster.ts";
import { appYaml, deploymentYaml, initContainersOf, namespaceYaml, podsOf, serviceYaml } from "./workloads.ts";

const mesh = useMesh();
const [meshed, control] = ["rollout", "rollout-control"];
const namespaces = [meshed, control];

/** Its probes are those of its own chart, and it goes on for 5 s once it is told to end. */
const podinfo = (namespace: string): string =>
  deploymentYaml(
    namespace,
    "podinfo",
    "{name: podinfo, image: 'podinfo:dev', args: [--port=9898], ports: [{name: http, containerPort: 9898}], " +
      "readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1, timeoutSeconds: 3}, " +
      "lifecycle: {preStop: {sleep: {seconds: 5}}}}",
    2,
  ) + serviceYaml(namespace, "podinfo", 9898);

const onBoth = (...args: readonly string[]): Promise<string[]> =>
  Promise.all(namespaces.map((namespace) => mesh().kubectl(...args, "-n", namespace)));

/** One pod may be missing at any time. */
const budget = (namespace: string): string =>
  `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: podinfo, namespace: ${namespace}}
spec: {minAvailable: 1, selector: {matchLabels: {app: podinfo}}}
---
`;

/** A load on kept and on fresh connections in both namespaces; `finish` fails unless the mesh has lost nothing. */
async function startLoads(): Promise<{ finish(): Promise<void> }> {
  const loads = await Promise.all(
    namespaces.flatMap((namespace) => [
      mesh().load(namespace, "client", "http://podinfo/", { rate: 100 }),
      mesh().load(namespace, "client", "http://podinfo/", { rate: 20, fresh: true }),
    ]),
  );
  return {
    finish: async () => {
      const [kept, fresh, controlKept, controlFresh] = await Promise.all(loads.map((load) => load.finish()));
      const outcome = (report: typeof kept) => ({ failures: report?.failures, statuses: report?.statuses });
      console.log(`without the mesh: ${JSON.stringify([outcome(controlKept), outcome(controlFresh)])}`);
      for (const report of [kept, fresh])
        expect(outcome(report)).toEqual({ failures: 0, statuses: { 200: report?.requests } });
    },
  };
}

/** Waits until there are so many pods, all of the present template, and those that were told to go are gone. */
async function rolledOut(replicas: number): Promise<void> {
  await onBoth("rollout", "status", "deployment/podinfo", "--timeout=120s");
  const counted = async () => {
    const lists = await onBoth("get", "pods", "-l", "app=podinfo", "-o", "name");
    return lists.every((list) => list.trim().split("\n").length === replicas);
  };
  await until(`${replicas} pods of podinfo`, counted, { timeout: 120_000, interval: 500 });
}

afterAll(() => mesh().removeNamespace(...namespaces));

beforeAll(async () => {
  for (const namespace of namespaces) {
    const client = deploymentYaml(namespace, "client", appYaml('serve, "8080"'));
    await mesh().apply(namespaceYaml(namespace, namespace === meshed) + podinfo(namespace) + client);
  }
  for (const namespace of namespaces) await mesh().waitDeployments(namespace);
});

test("an application that drains loses no request in the mesh while it is restarted, and scaled up and down", async () => {
  for (const namespace of namespaces) {
    const pods = await podsOf(mesh(), namespace, "app=podinfo");
    const expected = namespace === meshed ? ["heddle-redirect", "heddle-proxy"] : [];
    for (const pod of pods) expect(initContainersOf(pod)).toEqual(expected);
  }
  const loads = await startLoads();
  await onBoth("rollout", "restart", "deployment/podinfo");
  await rolledOut(2);
  await onBoth("scale", "deployment/podinfo", "--replicas=4");
  await rolledOut(4);
  await onBoth("scale", "deployment/podinfo", "--replicas=1");
  await rolledOut(1);
  await loads.finish();
});

test("nor while its node is cordoned and drained, and all of its pods are evicted", async () => {
  const { cluster } = mesh();
  await onBoth("scale", "deployment/podinfo", "--replicas=2");
  await rolledOut(2);
  await mesh().apply(namespaces.map(budget).join(""));
  const before = (await onBoth("get", "pods", "-l", "app=podinfo", "-o", "name")).join("");
  const node = await mesh().kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}");
  const loads = await startLoads();
  try {
    // It cordons the node, and goes on asking to evict what a budget keeps.
    const drain = cluster.kubectl([
      ...["drain", node, "--pod-selector=app=podinfo", "--delete-emptydir-data", "--timeout=150s"],
    ]);
    const isHalfway = async () => {
      const pods = await onBoth("get", "pods", "-l", "app=podinfo", "-o", "jsonpath={.items[*].status.phase}");
      return pods.every((phases) => phases.includes("Pending"));
    };
    await until("pods that have no node to go to", isHalfway, { timeout: 90_000, interval: 250 });
    await mesh().kubectl("uncordon", node);
    const { status, stdout, stderr } = await drain;
    expect(status, stdout + stderr).toBe(0);
  } finally {
    await mesh().kubectl("uncordon", node);
  }
  await rolledOut(2);
  const after = (await onBoth("get", "pods", "-l", "app=podinfo", "-o", "name")).join("");
  expect(after.split("\n").filter((name) => name !== "" && before.includes(name))).toEqual([]);
  await loads.finish();
});
