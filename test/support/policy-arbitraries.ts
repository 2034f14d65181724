/**
 * Random policies, as the API server takes them, and random calls that are often close to what policies say: both are made
 * of few words, which differ by what has fooled others (a dot that fits any character, a name that begins another).
 */
import fc from "fast-check";
import type {
  AuthorizationPolicyCondition,
  AuthorizationPolicyOperation,
  AuthorizationPolicyRule,
  AuthorizationPolicySource,
  AuthorizationPolicySpec,
} from "../../src/api/generated/AuthorizationPolicy.ts";
import type { Call, Caller, Request } from "../../src/policy/call.ts";
import { identityOf } from "./mesh-samples.ts";

/** The ports of the workload that is called, by what they speak. */
export const applicationPorts = { http: 8080, http2: 9090, tcp: 9000, serverFirst: 3306, undeclared: 7000 } as const;

/** Those who call, of the mesh. */
export const callers: readonly string[] = [
  identityOf("shop", "frontend"),
  identityOf("shop", "front.end"),
  identityOf("shop", "frontxend"),
  identityOf("shop-a", "frontend"),
  identityOf("store", "frontend"),
];

/** Where callers' connections come from. */
export const sourceAddresses = ["10.0.0.2", "10.0.0.3", "10.0.1.2"] as const;

const list = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.uniqueArray(value, { minLength: 1, maxLength: 3 });

const principals = fc.constantFrom(
  ...["frontend", "front.end", "*"].map((name) => (name === "*" ? name : `cluster.local/ns/shop/sa/${name}`)),
  ...[
    "cluster.local/ns/shop/*",
    "cluster.local/ns/sh*",
    "cluster.local/ns/shop-a/sa/frontend",
    "*/sa/frontend",
    "*.end",
  ],
  ...["*/ns/store/sa/frontend", "*end", "other.domain/ns/shop/sa/frontend", "*//cluster.local/ns/shop/sa/frontend"],
);
const namespaces = fc.constantFrom("shop", "sh*", "*op", "*-a", "*", "store", "shop-*", "sho");
const serviceAccounts = fc.constantFrom(
  "frontend",
  "shop/front.end",
  "store/frontend",
  "shop/front",
  "shop-a/frontend",
);
const blocks = fc.constantFrom(
  "10.0.0.2",
  "10.0.0.0/24",
  "10.0.0.3/32",
  "10.0.0.2/31",
  "0.0.0.0/0",
  "::/0",
  "10.0.1.0/24",
);
const destinationBlocks = fc.constantFrom("10.1.0.0/16", "10.1.0.0/25", "10.2.0.0/16", "::/0");
const hosts = fc.constantFrom("cart.shop", "*.shop", "cart*", "*", "CART.shop", "cart-shop", "[fd00::1]", "car*");
const ports = fc.constantFrom(...Object.values(applicationPorts).map(String));
const methods = fc.constantFrom("GET", "POST", "P*", "*ET", "*", "PUT");
const paths = fc.constantFrom(
  ...["/admin", "/admin/*", "/a.b", "/a.b*", "/a/{*}/c", "/r/{**}", "/r/{**}/c", "*", "*/c", "*.b", "/", "/ad*"],
  ...["/v1/x:delete", "/v1/x:*", "*:delete", "/caf%c3%a9", "/a(b)", "/{*}/x:delete", "/a/", "/c;d", "/%25c"],
);
const serverNames = fc.constantFrom("db.example", "*.example", "db*", "*", "DB.example", "dbxexample");
const headerValues = fc.constantFrom("blue", "blue*", "*blue", "*", "re.d", "blue, red", "red", "team-*", "a=b");
const headerNames = fc.constantFrom("x-tenant", "X-Tenant", "user-agent", "cookie", "x.y", "content-type");

