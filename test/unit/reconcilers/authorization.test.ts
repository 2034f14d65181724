import { describe, expect, test } from "vitest";
import type { FindingCode } from "../../../src/api/conditions.ts";
import type {
  AuthorizationPolicyCondition,
  AuthorizationPolicySpec,
} from "../../../src/api/generated/AuthorizationPolicy.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import type { GivenObject } from "../../support/objects.ts";
import { authorizationPolicy, clusterOf, meshTLS, pod, service, testSettings } from "../../support/objects.ts";

const workload = [
  pod("shop/a-1", {
    labels: { app: "a" },
    addresses: ["10.1.0.1"],
    ports: [{ containerPort: 8080 }, { containerPort: 5432 }],
  }),
  service("shop/a", {
    selector: { app: "a" },
    ports: [
      { name: "http", port: 8080 },
      { name: "db", port: 5432 },
    ],
  }),
];

function decide(spec: AuthorizationPolicySpec, ...others: readonly GivenObject[]) {
  const compilation = compile(clusterOf([...workload, authorizationPolicy("shop/x", spec), ...others]), testSettings);
  const decision = [...compilation.decisions.values()].find(({ object }) => object.kind === "AuthorizationPolicy");
  const [target] = compilation.mesh.classes.values();
  if (decision === undefined || target === undefined) throw new Error("there is no decision");
  return { decision, workload: target };
}

describe("a stored policy that the API server would refuse", () => {
  const source = (given: object): AuthorizationPolicySpec => ({ rules: [{ from: [{ source: given }] }] });
  const operation = (given: object): AuthorizationPolicySpec => ({ rules: [{ to: [{ operation: given }] }] });
  const when = (given: AuthorizationPolicyCondition): AuthorizationPolicySpec => ({ rules: [{ when: [given] }] });

  test.each<[string, AuthorizationPolicySpec, string]>([
    ["a DENY without rules", { action: "DENY" }, "spec.rules"],
    ["a port above 65535", operation({ ports: ["70000"] }), "ports[0]"],
    ["a port that is no number", operation({ notPorts: ["http"] }), "notPorts[0]"],
    ["a host with a port", operation({ hosts: ["cart.shop:8080"] }), "hosts[0]"],
    ["a host with a trailing dot", operation({ hosts: ["cart.shop."] }), "hosts[0]"],
    ["an asterisk within a method", operation({ methods: ["G*T"] }), "methods[0]"],
    ["a pattern with two asterisks", operation({ methods: ["*E*"] }), "methods[0]"],
    ["a path without a slash", operation({ paths: ["cart"] }), "paths[0]"],
    ["a template segment that is not whole", operation({ paths: ["/cart/a{*}"] }), "paths[0]"],
    ["a template segment behind `{**}`", operation({ paths: ["/{**}/{*}"] }), "paths[0]"],
    ["a template and an asterisk", operation({ paths: ["/{*}/x*"] }), "paths[0]"],
    ["a template name", operation({ paths: ["/{name}"] }), "paths[0]"],
    ["a principal with its scheme", source({ principals: ["spiffe://cluster.local/ns/a/sa/b"] }), "principals[0]"],
    ["an asterisk in a service account", source({ serviceAccounts: ["shop/*"] }), "serviceAccounts[0]"],
    ["a service account of three parts", source({ serviceAccounts: ["a/b/c"] }), "serviceAccounts[0]"],
    ["a service account without a name", source({ serviceAccounts: ["shop/"] }), "serviceAccounts[0]"],
    ["a block that is none", source({ notIpBlocks: ["10.0.0.0/33"] }), "notIpBlocks[0]"],
    ["an empty source", source({}), "source"],
    ["an empty list", source({ namespaces: [] }), "namespaces"],
    ["an unknown field", source({ requestPrincipals: ["x"] }), "requestPrincipals"],
    [
      "a selector beside targetRefs",
      { selector: { matchLabels: { app: "a" } }, targetRefs: [{ kind: "Service", name: "a" }] },
      "spec",
    ],
    ["a target of another kind", { targetRefs: [{ kind: "Gateway" as "Service", name: "a" }] }, "targetRefs[0].kind"],
    ["a condition without values", when({ key: "source.ip" }), "when[0]"],
    ["a key that is not known", when({ key: "source.labels[app]", values: ["a"] }), "when[0].key"],
    ["a key of a token", when({ key: "request.auth.principal", values: ["a"] }), "when[0].key"],
    ["the address of a proxy before", when({ key: "remote.ip", values: ["10.0.0.1"] }), "when[0].key"],
    ["a header with an underscore", when({ key: "request.headers[x_a]", values: ["a"] }), "when[0].key"],
    ["a pseudo header", when({ key: "request.headers[:path]", values: ["a"] }), "when[0].key"],
    ["the header Host", when({ key: "request.headers[Host]", values: ["a"] }), "when[0].key"],
    ["a condition on no address", when({ key: "destination.ip", notValues: ["a"] }), "when[0].notValues[0]"],
    ["a condition on no port", when({ key: "destination.port", values: ["0"] }), "when[0].values[0]"],
    ["a condition on no name of a host", when({ key: "connection.sni", values: ["a.b."] }), "when[0].values[0]"],
    ["an asterisk within a value", when({ key: "request.headers[x-a]", values: ["a*b"] }), "when[0].values[0]"],
    ["an unknown enforcement", { enforcement: "Dryrun" as "DryRun", rules: [{}] }, "spec.enforcement"],
    ["an unknown action", { action: "AUDIT" as "DENY" }, "spec.action"],
  ])("%s is invalid, names the field, and denies everything", (_what, spec, field) => {
    const { decision, workload: target } = decide(spec);
    expect(decision.accepted).toMatchObject({ status: "False", reason: "Invalid" });
    expect(decision.accepted.message).toContain(field);
    expect(target.deny.map(({ rules }) => rules)).toEqual([[{ sources: [], operations: [] }]]);
    expect(target.allow).toBeUndefined();
  });
});

