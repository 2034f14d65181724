/** The policy that pods of enrolled namespaces have their sidecar, as the API server keeps it when nobody injects. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { type ExemptiblePod, exemptionsOf } from "../../src/model/exemptions.ts";
import { keys } from "../../src/model/sidecar.ts";
import { isInjected } from "../../src/model/workload.ts";
import { until } from "../../tools/processes.ts";
import { policyKinds } from "./policy-support.ts";
import {
  type Admission,
  type PodChanges,
  type PodDetails,
  podToWrite,
  shippedConfiguration,
  startAdmission,
} from "./webhook-support.ts";

type Container = Record<string, unknown> & { readonly name: string };
interface Spec {
  readonly initContainers: readonly Container[];
  readonly volumes: readonly (Record<string, unknown> & { readonly name: string })[];
}

let admission: Admission;
let client: KubeClient;
/** What the webhook makes of a pod, in a namespace of each label. */
const injected = new Map<string, PodDetails>();
const configuration = { name: "heddle" };

beforeAll(async () => {
  admission = await startAdmission();
  client = admission.client;
  for (const namespace of ["shop", "strict"]) injected.set(namespace, await admission.create(namespace, "model"));
  await client.delete(kinds.MutatingWebhookConfiguration, configuration);
  const isLeftAlone = () => outcome("shop", "gone").then((said) => said.includes("heddle-injected"));
  await until("the webhook to be asked no more", isLeftAlone, { timeout: 60_000 });
});
afterAll(() => admission.stop());

const outcome: Admission["judge"] = (...args) => admission.judge(...args);

/** A pod as the webhook makes it, with a change. */
function like(namespace: string, change: (spec: Spec) => object): PodChanges {
  const model = injected.get(namespace);
  if (model === undefined || !isInjected(model)) throw new Error(`no pod was injected in ${namespace}`);
  const spec = model.spec as unknown as Spec;
  return { spec: { ...spec, ...change(spec) } };
}

const changed =
  (name: string, change: (container: Container) => object) =>
  (spec: Spec): object => ({
    initContainers: spec.initContainers.map((each) => (each.name === name ? { ...each, ...change(each) } : each)),
  });
const mounting = (name: string) =>
  changed("heddle-proxy", ({ volumeMounts }) => ({
    volumeMounts: (volumeMounts as readonly { name: string }[]).filter((mount) => mount.name === name),
  }));
const volume = (name: string, source: object) => (spec: Spec) => ({
  volumes: spec.volumes.map((each) => (each.name === name ? { name, ...source } : each)),
});

