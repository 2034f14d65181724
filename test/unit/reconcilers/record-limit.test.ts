import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classResources } from "../../../src/envoy/inbound.ts";
import { keys } from "../../../src/model/sidecar.ts";
import { compile } from "../../../src/reconcilers/compile.ts";
import { objectStatus } from "../../../src/reconcilers/programmed.ts";
import { recordLimit, render } from "../../../src/reconcilers/record-text.ts";
import { objectsOf } from "../../support/desired-record.ts";
import { anyWorkload } from "../../support/mesh-arbitraries.ts";
import { authorizationPolicy, clusterOf, pod, service, testSettings, trafficSplit } from "../../support/objects.ts";

const cart = pod("shop/cart-1", { labels: { app: "cart" }, serviceAccount: "cart", addresses: ["10.1.0.1"] });

const cartService = service("shop/cart", { selector: { app: "cart" } });

/** A policy with so many paths of some 250 characters. */
const policyOf = (name: string, paths: number, parts: { readonly enforcement?: "DryRun" } = {}) => {
  const values = Array.from({ length: paths }, (_, index) => `/${name}-${index}-${"x".repeat(240)}`);
  const rules = Array.from({ length: Math.ceil(paths / 64) }, (_, index) => ({
    to: [{ operation: { paths: values.slice(index * 64, index * 64 + 64) } }],
  }));
  return authorizationPolicy(`shop/${name}`, { ...parts, rules });
};

describe("an inbound side that does not fit into a ConfigMap", () => {
  const compilation = compile(
    clusterOf([cart, cartService, policyOf("large", 3000), policyOf("medium", 900), policyOf("small", 1)]),
    testSettings,
  );
  const acceptedOf = (name: string) =>
    [...compilation.decisions.values()].find(({ object }) => object.name === name)?.accepted;

  test("closes the largest policy, which says so, and keeps the others", () => {
    expect(acceptedOf("large")).toMatchObject({ status: "False", reason: "TooLarge" });
    expect(acceptedOf("large")?.message).toMatch(/record of shop\/cart\S*: .*1 MiB.*fewer rules.*denied there;/);
    expect(acceptedOf("medium")?.status).toBe("True");
    expect(acceptedOf("small")?.status).toBe("True");
  });

  test("denies what the policy selects, and is recorded whole", () => {
    const [record] = objectsOf(compilation).filter(({ data }) => "inbound.yaml" in data);
    const text = record?.data["inbound.yaml"] ?? "";
    expect(Buffer.byteLength(text)).toBeLessThan(recordLimit);
    expect(text).toContain("medium-899");
    expect(text).not.toContain("large-0");
    expect(text).toContain("shop/large");
    const resources = [...compilation.classResources.values()].flat();
    expect(render(resources)).toBe(text.slice("resources:\n".length));
  });

  test("does not depend on which object came first", () => {
    const reversed = clusterOf([
      policyOf("small", 1),
      policyOf("medium", 900),
      policyOf("large", 3000),
      cartService,
      cart,
    ]);
    expect(objectsOf(compile(reversed, testSettings))).toEqual(objectsOf(compilation));
  });
});

test("a policy that is closed in one workload is in force in another, and says both", () => {
  const web = pod("shop/web-1", { labels: { app: "web" }, serviceAccount: "web", addresses: ["10.1.0.2"] });
  const own = authorizationPolicy("shop/own", {
    ...policyOf("own", 1400).spec,
    selector: { matchLabels: { app: "cart" } },
  });
  const both = policyOf("both", 1500);
  const compilation = compile(
    clusterOf([
      cart,
      web,
      cartService,
      service("shop/web", { selector: { app: "web" }, addresses: ["10.96.0.7"] }),
      own,
      both,
    ]),
    testSettings,
  );
  const decision = [...compilation.decisions.values()].find(({ object }) => object.name === "both");
  if (decision === undefined) throw new Error("there is no decision");
  expect(decision.accepted).toMatchObject({ status: "False", reason: "TooLarge" });
  expect(decision.accepted.message).toContain("shop/cart");
  expect(decision.accepted.message).not.toContain("shop/web");
  const { conditions } = objectStatus(decision, compilation, new Map(), 0);
  expect(conditions.find(({ type }) => type === "Programmed")?.reason).not.toBe("NotAccepted");
  const textOf = (account: string) => {
    const [id = ""] = [...compilation.mesh.classes].find(([, { serviceAccount }]) => serviceAccount === account) ?? [];
    return JSON.stringify(compilation.classResources.get(id)?.map(({ config }) => config));
  };
  expect(textOf("web").includes("both-1499")).toBe(true);
  expect(textOf("cart").includes("both-1499")).toBe(false);
  expect(textOf("cart").includes("own-1399")).toBe(true);
});

test("trials of an encoding say nothing of objects that are in force", () => {
  const notUnicode = authorizationPolicy("shop/a-defect", {
    rules: [{ to: [{ operation: { methods: ["\ud800"] } }] }],
  });
  const objects = [notUnicode, policyOf("large", 1500), policyOf("small", 1400)];
  const { decisions } = compile(clusterOf([cart, cartService, ...objects]), testSettings);
  expect([...decisions.values()].map(({ object, accepted }) => [object.name, accepted.reason])).toEqual([
    ["a-defect", "Invalid"],
    ["large", "TooLarge"],
    ["small", "Accepted"],
  ]);
  const dryRun = policyOf("large", 1500, { enforcement: "DryRun" });
  const others = compile(clusterOf([cart, cartService, notUnicode, dryRun, policyOf("small", 1000)]), testSettings);
  expect([...others.decisions.values()].map(({ object, accepted }) => [object.name, accepted.reason])).toEqual([
    ["a-defect", "Invalid"],
    ["large", "Accepted"],
    ["small", "Accepted"],
  ]);
});

