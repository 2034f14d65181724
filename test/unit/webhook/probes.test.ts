import { describe, expect, test } from "vitest";
import { readRecord } from "../../../src/model/injection-record.ts";
import { injectPod } from "../../../src/webhook/inject.ts";
import { podPatch } from "../../../src/webhook/patch.ts";
import { type AdmissionContainer, type AdmissionPod, parsePod } from "../../../src/webhook/pod.ts";
import { app, inject, podWith, settings, shop } from "./pods.ts";

const withApp = (fields: Partial<AdmissionContainer>): AdmissionPod => podWith({ containers: [app(fields)] });
const appOf = (pod: AdmissionPod): AdmissionContainer | undefined => pod.spec.containers[0];
const recordOf = (pod: AdmissionPod) => readRecord(pod.spec.initContainers).probes;

function refusal(pod: AdmissionPod): string {
  const injection = injectPod(pod, shop, settings);
  if (injection.kind !== "refused") throw new Error(injection.kind);
  return injection.message;
}

const led = (kind: string, name = "app") => ({ path: `/probe/${name}/${kind}`, port: 15020 });

describe("a probe is led to the sidecar and put on record", () => {
  const http = { type: "HTTP", port: 8080, path: "/" };
  test.each([
    ["HTTP", { httpGet: { path: "/healthz?full=1", port: 8080 } }, { ...http, path: "/healthz?full=1" }],
    ["HTTP on a named port", { httpGet: { path: "/", port: "http" } }, http],
    ["HTTP without a path", { httpGet: { port: 8080 } }, http],
    [
      "HTTP with a fragment, a space and no slash",
      { httpGet: { path: "é x#y", port: 8080 } },
      { ...http, path: "/%C3%A9%20x" },
    ],
    ["HTTP with defaults filled in", { httpGet: { path: "/", port: 8080, scheme: "HTTP", host: "" } }, http],
    ["HTTPS", { httpGet: { path: "/", port: 8443, scheme: "HTTPS" } }, { type: "HTTPS", port: 8443, path: "/" }],
    ["TCP", { tcpSocket: { port: "http" } }, { type: "TCP", port: 8080 }],
    ["HTTP with a time", { httpGet: { path: "/", port: 8080 }, timeoutSeconds: 90 }, { ...http, timeoutSeconds: 90 }],
    ["HTTP with the default time", { httpGet: { path: "/", port: 8080 }, timeoutSeconds: 0 }, http],
    [
      "TCP with a time",
      { tcpSocket: { port: "http" }, timeoutSeconds: 100_000 },
      { type: "TCP", port: 8080, timeoutSeconds: 86_400 },
    ],
    [
      "gRPC",
      { grpc: { port: 9090, service: "shop.Cart" }, periodSeconds: 5 },
      { type: "GRPC", port: 9090, service: "shop.Cart", periodSeconds: 5, timeoutSeconds: 1 },
    ],
    [
      "gRPC without times",
      { grpc: { port: 9090 }, timeoutSeconds: 100_000 },
      { type: "GRPC", port: 9090, service: "", periodSeconds: 10, timeoutSeconds: 86_400 },
    ],
  ])("%s", (_, probe, check) => {
    const injected = inject(withApp({ livenessProbe: probe }));
    const { httpGet: _get, ...times } = appOf(injected)?.livenessProbe ?? {};
    expect(appOf(injected)?.livenessProbe?.httpGet).toEqual(led("liveness"));
    expect(Object.keys(times).sort()).toEqual(
      Object.keys(probe)
        .filter((name) => name.endsWith("Seconds"))
        .sort(),
    );
    expect(recordOf(injected)).toEqual([{ container: "app", kind: "liveness", ...check }]);
    expect(podPatch(injected, inject(injected))).toEqual([]);
  });

  test("of every kind and container, in the order in which they start", () => {
    const httpGet = { path: "/", port: 8080 };
    const all = {
      startupProbe: { httpGet },
      livenessProbe: { httpGet },
      readinessProbe: { httpGet },
      lifecycle: { postStart: { httpGet }, preStop: { httpGet } },
    };
    const pod = podWith({
      initContainers: [
        app({ name: "helper", restartPolicy: "Always", readinessProbe: { httpGet } }),
        app({ name: "migrate" }),
      ],
      containers: [app(all), app({ name: "other", readinessProbe: { httpGet } })],
    });
    const injected = inject(pod);
    expect(recordOf(injected).map(({ container, kind }) => `${container}/${kind}`)).toEqual([
      "helper/readiness",
      ...["startup", "liveness", "readiness", "postStart", "preStop"].map((kind) => `app/${kind}`),
      "other/readiness",
    ]);
    expect(appOf(injected)?.lifecycle).toEqual({
      postStart: { httpGet: led("postStart") },
      preStop: { httpGet: led("preStop") },
    });
    // The sidecar's own probes are its own.
    expect(injected.spec.initContainers?.[1]?.readinessProbe?.httpGet).toEqual({ path: "/ready", port: 15020 });
  });

  test("the kubelet goes on sending its headers, the Host among them", () => {
    const httpHeaders = [{ name: "Host", value: "shop.example" }];
    const injected = inject(withApp({ readinessProbe: { httpGet: { path: "/", port: 8080, httpHeaders } } }));
    expect(appOf(injected)?.readinessProbe?.httpGet).toEqual({ ...led("readiness"), httpHeaders });
  });

  test("pods with the same probes are of one class, and with others of another", () => {
    const classOf = (path: string) =>
      inject(withApp({ readinessProbe: { httpGet: { path, port: 8080 } } })).metadata.annotations?.["heddle.dev/class"];
    expect(classOf("/a")).toBe(classOf("/a"));
    expect(classOf("/a")).not.toBe(classOf("/b"));
  });

  test("a time that another plugin changes later is the one on record", () => {
    const once = inject(withApp({ readinessProbe: { tcpSocket: { port: 8080 }, timeoutSeconds: 1 } }));
    const readinessProbe = { ...appOf(once)?.readinessProbe, timeoutSeconds: 90 };
    const changed = { ...once, spec: { ...once.spec, containers: [app({ readinessProbe })] } };
    expect(recordOf(inject(changed))).toEqual([
      { container: "app", kind: "readiness", type: "TCP", port: 8080, timeoutSeconds: 90 },
    ]);
  });

  test("one that another plugin adds or changes later is led there too", () => {
    const once = inject(withApp({ readinessProbe: { tcpSocket: { port: 8080 } } }));
    const changed: AdmissionPod = {
      ...once,
      spec: {
        ...once.spec,
        containers: [
          ...once.spec.containers.map((each) => ({ ...each, livenessProbe: { tcpSocket: { port: 8080 } } })),
          app({ name: "added", readinessProbe: { httpGet: { path: "/added", port: 7000 } } }),
        ],
      },
    };
    expect(recordOf(inject(changed))).toEqual([
      { container: "app", kind: "liveness", type: "TCP", port: 8080 },
      { container: "app", kind: "readiness", type: "TCP", port: 8080 },
      { container: "added", kind: "readiness", type: "HTTP", port: 7000, path: "/added" },
    ]);
    const replaced: AdmissionPod = {
      ...once,
      spec: { ...once.spec, containers: [app({ readinessProbe: { httpGet: { path: "/new", port: 8080 } } })] },
    };
    expect(recordOf(inject(replaced))).toEqual([
      { container: "app", kind: "readiness", type: "HTTP", port: 8080, path: "/new" },
    ]);
    const removed: AdmissionPod = { ...once, spec: { ...once.spec, containers: [app()] } };
    expect(recordOf(inject(removed))).toEqual([]);
  });
});

