import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KindName } from "../../../src/api/kinds.ts";
import type { KubernetesObject } from "../../../src/api/kubernetes.ts";
import { isCompiledChange, watches } from "../../../src/controllers/watches.ts";
import { recordVariable } from "../../../src/model/injection-record.ts";
import type { Snapshot } from "../../../src/model/snapshot.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import { objectsOf } from "../../support/desired-record.ts";
import { goldenCases } from "../../support/golden.ts";
import { clusterOf, pod, testSettings } from "../../support/objects.ts";
import { wholeTargets } from "../../support/proxies.ts";
import { clusters } from "../../support/random-cluster.ts";

function watchOf(kind: KindName) {
  const watch = watches.find((candidate) => candidate.kind === kind);
  if (watch === undefined) throw new Error(`${kind} is not watched`);
  return watch;
}

/** The same objects as the operator keeps them. */
function kept(snapshot: Snapshot): Snapshot {
  const of = <T extends KubernetesObject>(kind: KindName, objects: ReadonlyMap<string, T>): ReadonlyMap<string, T> =>
    new Map([...objects].map(([key, object]) => [key, watchOf(kind).trim(object) as T]));
  return {
    ...snapshot,
    namespaces: of("Namespace", snapshot.namespaces),
    services: of("Service", snapshot.services),
    endpointSlices: of("EndpointSlice", snapshot.endpointSlices),
    pods: of("Pod", snapshot.pods),
    trafficSplits: of("TrafficSplit", snapshot.trafficSplits),
    authorizationPolicies: of("AuthorizationPolicy", snapshot.authorizationPolicies),
    meshTLS: of("MeshTLS", snapshot.meshTLS),
  };
}

function compiled(snapshot: Snapshot) {
  const compilation = compile(snapshot, testSettings);
  const { mesh, identities, decisions } = compilation;
  const versions = [...wholeTargets(compilation)].map(([key, { groups, addresses, podUid }]) => [
    key,
    addresses,
    podUid,
    groups.map(({ hash }) => hash),
  ]);
  return { mesh, objects: objectsOf(compilation), identities, decisions, versions };
}

describe("what is kept of an object", () => {
  test.each(goldenCases().filter(({ name }) => !/^(traffic-split|authorization-policy)/.test(name)))(
    "is all that a compile reads: $name",
    ({ objects }) => {
      const snapshot = clusterOf(objects);
      expect(compiled(kept(snapshot))).toEqual(compiled(snapshot));
    },
  );

  test("is all that a compile reads, in any cluster", () => {
    fc.assert(
      fc.property(clusters, (objects) => {
        const snapshot = clusterOf(objects);
        expect(compiled(kept(snapshot))).toEqual(compiled(snapshot));
      }),
      { numRuns: 10 },
    );
  });

  test("of a pod has neither annotations nor volumes that are not the sidecar's", () => {
    const given = pod("shop/a", {
      metadata: { annotations: { "heddle.dev/class": "a-0123456789", note: "x" } },
      spec: {
        volumes: [
          { name: "heddle-configuration", configMap: { name: "heddle-a-0123456789" } },
          { name: "data", configMap: { name: "large" } },
        ],
      },
    });
    expect(watchOf("Pod").trim(given)).toMatchObject({
      metadata: { name: "a", namespace: "shop", labels: {} },
      spec: { volumes: [{ name: "heddle-configuration", configMap: { name: "heddle-a-0123456789" } }] },
    });
    expect(JSON.stringify(watchOf("Pod").trim(given))).not.toMatch(/note|large|heddle.dev/);
  });
});

/** An object as it was, and what becomes of it. */
type Change = readonly [what: string, before: KubernetesObject, more: Readonly<Record<string, unknown>>];

const named = (kind: KindName, more: object): KubernetesObject =>
  ({
    apiVersion: "v1",
    kind,
    metadata: { name: "a", namespace: "shop", uid: "1", resourceVersion: "1", generation: 1, labels: { app: "a" } },
    ...more,
  }) as KubernetesObject;

