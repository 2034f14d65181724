/** The webhook among others, and the objects that pods come from, on a real API server. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { readRecord } from "../../src/model/injection-record.ts";
import { containers, keys } from "../../src/model/sidecar.ts";
import { isInjected, workloadClassId, workloadTraits } from "../../src/model/workload.ts";
import type { AdmissionHandler } from "../../src/webhook/handler.ts";
import { until } from "../../tools/processes.ts";
import { serviceAccount } from "../support/kinds.ts";
import { type Admission, type PodDetails, podToWrite, startAdmission } from "./webhook-support.ts";

/** Another plugin: to pods with its label it adds a container with a probe, an init container in front, and a volume. */
function plugin(name: string): AdmissionHandler {
  return ({ object }) => {
    const { metadata, spec } = object as PodDetails;
    if (metadata.labels?.["plugins"] !== "yes") return { allowed: true, patch: [], warnings: [] };
    const front = { name: `${name}-init`, image: "init" };
    const readinessProbe = { tcpSocket: { port: 7000 } };
    return {
      allowed: true,
      patch: [
        spec.initContainers === undefined
          ? { op: "add", path: "/spec/initContainers", value: [front] }
          : { op: "add", path: "/spec/initContainers/0", value: front },
        { op: "add", path: "/spec/containers/-", value: { name, image: "added", readinessProbe } },
        { op: "add", path: "/spec/volumes/-", value: { name, emptyDir: {} } },
      ],
      warnings: [],
    };
  };
}

let admission: Admission;
let client: KubeClient;
beforeAll(async () => {
  admission = await startAdmission({ others: { "a-before": plugin("a-before"), "z-after": plugin("z-after") } });
  client = admission.client;
});
afterAll(() => admission.stop());

const probe = { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 7 };
const app = { name: "app", image: "app", ports: [{ name: "http", containerPort: 8080 }] };
const names = (list: readonly { readonly name: string }[] | undefined) => list?.map(({ name }) => name);

test("before and after other plugins: ours start first, every probe is led, and the class is that of the result", async () => {
  const pod = await admission.create("shop", "among-others", {
    labels: { plugins: "yes" },
    spec: { containers: [{ ...app, readinessProbe: probe }], volumes: [{ name: "own", emptyDir: {} }] },
  });
  expect(names(pod.spec.initContainers)).toEqual([
    containers.redirect,
    containers.proxy,
    "z-after-init",
    "a-before-init",
  ]);
  expect(names(pod.spec.containers)).toEqual(["app", "a-before", "z-after"]);
  for (const { name, readinessProbe } of pod.spec.containers) {
    expect(readinessProbe).toMatchObject({ httpGet: { path: `/probe/${name}/readiness`, port: 15020 } });
  }
  expect(pod.spec.containers[0]?.readinessProbe).toMatchObject({ periodSeconds: 7 });
  expect(readRecord(pod.spec.initContainers).probes).toEqual([
    { container: "app", kind: "readiness", type: "HTTP", port: 8080, path: "/healthz", timeoutSeconds: 1 },
    { container: "a-before", kind: "readiness", type: "TCP", port: 7000, timeoutSeconds: 1 },
    { container: "z-after", kind: "readiness", type: "TCP", port: 7000, timeoutSeconds: 1 },
  ]);
  const classId = workloadClassId(workloadTraits(pod, "shop"));
  expect(pod.metadata.annotations?.[keys.class]).toBe(classId);
  const mounted = pod.spec.volumes?.flatMap(({ configMap }) => configMap?.name ?? []);
  expect(mounted).toContain(`heddle-${classId}`);
  // No container of ours holds a token of the API server.
  const ours = pod.spec.initContainers?.slice(0, 2) as readonly { volumeMounts?: { mountPath: string }[] }[];
  expect(ours.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ mountPath }) => mountPath))).toEqual([
    "/etc/heddle",
    "/var/run/secrets/heddle.dev/identity",
  ]);
});

describe("an injected pod, created again from what the API server shows", () => {
  test.each(["shop", "strict"])("in %s, is as it was", async (namespace) => {
    const first = await admission.create(namespace, "original", {
      spec: { containers: [{ ...app, readinessProbe: probe }] },
    });
    const { uid: _uid, resourceVersion: _version, creationTimestamp: _time, ...metadata } = first.metadata;
    const copy = { metadata: { ...metadata, name: "copy" }, spec: first.spec } as ObjectToWrite;
    const second = (await client.create(kinds.Pod, copy)) as PodDetails;
    expect(second.metadata.annotations).toEqual(first.metadata.annotations);
    expect(second.spec).toEqual(first.spec);
  });
});