/** One field of `name` in its positive or negative form, or both. */
function field<Given extends object>(
  positive: keyof Given & string,
  values: fc.Arbitrary<string>,
): fc.Arbitrary<Given> {
  const negative = `not${positive.charAt(0).toUpperCase()}${positive.slice(1)}`;
  const of = (names: readonly string[]) =>
    fc.record(
      Object.fromEntries(names.map((name) => [name, list(values)])),
    ) as fc.Arbitrary<unknown> as fc.Arbitrary<Given>;
  return fc.oneof(
    { weight: 5, arbitrary: of([positive]) },
    { weight: 3, arbitrary: of([negative]) },
    { weight: 1, arbitrary: of([positive, negative]) },
  );
}

/** Some of the fields, mostly one. */
function some<Given extends object>(fields: readonly fc.Arbitrary<Given>[]): fc.Arbitrary<Given> {
  return fc
    .shuffledSubarray([...fields], { minLength: 1, maxLength: 2 })
    .chain((chosen) => fc.tuple(...chosen))
    .map((parts) => Object.assign({}, ...parts) as Given);
}

const source: fc.Arbitrary<AuthorizationPolicySource> = fc.oneof(
  some<AuthorizationPolicySource>([
    field("principals", principals),
    field("namespaces", namespaces),
    field("ipBlocks", blocks),
  ]),
  some<AuthorizationPolicySource>([field("serviceAccounts", serviceAccounts), field("ipBlocks", blocks)]),
);

const operation: fc.Arbitrary<AuthorizationPolicyOperation> = some<AuthorizationPolicyOperation>([
  field("hosts", hosts),
  field("ports", ports),
  field("methods", methods),
  field("paths", paths),
]);

function condition(key: string, values: fc.Arbitrary<string>): fc.Arbitrary<AuthorizationPolicyCondition> {
  return field<Omit<AuthorizationPolicyCondition, "key">>("values", values).map((given) => ({ key, ...given }));
}

const conditions: fc.Arbitrary<AuthorizationPolicyCondition> = fc.oneof(
  { weight: 6, arbitrary: headerNames.chain((name) => condition(`request.headers[${name}]`, headerValues)) },
  {
    weight: 2,
    arbitrary: condition(
      "connection.sni",
      serverNames.map((name) => name.toLowerCase()),
    ),
  },
  { weight: 2, arbitrary: condition("source.ip", blocks) },
  condition("source.namespace", namespaces),
  { weight: 2, arbitrary: condition("source.principal", principals) },
  condition("source.serviceAccount", serviceAccounts),
  condition("destination.ip", destinationBlocks),
  condition("destination.port", ports),
);

const parts = {
  from: fc.array(
    source.map((one) => ({ source: one })),
    { minLength: 1, maxLength: 2 },
  ),
  to: fc.array(
    operation.map((one) => ({ operation: one })),
    { minLength: 1, maxLength: 2 },
  ),
  when: fc.array(conditions, { minLength: 1, maxLength: 2 }),
};
// A rule with many demands fits nothing, and one without fits everything.
const rule: fc.Arbitrary<AuthorizationPolicyRule> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ from: parts.from }) },
  { weight: 6, arbitrary: fc.record({ to: parts.to }) },
  { weight: 4, arbitrary: fc.record({ when: parts.when }) },
  { weight: 3, arbitrary: fc.record({ from: parts.from, to: parts.to }) },
  { weight: 1, arbitrary: fc.record(parts) },
  { weight: 1, arbitrary: fc.constant({}) },
);

