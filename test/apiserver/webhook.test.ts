/** Admission by a real API server, with the webhook's own server and the configuration that is shipped. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import type { Pod } from "../../src/api/kubernetes.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { configMapOfClass, containers, keys, secretOfServiceAccount } from "../../src/model/sidecar.ts";
import { isInjected, workloadClassId, workloadTraits } from "../../src/model/workload.ts";
import { until } from "../../tools/processes.ts";
import { type Admission, startAdmission } from "./webhook-support.ts";

let admission: Admission;
let client: KubeClient;
const create: Admission["create"] = (...args) => admission.create(...args);

beforeAll(async () => {
  // What the operator's watch of Namespaces would tell the webhook.
  const namespaceAnnotations = new Map([["strict", { "heddle.dev/bound-exclude-outbound-ports": "25" }]]);
  admission = await startAdmission({ namespaceAnnotations });
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