describe("apply", () => {
  const apply = (name: string, spec: object): Promise<unknown> =>
    client.apply(kinds.Pod, podToWrite("shop", name, { spec }));

  test("twice changes nothing, and labels and images can be changed", async () => {
    const first = (await apply("applied", { containers: [app] })) as PodDetails;
    const second = (await apply("applied", { containers: [app] })) as PodDetails;
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const third = (await apply("applied", { containers: [{ ...app, image: "app:2" }] })) as PodDetails;
    expect(third.spec.containers[0]?.image).toBe("app:2");
    expect(third.metadata.annotations?.[keys.class]).toBe(first.metadata.annotations?.[keys.class]);
  });

  test("twice of a bare pod whose probe was led to the sidecar is refused by the API server: docs/tasks/join.md", async () => {
    const spec = { containers: [{ ...app, readinessProbe: { tcpSocket: { port: 8080 } } }] };
    await apply("bare", spec);
    await expect(apply("bare", spec)).rejects.toThrow(/pod updates may not change fields|may not specify more than 1/);
  });
});

test("ephemeral containers are judged as they are added, whatever the pod's labels say meanwhile", async () => {
  await admission.create("shop", "debugged");
  await client.apply(kinds.Pod, {
    metadata: { name: "debugged", namespace: "shop", labels: { [keys.inject]: "disabled" } },
  } as ObjectToWrite);
  const add = (container: object) => admission.debug("shop", "debugged", container);
  const volumeMounts = [{ name: "heddle-identity", mountPath: "/identity" }];
  expect(await add({ volumeMounts })).toContain("Heddle's volumes are for its sidecar only");
  expect(await add({ securityContext: { runAsUser: 1337 } })).toContain("runAsUser is 1337");
  expect(await add({ targetContainerName: "heddle-proxy" })).toContain("can read the sidecar's key");
  expect(await add({})).toBe("taken");
});

test.each([
  ["without a token", { automountServiceAccountToken: false }],
  [
    "with init containers and sidecars of its own",
    {
      initContainers: [
        { name: "init", image: "x" },
        { name: "side", image: "x", restartPolicy: "Always" },
      ],
    },
  ],
  ["that is restarted never", { restartPolicy: "Never" }],
])("a pod %s is injected", async (what, spec) => {
  const pod = await admission.create("shop", what.replaceAll(/[^a-z]+/g, "-"), { spec });
  expect(names(pod.spec.initContainers)?.slice(0, 2)).toEqual([containers.redirect, containers.proxy]);
});

describe("pods of workloads are injected, and the workloads are not changed", () => {
  const template = (restartPolicy: string) => ({
    metadata: { labels: { app: "made" } },
    spec: { restartPolicy, containers: [{ ...app, readinessProbe: probe }] },
  });
  const selector = { matchLabels: { app: "made" } };
  const kind = (apiVersion: string, name: string) => {
    return { apiVersion, kind: name, plural: `${name.toLowerCase()}s`, namespaced: true } as const;
  };

  test.each([
    [kind("apps/v1", "Deployment"), { selector, template: template("Always") }],
    [kind("apps/v1", "StatefulSet"), { selector, serviceName: "made", template: template("Always") }],
    [kind("batch/v1", "Job"), { template: template("Never") }],
  ])("%o", async (workload, spec) => {
    const name = workload.kind.toLowerCase();
    const made = await client.create(workload, { metadata: { name, namespace: "shop" }, spec } as ObjectToWrite);
    const { template: stored } = (made as unknown as { spec: { template: PodDetails } }).spec;
    expect(stored.spec.initContainers).toBeUndefined();
    expect(stored.spec.containers[0]?.readinessProbe).toMatchObject(probe);
    const pod = await until(
      `a pod of ${name}`,
      async () => {
        const { items } = await client.list(kinds.Pod, { namespace: "shop" });
        return (items as readonly PodDetails[]).find(({ metadata }) => metadata.name.startsWith(`${name}-`));
      },
      { timeout: 60_000 },
    );
    expect(isInjected(pod)).toBe(true);
    expect(pod.metadata.annotations?.[keys.class]).toBe(workloadClassId(workloadTraits(pod, "shop")));
  });
});

test("a namespace with a Pod Security Standard refuses the redirect, by its name", async () => {
  const labels = { [keys.inject]: "enabled", "pod-security.kubernetes.io/enforce": "baseline" };
  await client.create(kinds.Namespace, { metadata: { name: "baseline", labels } });
  const find = () => client.get(serviceAccount, { namespace: "baseline", name: "default" });
  await until("its ServiceAccount", find, { timeout: 60_000 });
  await expect(admission.create("baseline", "cart")).rejects.toThrow(/PodSecurity.*heddle-redirect.*NET_ADMIN/);
});
