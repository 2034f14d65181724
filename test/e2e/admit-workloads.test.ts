/** Sidecars in pods of every controller of Kubernetes. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../tools/processes.ts";
import { useMesh } from "./cluster.ts";
import {
  appYaml,
  deploymentYaml,
  initContainersOf,
  isReady,
  namespaceYaml,
  podsOf,
  serviceYaml,
  sidecarOf,
} from "./workloads.ts";

const mesh = useMesh();
const namespace = "workloads";
const url = "http://web/";
const identity = (serviceAccount: string): string => `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;
const injected = ["heddle-redirect", "heddle-proxy"];
const serve = appYaml('serve, "8080"');

/** Of a Job: calls, and ends. */
const jobSpec = (label: string): string => `
      backoffLimit: 0
      template:
        metadata: {labels: {app: ${label}}}
        spec:
          restartPolicy: Never
          containers: [${appYaml(`call, "${url}", --count, "20"`)}]
`;

const jobOf = (label: string): string => `apiVersion: batch/v1
kind: Job
metadata: {name: ${label}, namespace: ${namespace}}
spec:${jobSpec(label)}`;

/** What the kubelet runs every minute, first of all: the test that waits for it is the last one. */
const cronJob = `apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: ${namespace}}
spec:
  schedule: "* * * * *"
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:${jobSpec("nightly").replaceAll("\n", "\n  ")}
---
`;

afterAll(() => mesh().removeNamespace(namespace));

beforeAll(async () => {
  const web = deploymentYaml(namespace, "web", serve, 2) + serviceYaml(namespace, "web");
  await mesh().apply(namespaceYaml(namespace, true) + web);
  await mesh().waitDeployments(namespace);
  await mesh().apply(cronJob);
});

/** The pods of a label, when there are so many and each has a sidecar and is Ready. */
async function readyPods(label: string, count: number) {
  const found = async () => {
    const pods = await podsOf(mesh(), namespace, `app=${label}`);
    return pods.length === count && pods.every(isReady) ? pods : undefined;
  };
  const pods = await until(`${count} Ready pods of ${label}`, found, { timeout: 120_000, interval: 500 });
  for (const pod of pods ?? []) expect(initContainersOf(pod).slice(0, 2)).toEqual(injected);
  return pods ?? [];
}

/** The pod of a Job that has completed: it has called as whom it is, and its sidecar has ended with it. */
async function expectCompleted(label: string): Promise<void> {
  const [pod] = await podsOf(mesh(), namespace, `app=${label}`);
  if (pod === undefined) throw new Error(`no pod of ${label}`);
  expect(pod.status.phase).toBe("Succeeded");
  expect(sidecarOf(pod).state.terminated?.exitCode).toBe(0);
  const log = await mesh().kubectl("logs", "-n", namespace, pod.metadata.name, "-c", "app");
  expect(JSON.parse(log)).toMatchObject({ statuses: { 200: 20 }, peers: { [identity("default")]: 20 } });
}

test("each pod of a StatefulSet calls as whom it is, and is called by its own name", async () => {
  await mesh().apply(`apiVersion: v1
kind: Service
metadata: {name: store, namespace: ${namespace}}
spec: {clusterIP: None, selector: {app: store}, ports: [{name: http, port: 8080}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store, namespace: ${namespace}}
spec:
  replicas: 2
  serviceName: store
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec: {containers: [${serve}]}
`);
  await readyPods("store", 2);
  for (const pod of ["store-0", "store-1"]) {
    expect(await mesh().callFrom(namespace, pod, url, { count: 5 })).toMatchObject({
      statuses: { 200: 5 },
      peers: { [identity("default")]: 5 },
    });
    expect(await mesh().call(namespace, "web", `http://${pod}.store:8080/`, { count: 5 })).toMatchObject({
      statuses: { 200: 5 },
    });
  }
});

test("a DaemonSet has a sidecar in its pod on each node", async () => {
  await mesh().apply(`apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: ${namespace}}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      tolerations: [{operator: Exists}]
      containers: [${serve}]
`);
  const nodes = (await mesh().kubectl("get", "nodes", "-o", "name")).trim().split("\n");
  await readyPods("agent", nodes.length);
});

test("a Job completes: it calls through its sidecar, which ends with it", async () => {
  await mesh().apply(jobOf("once"));
  await mesh().waitCondition("job", namespace, "once", "Complete", "True", 120);
  await expectCompleted("once");
});

test("an init container of the application is in the mesh already", async () => {
  await mesh().apply(`apiVersion: v1
kind: ServiceAccount
metadata: {name: prepared, namespace: ${namespace}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: prepared, namespace: ${namespace}}
spec:
  selector: {matchLabels: {app: prepared}}
  template:
    metadata: {labels: {app: prepared}}
    spec:
      serviceAccountName: prepared
      initContainers: [${appYaml(`call, "${url}", --count, "5"`).replace("name: app", "name: prepare")}]
      containers: [${serve}]
`);
  const [pod] = await readyPods("prepared", 1);
  if (pod === undefined) throw new Error("no pod");
  expect(initContainersOf(pod)).toEqual([...injected, "prepare"]);
  const log = await mesh().kubectl("logs", "-n", namespace, pod.metadata.name, "-c", "prepare");
  expect(JSON.parse(log)).toMatchObject({ statuses: { 200: 5 }, peers: { [identity("prepared")]: 5 } });
});

test("a pod that opts out has no sidecar, and is a plaintext caller", async () => {
  await mesh().apply(
    deploymentYaml(namespace, "apart", serve).replace(
      "labels: {app: apart}}\n    spec",
      "labels: {app: apart, heddle.dev/inject: disabled}}\n    spec",
    ),
  );
  await mesh().waitDeployments(namespace);
  const [pod] = await podsOf(mesh(), namespace, "app=apart");
  if (pod === undefined) throw new Error("no pod");
  expect(initContainersOf(pod)).toEqual([]);
  const report = await mesh().call(namespace, "apart", url, { count: 5 });
  expect(report).toMatchObject({ statuses: { 200: 5 }, peers: { none: 5 } });
});

test("the Jobs of a CronJob complete", async () => {
  const succeeded = async () =>
    (await podsOf(mesh(), namespace, "app=nightly")).some(({ status }) => status.phase === "Succeeded");
  await until("a Job of the CronJob to complete", succeeded, { timeout: 150_000, interval: 500 });
  await mesh().kubectl("patch", "cronjob", "nightly", "-n", namespace, "-p", '{"spec":{"suspend":true}}');
  await expectCompleted("nightly");
});