describe("a pod that nobody injected", () => {
  test("is refused in an enrolled namespace, with what to do", async () => {
    const said = await outcome("shop", "cart");
    expect(said).toContain("Pod cart has no sidecar, and namespace shop has its pods in the mesh");
    expect(said).toContain("kubectl get pods -n heddle-system");
    expect(said).toContain("give the pod the label heddle.dev/inject: disabled");
    const strict = await outcome("strict", "cart");
    expect(strict).toContain("Pod cart has no sidecar");
    expect(strict).not.toContain("label heddle.dev/inject: disabled");
  });

  const samples: ReadonlyMap<string, readonly PodChanges[]> = new Map<string, readonly PodChanges[]>([
    ["not-host-network", [{ spec: { hostNetwork: true } }]],
    ["not-mirror", [{ annotations: { "kubernetes.io/config.mirror": "x" }, spec: { nodeName: "node" } }]],
    [
      "not-windows",
      [{ spec: { os: { name: "windows" } } }, { spec: { nodeSelector: { "kubernetes.io/os": "windows" } } }],
    ],
    ["not-opted-out", [{ labels: { [keys.inject]: "disabled" } }]],
  ]);
  const exemptions = exemptionsOf({ enforced: false });

  test("there is a sample of each exemption", () => {
    expect([...samples.keys()]).toEqual(exemptions.map(({ name }) => name));
  });

  test.each(exemptions.map((exemption) => [exemption.name, exemption] as const))(
    "is taken by the exemption %s and no other, and only where that counts",
    async (name, exemption) => {
      for (const changes of samples.get(name) ?? []) {
        const pod = podToWrite("shop", name, changes) as unknown as ExemptiblePod;
        expect(exemptions.filter((each) => each.applies(pod))).toEqual([exemption]);
        expect(await outcome("shop", name, changes)).toBe("taken");
        const strict = await outcome("strict", name, changes);
        if (exemption.isAbsolute) expect(strict).toBe("taken");
        else expect(strict).toContain("has no sidecar");
      }
    },
  );

  test.each<readonly [string, PodChanges]>([
    ["for Linux", { spec: { os: { name: "linux" }, nodeSelector: { "kubernetes.io/os": "linux" } } }],
    ["with another value of the label", { labels: { [keys.inject]: "false" } }],
    ["with the label as an annotation", { annotations: { [keys.inject]: "disabled" } }],
  ])("is refused: %s", async (_, changes) => {
    expect(await outcome("shop", "near", changes)).toContain("has no sidecar");
  });

  test("is taken outside of the mesh, and in the operator's namespace and kube-system whatever their labels", async () => {
    expect(await outcome("outside", "free")).toBe("taken");
    await client.create(kinds.Namespace, { metadata: { name: "heddle-system" } });
    for (const namespace of ["heddle-system", "kube-system"]) {
      for (const inject of ["enabled", "enforced"]) {
        await client.apply(kinds.Namespace, { metadata: { name: namespace, labels: { [keys.inject]: inject } } });
        const find = () => outcome(namespace, "own").then((said) => said === "taken" || said);
        // Its default ServiceAccount may not be there yet.
        await expect.poll(find, { timeout: 60_000 }).toBe(true);
      }
    }
  });

  test("of a workload: its owner reads why", async () => {
    const deployment: Kind = { apiVersion: "apps/v1", kind: "Deployment", plural: "deployments", namespaced: true };
    const template = { metadata: { labels: { app: "made" } }, spec: { containers: [{ name: "app", image: "app" }] } };
    const spec = { selector: { matchLabels: { app: "made" } }, template };
    await client.create(deployment, { metadata: { name: "made", namespace: "shop" }, spec } as ObjectToWrite);
    const failure = async (): Promise<string> => {
      const { status } = (await client.get(deployment, { namespace: "shop", name: "made" })) as unknown as {
        status?: { conditions?: readonly { type: string; message: string }[] };
      };
      return status?.conditions?.find(({ type }) => type === "ReplicaFailure")?.message ?? "";
    };
    await expect.poll(failure, { timeout: 60_000 }).toMatch(/Pod made-\S+ has no sidecar/);
  });
});

describe("a pod that brings a sidecar", () => {
  test.each(["shop", "strict"])("as the webhook makes it is taken in %s", async (namespace) => {
    expect(
      await outcome(
        namespace,
        "as-made",
        like(namespace, () => ({})),
      ),
    ).toBe("taken");
  });

  test.each<readonly [string, (spec: Spec) => object]>([
    [
      "without the redirect",
      ({ initContainers }) => ({ initContainers: initContainers.filter(({ name }) => name === "heddle-proxy") }),
    ],
    [
      "without the proxy",
      ({ initContainers }) => ({ initContainers: initContainers.filter(({ name }) => name === "heddle-redirect") }),
    ],
  ])("%s has none", async (_, change) => {
    expect(await outcome("shop", "part", like("shop", change))).toContain("has no sidecar");
  });

  test.each<readonly [string, (spec: Spec) => object]>([
    ["that starts before the redirect", ({ initContainers }) => ({ initContainers: initContainers.toReversed() })],
    [
      "that ends before the application starts",
      changed("heddle-proxy", () => {
        return { restartPolicy: undefined, lifecycle: undefined, startupProbe: undefined, readinessProbe: undefined };
      }),
    ],
    ["that is another program", changed("heddle-proxy", () => ({ command: ["sleep"] }))],
    ["that is another user", changed("heddle-proxy", () => ({ securityContext: { runAsUser: 1000 } }))],
    ["that has no configuration", mounting("heddle-identity")],
    ["that has no identity", mounting("heddle-configuration")],
    ["with another redirect", changed("heddle-redirect", () => ({ command: ["true"] }))],
    [
      "with a redirect that has no rights",
      changed("heddle-redirect", () => ({ securityContext: { runAsUser: 1000 } })),
    ],
    ["with a redirect that stays", changed("heddle-redirect", () => ({ restartPolicy: "Always" }))],
    ["with a configuration of nobody's", volume("heddle-configuration", { emptyDir: {} })],
    ["with a configuration of its own", volume("heddle-configuration", { configMap: { name: "mine" } })],
    ["with no identity in its volume", volume("heddle-identity", { emptyDir: {} })],
    ["with an identity that is none", volume("heddle-identity", { secret: { secretName: "mine" } })],
  ])("%s is refused in both kinds of namespace", async (_, change) => {
    for (const namespace of ["shop", "strict"]) {
      expect(await outcome(namespace, "forged", like(namespace, change))).toContain("are not as Heddle injects them");
    }
  });

  test("after an init container of its own is refused where pods may not leave the mesh, and only there", async () => {
    const first = ({ initContainers }: Spec) => ({
      initContainers: [{ name: "own", image: "own" }, ...initContainers],
    });
    expect(await outcome("shop", "late", like("shop", first))).toBe("taken");
    expect(await outcome("strict", "late", like("strict", first))).toContain("are not as Heddle injects them");
  });
});

