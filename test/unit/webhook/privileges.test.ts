import { describe, expect, test } from "vitest";
import { createInjectionHandlers, ephemeralPath } from "../../../src/webhook/handler.ts";
import { injectPod } from "../../../src/webhook/inject.ts";
import type { AdmissionContainer, AdmissionPodSpec } from "../../../src/webhook/pod.ts";
import { app, inject, podWith, settings, shop, strict } from "./pods.ts";

const adding = (...add: string[]): Partial<AdmissionContainer> => ({ securityContext: { capabilities: { add } } });

describe("containers with power over their sidecar", () => {
  test.each<[string, Partial<AdmissionPodSpec>, string]>([
    ["NET_ADMIN", { containers: [app(adding("NET_ADMIN"))] }, "spec.containers[0].securityContext: NET_ADMIN can undo"],
    ["its other spelling", { containers: [app(adding("cap_net_admin"))] }, "NET_ADMIN can undo the redirect"],
    [
      "ALL",
      { initContainers: [app({ name: "init", ...adding("ALL") })] },
      "spec.initContainers[0].securityContext: ALL can",
    ],
    [
      "privileged",
      { containers: [app({ securityContext: { privileged: true } })] },
      "privileged can undo the redirect",
    ],
    [
      "SYS_PTRACE among the sidecar's processes",
      { shareProcessNamespace: true, containers: [app(adding("SYS_PTRACE"))] },
      "SYS_PTRACE, where it sees the sidecar's processes, can read its key",
    ],
  ])("%s: a warning, and refused where pods may not leave the mesh", (_, spec, message) => {
    expect(injectPod(podWith(spec), shop, settings)).toMatchObject({
      kind: "injected",
      warnings: expect.arrayContaining([expect.stringContaining(message)]),
    });
    expect(injectPod(podWith(spec), strict, settings)).toMatchObject({
      kind: "refused",
      message: expect.stringContaining(message),
    });
  });

  test("processes that are shared are a warning, everywhere", () => {
    for (const namespace of [shop, strict]) {
      expect(injectPod(podWith({ shareProcessNamespace: true }), namespace, settings)).toMatchObject({
        kind: "injected",
        warnings: [expect.stringContaining("spec.shareProcessNamespace")],
      });
    }
  });

  test.each<[string, Partial<AdmissionPodSpec>]>([
    ["what is dropped", { containers: [app({ securityContext: { capabilities: { drop: ["ALL"] } } })] }],
    ["NET_BIND_SERVICE", { containers: [app(adding("NET_BIND_SERVICE"))] }],
    ["SYS_PTRACE among its own processes", { containers: [app(adding("SYS_PTRACE"))] }],
  ])("%s is nothing to tell", (_, spec) => {
    expect(injectPod(podWith(spec), strict, settings)).toMatchObject({ kind: "injected", warnings: [] });
  });
});

test("a label that looks as if it kept the pod out is a warning", () => {
  const pod = podWith({}, { labels: { "heddle.dev/inject": "false" } });
  expect(injectPod(pod, shop, settings)).toMatchObject({
    warnings: [expect.stringContaining('is "false", which has no')],
  });
});

describe("an ephemeral container of an injected pod", () => {
  const decide = (container: AdmissionContainer, operation = "UPDATE") => {
    const pod = inject(podWith());
    const object = { ...pod, spec: { ...pod.spec, ephemeralContainers: [container] } };
    const request = { uid: "1", apiVersion: "v1", kind: "Pod", operation, namespace: "shop", object };
    return createInjectionHandlers(settings, () => ({})).get(ephemeralPath)?.(request);
  };
  const debug = (fields: Partial<AdmissionContainer> = {}): AdmissionContainer => ({
    name: "debug",
    image: "tools",
    ...fields,
  });

  test.each<[string, Partial<AdmissionContainer>, string]>([
    [
      "mounts the identity",
      { volumeMounts: [{ name: "heddle-identity", mountPath: "/x" }] },
      "spec.ephemeralContainers[0].volumeMounts[0]",
    ],
    [
      "mounts the configuration",
      { volumeMounts: [{ name: "heddle-configuration", mountPath: "/x" }] },
      "for its sidecar only",
    ],
    ["is the proxy's user", { securityContext: { runAsUser: 1337 } }, "runAsUser is 1337"],
    ["is of the proxy's group", { securityContext: { runAsGroup: 1337 } }, "runAsGroup is 1337"],
    [
      "has the key in its environment",
      { env: [{ name: "K", valueFrom: { secretKeyRef: { name: "heddle-identity-cart" } } }] },
      "heddle-identity-cart",
    ],
    ["has the sidecar's name", { name: "heddle-proxy" }, "rename it"],
    ["may trace the sidecar", { targetContainerName: "heddle-proxy", ...adding("SYS_PTRACE") }, "can read its key"],
  ])("that %s is refused", (_, fields, message) => {
    expect(decide(debug(fields))).toMatchObject({ allowed: false, message: expect.stringContaining(message) });
  });

  test.each<[string, Partial<AdmissionContainer>]>([
    ["of kubectl debug", { targetContainerName: "app", ...adding("SYS_PTRACE") }],
    ["that looks at the sidecar", { targetContainerName: "heddle-proxy" }],
  ])("%s is admitted, unchanged", (_, fields) => {
    expect(decide(debug(fields))).toEqual({ allowed: true, patch: [], warnings: [] });
  });

  test("that can undo the redirect is a warning", () => {
    expect(decide(debug(adding("NET_ADMIN")))).toMatchObject({
      allowed: true,
      warnings: [expect.stringContaining("NET_ADMIN")],
    });
  });

  test("is all that is reviewed there", () => {
    expect(() => decide(debug(), "CREATE")).toThrow("correct the rules of the webhook configuration");
  });
});