describe("what stays with the kubelet", () => {
  test.each([
    ["exec", { readinessProbe: { exec: { command: ["true"] } } }],
    ["another host", { readinessProbe: { httpGet: { path: "/", port: 8080, host: "example.com" } } }],
    ["another host by TCP", { readinessProbe: { tcpSocket: { port: 8080, host: "127.0.0.1" } } }],
    ["a name that no port has", { readinessProbe: { httpGet: { path: "/", port: "nope" } } }],
    ["a port of the sidecar", { readinessProbe: { httpGet: { path: "/ready", port: 15020 } } }],
    ["the admin port", { readinessProbe: { httpGet: { path: "/config_dump", port: 15000 } } }],
    ["sleep", { lifecycle: { preStop: { sleep: { seconds: 1 } } } }],
    ["a TCP hook, which does nothing", { lifecycle: { preStop: { tcpSocket: { port: 8080 } } } }],
    ["nothing", { readinessProbe: {}, lifecycle: {} }],
  ])("%s", (_, fields) => {
    const pod = withApp(fields as Partial<AdmissionContainer>);
    const injected = inject(pod);
    expect(injected.spec.containers).toBe(pod.spec.containers);
    expect(recordOf(injected)).toEqual([]);
  });

  test("null is absent, as the API server may send it", () => {
    const pod = parsePod({
      metadata: {},
      spec: {
        containers: [
          {
            name: "app",
            readinessProbe: { httpGet: null, tcpSocket: { port: 1, host: null } },
            livenessProbe: null,
            lifecycle: { preStop: null },
          },
        ],
      },
    });
    expect(recordOf(inject(pod))).toEqual([{ container: "app", kind: "readiness", type: "TCP", port: 1 }]);
  });
});