describe("of a pod that is there", () => {
  /** Everything of a pod that is changed is taken or refused as a change of its image. */
  const setImage = (namespace: string, container: string, image: string): Promise<string> => {
    const list = container === "app" ? "containers" : "initContainers";
    const spec = { [list]: [{ name: container, image }] };
    const object = { metadata: { name: "model", namespace }, spec } as unknown as ObjectToWrite;
    return client.apply(kinds.Pod, object, { fieldManager: "somebody", dryRun: true }).then(
      () => "taken",
      (error: unknown) => String(error),
    );
  };

  test.each(["heddle-proxy", "heddle-redirect"])(
    "the image of %s stays where pods may not leave the mesh",
    async (name) => {
      expect(await setImage("strict", name, "evil")).toContain("cannot be changed in a pod that is there");
      expect(await setImage("shop", name, "mirror/proxy")).toBe("taken");
    },
  );

  test("anything else may change", async () => {
    expect(await setImage("strict", "app", "app:2")).toBe("taken");
    const metadata = { name: "model", namespace: "strict", labels: { version: "2" }, annotations: { note: "x" } };
    await client.apply(kinds.Pod, { metadata } as ObjectToWrite, { fieldManager: "somebody" });
  });
});

test("the API server finds nothing wrong with the expressions", async () => {
  const policy = policyKinds.get("ValidatingAdmissionPolicy") as Kind;
  for (const { metadata } of (await client.list(policy)).items) {
    const status = async () => {
      const found = (await client.get(policy, metadata)) as KubernetesObject & {
        status?: { observedGeneration?: number; typeChecking?: object };
      };
      return found.status?.observedGeneration === undefined ? "not looked at" : found.status.typeChecking;
    };
    await expect.poll(status, { timeout: 60_000 }).toEqual({});
  }
});

describe("a webhook that does not answer", () => {
  /** The configuration that is shipped, of a webhook at a port where nobody listens. */
  const install = async (failurePolicy: string): Promise<void> => {
    const dead = shippedConfiguration("MutatingWebhookConfiguration", () => ({ url: "https://localhost:1/" }));
    const { webhooks } = dead as unknown as { webhooks: readonly object[] };
    await client.create(kinds.MutatingWebhookConfiguration, {
      ...dead,
      webhooks: webhooks.map((webhook) => ({ ...webhook, failurePolicy })),
    } as ObjectToWrite);
  };
  const remove = () => client.delete(kinds.MutatingWebhookConfiguration, configuration);

  test("by its failure policy: pods of the mesh are refused by its name, others and exempt ones are taken", async () => {
    await install("Fail");
    const refused = () => outcome("shop", "waits");
    await expect.poll(refused, { timeout: 60_000 }).toContain('failed calling webhook "inject.heddle.dev"');
    await expect.poll(() => outcome("strict", "waits")).toContain('failed calling webhook "enforce.heddle.dev"');
    expect(await outcome("outside", "free")).toBe("taken");
    expect(await outcome("shop", "out", { labels: { [keys.inject]: "disabled" } })).toBe("taken");
    expect(await outcome("strict", "node", { spec: { hostNetwork: true } })).toBe("taken");
    // The operator's own pods, which are to answer again, whatever its namespace is labelled with.
    await client.apply(kinds.Namespace, { metadata: { name: "heddle-system", labels: { [keys.inject]: "enforced" } } });
    await expect.poll(() => outcome("heddle-system", "operator"), { timeout: 60_000 }).toBe("taken");
    await remove();
  });

  test("with the failure policy Ignore: pods of the mesh are refused by the policy", async () => {
    await install("Ignore");
    for (const namespace of ["shop", "strict"])
      await expect.poll(() => outcome(namespace, "waits"), { timeout: 60_000 }).toContain("has no sidecar");
    expect(await outcome("outside", "free")).toBe("taken");
    await remove();
  });
});
