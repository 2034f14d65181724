/** Pods of every make, as the real API server takes or refuses them with what injection adds. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Kind } from "../../src/api/kinds.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { containers } from "../../src/model/sidecar.ts";
import { until } from "../../tools/processes.ts";
import { type Admission, isInjected, startAdmission } from "./webhook-support.ts";

let admission: Admission;
beforeAll(async () => {
  admission = await startAdmission();
});
afterAll(() => admission.stop());

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
    expect(isInjected(await admission.create("shop", nameOf(what), { spec }))).toBe(true);
  });

  test.each([0, 1, 4, 5, 60])("that has %i seconds to end", async (terminationGracePeriodSeconds) => {
    const name = `ends-in-${terminationGracePeriodSeconds}`;
    const pod = await admission.create("shop", name, { spec: { terminationGracePeriodSeconds } });
    const seconds = Math.min(terminationGracePeriodSeconds, 5);
    expect(pod.spec.initContainers?.[1]).toMatchObject({ lifecycle: { preStop: { sleep: { seconds } } } });
  });
});

const core = (kind: string, plural: string): Kind => ({ apiVersion: "v1", kind, plural, namespaced: true });

test("limits of a namespace bind the sidecar too, and annotations bring it within", async () => {
  await admission.client.create(core("LimitRange", "limitranges"), {
    metadata: { name: "limits", namespace: "strict" },
    spec: { limits: [{ type: "Container", max: { memory: "256Mi" }, default: { memory: "128Mi" } }] },
  } as ObjectToWrite);
  await expect(admission.create("strict", "too-much")).rejects.toThrow(/maximum memory usage per Container is 256Mi/);
  const annotations = { "heddle.dev/proxy-memory-limit": "256Mi" };
  const pod = await admission.create("strict", "within", { annotations });
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
    const quota = await admission.client.get(quotas, name);
    return (quota as unknown as { status?: { used?: Record<string, string> } }).status?.used?.["requests.memory"];
  };
  const spec = { hard: { "requests.memory": "100Gi" }, scopes: ["NotBestEffort"] };
  await admission.client.create(quotas, { metadata: name, spec } as ObjectToWrite);
  const before = await until("the quota to be counted", used, { timeout: 60_000 });
  const resources = { requests: { memory: "1Gi" } };
  await admission.create("shop", "counted", { spec: { containers: [{ ...app, resources }] } });
  const mebibytes = (quantity: string) => Number.parseInt(quantity, 10) * (quantity.endsWith("Gi") ? 1024 : 1);
  await expect
    .poll(async () => mebibytes((await used()) ?? "") - mebibytes(before), { timeout: 60_000 })
    .toBe(1024 + 64);
});
