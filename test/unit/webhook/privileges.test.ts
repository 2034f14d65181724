import { describe, expect, test } from "vitest";
import { createInjectionHandlers, ephemeralPath } from "../../../src/webhook/handler.ts";
import { injectPod } from "../../../src/webhook/inject.ts";
import type { AdmissionContainer, AdmissionPodSpec } from "../../../src/webhook/pod.ts";
import { app, inject, podWith, settings, shop, strict } from "./pods.ts";

const dropping = (...drop: string[]): Partial<AdmissionContainer> => ({ securityContext: { capabilities: { drop } } });
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
      "SYS_PTRACE can trace every process; drop it, so that it can read the sidecar's key by spec.shareProcessNamespace",
    ],
    [
      "a user whom only the image knows, among the sidecar's processes",
      { shareProcessNamespace: true },
      "spec.containers[0].securityContext: no runAsUser says",
    ],
    ["the same on the node", { hostPID: true }, "can read the sidecar's key by spec.hostPID"],
    [
      "the same that drops everything: the image may name the proxy's user",
      { hostPID: true, containers: [app(dropping("ALL"))] },
      "no runAsUser says",
    ],
    [
      "root among the sidecar's processes",
      { shareProcessNamespace: true, securityContext: { runAsUser: 0 } },
      "root can switch to the proxy's user",
    ],
    [
      "root that drops SETUID and has it added",
      {
        shareProcessNamespace: true,
        containers: [app({ securityContext: { runAsUser: 0, capabilities: { drop: ["ALL"], add: ["CAP_SETUID"] } } })],
      },
      "root can switch to the proxy's user",
    ],
    [
      "an init container that is root in a pod that is not",
      {
        shareProcessNamespace: true,
        securityContext: { runAsUser: 1000 },
        initContainers: [app({ name: "init", securityContext: { runAsUser: 0 } })],
      },
      "spec.initContainers[0].securityContext: root can switch",
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

  test.each<[string, Partial<AdmissionPodSpec>]>([
    ["another user of the pod's", { securityContext: { runAsUser: 1000 } }],
    [
      "another user of the container's",
      { securityContext: { runAsUser: 0 }, containers: [app({ securityContext: { runAsUser: 1000 } })] },
    ],
    ["root that drops all", { securityContext: { runAsUser: 0 }, containers: [app(dropping("ALL"))] }],
    ["root that drops SETUID", { securityContext: { runAsUser: 0 }, containers: [app(dropping("cap_setuid"))] }],
  ])("processes that are shared are a warning, everywhere, and no more for %s", (_, spec) => {
    for (const field of ["shareProcessNamespace", "hostPID"] as const) {
      for (const namespace of [shop, strict]) {
        expect(injectPod(podWith({ ...spec, [field]: true }), namespace, settings)).toMatchObject({
          kind: "injected",
          warnings: [expect.stringContaining(`spec.${field}: the pod's containers see`)],
        });
      }
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
  const decide = (container: AdmissionContainer, operation = "UPDATE", spec: Partial<AdmissionPodSpec> = {}) => {
    const pod = inject(podWith(spec));
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
    [
      "may trace the sidecar",
      { targetContainerName: "heddle-proxy", ...adding("SYS_PTRACE") },
      "targetContainerName is heddle-proxy",
    ],
    [
      "looks at the sidecar's processes",
      { targetContainerName: "heddle-proxy", securityContext: { runAsUser: 1000 } },
      "spec.ephemeralContainers[0].targetContainerName is heddle-proxy",
    ],
    ["looks at the redirect's", { targetContainerName: "heddle-redirect" }, "targetContainerName is heddle-redirect"],
  ])("that %s is refused", (_, fields, message) => {
    expect(decide(debug(fields))).toMatchObject({ allowed: false, message: expect.stringContaining(message) });
  });

  test.each<[string, Partial<AdmissionContainer>]>([
    ["of kubectl debug", { targetContainerName: "app", ...adding("SYS_PTRACE") }],
    ["that looks at nothing", {}],
  ])("%s is admitted, unchanged", (_, fields) => {
    expect(decide(debug(fields))).toEqual({ allowed: true, patch: [], warnings: [] });
  });

  test("of a pod that shares its processes is to be somebody who cannot read the key, in every namespace", () => {
    for (const field of ["shareProcessNamespace", "hostPID"] as const) {
      expect(decide(debug(), "UPDATE", { [field]: true })).toMatchObject({
        allowed: false,
        message: expect.stringContaining("no runAsUser says"),
      });
      expect(decide(debug({ securityContext: { runAsUser: 1000 } }), "UPDATE", { [field]: true })).toMatchObject({
        allowed: true,
      });
    }
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