/** What a policy says, whomever it is for. */
export const policySpec: fc.Arbitrary<AuthorizationPolicySpec> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      action: fc.constant<"ALLOW">("ALLOW"),
      rules: fc.array(rule, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      action: fc.constant<"DENY">("DENY"),
      rules: fc.array(rule, { minLength: 1, maxLength: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({}) },
);

// ----------------------------------------------------------------------------------------------------------------- calls

/** What callers make of a path so that it looks like another. */
const disguises: readonly ((path: string) => string)[] = [
  (path) => path,
  (path) => `${path}?x=/admin`,
  (path) => `/${path}`,
  (path) => `/x/..${path}`,
  (path) => `/x/%2e%2E${path}`,
  (path) => `/x/..;p=1${path}`,
  (path) => `/x%2f..${path}`,
  (path) => `/.${path}`,
  (path) => `${path}/`,
  (path) => `${path}/../`,
  (path) => path.replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
  (path) => path.replace(/[:();]/, (sign) => `%${sign.charCodeAt(0).toString(16)}`),
  (path) => path.replace(/%[0-9a-f]{2}/i, (code) => code.toUpperCase()),
  (path) => path.toUpperCase(),
  (path) => `/%2f${path}`,
  (path) => path.replaceAll("/", "\\"),
];

const requestPath = fc
  .tuple(
    fc.constantFrom(
      ...[
        "/admin",
        "/admin/x",
        "/a.b",
        "/axb",
        "/a/b/c",
        "/a/c",
        "/a//c",
        "/r/x/y",
        "/r/",
        "/r/c",
        "/r/x/c",
        "/",
        "/ok",
      ],
      ...["/v1/x:delete", "/v1/x", "/caf%c3%a9", "/a(b)", "/a(b)c", "/a/", "/c;d", "/%25c", "/%2525c", "/adm"],
    ),
    fc.constantFrom(...disguises),
  )
  .map(([path, disguise]) => disguise(path));

const requestHost = fc.constantFrom(
  ...[
    "cart.shop",
    "cart.shop:80",
    "CART.SHOP",
    "cart.shop.",
    "cart.shop.:8080",
    "a.shop",
    "cart-shop",
    "cartxshop",
    "",
  ],
  ...["[fd00::1]:80", "other", "cart.shop:80:80", "cart.shop:", "u@cart.shop", "cart.shop..", "%63art.shop"],
);

const requestHeader = fc.tuple(
  fc.constantFrom("x-tenant", "X-TENANT", "user-agent", "cookie", "x.y", "content-type"),
  fc.oneof(
    fc.constantFrom(
      "blue",
      "red",
      "blue, red",
      "red,blue",
      "blueish",
      "light blue",
      "BLUE",
      "",
      "rexd",
      "re.d",
      "team-1",
    ),
    fc.constantFrom('"blue"', "blue;q=1", "red; blue", "a=b; c=d", "team-1,red", "a, re.d", "red", "blue,"),
  ),
);

/** A request, and sometimes one that no sidecar serves. */
export const anyRequest: fc.Arbitrary<Request> = fc.record({
  method: fc.constantFrom("GET", "GET", "POST", "PUT", "DELETE"),
  path: requestPath,
  host: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom("cart.shop", "a.shop") },
    { weight: 1, arbitrary: requestHost },
  ),
  headers: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 3, arbitrary: fc.array(requestHeader, { minLength: 1, maxLength: 3 }) },
  ),
});

/** Whether a port speaks HTTP. */
export const isHTTP = (port: number): boolean => port === applicationPorts.http || port === applicationPorts.http2;

const caller: fc.Arbitrary<Caller> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(...callers).map((identity) => ({ speaks: "mutual-tls" as const, identity })),
  },
  { weight: 2, arbitrary: fc.constant({ speaks: "plaintext" as const }) },
  { weight: 1, arbitrary: fc.constant({ speaks: "tls" as const }) },
);

/** A call to a pod of this address. */
export const callTo = (address: string): fc.Arbitrary<Call> =>
  fc
    .record({
      caller,
      source: fc.constantFrom(...sourceAddresses),
      port: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(applicationPorts.http, applicationPorts.http2) },
        { weight: 3, arbitrary: fc.constantFrom(applicationPorts.tcp, applicationPorts.undeclared) },
        { weight: 1, arbitrary: fc.constant(applicationPorts.serverFirst) },
      ),
      serverName: fc.constantFrom(
        undefined,
        undefined,
        "db.example",
        "db.example.",
        "DB.Example",
        "x.example",
        "other",
      ),
      request: anyRequest,
    })
    .map(({ caller: who, source: from, port, serverName, request }) => ({
      caller: who,
      source: from,
      destination: { address, port },
      ...(serverName === undefined || who.speaks === "plaintext" ? {} : { serverName }),
      // Over HTTP/2 there is no request without a host.
      ...(isHTTP(port) && who.speaks !== "tls"
        ? {
            request:
              port === applicationPorts.http2 ? { ...request, host: request.host || "other", http2: true } : request,
          }
        : {}),
    }));