const objects = {
  pod: named("Pod", {
    spec: {
      containers: [{ name: "app", image: "v1", ports: [{ containerPort: 80 }] }],
      initContainers: [
        { name: "heddle-proxy", restartPolicy: "Always", env: [{ name: recordVariable, value: "{}" }] },
        { name: "setup" },
      ],
    },
    status: { phase: "Running", podIPs: [{ ip: "10.1.0.1" }], conditions: [{ type: "Ready", status: "False" }] },
  }),
  service: named("Service", { spec: { clusterIP: "10.96.0.1", ports: [{ port: 80 }] } }),
  slice: named("EndpointSlice", {
    metadata: { name: "a-1", namespace: "shop", labels: { "kubernetes.io/service-name": "a" } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.1.0.1"] }],
  }),
  namespace: named("Namespace", { metadata: { name: "shop", labels: { "heddle.dev/inject": "enabled" } } }),
  policy: named("AuthorizationPolicy", { spec: { action: "DENY", rules: [{}] }, status: { observedGeneration: -1 } }),
  split: named("TrafficSplit", { spec: { service: "a" } }),
  tls: named("MeshTLS", { spec: { mode: "Strict" } }),
  authority: named("Secret", {
    metadata: { name: "heddle-ca", namespace: "heddle-system" },
    data: { "tls.crt": "MQ==" },
  }),
  identity: named("Secret", {
    metadata: { name: "heddle-identity-a", namespace: "shop" },
    data: { "tls.crt": "MQ==" },
  }),
  record: named("ConfigMap", { data: { "bootstrap.yaml": "a" } }),
  certificate: named("Certificate", { spec: { secretName: "a" } }),
};

function metadataOf(object: KubernetesObject, more: object): Readonly<Record<string, unknown>> {
  return { metadata: { ...object.metadata, ...more } };
}

const isCompiled = (
  kind: string,
  before: KubernetesObject | undefined,
  after: KubernetesObject | undefined,
): boolean => {
  const watch = watchOf(kind as KindName);
  const trim = (object: KubernetesObject | undefined) => (object === undefined ? undefined : watch.trim(object));
  return isCompiledChange(watch, trim(before), trim(after));
};

const { pod: aPod, service: aService, slice, policy, authority, identity } = objects;
const podSpec = field(aPod, "spec");

describe("a change wakes the compile", () => {
  test.each<Change>([
    ["labels of a pod", aPod, metadataOf(aPod, { labels: { app: "b" } })],
    ["a pod that ends", aPod, metadataOf(aPod, { deletionTimestamp: "2026-01-01T00:00:00Z" })],
    ["another pod of the same name", aPod, metadataOf(aPod, { uid: "2" })],
    ["a pod's address", aPod, { status: { ...field(aPod, "status"), podIPs: [{ ip: "10.1.0.2" }] } }],
    [
      "a pod that is Ready",
      aPod,
      { status: { ...field(aPod, "status"), conditions: [{ type: "Ready", status: "True" }] } },
    ],
    ["a pod that is done", aPod, { status: { ...field(aPod, "status"), phase: "Succeeded" } }],
    ["a Service's ports", aService, { spec: { clusterIP: "10.96.0.1", ports: [{ port: 81 }] } }],
    ["another Service of the same name", aService, metadataOf(aService, { uid: "2" })],
    ["an endpoint", slice, { endpoints: [{ addresses: ["10.1.0.2"] }] }],
    ["the Service of a slice", slice, metadataOf(slice, { labels: { "kubernetes.io/service-name": "b" } })],
    ["the label of a namespace", objects.namespace, metadataOf(objects.namespace, { labels: {} })],
    ["a policy's spec", policy, { spec: { action: "ALLOW", rules: [{}] } }],
    ["a policy's generation", policy, metadataOf(policy, { generation: 2 })],
    ["another policy of the same name", policy, metadataOf(policy, { uid: "2" })],
    ["a split's spec", objects.split, { spec: { service: "b" } }],
    ["a MeshTLS's spec", objects.tls, { spec: { mode: "Disabled" } }],
    ["the authority's certificate", authority, { data: { "tls.crt": "Mg==" } }],
    ["what is recorded with the authority", authority, metadataOf(authority, { annotations: { "heddle.dev/x": "y" } })],
  ])("%s", (_what, before, more) => {
    expect(isCompiled(before.kind, before, { ...before, ...more })).toBe(true);
  });

  test.each([aPod, aService, slice, objects.namespace, policy, objects.split, objects.tls, authority])(
    "$kind: one that comes or goes",
    (object) => {
      expect(isCompiled(object.kind, undefined, object)).toBe(true);
      expect(isCompiled(object.kind, object, undefined)).toBe(true);
    },
  );
});

describe("a change that no compile can see wakes nobody", () => {
  test.each(Object.values(objects))("$kind $metadata.name: metadata that is written anew", (object) => {
    const churn = { resourceVersion: "2", managedFields: [{ manager: "somebody" }], finalizers: ["x"], selfLink: "/" };
    expect(isCompiled(object.kind, object, { ...object, ...metadataOf(object, churn) })).toBe(false);
  });

  test.each<Change>([
    [
      "annotations of a pod, ours or not",
      aPod,
      metadataOf(aPod, { annotations: { "heddle.dev/class": "b", note: "x" } }),
    ],
    ["a pod's heartbeat", aPod, { status: { ...field(aPod, "status"), containerStatuses: [{ restartCount: 1 }] } }],
    [
      "a pod's other conditions",
      aPod,
      {
        status: {
          ...field(aPod, "status"),
          conditions: [
            { type: "Ready", status: "False", lastProbeTime: "x" },
            { type: "PodScheduled", status: "True" },
          ],
        },
      },
    ],
    [
      "an image of a pod",
      aPod,
      { spec: { ...podSpec, containers: [{ name: "app", image: "v2", ports: [{ containerPort: 80 }] }] } },
    ],
    ["an ephemeral container", aPod, { spec: { ...podSpec, ephemeralContainers: [{ name: "debug" }] } }],
    [
      "labels and annotations of a Service",
      aService,
      metadataOf(aService, { labels: { b: "c" }, annotations: { d: "e" } }),
    ],
    ["a Service's status", aService, { status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } } }],
    [
      "annotations of a slice",
      slice,
      metadataOf(slice, { annotations: { "endpoints.kubernetes.io/last-change": "x" } }),
    ],
    [
      "a namespace's other labels",
      objects.namespace,
      metadataOf(objects.namespace, { labels: { "heddle.dev/inject": "enabled", b: "c" } }),
    ],
    ["a namespace's status", objects.namespace, { status: { phase: "Active" } }],
    ["a policy's status", policy, { status: { observedGeneration: 1, conditions: [] } }],
    ["a policy's labels and annotations", policy, metadataOf(policy, { labels: { b: "c" }, annotations: { d: "e" } })],
    ["an identity that is renewed", identity, { data: { "tls.crt": "Mg==" } }],
    ["the authority's key alone", authority, { data: { "tls.crt": "MQ==", "tls.key": "Mg==" } }],
    ["a record", objects.record, { data: { "bootstrap.yaml": "b" } }],
    ["a Certificate", objects.certificate, { status: { conditions: [{ type: "Ready", status: "True" }] } }],
  ])("%s", (_what, before, more) => {
    expect(isCompiled(before.kind, before, { ...before, ...more })).toBe(false);
  });

  test.each([identity, objects.record, objects.certificate])("$kind: one that comes or goes", (object) => {
    expect(isCompiled(object.kind, undefined, object)).toBe(false);
    expect(isCompiled(object.kind, object, undefined)).toBe(false);
  });
});

function field(object: KubernetesObject, name: string): object {
  return (object as unknown as Readonly<Record<string, object>>)[name] ?? {};
}