test("a policy with a good rule and a bad one is refused whole", () => {
  const good = { from: [{ source: { serviceAccounts: ["shop/frontend"] } }] };
  const bad = { to: [{ operation: { ports: ["http"] } }] };
  for (const action of ["ALLOW", "DENY"] as const) {
    for (const rules of [
      [good, bad],
      [bad, good],
    ]) {
      const { decision, workload: target } = decide({ action, rules });
      expect(decision.accepted).toMatchObject({ status: "False", reason: "Invalid" });
      expect(decision.accepted.message).toContain(`spec.rules[${rules.indexOf(bad)}]`);
      expect(target.deny.map((policy) => policy.rules)).toEqual([[{ sources: [], operations: [] }]]);
      expect(target.allow).toBeUndefined();
    }
    // The good rule alone counts.
    expect(decide({ action, rules: [good] }).decision.accepted.status).toBe("True");
  }
});

describe("findings", () => {
  const codes = (spec: AuthorizationPolicySpec, ...others: readonly GivenObject[]): readonly FindingCode[] =>
    decide(spec, ...others).decision.findings.map(({ code }) => code);
  const denyShop = (to?: object): AuthorizationPolicySpec => ({
    action: "DENY",
    rules: [{ from: [{ source: { namespaces: ["shop"] } }], ...(to === undefined ? {} : { to: [{ operation: to }] }) }],
  });

  test("a denied identity is uncertain only on the ports that the rule covers", () => {
    const strictButHTTP = meshTLS("shop/tls", { mode: "Strict", ports: [{ port: 8080, mode: "Permissive" }] });
    expect(codes(denyShop(), strictButHTTP)).toEqual(["IdentityWithoutStrict"]);
    expect(codes(denyShop({ ports: ["8080"] }), strictButHTTP)).toEqual(["IdentityWithoutStrict"]);
    expect(codes(denyShop({ ports: ["5432"] }), strictButHTTP)).toEqual([]);
    expect(codes(denyShop({ notPorts: ["8080"] }), strictButHTTP)).toEqual([]);
    const strictHTTP = meshTLS("shop/tls", { mode: "Permissive", ports: [{ port: 8080, mode: "Strict" }] });
    expect(codes(denyShop({ ports: ["8080"] }), strictHTTP)).toEqual([]);
    expect(codes(denyShop({ ports: ["5432"] }), strictHTTP)).toEqual(["IdentityWithoutStrict"]);
  });

  test("an HTTP field is unseen only on the TCP ports that the operation covers", () => {
    const get = (ports: object): AuthorizationPolicySpec => ({
      rules: [{ to: [{ operation: { methods: ["GET"], ...ports } }] }],
    });
    expect(codes(get({}))).toEqual(["HTTPFieldOnTCPPort"]);
    expect(codes(get({ ports: ["8080"] }))).toEqual([]);
    expect(codes(get({ ports: ["5432"] }))).toEqual(["HTTPFieldOnTCPPort"]);
    expect(codes(get({ notPorts: ["5432"] }))).toEqual([]);
    expect(codes({ rules: [{ to: [{ operation: { ports: ["5432"] } }] }] })).toEqual([]);
  });

  test("an HTTP field is unseen on ports of containers that no Service declares", () => {
    const spec: AuthorizationPolicySpec = { rules: [{ to: [{ operation: { methods: ["GET"] } }] }] };
    const metrics = [{ containerPort: 8080 }, { containerPort: 9090 }];
    const web = service("shop/a", { selector: { app: "a" }, ports: [{ name: "http", port: 8080 }] });
    const findings = (workload: GivenObject, ...others: readonly GivenObject[]) => {
      const objects = [workload, ...others, authorizationPolicy("shop/x", spec)];
      const { decisions } = compile(clusterOf(objects), testSettings);
      return [...decisions.values()].flatMap((decision) => decision.findings);
    };
    const of = (ports: typeof metrics): GivenObject =>
      pod("shop/a-1", { labels: { app: "a" }, addresses: ["10.1.0.1"], ports });
    expect(findings(of(metrics), web)).toMatchObject([
      { code: "HTTPFieldOnTCPPort", message: expect.stringContaining("Port 9090 is TCP to the sidecar") },
    ]);
    expect(findings(of(metrics))).toMatchObject([{ message: expect.stringContaining("Ports 8080, 9090 are") }]);
    // What a Service says of one workload it does not say of another.
    const other = pod("shop/b-1", { labels: { app: "b" }, addresses: ["10.1.0.2"], ports: [{ containerPort: 8080 }] });
    expect(findings(of([{ containerPort: 8080 }]), web)).toEqual([]);
    expect(findings(of([{ containerPort: 8080 }]), web, other)).toMatchObject([
      { message: expect.stringContaining("Port 8080 is") },
    ]);
    // Nobody judges what goes past the sidecar.
    const record = [{ name: "HEDDLE_WORKLOAD", value: JSON.stringify({ excludedPorts: [9090] }) }];
    const initContainers = [{ name: "heddle-proxy", restartPolicy: "Always" as const, env: record }];
    const excluding = pod("shop/a-1", { labels: { app: "a" }, spec: { initContainers }, ports: metrics });
    expect(findings(excluding, web)).toEqual([]);
  });

  test("a port that nobody declares is named once for each place", () => {
    expect(codes({ rules: [{ to: [{ operation: { ports: ["8080", "9999"] } }] }] })).toEqual(["UnknownPort"]);
  });

  test("conditions are judged as source and operation are", () => {
    const deny = (...when: AuthorizationPolicyCondition[]): AuthorizationPolicySpec => ({
      action: "DENY",
      rules: [{ when }],
    });
    expect(codes(deny({ key: "source.namespace", values: ["shop"] }))).toEqual(["IdentityWithoutStrict"]);
    expect(codes(deny({ key: "source.namespace", notValues: ["shop"] }))).toEqual([]);
    const strictHTTP = meshTLS("shop/tls", { mode: "Permissive", ports: [{ port: 8080, mode: "Strict" }] });
    const onHTTP = { key: "destination.port", values: ["8080"] };
    expect(codes(deny({ key: "source.namespace", values: ["shop"] }, onHTTP), strictHTTP)).toEqual([]);
    const header = { key: "request.headers[x-a]", values: ["a"] };
    expect(codes(deny(header))).toEqual(["HTTPFieldOnTCPPort"]);
    expect(codes(deny(header, onHTTP))).toEqual([]);
    expect(codes(deny({ key: "destination.port", values: ["9999"] }))).toEqual(["UnknownPort"]);
  });
});

