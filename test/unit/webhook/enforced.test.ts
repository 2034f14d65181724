/** Where pods may not leave the mesh, nothing of Heddle's containers is what a pod brings under their names. */
import { describe, expect, test } from "vitest";
import type { AdmissionContainer, AdmissionPod } from "../../../src/webhook/pod.ts";
import { inject, podWith, shop, strict } from "./pods.ts";

/** A pod that claims to be injected already, with a field of its own in both containers. */
const forged = (fields: object): AdmissionPod =>
  podWith(
    {
      initContainers: [
        { name: "heddle-redirect", ...fields },
        { name: "heddle-proxy", restartPolicy: "Always", ...fields },
      ] as AdmissionContainer[],
      volumes: [{ name: "files" }],
    },
    { annotations: { "heddle.dev/class": "x" } },
  );

const ours = inject(podWith(), strict).spec.initContainers;

const brought: readonly (readonly [string, object])[] = [
  ["an image", { image: "evil", imagePullPolicy: "Never" }],
  ["a library to preload", { env: [{ name: "LD_PRELOAD", value: "/files/evil.so" }] }],
  ["an environment from elsewhere", { envFrom: [{ configMapRef: { name: "evil" } }] }],
  ["a program in the place of iptables", { volumeMounts: [{ name: "files", mountPath: "/usr/local/bin" }] }],
  ["a bootstrap", { volumeMounts: [{ name: "files", mountPath: "/etc/heddle/bootstrap.yaml", subPath: "x" }] }],
  ["a device", { volumeDevices: [{ name: "files", devicePath: "/dev/x" }] }],
  ["a command to run at the start", { lifecycle: { postStart: { exec: { command: ["iptables", "-F"] } } } }],
  ["a command to run at the end", { lifecycle: { preStop: { exec: { command: ["sleep", "1"] } } } }],
  ["a command", { command: ["sh", "-c", "exit 0"], args: [] }],
  ["privileges", { securityContext: { privileged: true, procMount: "Unmasked" } }],
  ["a liveness probe", { livenessProbe: { exec: { command: ["false"] } } }],
  ["a readiness of another", { readinessProbe: { httpGet: { path: "/ready", port: 15020, host: "10.0.0.1" } } }],
  ["another working directory", { workingDir: "/files" }],
  ["a terminal", { stdin: true, tty: true }],
  ["a claim of a device", { resources: { claims: [{ name: "evil" }] } }],
];

describe("a pod that brings containers by Heddle's names", () => {
  test.each(brought)("keeps nothing of %s where injection is enforced", (_, fields) => {
    expect(inject(forged(fields), strict).spec.initContainers).toEqual(ours);
  });

  test("and nothing of what it mounts in their volumes, anywhere", () => {
    const once = inject(podWith());
    const volumes = once.spec.volumes?.map((volume) => ({
      ...volume,
      ...(volume.configMap
        ? { configMap: { ...volume.configMap, items: [{ key: "x", path: "bootstrap.yaml" }] } }
        : {}),
    }));
    expect(volumes).not.toEqual(once.spec.volumes);
    for (const namespace of [shop, strict])
      expect(inject({ ...once, spec: { ...once.spec, volumes: volumes ?? [] } }, namespace).spec.volumes).toEqual(
        inject(podWith(), namespace).spec.volumes,
      );
  });
});

describe("what others add to Heddle's containers where injection is enforced", () => {
  const once = inject(podWith(), strict);
  const [redirect, proxy] = once.spec.initContainers ?? [];
  if (redirect === undefined || proxy === undefined) throw new Error("not injected");
  const again = (fields: object, annotations = {}) => {
    const metadata = { ...once.metadata, annotations: { ...once.metadata.annotations, ...annotations } };
    const initContainers = [redirect, { ...proxy, ...fields }];
    return inject({ metadata, spec: { ...once.spec, initContainers } }, strict).spec.initContainers?.[1];
  };

  test("goes: a proxy's variable, a mirror of the image, the token that the API server mounts", () => {
    const token = { name: "token", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" };
    const env = [...(proxy.env ?? []), { name: "HTTP_PROXY", value: "http://proxy" }];
    expect(again({ env, image: "mirror/heddle-proxy", volumeMounts: [...(proxy.volumeMounts ?? []), token] })).toEqual(
      proxy,
    );
  });

  test("stays: to pull always, and amounts of resources that no annotation asks for", () => {
    expect(again({ imagePullPolicy: "Always" })).toEqual({ ...proxy, imagePullPolicy: "Always" });
    const resources = { requests: { cpu: "1", memory: "64Mi" }, limits: { cpu: "2", memory: "1Gi", storage: "1Gi" } };
    expect(again({ resources })?.resources).toEqual(resources);
    expect(again({ resources }, { "heddle.dev/proxy-memory-limit": "256Mi" })?.resources).toEqual({
      requests: { cpu: "50m", memory: "64Mi" },
      limits: { cpu: "2", memory: "256Mi", storage: "1Gi" },
    });
  });

  test("injecting twice is as injecting once", () => {
    expect(inject(once, strict)).toEqual(once);
  });
});
