import { describe, expect, test } from "vitest";
import { injectPod } from "../../../src/webhook/inject.ts";
import type { AdmissionPod } from "../../../src/webhook/pod.ts";
import { app, inject, podWith, settings, shop } from "./pods.ts";

const verdict = (pod: AdmissionPod): string => {
  const injection = injectPod(pod, shop, settings);
  return injection.kind === "refused" ? injection.message : injection.kind;
};
const stamped = { annotations: { "heddle.dev/class": "cart-0123456789" } };
const secretKey = (name: string) => ({ name: "KEY", valueFrom: { secretKeyRef: { name, key: "tls.key" } } });

describe("a pod is refused", () => {
  test.each<[string, AdmissionPod, RegExp]>([
    [
      "a container with the sidecar's name",
      podWith({ containers: [app(), app({ name: "heddle-proxy" })] }),
      /^spec\.containers\[1\]\.name is "heddle-proxy": .*rename it/,
    ],
    [
      "the same on a pod that was injected",
      podWith({ containers: [app({ name: "heddle-redirect" })] }, stamped),
      /^spec\.containers\[0\]\.name/,
    ],
    [
      "an ephemeral container with that name",
      podWith({ ephemeralContainers: [app({ name: "heddle-proxy" })] }),
      /^spec\.ephemeralContainers\[0\]\.name/,
    ],
    [
      "an init container with that name",
      podWith({ initContainers: [app({ name: "heddle-proxy" })] }),
      /^spec\.initContainers: "heddle-proxy"/,
    ],
    [
      "two of them on a pod that was injected",
      podWith({ initContainers: [app({ name: "heddle-proxy" }), app({ name: "heddle-proxy" })] }, stamped),
      /twice/,
    ],

    [
      "a volume with the identity's name",
      podWith({ volumes: [{ name: "heddle-identity" }] }),
      /^spec\.volumes\[0\]\.name is "heddle-identity"/,
    ],
    [
      "the same with another Secret",
      podWith({ volumes: [{ name: "heddle-identity", secret: { secretName: "mine" } }] }),
      /^spec\.volumes\[0\]\.name/,
    ],
    [
      "a volume with the configuration's name",
      podWith({ volumes: [{ name: "heddle-configuration", configMap: { name: "mine" } }] }),
      /^spec\.volumes\[0\]\.name/,
    ],
    [
      "a mount of the volume that is to come",
      podWith({ containers: [app({ volumeMounts: [{ name: "heddle-identity", mountPath: "/x" }] })] }),
      /^spec\.containers\[0\]\.volumeMounts\[0\]/,
    ],
    [
      "the same in an init container",
      podWith({ initContainers: [app({ volumeMounts: [{ name: "heddle-configuration", mountPath: "/x" }] })] }),
      /^spec\.initContainers\[0\]\.volumeMounts\[0\]/,
    ],

    [
      "a volume of an identity",
      podWith({ volumes: [{ name: "a" }, { name: "b", secret: { secretName: "heddle-identity-cart" } }] }),
      /^spec\.volumes\[1\] refers to Secret "heddle-identity-cart"/,
    ],
    [
      "a projected identity",
      podWith({
        volumes: [{ name: "a", projected: { sources: [{}, { secret: { name: "heddle-identity-admin" } }] } }],
      }),
      /^spec\.volumes\[0\] refers to Secret "heddle-identity-admin"/,
    ],
    [
      "an identity for a storage driver",
      podWith({ volumes: [{ name: "a", csi: { nodePublishSecretRef: { name: "heddle-identity-admin" } } }] }),
      /^spec\.volumes\[0\] refers/,
    ],
    [
      "an identity in a variable",
      podWith({ containers: [app({ env: [secretKey("other"), secretKey("heddle-identity-cart")] })] }),
      /^spec\.containers\[0\]\.env refers/,
    ],
    [
      "an identity in the environment",
      podWith({ initContainers: [app({ envFrom: [{ secretRef: { name: "heddle-identity-cart" } }] })] }),
      /^spec\.initContainers\[0\]\.envFrom refers/,
    ],

    [
      "the proxy's user",
      podWith({ containers: [app({ securityContext: { runAsUser: 1337 } })] }),
      /^spec\.containers\[0\]\.securityContext\.runAsUser is 1337/,
    ],
    [
      "the proxy's group",
      podWith({ initContainers: [app({ securityContext: { runAsGroup: 1337 } })] }),
      /^spec\.initContainers\[0\]\.securityContext\.runAsGroup is 1337/,
    ],
    [
      "the proxy's user for the whole pod",
      podWith({ securityContext: { runAsUser: 1337 } }),
      /^spec\.securityContext\.runAsUser is 1337/,
    ],
    [
      "the proxy's user in an ephemeral container",
      podWith({ ephemeralContainers: [app({ securityContext: { runAsUser: 1337 } })] }),
      /^spec\.ephemeralContainers\[0\]/,
    ],

    [
      "a ServiceAccount whose Secret could not be named",
      podWith({ serviceAccountName: "a".repeat(238) }),
      /longer than 237 characters/,
    ],
  ])("%s", (_, pod, message) => {
    expect(verdict(pod)).toMatch(message);
  });

  test("in words of bounded length, whatever was sent", () => {
    const message = verdict(
      podWith({ volumes: [{ name: "x", secret: { secretName: `heddle-identity-${"\n\u0000".repeat(1e5)}` } }] }),
    );
    expect(message.length).toBeLessThan(400);
    expect(message).not.toContain("\n");
  });
});

describe("a pod is not refused", () => {
  test.each<[string, AdmissionPod]>([
    [
      "names that only resemble ours",
      podWith({ containers: [app({ name: "heddle-proxy-2" })], volumes: [{ name: "heddle-identity-2" }] }),
    ],
    [
      "its own Secrets",
      podWith({
        volumes: [{ name: "a", secret: { secretName: "heddle" } }],
        containers: [app({ env: [secretKey("db")] })],
      }),
    ],
    [
      "another user where the pod has the proxy's",
      podWith({ securityContext: { runAsUser: 1337 }, containers: [app({ securityContext: { runAsUser: 1000 } })] }),
    ],
    ["the longest ServiceAccount that has a Secret", podWith({ serviceAccountName: "a".repeat(237) })],
    ["what injection itself added", inject(podWith())],
  ])("%s", (_, pod) => {
    expect(verdict(pod)).toBe("injected");
  });
});

test("a port that the sidecar takes is a warning", () => {
  const ports = [{ containerPort: 15020 }, { containerPort: 15001, protocol: "UDP" }, { containerPort: 8080 }];
  const injection = injectPod(podWith({ containers: [app({ ports })] }), shop, settings);
  expect(injection).toMatchObject({
    kind: "injected",
    warnings: [
      "spec.containers[0].ports[0]: port 15020 belongs to Heddle's sidecar; the container cannot listen on it",
    ],
  });
});