describe("targetRefs", () => {
  const a = { kind: "Service", name: "a" } as const;

  test("an invalid policy denies the pods of its Services, and the namespace when these cannot be understood", () => {
    const other = pod("shop/b-1", { labels: { app: "b" }, serviceAccount: "b", addresses: ["10.1.0.2"] });
    const denied = (spec: AuthorizationPolicySpec) => {
      const objects = [...workload, other, authorizationPolicy("shop/x", spec)];
      const classes = [...compile(clusterOf(objects), testSettings).mesh.classes.values()];
      return classes.filter(({ deny }) => deny.length > 0).map(({ labels }) => labels["app"]);
    };
    const broken = { rules: [{ from: [{ source: { ipBlocks: ["x"] } }] }] };
    expect(denied({ ...broken, targetRefs: [a] })).toEqual(["a"]);
    expect(denied({ ...broken, targetRefs: [a], selector: { matchLabels: { app: "b" } } }).sort()).toEqual(["a", "b"]);
    expect(denied({ ...broken, targetRefs: [{ kind: "Service" } as typeof a] }).sort()).toEqual(["a", "b"]);
    expect(denied({ ...broken, targetRefs: "a" as unknown as [typeof a] }).sort()).toEqual(["a", "b"]);
    expect(denied({ ...broken, targetRefs: [{ kind: "Service", name: "missing" }] })).toEqual([]);
  });

  test("a Service's selector is read anew when it changes", () => {
    const spec = { targetRefs: [a], rules: [{}] };
    expect(decide(spec).workload.allow).toHaveLength(1);
    const moved = service("shop/a", { selector: { app: "elsewhere" }, ports: [{ name: "http", port: 8080 }] });
    const objects = [...workload.filter(({ kind }) => kind === "Pod"), moved, authorizationPolicy("shop/x", spec)];
    const [target] = compile(clusterOf(objects), testSettings).mesh.classes.values();
    expect(target?.allow).toBeUndefined();
  });
});

