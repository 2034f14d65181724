/** Admission by a real API server, with the webhook's own server and the configuration that is shipped. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { Pod } from "../../src/api/kubernetes.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { configMapOfClass, containers, keys, secretOfServiceAccount } from "../../src/model/sidecar.ts";
import { workloadClassId, workloadTraits } from "../../src/model/workload.ts";
import { type Admission, isInjected, startAdmission } from "./webhook-support.ts";

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