test("every dry run makes room, also a small one, before a policy that is enforced is closed", () => {
  const dryRun = (name: string, paths: number) => policyOf(name, paths, { enforcement: "DryRun" });
  const objects = [policyOf("real", 1600), dryRun("trial", 1500), dryRun("small", 300)];
  const compilation = compile(clusterOf([cart, cartService, ...objects]), testSettings);
  const accepted = new Map(
    [...compilation.decisions.values()].map(({ object, accepted: verdict }) => [object.name, verdict]),
  );
  expect(accepted.get("real")?.status).toBe("True");
  expect(accepted.get("small")?.status).toBe("True");
  expect(accepted.get("trial")).toMatchObject({ status: "False" });
  expect(accepted.get("trial")?.message).not.toContain("denied");
  const text = JSON.stringify([...compilation.classResources.values()].flat().map(({ config }) => config));
  expect(text).toContain("real-1599");
  expect(text).toContain("small-299");
  expect(text).not.toContain("dry-run-http/shop/trial");
});

test("a Service for which a reach's record has no room leaves the others in it, and the splits of that root say so", () => {
  const ports = Array.from({ length: 500 }, (_, index) => ({ name: `http-${index}`, port: 1000 + index }));
  const giant = service("shop/giant", { addresses: ["10.97.0.1"], ports });
  const later = service("shop/later", { addresses: ["10.97.0.2"] });
  const split = (name: string) =>
    trafficSplit(`shop/${name}`, { service: name, backends: [{ service: name, weight: 1 }] });
  const compilation = compile(clusterOf([cart, giant, later, split("giant"), split("later")]), testSettings);
  expect([...compilation.unrecorded]).toEqual(["shop/giant"]);
  const reach = objectsOf(compilation).find(({ data }) => "outbound.yaml" in data);
  expect(reach?.metadata.annotations[keys.recorded]).toBe("1/2");
  expect(reach?.data["outbound.yaml"]).toContain("outbound/shop/later/80");
  const findings = [...compilation.decisions.values()].map(
    (decision) => objectStatus(decision, compilation, new Map(), 0).findings,
  );
  expect(findings.map((of) => of?.map(({ code }) => code) ?? [])).toEqual([
    ["NotRecorded", "BackendWithoutEndpoints"],
    ["BackendWithoutEndpoints"],
  ]);
});

test("policies whose names alone do not fit are enforced, and say that they are not recorded", () => {
  const name = (index: number) => `${"n".repeat(200)}-${index}`;
  const policies = Array.from({ length: 2000 }, (_, index) =>
    authorizationPolicy(`shop/${name(index)}`, { rules: [{}] }),
  );
  const compilation = compile(clusterOf([cart, cartService, ...policies]), testSettings);
  const [decision] = compilation.decisions.values();
  if (decision === undefined) throw new Error("there is no decision");
  expect(decision.accepted.status).toBe("True");
  expect(decision.findings.map(({ code }) => code)).toEqual(["NotRecorded"]);
  expect(decision.findings[0]?.message).toMatch(/shop\/cart\S* .*record .*stays as it was.*enforced/);
});

test("of a workload whose ports alone do not fit what sidecars start from is recorded, and no more is asked for", () => {
  const ports = Array.from({ length: 100 }, (_, index) => ({ name: `http-${index}`, port: 1000 + index }));
  const many = service("shop/cart", { selector: { app: "cart" }, ports });
  const outputsWith = (of: typeof many) => [...compile(clusterOf([cart, of]), testSettings).outputs.values()];
  const [record] = outputsWith(many).filter(({ files }) => "bootstrap.yaml" in files);
  const [whole] = outputsWith(cartService).filter(({ files }) => "bootstrap.yaml" in files);
  expect(record?.keeps).toEqual(["inbound.yaml"]);
  expect(record?.metadata.annotations[keys.recorded]).toBe("bootstrap");
  const { "inbound.yaml": inbound, ...start } = whole?.object().data ?? {};
  expect(inbound).toBeDefined();
  expect(record?.object().data).toEqual(start);
});

test("the objects behind a record are listed as far as an annotation holds them", () => {
  const name = (index: number) => `${"n".repeat(240)}-${index}`;
  const policies = Array.from({ length: 900 }, (_, index) =>
    authorizationPolicy(`shop/${name(index)}`, { rules: [{}] }),
  );
  const { outputs } = compile(clusterOf([cart, ...policies]), testSettings);
  for (const { metadata } of outputs.values()) {
    const bytes = Object.entries(metadata.annotations).reduce(
      (sum, [key, value]) => sum + key.length + value.length,
      0,
    );
    expect(bytes).toBeLessThan(256 * 1024);
    expect(Array.isArray(JSON.parse(metadata.annotations[keys.origins] ?? ""))).toBe(true);
  }
});

test("what is taken to fit without being rendered does fit", () => {
  fc.assert(
    fc.property(anyWorkload, (workload) => {
      const resources = classResources(workload);
      const encoded = resources.reduce((sum, { wire }) => sum + wire.length, 0);
      // Half of what fitsRecord relies on.
      expect(Buffer.byteLength(render(resources))).toBeLessThan(12.5 * encoded);
    }),
    { numRuns: 50 },
  );
});
