/** Admission by a real API server, with the webhook's own server and the configuration that is shipped. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject, Pod } from "../../src/api/kubernetes.ts";
import { createRoot, openAuthority } from "../../src/identity/authority.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { configMapOfClass, containers, keys, secretOfServiceAccount } from "../../src/model/sidecar.ts";
import { workloadClassId, workloadTraits } from "../../src/model/workload.ts";
import { createLogger } from "../../src/ops/logger.ts";
import { createMetrics } from "../../src/ops/metrics.ts";
import { type AdmissionHandler, createInjectionHandlers } from "../../src/webhook/handler.ts";
import { createWebhookServer, type WebhookServer } from "../../src/webhook/server.ts";
import { defaultInjectionSettings } from "../../src/webhook/settings.ts";
import type { ControlPlane } from "../../tools/control-plane.ts";
import { until } from "../../tools/processes.ts";
import { startApiServer } from "../support/api-server.ts";

interface ShippedConfiguration extends KubernetesObject {
  readonly webhooks: readonly { readonly clientConfig: { readonly service: { readonly path: string } } }[];
}
interface PodDetails extends Pod {
  readonly spec: Pod["spec"] & {
    readonly volumes?: readonly { readonly configMap?: { name: string }; readonly secret?: { secretName: string } }[];
  };
}

/** What the operator's watch of Namespaces would tell the webhook. */
const namespaceAnnotations = new Map([["strict", { "heddle.dev/bound-exclude-outbound-ports": "25" }]]);

let server: ControlPlane;
/** How many reviews the webhook was asked for. */
let asked = 0;
let client: KubeClient;
let webhook: WebhookServer;

beforeAll(async () => {
  // With controllers: a pod needs the default ServiceAccount of its namespace.
  server = await startApiServer({ controllers: true });
  client = createKubeClient({ kubeconfig: server.kubeconfig });
  const now = Date.now();
  const validity = { notBefore: now - 60_000, notAfter: now + 3_600_000 };
  const root = await createRoot("test", validity);
  const authority = await openAuthority(root);
  const handlers = [
    ...createInjectionHandlers(
      defaultInjectionSettings("heddle-proxy:test"),
      (namespace) => namespaceAnnotations.get(namespace) ?? {},
    ),
  ].map(([path, handler]) => {
    const counting: AdmissionHandler = (request) => {
      asked += 1;
      return handler(request);
    };
    return [path, counting] as const;
  });
  webhook = createWebhookServer({
    handlers: new Map(handlers),
    logger: createLogger("error"),
    metrics: createMetrics(),
  });
  webhook.setCertificate(await authority.issue({ dns: ["localhost"] }, validity));
  await webhook.listen(0, "127.0.0.1");

  const manifest = readFileSync(resolve(import.meta.dirname, "../../config/40-webhook.yaml"), "utf8");
  const shipped = parse(manifest, { merge: true }) as ShippedConfiguration;
  const caBundle = Buffer.from(root.certificate).toString("base64");
  const url = (path: string): string => `https://localhost:${webhook.address().port}${path}`;
  await client.create(kinds.MutatingWebhookConfiguration, {
    ...shipped,
    // Here no Service leads to the webhook; all else is as it is shipped.
    webhooks: shipped.webhooks.map(({ clientConfig, ...rest }) => ({
      ...rest,
      clientConfig: { url: url(clientConfig.service.path), caBundle },
    })),
  } as ObjectToWrite);
  for (const [name, inject] of [
    ["shop", "enabled"],
    ["strict", "enforced"],
    ["outside", undefined],
  ] as const) {
    await client.create(kinds.Namespace, {
      metadata: { name, ...(inject === undefined ? {} : { labels: { [keys.inject]: inject } }) },
    });
  }
  const serviceAccount = { apiVersion: "v1", kind: "ServiceAccount", plural: "serviceaccounts", namespaced: true };
  for (const namespace of ["shop", "strict", "outside"]) {
    await until(
      `the default ServiceAccount of ${namespace}`,
      () => client.get(serviceAccount, { namespace, name: "default" }),
      {
        timeout: 20_000,
      },
    );
  }
  // The API server takes a new configuration within a second or so.
  await until("the webhook to be asked", async () => isInjected(await create("shop", `first-${Date.now()}`)), {
    timeout: 20_000,
  });
});

afterAll(async () => {
  await webhook.close();
  await server.stop();
});

const isInjected = (pod: Pod): boolean =>
  pod.spec.initContainers?.some(({ name }) => name === containers.proxy) ?? false;

function create(
  namespace: string,
  name: string,
  changes: { labels?: Record<string, string>; annotations?: Record<string, string>; spec?: object } = {},
): Promise<PodDetails> {
  const { annotations = {} } = changes;
  return client.create(kinds.Pod, {
    metadata: { name, namespace, labels: { app: "cart", ...changes.labels }, annotations },
    spec: {
      containers: [{ name: "app", image: "app", ports: [{ name: "http", containerPort: 8080 }] }],
      ...changes.spec,
    },
  } as ObjectToWrite) as Promise<PodDetails>;
}

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
      const before = asked;
      const name = what.toLowerCase().replaceAll(/[^a-z]+/g, "-");
      expect(isInjected(await create(namespace, name, changes))).toBe(false);
      expect(asked).toBe(before);
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
