/** What one real proxy refuses is told of the objects that are in it, and of no others; a pod without its annotations. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Container } from "../../src/api/kubernetes.ts";
import { conditionOf } from "../../tools/demo/mesh.ts";
import { useMesh } from "./mesh.ts";
import { callers, expectStatus } from "./support.ts";

const mesh = useMesh();
const splits = "trafficsplits.heddle.dev";

const split = (name: string, service: string, match: string): string =>
  `apiVersion: heddle.dev/v1alpha1\nkind: TrafficSplit\nmetadata: {name: ${name}, namespace: shop}\nspec: {service: ${service}, backends: [{service: ${service}, weight: 1}], matches: [{path: ${match}}]}\n`;
interface InjectedPod {
  readonly spec: {
    readonly containers: readonly Container[];
    readonly initContainers: readonly (Container & { readonly args?: readonly string[] })[];
    readonly volumes: readonly { readonly name: string }[];
  };
}

/**
 * A caller with a sidecar that another operator might have made: in a namespace that is not injected, a copy of an injected
 * pod whose Envoy allows expressions of three hundred instructions.
 */
async function callerOfSmallExpressions(): Promise<string> {
  const [namespace, deployment] = callers.frontend;
  const { spec } = await mesh().get<InjectedPod>("pod", namespace, await mesh().podOf(namespace, deployment));
  const layered_runtime = {
    layers: [{ name: "small", static_layer: { "re2.max_program_size.error_level": 300 } }],
  };
  /** Envoy takes its configuration from the file and from this argument together. */
  const withRuntime = (args: readonly string[] = []): readonly string[] =>
    args.map((arg, index) =>
      args[index - 1] === "--config-yaml" ? JSON.stringify({ ...JSON.parse(arg), layered_runtime }) : arg,
    );
  const template = {
    metadata: { labels: { app: "caller" } },
    spec: {
      serviceAccountName: "caller",
      containers: spec.containers,
      initContainers: spec.initContainers.map((container) =>
        container.restartPolicy === "Always" ? { ...container, args: withRuntime(container.args) } : container,
      ),
      volumes: [
        ...spec.volumes.filter(({ name }) => !name.startsWith("heddle-")),
        { name: "heddle-configuration", configMap: { name: "heddle-caller-0123456789" } },
        { name: "heddle-identity", secret: { secretName: "heddle-identity-caller" } },
      ],
    },
  };
  const metadata = { name: "caller", namespace: "refusing" };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "refusing" } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: { selector: { matchLabels: { app: "caller" } }, template },
    },
  ]
    .map((object) => JSON.stringify(object))
    .join("\n---\n");
}

beforeAll(async () => {
  await mesh().apply(await callerOfSmallExpressions());
  await mesh().waitDeployments("refusing", 120);
}, 180_000);

afterAll(async () => {
  for (const name of ["large", "beside"]) await mesh().remove(splits, "shop", name);
  await mesh().removeNamespace("refusing");
  await mesh().settle();
}, 60_000);

describe("an object that one proxy refuses", () => {
  test("is Rejected in Envoy's words, and Stalled; an object of another Service is not, and calls go on", async () => {
    await mesh().applyAndWait(split("large", "cart", "{type: Exact, value: /cart}"));
    await mesh().applyAndWait(split("beside", "checkout-v1", "{type: Exact, value: /}"));
    await mesh().apply(split("large", "cart", '{type: RegularExpression, value: "/cart/[a-z]{255}[0-9]{255}"}'));
    await mesh().waitCondition(splits, "shop", "large", "Stalled", "True", 60);
    const programmed = conditionOf(await mesh().get(splits, "shop", "large"), "Programmed");
    expect(programmed).toMatchObject({ status: "False", reason: "Rejected" });
    expect(programmed?.message).toMatch(
      /^1 of \d+ proxies refused it and keep what they had\. refusing\/caller-\S+: .*program size/,
    );
    expect(conditionOf(await mesh().get(splits, "shop", "beside"), "Ready")?.status).toBe("True");
    // The one that refused goes on with what it had, the others with what is new.
    const fromRefusing = await mesh().call("refusing", "caller", "http://cart.shop/cart", { count: 5 });
    expect(fromRefusing.statuses).toEqual({ 200: 5 });
    await expectStatus(mesh(), "frontend", "http://cart.shop/cart", 200);

    await mesh().applyAndWait(split("large", "cart", "{type: PathPrefix, value: /cart}"));
    expect(conditionOf(await mesh().get(splits, "shop", "large"), "Ready")?.status).toBe("True");
    expect(conditionOf(await mesh().get(splits, "shop", "large"), "Stalled")).toBeUndefined();
  });
});

describe("a pod that loses its annotations", () => {
  test("stays in the mesh: it is counted, and its callers speak mutual TLS to it", async () => {
    const strict =
      "apiVersion: heddle.dev/v1alpha1\nkind: MeshTLS\nmetadata: {name: annotations, namespace: shop}\nspec: {selector: {matchLabels: {app: cart}}, mode: Strict}\n";
    await mesh().applyAndWait(strict);
    try {
      const pod = await mesh().podOf("shop", "cart");
      const removed = await mesh().cluster.kubectl(["annotate", "pod", "-n", "shop", pod, "heddle.dev/class-"]);
      expect(removed).toMatchObject({ status: 0 });
      await mesh().settle();
      const { status } = await mesh().get("meshtls.heddle.dev", "shop", "annotations");
      expect(status).toMatchObject({ proxies: { summary: "1/1" } });
      await expectStatus(mesh(), "frontend", "http://cart.shop/cart", 200, { fresh: true });
    } finally {
      await mesh().remove("meshtls.heddle.dev", "shop", "annotations");
    }
  });
});
