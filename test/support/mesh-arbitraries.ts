/** Whatever the mesh model can hold, for property tests. Names and patterns are such as the API server admits. */
import fc from "fast-check";
import type {
  Affinity,
  AuthorizationRule,
  InboundPort,
  MeshEndpoint,
  MeshPolicy,
  MeshRoute,
  MeshService,
  MeshServicePort,
  Mirror,
  OperationMatch,
  Protocol,
  RouteMatch,
  RuleCondition,
  SourceMatch,
  StringMatch,
  TLSParameters,
  Values,
  WeightedBackend,
  WorkloadClass,
} from "../../src/model/mesh.ts";
import { identityOf, meshPolicy, workloadClass } from "./mesh-samples.ts";

/** Names that have tripped others: properties of every JavaScript object, and words of YAML. */
const trap = fc.constantFrom("constructor", "no", "on", "y", "null", "tostring", "sa", "ns");
const label = fc.oneof(
  { weight: 1, arbitrary: trap },
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z]([-a-z0-9]{0,8}[a-z0-9])?$/) },
);
const dotted = fc.oneof(
  label,
  fc.array(label, { minLength: 2, maxLength: 3 }).map((parts) => parts.join(".")),
);
const portNumber = fc.oneof(
  fc.constantFrom(80, 443, 8080, 15000, 15001, 15006, 15020),
  fc.integer({ min: 1, max: 65535 }),
);
const protocol = fc.constantFrom<Protocol>("http", "http2", "grpc", "tcp");
const mode = fc.constantFrom<InboundPort["mode"]>("Strict", "Permissive", "Disabled");
const serverFirstPort = fc.record({
  port: portNumber,
  protocol: fc.constant("tcp" as const),
  mode,
  serverFirst: fc.constant(true as const),
});
const address = fc.oneof(
  fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 254 })).map(([a, b]) => `10.9.${a}.${b}`),
  fc.integer({ min: 1, max: 0xffff }).map((n) => `fd00::${n.toString(16)}`),
);

/** Printable text that is neither `*` nor a template. */
const literal = fc.stringMatching(/^[!-)+-z|~]{1,12}$/);
const simpleMatch: fc.Arbitrary<StringMatch> = fc.oneof(
  fc.record({ type: fc.constantFrom("exact", "prefix", "suffix"), value: fc.oneof(dotted, literal) }),
  fc.constant({ type: "present" } as const),
);
const pathMatch: fc.Arbitrary<StringMatch> = fc.oneof(
  fc.record({ type: fc.constantFrom("exact", "prefix"), value: literal.map((text) => `/${text}`) }),
  fc.record({ type: fc.constant("suffix" as const), value: literal }),
  fc.record({
    type: fc.constant("template" as const),
    value: fc.constantFrom("/a/{*}", "/{*}/b/{**}", "/{**}", "/{**}/end", "/a.b/{*}/c_d"),
  }),
  fc.constant({ type: "present" } as const),
);

function values<T>(value: fc.Arbitrary<T>): fc.Arbitrary<Values<T>> {
  const list = fc.array(value, { minLength: 1, maxLength: 3 });
  return fc.oneof(fc.record({ any: list }), fc.record({ none: list }), fc.record({ any: list, none: list }));
}

const source: fc.Arbitrary<SourceMatch> = fc.record(
  {
    principals: values(simpleMatch),
    namespaces: values(simpleMatch),
    serviceAccounts: values(fc.record({ namespace: label, name: dotted })),
    ipBlocks: values(
      fc.oneof(
        fc.record({ address: fc.constant("10.0.0.0"), prefixLength: fc.integer({ min: 0, max: 32 }) }),
        fc.record({ address: fc.constant("fd00::"), prefixLength: fc.integer({ min: 0, max: 128 }) }),
      ),
    ),
  },
  { requiredKeys: [] },
);

const operation: fc.Arbitrary<OperationMatch> = fc.record(
  { hosts: values(simpleMatch), ports: values(portNumber), methods: values(simpleMatch), paths: values(pathMatch) },
  { requiredKeys: [] },
);

const condition: fc.Arbitrary<RuleCondition> = fc.oneof(
  source.map((demand) => ({ source: demand })),
  operation.map((demand) => ({ operation: demand })),
  values(fc.constantFrom({ address: "10.0.0.0", prefixLength: 8 }, { address: "fd00::", prefixLength: 8 })).map(
    (addresses) => ({ operation: { addresses } }),
  ),
  values(simpleMatch).map((serverNames) => ({ operation: { serverNames } })),
  fc
    .record({ name: fc.constantFrom("x-tenant", "user-agent", "x.y~z"), values: values(simpleMatch) })
    .map((header) => ({ operation: { header } })),
);