describe("dry runs", () => {
  test("change nothing that is enforced", () => {
    const { workload: open } = decide({ enforcement: "DryRun" });
    expect(open).toMatchObject({ deny: [], allow: undefined, dryRuns: [{ action: "ALLOW", rules: [] }] });
    const { workload: target, decision } = decide({ enforcement: "DryRun", action: "DENY", rules: [{}] });
    expect(target).toMatchObject({ deny: [], allow: undefined, dryRuns: [{ name: "shop/x", action: "DENY" }] });
    expect(decision.summary).toBe("DENY, 1 rule, dry run");
  });

  test("that are not valid deny nobody", () => {
    const { workload: target, decision } = decide({ enforcement: "DryRun", action: "DENY" });
    expect(target).toMatchObject({ deny: [], allow: undefined });
    expect(target.dryRuns).toBeUndefined();
    expect(decision.accepted.message).toContain("it is not counted");
  });

  test("beyond the eighth of a workload are not counted there, and say so", () => {
    const many = Array.from({ length: 10 }, (_, index) =>
      authorizationPolicy(`shop/p${index}`, { enforcement: "DryRun", rules: [{}] }),
    );
    const { mesh, decisions } = compile(clusterOf([...workload, ...many]), testSettings);
    const [target] = mesh.classes.values();
    expect(target?.dryRuns).toHaveLength(8);
    const counted = new Set(target?.dryRuns?.map(({ origin }) => origin.name));
    for (const { object, findings } of decisions.values()) {
      expect(findings.map(({ code }) => code)).toEqual(counted.has(object.name) ? [] : ["DryRunLimit"]);
    }
  });
});
