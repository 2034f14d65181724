import { describe, expect, test } from "vitest";
import { workloadClassId, workloadTraits } from "../../../src/model/workload.ts";
import { injectPod } from "../../../src/webhook/inject.ts";
import { podPatch } from "../../../src/webhook/patch.ts";
import type { AdmissionPod } from "../../../src/webhook/pod.ts";
import { app, inject, podWith, settings, shop } from "./pods.ts";

const classOf = (pod: AdmissionPod, namespace = "shop"): string =>
  workloadClassId(workloadTraits({ metadata: { name: "any", ...pod.metadata }, spec: pod.spec }, namespace));

const names = (list: readonly { readonly name: string }[] | undefined): readonly string[] =>
  (list ?? []).map(({ name }) => name);

test("a pod of a namespace that is none of the operator's is refused, unless it is exempt anyway", () => {
  const unmanaged = { ...shop, isUnmanaged: true };
  expect(injectPod(podWith(), unmanaged, settings)).toMatchObject({
    kind: "refused",
    message: expect.stringContaining("the operator may not keep identities in this namespace"),
  });
  expect(injectPod(podWith({ hostNetwork: true }), unmanaged, settings)).toMatchObject({ kind: "skipped" });
});

describe("an injected pod", () => {
  const pod = podWith();
  const injected = inject(pod);
  const [redirect, proxy] = injected.spec.initContainers ?? [];

  test("has the redirect and then the sidecar, and its own containers as they were", () => {
    expect(names(injected.spec.initContainers)).toEqual(["heddle-redirect", "heddle-proxy"]);
    expect(injected.spec.containers).toBe(pod.spec.containers);
  });

  test("is stamped with the class that the compile computes for it, before and after injection", () => {
    const id = classOf(pod);
    expect(id).toMatch(/^cart-[0-9a-f]{10}$/);
    expect(injected.metadata.annotations).toEqual({
      "heddle.dev/class": id,
      "prometheus.io/scrape": "true",
      "prometheus.io/port": "15020",
      "prometheus.io/path": "/stats/prometheus",
    });
    expect(classOf(injected)).toBe(id);
  });

  test("mounts its class's ConfigMap and its ServiceAccount's identity, readable by the proxy's user", () => {
    expect(injected.spec.volumes).toEqual([
      { name: "heddle-configuration", configMap: { name: `heddle-${classOf(pod)}`, defaultMode: 0o444 } },
      { name: "heddle-identity", secret: { secretName: "heddle-identity-cart", defaultMode: 0o444 } },
    ]);
  });

  test("the sidecar is Envoy, held to the restricted Pod Security Standard", () => {
    expect(proxy).toEqual({
      name: "heddle-proxy",
      image: "heddle-proxy:test",
      restartPolicy: "Always",
      command: ["envoy"],
      args: [
        ...["-c", "/etc/heddle/bootstrap.yaml"],
        "--config-yaml",
        '{"stats_config":{"stats_tags":[{"tag_name":"workload_namespace","fixed_value":"$(POD_NAMESPACE)"},{"tag_name":"workload","fixed_value":"$(POD_SERVICE_ACCOUNT)"}]}}',
        ...["--service-node", "$(POD_NAMESPACE)/$(POD_NAME)/$(POD_UID)"],
        ...["--service-cluster", "$(POD_NAMESPACE)/$(POD_SERVICE_ACCOUNT)"],
        ...["--concurrency", "2", "--drain-time-s", "30", "--drain-strategy", "immediate", "--disable-hot-restart"],
        ...["--log-level", "warning", "--file-flush-interval-msec", "1000"],
      ],
      env: [
        { name: "POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
        { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
        { name: "POD_UID", valueFrom: { fieldRef: { fieldPath: "metadata.uid" } } },
        { name: "POD_SERVICE_ACCOUNT", valueFrom: { fieldRef: { fieldPath: "spec.serviceAccountName" } } },
        { name: "HEDDLE_WORKLOAD", value: "{}" },
      ],
      startupProbe: {
        httpGet: { path: "/ready", port: 15020 },
        periodSeconds: 1,
        timeoutSeconds: 3,
        failureThreshold: 600,
      },
      readinessProbe: {
        httpGet: { path: "/ready", port: 15020 },
        periodSeconds: 5,
        timeoutSeconds: 3,
        failureThreshold: 3,
      },
      lifecycle: { preStop: { sleep: { seconds: 5 } } },
      resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { cpu: "2", memory: "512Mi" } },
      securityContext: {
        runAsUser: 1337,
        runAsGroup: 1337,
        runAsNonRoot: true,
        privileged: false,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
        seccompProfile: { type: "RuntimeDefault" },
      },
      volumeMounts: [
        { name: "heddle-configuration", mountPath: "/etc/heddle", readOnly: true },
        { name: "heddle-identity", mountPath: "/var/run/secrets/heddle.dev/identity", readOnly: true },
      ],
    });
  });

  test.each([
    [undefined, 5],
    [0, 0],
    [-1, 0],
    [3, 3],
    [600, 5],
  ])("goes on for at most the time that the pod has: of %s, %i s", (terminationGracePeriodSeconds, seconds) => {
    const pod = podWith(terminationGracePeriodSeconds === undefined ? {} : { terminationGracePeriodSeconds });
    const [, sidecar] = inject(pod).spec.initContainers ?? [];
    expect(sidecar?.lifecycle).toEqual({ preStop: { sleep: { seconds } } });
  });

  test("the redirect is root over its own network namespace and nothing else", () => {
    expect(redirect).toMatchObject({
      name: "heddle-redirect",
      image: "heddle-proxy:test",
      command: ["heddle-redirect"],
      args: [
        "--inbound-port",
        "15006",
        "--outbound-port",
        "15001",
        "--proxy-uid",
        "1337",
        "--exclude-inbound-ports",
        "15020",
      ],
      securityContext: {
        runAsUser: 0,
        runAsNonRoot: false,
        privileged: false,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { add: ["NET_ADMIN", "NET_RAW"], drop: ["ALL"] },
      },
    });
    expect(redirect).not.toHaveProperty("restartPolicy");
    expect(redirect).not.toHaveProperty("volumeMounts");
  });
});

describe("what a pod brings stays", () => {
  test("its init containers come after ours, in their order", () => {
    const pod = podWith({ initContainers: [app({ name: "migrate" }), app({ name: "logs", restartPolicy: "Always" })] });
    expect(names(inject(pod).spec.initContainers)).toEqual(["heddle-redirect", "heddle-proxy", "migrate", "logs"]);
  });

  test("volumes, annotations and fields that Heddle does not know", () => {
    const data = { name: "data", emptyDir: {} };
    const pod = podWith(
      { volumes: [data], topologySpreadConstraints: [{ maxSkew: 1 }] },
      { annotations: { note: "x" } },
    );
    const injected = inject(pod);
    expect(injected.spec.volumes?.[0]).toBe(data);
    expect(names(injected.spec.volumes)).toEqual(["data", "heddle-configuration", "heddle-identity"]);
    expect(injected.spec).toHaveProperty("topologySpreadConstraints", [{ maxSkew: 1 }]);
    expect(injected.metadata.annotations).toMatchObject({ note: "x", "heddle.dev/class": classOf(pod) });
  });

  test("its security context is not copied to ours", () => {
    const [, proxy] =
      inject(podWith({ securityContext: { runAsUser: 0, runAsNonRoot: false } })).spec.initContainers ?? [];
    expect(proxy?.securityContext).toMatchObject({ runAsUser: 1337, runAsNonRoot: true });
  });
});

describe("the ServiceAccount", () => {
  test.each([[undefined], [""]])("is default when it is %j", (serviceAccountName) => {
    const { serviceAccountName: _, ...spec } = podWith().spec;
    const pod = {
      ...podWith(),
      spec: { ...spec, ...(serviceAccountName === undefined ? {} : { serviceAccountName }) },
    };
    const injected = inject(pod);
    expect(injected.spec.volumes?.[1]?.secret?.secretName).toBe("heddle-identity-default");
    expect(injected.metadata.annotations?.["heddle.dev/class"]).toMatch(/^default-/);
  });

  test("may be called like a property of every object", () => {
    expect(inject(podWith({ serviceAccountName: "constructor" })).spec.volumes?.[1]?.secret?.secretName).toBe(
      "heddle-identity-constructor",
    );
  });
});

test("the class is of the namespace of the request, and its annotation cannot be chosen", () => {
  const pod = podWith({}, { annotations: { "heddle.dev/class": "admin-0123456789" } });
  const elsewhere = inject(pod, { name: "store", enforced: false, annotations: {} });
  expect(elsewhere.metadata.annotations?.["heddle.dev/class"]).toBe(classOf(pod, "store"));
  expect(elsewhere.metadata.annotations?.["heddle.dev/class"]).not.toBe(classOf(pod, "shop"));
});

describe("pods that are left alone", () => {
  test.each([
    ["the node's network", podWith({ hostNetwork: true })],
    ["mirror pods", podWith({}, { annotations: { "kubernetes.io/config.mirror": "abc" } })],
    ["Windows by os", podWith({ os: { name: "windows" } })],
    ["Windows by node selector", podWith({ nodeSelector: { "kubernetes.io/os": "windows" } })],
    ["no containers", podWith({ containers: [] })],
    ["opted out", podWith({}, { labels: { "heddle.dev/inject": "disabled" } })],
  ])("%s", (_, pod) => {
    expect(injectPod(pod, shop, settings)).toMatchObject({ kind: "skipped" });
  });

  test.each([
    ["hostNetwork false", podWith({ hostNetwork: false })],
    ["Linux", podWith({ os: { name: "linux" }, nodeSelector: { "kubernetes.io/os": "linux" } })],
    ["another value of the label", podWith({}, { labels: { "heddle.dev/inject": "false" } })],
  ])("but not %s", (_, pod) => {
    expect(injectPod(pod, shop, settings).kind).toBe("injected");
  });

  test("a pod cannot opt out where injection is enforced, and is told", () => {
    const pod = podWith({}, { labels: { "heddle.dev/inject": "disabled" } });
    const injection = injectPod(pod, { name: "shop", enforced: true, annotations: {} }, settings);
    expect(injection).toMatchObject({
      kind: "injected",
      warnings: [expect.stringContaining("namespace shop is 'enforced'")],
    });
  });
});

describe("injection again", () => {
  const once = inject(podWith({ initContainers: [app({ name: "migrate" })] }));

  test("changes nothing", () => {
    expect(podPatch(once, inject(once))).toEqual([]);
  });

  test("keeps defaults of the API server, additions of others, a mirrored image and other resources", () => {
    const [redirect, proxy] = once.spec.initContainers ?? [];
    const mount = { name: "certificates", mountPath: "/etc/ssl/certs", readOnly: true };
    const changed: AdmissionPod = {
      ...once,
      spec: {
        ...once.spec,
        initContainers: [
          { ...redirect, name: "heddle-redirect", image: "mirror/heddle-proxy:test" },
          {
            ...proxy,
            name: "heddle-proxy",
            image: "mirror/heddle-proxy:test",
            resources: { requests: { cpu: "1" } },
            env: [{ name: "HTTP_PROXY", value: "http://proxy" }, ...(proxy?.env ?? [])],
            volumeMounts: [...(proxy?.volumeMounts ?? []), mount],
            ...{ terminationMessagePath: "/dev/termination-log", imagePullPolicy: "IfNotPresent" },
            startupProbe: { ...proxy?.startupProbe, ...{ successThreshold: 1 } } as never,
          },
          app({ name: "migrate" }),
        ],
      },
    };
    expect(podPatch(changed, inject(changed))).toEqual([]);
  });

  test.each([
    ["another command", { command: ["sh"] }, "command"],
    ["more arguments", { args: ["-c", "/tmp/own.yaml"] }, "args"],
    ["no restart policy", { restartPolicy: "Never" }, "restartPolicy"],
    ["another user", { securityContext: { runAsUser: 0 } }, "securityContext"],
    ["no probe", { startupProbe: undefined }, "startupProbe"],
    ["an environment that names it otherwise", { env: [{ name: "POD_NAMESPACE", value: "other" }] }, "env"],
    ["no mounts", { volumeMounts: [] }, "volumeMounts"],
  ] as const)("puts back the sidecar's fields: %s", (_, fields, field) => {
    const [redirect, proxy] = once.spec.initContainers ?? [];
    if (redirect === undefined || proxy === undefined) throw new Error("not injected");
    const changed = {
      ...once,
      spec: { ...once.spec, initContainers: [redirect, { ...proxy, ...fields }] },
    } as AdmissionPod;
    expect(inject(changed).spec.initContainers?.[1]?.[field]).toEqual(proxy[field]);
  });

  test("puts back a security context that was widened, and keeps its default", () => {
    const [redirect, proxy] = once.spec.initContainers ?? [];
    if (redirect === undefined || proxy === undefined) throw new Error("not injected");
    const withContext = (extra: object): AdmissionPod => ({
      ...once,
      spec: {
        ...once.spec,
        initContainers: [redirect, { ...proxy, securityContext: { ...proxy.securityContext, ...extra } }],
      },
    });
    expect(
      inject(withContext({ capabilities: { drop: ["ALL"], add: ["SYS_ADMIN"] } })).spec.initContainers?.[1]
        ?.securityContext,
    ).toEqual(proxy.securityContext);
    expect(inject(withContext({ procMount: "Unmasked" })).spec.initContainers?.[1]?.securityContext).toEqual(
      proxy.securityContext,
    );
    const defaulted = withContext({ procMount: "Default" });
    expect(podPatch(defaulted, inject(defaulted))).toEqual([]);
  });

  test("keeps one element of each name that is ours, and it is ours", () => {
    const [redirect, proxy] = once.spec.initContainers ?? [];
    if (redirect === undefined || proxy === undefined) throw new Error("not injected");
    const env = [...(proxy.env ?? []), { name: "POD_UID", value: "other" }, { name: "TZ", value: "UTC" }];
    const changed = { ...once, spec: { ...once.spec, initContainers: [redirect, { ...proxy, env }] } };
    expect(inject(changed).spec.initContainers?.[1]?.env).toEqual([...(proxy.env ?? []), { name: "TZ", value: "UTC" }]);
  });

  test("takes the API server's token out of our containers, and of no other", () => {
    const token = {
      name: "kube-api-access",
      mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
      readOnly: true,
    };
    const mounted: AdmissionPod = {
      ...once,
      spec: {
        ...once.spec,
        initContainers: (once.spec.initContainers ?? []).map((container) => ({
          ...container,
          volumeMounts: [...(container.volumeMounts ?? []), token],
        })),
      },
    };
    const again = inject(mounted);
    expect(again.spec.initContainers?.map(({ volumeMounts }) => volumeMounts?.includes(token))).toEqual([
      false,
      false,
      true,
    ]);
    expect(podPatch(mounted, again)).toEqual([
      { op: "remove", path: "/spec/initContainers/0/volumeMounts/0" },
      { op: "remove", path: "/spec/initContainers/1/volumeMounts/2" },
    ]);
    expect(podPatch(again, inject(again))).toEqual([]);
  });

  test("comes first again when something was put before it", () => {
    const before = {
      ...once,
      spec: { ...once.spec, initContainers: [app({ name: "vault" }), ...(once.spec.initContainers ?? [])] },
    };
    expect(names(inject(before).spec.initContainers)).toEqual(["heddle-redirect", "heddle-proxy", "vault", "migrate"]);
  });

  test("follows labels, ports and the ServiceAccount when those changed meanwhile", () => {
    const changed: AdmissionPod = {
      ...once,
      metadata: { ...once.metadata, labels: { app: "cart", tier: "backend" } },
      spec: {
        ...once.spec,
        serviceAccountName: "other",
        containers: [...once.spec.containers, app({ name: "more", ports: [{ containerPort: 9 }] })],
      },
    };
    const again = inject(changed);
    const id = classOf(changed);
    expect(id).not.toBe(once.metadata.annotations?.["heddle.dev/class"]);
    expect(again.metadata.annotations?.["heddle.dev/class"]).toBe(id);
    expect(again.spec.volumes).toMatchObject([
      { configMap: { name: `heddle-${id}` } },
      { secret: { secretName: "heddle-identity-other" } },
    ]);
    expect(again.spec.volumes).toHaveLength(2);
  });
});
