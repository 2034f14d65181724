/**
 * Admission by a real API server, with the webhook's own server and the configuration that is shipped, among webhooks of
 * others: pods of every make, and the objects that pods come from.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import type { Pod } from "../../src/api/kubernetes.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { readRecord } from "../../src/model/injection-record.ts";
import { configMapOfClass, containers, keys, secretOfServiceAccount } from "../../src/model/sidecar.ts";
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
const create: Admission["create"] = (...args) => admission.create(...args);

beforeAll(async () => {
  // What the operator's watch of Namespaces would tell the webhook.
  const namespaceAnnotations = new Map([["strict", { "heddle.dev/bound-exclude-outbound-ports": "25" }]]);
  admission = await startAdmission({
    namespaceAnnotations,
    others: { "a-before": plugin("a-before"), "z-after": plugin("z-after") },
  });
  client = admission.client;
});

afterAll(() => admission.stop());

describe("admission of pods", () => {
  test("in an enrolled namespace: redirect, sidecar, volumes and class, before what is there", async () => {
    const pod = await create("shop", "cart", {
      spec: { containers: [{ name: "app", image: "app" }], initContainers: [{ name: "own", image: "own" }] },
    });
    expect(pod.spec.initContainers?.map(({ name }) => name)).toEqual([containers.redirect, containers.proxy, "own"]);
    expect(pod.spec.initContainers?.[1]?.restartPolicy).toBe("Always");
    const classId = workloadClassId(workloadTraits(pod, "shop"));
    expect(pod.metadata.annotations?.[keys.class]).toBe(classId);
    expect(pod.spec.volumes?.flatMap(({ configMap }) => configMap?.name ?? [])).toContain(configMapOfClass(classId));
    expect(pod.spec.volumes?.flatMap(({ secret }) => secret?.secretName ?? [])).toEqual([
      secretOfServiceAccount("default"),
    ]);
  });

  test("outside of the mesh nothing changes", async () => {
    expect((await create("outside", "cart")).spec.initContainers).toBeUndefined();
  });

  test("a pod opts out where that is allowed, and does not where it is not", async () => {
    const labels = { [keys.inject]: "disabled" };
    expect(isInjected(await create("shop", "out", { labels }))).toBe(false);
    expect(isInjected(await create("strict", "out", { labels }))).toBe(true);
  });

  // The API server judges these by the match conditions; the webhook, which would say the same, is not asked.
  test.each([
    ["on the node's network", { spec: { hostNetwork: true } }],
    ["for Windows, by its node selector", { spec: { nodeSelector: { "kubernetes.io/os": "windows" } } }],
    ["for Windows, by its OS", { spec: { os: { name: "windows" } } }],
    ["that mirrors a static pod", { annotations: { "kubernetes.io/config.mirror": "x" }, spec: { nodeName: "node" } }],
  ])("a pod %s is left alone, also where injection is enforced", async (what, changes) => {
    for (const namespace of ["shop", "strict"]) {
      const before = admission.asked();
      const name = what.toLowerCase().replaceAll(/[^a-z]+/g, "-");
      expect(isInjected(await create(namespace, name, changes))).toBe(false);
      expect(admission.asked()).toBe(before);
    }
  });

  test("annotations are taken within bounds, and refused with a message beyond them", async () => {
    const annotations = { "heddle.dev/proxy-memory-limit": "1Gi", "heddle.dev/exclude-outbound-ports": "25" };
    const pod = await create("strict", "annotated", { annotations });
    const [redirect, proxy] = pod.spec.initContainers ?? [];
    expect(redirect).toMatchObject({ args: expect.arrayContaining(["--exclude-outbound-ports", "25"]) });
    expect(proxy).toMatchObject({ resources: { limits: { memory: "1Gi" } } });
    for (const [name, value, message] of [
      ["proxy-memory-limit", "1Ti", /must be bytes with a unit/],
      ["proxy-memory-limit", "3Gi", /the mesh's bound, the largest value, is 2Gi/],
      ["exclude-outbound-ports", "26", /the bound of namespace strict/],
      ["exclude-inbound-ports", "25", /namespace strict is 'enforced'/],
    ] as const) {
      const refused = create("strict", "beyond", { annotations: { [`heddle.dev/${name}`]: value } });
      await expect(refused).rejects.toThrow(message);
    }
  });

  test("a pod that takes a name or the user of the sidecar is refused, with what to do", async () => {
    const named = create("shop", "named", { spec: { containers: [{ name: containers.proxy, image: "evil" }] } });
    await expect(named).rejects.toThrow(/heddle-proxy/);
    const user = create("shop", "user", {
      spec: { containers: [{ name: "app", image: "app", securityContext: { runAsUser: 1337 } }] },
    });
    await expect(user).rejects.toThrow(/1337/);
  });

  test("a dry run is answered and changes nothing", async () => {
    const pod = (await client.apply(
      kinds.Pod,
      {
        metadata: { name: "dry", namespace: "shop" },
        spec: { containers: [{ name: "app", image: "app" }] },
      } as ObjectToWrite,
      { dryRun: true },
    )) as Pod;
    expect(isInjected(pod)).toBe(true);
    await expect(client.get(kinds.Pod, { namespace: "shop", name: "dry" })).rejects.toMatchObject({
      class: "notFound",
    });
  });
});

const app = { name: "app", image: "app", ports: [{ name: "http", containerPort: 8080 }] };
const probe = { httpGet: { path: "/healthz", port: "http" }, periodSeconds: 7 };
const names = (list: readonly { readonly name: string }[] | undefined) => list?.map(({ name }) => name);

test("before and after other plugins: ours start first, every probe is led, and the class is that of the result", async () => {
  const pod = await create("shop", "among-others", {
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
    const first = await create(namespace, "original", {
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
  await create("shop", "debugged");
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
  const pod = await create("shop", what.replaceAll(/[^a-z]+/g, "-"), { spec });
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
  await expect(create("baseline", "cart")).rejects.toThrow(/PodSecurity.*heddle-redirect.*NET_ADMIN/);
});

const nameOf = (what: string) => what.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");

describe("a pod is injected and taken", () => {
  test.each([
    [
      "that may not run as root",
      {
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 1000,
          runAsGroup: 3000,
          fsGroup: 2000,
          supplementalGroups: [4000],
          seccompProfile: { type: "RuntimeDefault" },
        },
      },
    ],
    ["with a user namespace", { hostUsers: false }],
    ["that sees the processes of its containers", { shareProcessNamespace: true }],
    ["with resources for all of it", { resources: { requests: { cpu: "1" }, limits: { cpu: "1", memory: "256Mi" } } }],
    [
      "with ports of the node that are called like the sidecar's",
      { containers: [{ ...app, ports: [{ name: "heddle-proxy", containerPort: 8080, hostPort: 15020 }] }] },
    ],
    [
      "with names and name servers of its own",
      {
        dnsPolicy: "None",
        dnsConfig: { nameservers: ["10.0.0.10"] },
        hostname: "cart",
        hostAliases: [{ ip: "10.1.1.1", hostnames: ["x"] }],
      },
    ],
    ["with a deadline", { activeDeadlineSeconds: 3, restartPolicy: "OnFailure" }],
    ["for Linux", { os: { name: "linux" }, nodeSelector: { "kubernetes.io/os": "linux" } }],
  ])("%s", async (what, spec) => {
    expect(isInjected(await create("shop", nameOf(what), { spec }))).toBe(true);
  });

  test.each([0, 1, 4, 5, 60])("that has %i seconds to end", async (terminationGracePeriodSeconds) => {
    const name = `ends-in-${terminationGracePeriodSeconds}`;
    const pod = await create("shop", name, { spec: { terminationGracePeriodSeconds } });
    const seconds = Math.min(terminationGracePeriodSeconds, 5);
    expect(pod.spec.initContainers?.[1]).toMatchObject({ lifecycle: { preStop: { sleep: { seconds } } } });
  });
});

const core = (kind: string, plural: string): Kind => ({ apiVersion: "v1", kind, plural, namespaced: true });

test("limits of a namespace bind the sidecar too, and annotations bring it within", async () => {
  await client.create(core("LimitRange", "limitranges"), {
    metadata: { name: "limits", namespace: "strict" },
    spec: { limits: [{ type: "Container", max: { memory: "256Mi" }, default: { memory: "128Mi" } }] },
  } as ObjectToWrite);
  await expect(create("strict", "too-much")).rejects.toThrow(/maximum memory usage per Container is 256Mi/);
  const annotations = { "heddle.dev/proxy-memory-limit": "256Mi" };
  const pod = await create("strict", "within", { annotations });
  const memoryLimits = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map((container) => [
    container.name,
    (container as { resources?: { limits?: { memory?: string } } }).resources?.limits?.memory,
  ]);
  expect(memoryLimits).toEqual([
    [containers.redirect, "64Mi"],
    [containers.proxy, "256Mi"],
    ["app", "128Mi"],
  ]);
});

test("a quota counts the sidecar", async () => {
  const quotas = core("ResourceQuota", "resourcequotas");
  const name = { namespace: "shop", name: "quota" };
  const used = async () => {
    const quota = await client.get(quotas, name);
    return (quota as unknown as { status?: { used?: Record<string, string> } }).status?.used?.["requests.memory"];
  };
  const spec = { hard: { "requests.memory": "100Gi" }, scopes: ["NotBestEffort"] };
  await client.create(quotas, { metadata: name, spec } as ObjectToWrite);
  const before = await until("the quota to be counted", used, { timeout: 60_000 });
  const resources = { requests: { memory: "1Gi" } };
  await create("shop", "counted", { spec: { containers: [{ ...app, resources }] } });
  const mebibytes = (quantity: string) => Number.parseInt(quantity, 10) * (quantity.endsWith("Gi") ? 1024 : 1);
  await expect
    .poll(async () => mebibytes((await used()) ?? "") - mebibytes(before), { timeout: 60_000 })
    .toBe(1024 + 64);
});
