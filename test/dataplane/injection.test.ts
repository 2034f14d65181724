import { describe, expect, test } from "vitest";
import { inURL } from "./addresses.ts";
import { useMesh } from "./mesh.ts";
import { expectStatus } from "./support.ts";

const mesh = useMesh();

describe("injection", () => {
  test("a pod gets redirect and sidecar first, and its own containers stay as they are", async () => {
    const pod = await mesh().get<{
      spec: { initContainers: { name: string; restartPolicy?: string }[]; containers: { name: string }[] };
    }>("pod", "shop", await mesh().podOf("shop", "cart"));
    expect(pod.spec.initContainers.map(({ name, restartPolicy }) => [name, restartPolicy])).toEqual([
      ["heddle-redirect", undefined],
      ["heddle-proxy", "Always"],
    ]);
    expect(pod.spec.containers.map(({ name }) => name)).toEqual(["app"]);
  });

  test("a pod that opts out stays out and still reaches the mesh in plaintext", async () => {
    await mesh().apply(`apiVersion: v1
kind: Pod
metadata: { name: loner, namespace: shop, labels: { heddle.dev/inject: disabled } }
spec:
  containers:
    - name: app
      image: heddle-demo-app:dev
      args: [serve, "8080"]
      readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
`);
    await mesh().kubectl("wait", "pod", "-n", "shop", "loner", "--for=condition=Ready", "--timeout=30s");
    const pod = await mesh().get<{ spec: { initContainers?: unknown } }>("pod", "shop", "loner");
    expect(pod.spec.initContainers).toBeUndefined();
    const report = await mesh().callFrom("shop", "loner", "http://cart.shop/", { count: 2 });
    expect(report).toMatchObject({ statuses: { 200: 2 }, peers: {} });
    await mesh().remove("pod", "shop", "loner");
  });

  test("the record: a ConfigMap for the class and one for the reach, with the objects that they came from", async () => {
    const result = await mesh().cluster.kubectl([
      "get",
      "configmaps",
      "-n",
      "shop",
      "-l",
      "app.kubernetes.io/managed-by=heddle",
      "-o",
      "json",
    ]);
    const { items } = JSON.parse(result.stdout) as {
      items: { metadata: { name: string }; data: Record<string, string> }[];
    };
    const names = items.map(({ metadata }) => metadata.name);
    expect(names.some((name) => name.startsWith("heddle-cart-"))).toBe(true);
    expect(names.some((name) => name.startsWith("heddle-reach-"))).toBe(true);
    expect(JSON.stringify(items)).not.toContain("PRIVATE KEY");
  });

  test("the xDS port takes no one without a certificate, and a sidecar's admin port is not reachable", async () => {
    const cart = inURL(await mesh().addressOf("shop", "cart"));
    const admin = await mesh().call("outside", "visitor", `http://${cart}:15000/config_dump`, {
      count: 1,
      fresh: true,
    });
    expect(admin.statuses["200"]).toBeUndefined();
    const metrics = await mesh().call("outside", "visitor", `http://${cart}:15020/config_dump`, {
      count: 1,
      fresh: true,
    });
    expect(metrics.statuses).toEqual({ 404: 1 });
    const ads = await mesh().call("outside", "visitor", "https://heddle.heddle-system.svc:15010/", {
      count: 1,
      fresh: true,
    });
    expect(ads.statuses).toEqual({});
    await expectStatus(mesh(), "frontend", "http://cart.shop/", 200, { count: 2 });
  });
});
