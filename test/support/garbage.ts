/**
 * Objects that no sane author writes: what a snapshot may hold after an older schema, a hand-written slice, a race of
 * deletions, or a tenant who means harm. The API server refuses a part of it, today.
 */
import fc from "fast-check";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import { configMapOfClass, containers, volumes } from "../../src/model/sidecar.ts";

const words = fc.constantFrom(
  "a",
  "b",
  "constructor",
  "__proto__",
  "hasownproperty",
  "no",
  "y",
  "null",
  "1e3",
  "a.b.c",
  "",
  "x".repeat(253),
  "\u0000",
  "$(x)",
  "../x",
  "%REQ(x)%",
);
const addresses = fc.constantFrom(
  "10.1.0.1",
  "10.1.0.2",
  "10.96.0.1",
  "127.0.0.1",
  "169.254.169.254",
  "0.0.0.0",
  "::",
  "::1",
  "fd00::1",
  "FD00::1",
  "fe80::1",
  "None",
  "",
  "example.org",
  "10.1.0.999",
  "10.1.0.1/8",
  "224.0.0.1",
);
const numbers = fc.constantFrom(0, 1, 80, 8080, 15_006, 15_000, 65_535, 65_536, -1, 1.5);
const junk: fc.Arbitrary<unknown> = fc.oneof(
  words,
  numbers,
  fc.constantFrom(null, undefined, true, [], {}, [null], [[]]),
);
const labels = fc.dictionary(words, words, { maxKeys: 3 });
const protocols = fc.constantFrom("TCP", "UDP", "SCTP", undefined, "");
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 4 });
const nothing = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 4 });

const mountedNames = fc.oneof(words, words.map(configMapOfClass));

const metadata = (namespace: string) =>
  fc.record(
    {
      name: words,
      namespace: fc.constant(namespace),
      uid: maybe(words),
      generation: maybe(numbers),
      creationTimestamp: maybe(words),
      deletionTimestamp: maybe(words),
      labels: maybe(
        fc.oneof(
          labels,
          words.map((name) => ({ "kubernetes.io/service-name": name })),
        ),
      ),
      annotations: maybe(labels),
    },
    { requiredKeys: ["name", "namespace"] },
  );

const services = (namespace: string) =>
  fc.record({
    apiVersion: fc.constant("v1"),
    kind: fc.constant("Service"),
    metadata: metadata(namespace),
    spec: maybe(
      fc.record({
        type: maybe(fc.constantFrom("ClusterIP", "ExternalName", "LoadBalancer", "Odd")),
        clusterIP: maybe(addresses),
        clusterIPs: maybe(fc.array(addresses, { maxLength: 3 })),
        externalName: maybe(words),
        selector: maybe(labels),
        ports: maybe(
          fc.array(
            fc.record({
              name: maybe(words),
              port: numbers,
              targetPort: maybe(fc.oneof(words, numbers)),
              protocol: protocols,
              appProtocol: maybe(words),
            }),
            { maxLength: 3 },
          ),
        ),
      }),
    ),
  });

const slices = (namespace: string) =>
  fc.record({
    apiVersion: fc.constant("discovery.k8s.io/v1"),
    kind: fc.constant("EndpointSlice"),
    metadata: metadata(namespace),
    addressType: fc.constantFrom("IPv4", "IPv6", "FQDN", "Odd"),
    endpoints: nothing(
      fc.array(
        fc.record({
          addresses: nothing(fc.array(addresses, { maxLength: 3 })),
          conditions: maybe(
            fc.record({
              ready: nothing(fc.boolean()),
              serving: nothing(fc.boolean()),
              terminating: nothing(fc.boolean()),
            }),
          ),
          targetRef: maybe(
            fc.record({
              kind: fc.constantFrom("Pod", "Node", undefined),
              namespace: maybe(fc.constantFrom(namespace, "shop", "heddle-system")),
              name: maybe(words),
              uid: maybe(words),
            }),
          ),
        }),
        { maxLength: 3 },
      ),
    ),
    ports: nothing(
      fc.array(fc.record({ name: nothing(words), port: nothing(numbers), protocol: protocols }), { maxLength: 3 }),
    ),
  });

const pods = (namespace: string) =>
  fc.record({
    apiVersion: fc.constant("v1"),
    kind: fc.constant("Pod"),
    metadata: metadata(namespace),
    spec: fc.record({
      serviceAccountName: maybe(words),
      hostNetwork: maybe(fc.boolean()),
      containers: fc.array(
        fc.record({
          name: words,
          ports: maybe(
            fc.array(fc.record({ name: maybe(words), containerPort: numbers, protocol: protocols }), { maxLength: 2 }),
          ),
        }),
        { maxLength: 2 },
      ),
      initContainers: fc.constant([{ name: containers.proxy, restartPolicy: "Always" }]),
      volumes: maybe(
        fc.array(
          fc.record(
            { name: fc.constant(volumes.configuration), configMap: maybe(fc.record({ name: nothing(mountedNames) })) },
            { requiredKeys: ["name"] },
          ),
          { maxLength: 2 },
        ),
      ),
    }),
    status: maybe(
      fc.record({
        phase: maybe(fc.constantFrom("Running", "Succeeded", "Failed", "Odd")),
        podIP: maybe(addresses),
        podIPs: maybe(fc.array(fc.record({ ip: addresses }), { maxLength: 3 })),
        conditions: maybe(
          fc.array(fc.record({ type: fc.constantFrom("Ready", "Odd"), status: words }), { maxLength: 2 }),
        ),
      }),
    ),
  });

/** Objects of ours with anything as their spec, status included. */
const ours = (namespace: string) =>
  fc.record({
    apiVersion: fc.constant("heddle.dev/v1alpha1"),
    kind: fc.constantFrom("TrafficSplit", "AuthorizationPolicy", "MeshTLS"),
    metadata: metadata(namespace),
    spec: fc.oneof(
      junk,
      fc.record({
        service: junk,
        backends: junk,
        matches: junk,
        affinity: junk,
        mirror: junk,
        selector: fc.oneof(junk, fc.record({ matchLabels: fc.oneof(junk, labels) })),
        action: junk,
        enforcement: junk,
        rules: fc.oneof(junk, fc.array(fc.record({ from: junk, to: junk, when: junk }), { maxLength: 2 })),
        mode: junk,
        ports: fc.oneof(junk, fc.array(fc.record({ port: junk, mode: junk }), { maxLength: 2 })),
        tlsVersion: junk,
        tlsCiphers: junk,
        identity: junk,
      }),
    ),
    status: junk,
  });

/** Nonsense in one namespace, no two objects of one kind and name. */
export const garbage = (namespace: string): fc.Arbitrary<readonly KubernetesObject[]> =>
  fc
    .array(fc.oneof(services(namespace), slices(namespace), pods(namespace), ours(namespace)), { maxLength: 12 })
    .map(
      (objects) =>
        [
          ...new Map(objects.map((object) => [`${object.kind} ${object.metadata.name}`, object])).values(),
        ] as unknown as readonly KubernetesObject[],
    );