/** One rule. */
export const anyRule: fc.Arbitrary<AuthorizationRule> = fc.record(
  {
    sources: fc.array(source, { maxLength: 2 }),
    operations: fc.array(operation, { maxLength: 2 }),
    conditions: fc.array(condition, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ["sources", "operations"] },
);

/** Policies of different names. */
export const anyPolicies: fc.Arbitrary<readonly MeshPolicy[]> = fc
  .uniqueArray(fc.record({ namespace: label, name: dotted, rules: fc.array(anyRule, { maxLength: 2 }) }), {
    maxLength: 3,
    selector: ({ namespace, name }) => `${namespace}/${name}`,
  })
  .map((policies) => policies.map(({ namespace, name, rules }) => meshPolicy(`${namespace}/${name}`, rules)));

/** A workload class with any ports, modes and policies. */
export const anyWorkload: fc.Arbitrary<WorkloadClass> = fc
  .record({
    namespace: label,
    serviceAccount: dotted,
    ports: fc.uniqueArray(fc.oneof(fc.record({ port: portNumber, protocol, mode }), serverFirstPort), {
      maxLength: 4,
      selector: ({ port }) => port,
    }),
    mode,
    tls: fc.constantFrom<TLSParameters>(
      {},
      { minVersion: "TLS13" },
      { maxVersion: "TLS12", cipherSuites: ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"] },
    ),
    deny: anyPolicies,
    allow: fc.option(anyPolicies, { nil: undefined }),
    dryRuns: anyPolicies.map((policies) =>
      policies.map((policy, index) => ({
        ...policy,
        action: index % 2 === 0 ? ("DENY" as const) : ("ALLOW" as const),
      })),
    ),
    families: fc.constantFrom({ ipv4: true, ipv6: false }, { ipv4: false, ipv6: true }, { ipv4: true, ipv6: true }),
  })
  .map((parts) => workloadClass({ ...parts, identity: identityOf(parts.namespace, parts.serviceAccount) }));

const endpoint: fc.Arbitrary<MeshEndpoint> = fc.record({ address, port: portNumber, mutualTLS: fc.boolean() });

const routeMatch: fc.Arbitrary<RouteMatch> = fc.record(
  {
    path: fc.oneof(
      fc.record({ type: fc.constant("Exact" as const), value: fc.constantFrom("/", "/a", "/a/", "/a.b/c") }),
      fc.record({ type: fc.constant("PathPrefix" as const), value: fc.constantFrom("/", "/a", "/a/", "/a.b//", "//") }),
      fc.record({ type: fc.constant("RegularExpression" as const), value: fc.constantFrom("/a.*", "/(x|y)/[0-9]+") }),
    ),
    method: fc.constantFrom("GET", "POST"),
    headers: fc.array(
      fc.record({
        type: fc.constantFrom("Exact" as const, "RegularExpression" as const),
        name: fc.constantFrom("x-beta", "x-user"),
        value: fc.constantFrom("1", "a.b"),
      }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: ["headers"] },
);

const backend: fc.Arbitrary<WeightedBackend> = fc.record({
  weight: fc.integer({ min: 1, max: 1_000_000 }),
  target: fc.oneof(
    fc.record({ kind: fc.constant("service" as const), namespace: label, service: label, port: portNumber }),
    fc.record({
      kind: fc.constant("unavailable" as const),
      reason: fc.constantFrom("no-weight" as const, "missing-backend" as const, "missing-port" as const),
    }),
  ),
});

const backends = fc.array(backend, { maxLength: 4 });
const affinity: fc.Arbitrary<Affinity> = fc.oneof(
  fc.record({ kind: fc.constant("header" as const), name: fc.constantFrom("x-user", "cookie", "host") }),
  fc.record({
    kind: fc.constant("cookie" as const),
    name: fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/),
    ttlSeconds: fc.integer({ min: 1, max: 31_536_000 }),
  }),
);
const mirror: fc.Arbitrary<Mirror> = fc.record({
  namespace: label,
  service: label,
  port: portNumber,
  percent: fc.integer({ min: 1, max: 100 }),
});
const optionalParts = { affinity, mirror };
const lastRoute: fc.Arbitrary<MeshRoute> = fc.record({ backends, ...optionalParts }, { requiredKeys: ["backends"] });
const matchedRoute: fc.Arbitrary<MeshRoute> = fc.record(
  { match: routeMatch, backends, ...optionalParts },
  { requiredKeys: ["match", "backends"] },
);

const servicePort: fc.Arbitrary<MeshServicePort> = fc
  .record({
    port: portNumber,
    name: label,
    protocol,
    endpoints: fc.uniqueArray(endpoint, { maxLength: 4, selector: ({ address: ip, port }) => `${ip} ${port}` }),
    matched: fc.array(matchedRoute, { maxLength: 3 }),
    last: lastRoute,
    mirrored: fc.constantFrom({}, { mirrored: true } as const),
  })
  .map(({ matched, last, mirrored, ...port }) => ({
    ...port,
    ...mirrored,
    serverIdentities: port.endpoints.some(({ mutualTLS }) => mutualTLS) ? [identityOf("shop", "server")] : [],
    routing: { routes: port.protocol === "tcp" ? [last] : [...matched, last] },
  }));

/** A Service with any ports, endpoints and routes. */
export const anyService: fc.Arbitrary<MeshService> = fc
  .record({
    namespace: label,
    name: label,
    addresses: fc.constantFrom(["10.96.1.1"], ["10.96.1.1", "fd96::1"], []),
    ports: fc.uniqueArray(servicePort, { maxLength: 3, selector: ({ port }) => port }),
  })
  .map((service) => ({ key: `${service.namespace}/${service.name}`, ...service }));