describe("what is refused or told", () => {
  const tcp = { tcpSocket: { port: 1 } };
  test.each([
    [
      "a path that is led to the sidecar already, by nobody",
      withApp({ readinessProbe: { httpGet: led("readiness") } }),
      "spec.containers[0].readinessProbe: port 15020 is the sidecar's",
    ],
    [
      "a long path",
      withApp({ livenessProbe: { httpGet: { path: `/${" ".repeat(400)}`, port: 1 } } }),
      "spec.containers[0].livenessProbe: the path is longer than 1024",
    ],
    [
      "a long service",
      withApp({ startupProbe: { grpc: { port: 1, service: "x".repeat(254) } } }),
      "the service's name is longer",
    ],
    [
      "too many",
      podWith({ containers: Array.from({ length: 65 }, (_, i) => app({ name: `c${i}`, readinessProbe: tcp })) }),
      "65 probes",
    ],
  ])("%s", (_, pod, message) => {
    expect(refusal(pod)).toContain(message);
  });

  test("a hook that anyone can call is a warning", () => {
    const pod = withApp({ lifecycle: { preStop: { httpGet: { path: "/drain", port: 8080 } } } });
    expect(injectPod(pod, shop, settings)).toMatchObject({
      warnings: [expect.stringContaining("spec.containers[0].lifecycle.preStop.httpGet: whoever reaches the pod")],
    });
  });
});

describe("a record that was tampered with", () => {
  const once = inject(withApp({ readinessProbe: { httpGet: { path: "/", port: 8080 } } }));
  const withRecord = (value: string): AdmissionPod => ({
    ...once,
    spec: {
      ...once.spec,
      initContainers: (once.spec.initContainers ?? []).map((container) => ({
        ...container,
        env:
          container.env?.map((variable) => (variable.name === "HEDDLE_WORKLOAD" ? { ...variable, value } : variable)) ??
          [],
      })),
    },
  });
  const probe = { container: "app", kind: "readiness", type: "HTTP", port: 8080, path: "/" };

  test.each([
    "nonsense",
    "null",
    "[]",
    '{"probes":{}}',
    ...[
      { ...probe, port: 15000 },
      { ...probe, port: 0 },
      { ...probe, port: "8080" },
      { ...probe, path: "no-slash" },
      { ...probe, path: "/a\r\nb" },
      { ...probe, path: `/${"a".repeat(1024)}` },
      { ...probe, container: "../x" },
      { ...probe, kind: "constructor" },
      { ...probe, type: "UDP" },
      { ...probe, type: "GRPC", service: 1 },
      { ...probe, type: "GRPC", service: "", periodSeconds: 0, timeoutSeconds: 1 },
    ].map((each) => JSON.stringify({ probes: [each] })),
    JSON.stringify({ probes: [probe, probe] }),
    JSON.stringify({ probes: [probe], excludedPorts: [15020] }),
    JSON.stringify({ probes: [probe], serverFirstPorts: [15020] }),
  ])("%s opens nothing, and the webhook refuses to guess", (value) => {
    expect(readRecord(withRecord(value).spec.initContainers)).toEqual({
      excludedPorts: [],
      serverFirstPorts: [],
      probes: [],
    });
    expect(refusal(withRecord(value))).toContain("name a port of the application's");
  });

  test("is put right from the pod itself where it can be", () => {
    const more = JSON.stringify({ probes: [probe, { ...probe, kind: "liveness", path: "/admin" }] });
    expect(recordOf(inject(withRecord(more)))).toEqual([probe]);
  });
});
