/** Random small clusters for property tests: few names, so that objects meet, conflict and miss each other often. */
import fc from "fast-check";
import type { AuthorizationPolicySpec } from "../../src/api/generated/AuthorizationPolicy.ts";
import type { MeshTLSSpec } from "../../src/api/generated/MeshTLS.ts";
import type { TrafficSplitSpec } from "../../src/api/generated/TrafficSplit.ts";
import type { ServicePort } from "../../src/api/kubernetes.ts";
import { objectKey } from "../../src/model/object-key.ts";
import type { GivenObject } from "./objects.ts";
import { authorizationPolicy, meshTLS, namespace, pod, service, testSettings, trafficSplit } from "./objects.ts";

const namespaces = fc.constantFrom("shop", "store", testSettings.rootNamespace);
const names = fc.constantFrom("a", "b", "constructor", "no");
const labels = fc.record({ app: names }, { requiredKeys: ["app"] });
const creation = fc.constantFrom("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
const metadata = fc.record({ creationTimestamp: creation });
const modes = fc.constantFrom("Strict", "Permissive", "Disabled");
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

/** Leaves out fields without a value, as JSON does. */
function defined<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

const key = fc.tuple(namespaces, names).map(([of, name]) => `${of}/${name}`);

const servicePorts: fc.Arbitrary<ServicePort[]> = fc.uniqueArray(
  fc.constantFrom<ServicePort>(
    { name: "http", port: 80, targetPort: "http" },
    { name: "grpc", port: 81, targetPort: 8080 },
    { name: "db", port: 5432 },
    { name: "http-b", port: 82, targetPort: "missing" },
  ),
  { minLength: 1, selector: ({ port }) => port },
);

const services = fc
  .tuple(key, optional(labels), servicePorts, fc.integer({ min: 0, max: 250 }), metadata)
  .map(([of, selector, ports, host, more]) => {
    // Some are headless.
    const addresses = host % 5 === 0 ? [] : [`10.96.0.${host}`];
    return service(of, { ports, addresses, metadata: more, ...defined({ selector }) });
  });

const pods = fc
  .tuple(key, labels, names, fc.integer({ min: 1, max: 250 }), fc.boolean(), fc.boolean())
  .map(([of, itsLabels, serviceAccount, host, injected, dual]) =>
    pod(of, {
      labels: itsLabels,
      serviceAccount,
      injected,
      addresses: [`10.1.0.${host}`, ...(dual ? [`fd00::${host}`] : [])],
      ports: [
        { name: "http", containerPort: 8080 },
        { name: "db", containerPort: 5432 },
      ],
    }),
  );

const selector = optional(labels.map((matchLabels) => ({ matchLabels })));

const matches: fc.Arbitrary<TrafficSplitSpec["matches"]> = optional(
  fc.uniqueArray(
    fc.constantFrom<NonNullable<TrafficSplitSpec["matches"]>[number]>(
      { method: "GET" },
      { path: { type: "PathPrefix", value: "/api" } },
      { path: { type: "PathPrefix", value: "/" } },
      { path: { type: "Exact", value: "/api" } },
      { headers: [{ type: "Exact", name: "X-A", value: "1" }] },
    ),
    { minLength: 1, maxLength: 3 },
  ),
);

/** Specs of TrafficSplits that the API server takes. */
export const splitSpecs: fc.Arbitrary<TrafficSplitSpec> = fc
  .record({
    service: names,
    backends: fc.uniqueArray(fc.record({ service: names, weight: fc.integer({ min: 0, max: 3 }) }), {
      minLength: 1,
      selector: (backend) => backend.service,
    }),
    matches,
    affinity: optional(
      fc.constantFrom<NonNullable<TrafficSplitSpec["affinity"]>>(
        { header: "X-User" },
        { cookie: { name: "v", ttl: "1h" } },
      ),
    ),
    mirror: optional(fc.record({ service: names, percent: fc.integer({ min: 1, max: 100 }) })),
  })
  .map((spec) => defined(spec) as TrafficSplitSpec);

const source = fc.constantFrom(
  { principals: ["cluster.local/ns/shop/sa/a", "*"] },
  { namespaces: ["shop"], ipBlocks: ["10.0.0.0/8"] },
  { notNamespaces: ["sto*"] },
  { serviceAccounts: ["a", "shop/b"] },
);

const operation = fc.constantFrom(
  { methods: ["GET"] },
  { ports: ["8080"], paths: ["/a/*"] },
  { notPorts: ["5432"] },
  { hosts: ["a.shop"], notPaths: ["/x/{*}"] },
);

/** Specs of AuthorizationPolicies that the API server takes. */
export const policySpecs: fc.Arbitrary<AuthorizationPolicySpec> = fc
  .record({
    selector,
    action: fc.constantFrom("ALLOW", "DENY"),
    rules: fc.array(
      fc
        .record({
          from: optional(
            fc.array(
              source.map((one) => ({ source: one })),
              { minLength: 1, maxLength: 2 },
            ),
          ),
          to: optional(
            fc.array(
              operation.map((one) => ({ operation: one })),
              { minLength: 1, maxLength: 2 },
            ),
          ),
        })
        .map(defined),
      { minLength: 1, maxLength: 2 },
    ),
  })
  .map((spec) => defined(spec) as AuthorizationPolicySpec);

/** Specs of MeshTLS that the API server takes. */
export const tlsSpecs: fc.Arbitrary<MeshTLSSpec> = fc
  .record({
    selector,
    mode: modes,
    ports: optional(
      fc.uniqueArray(fc.record({ port: fc.constantFrom<string | number>("http", 5432, "nil"), mode: modes }), {
        minLength: 1,
        selector: ({ port }) => port,
      }),
    ),
  })
  .map((spec) => defined(spec) as MeshTLSSpec);

const ours = fc.oneof(
  fc.tuple(key, splitSpecs, metadata).map((parts) => trafficSplit(...parts)),
  fc.tuple(key, policySpecs, metadata).map((parts) => authorizationPolicy(...parts)),
  fc.tuple(key, tlsSpecs, metadata).map((parts) => meshTLS(...parts)),
);

/** Objects of a cluster, no two of one kind and key. */
export const clusters: fc.Arbitrary<readonly GivenObject[]> = fc
  .tuple(
    fc.subarray(["shop", "store"]),
    fc.array(services, { maxLength: 5 }),
    fc.array(pods, { maxLength: 5 }),
    fc.array(ours, { maxLength: 6 }),
  )
  .map(([labelled, ...objects]) => {
    const all = [...labelled.map((name) => namespace(name)), ...objects.flat()];
    return [...new Map(all.map((object) => [`${object.kind} ${objectKey(object)}`, object])).values()];
  });
