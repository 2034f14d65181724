/** The values of the chart: said in one place each, and refused where they cannot be. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { options } from "../../src/ops/options.ts";
import { version } from "../../src/ops/version.ts";
import { chartValues } from "../../tools/generate/chart.ts";
import { helm } from "../../tools/helm.ts";
import { chart } from "../support/chart.ts";

interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | object;
}

const text = readFileSync(join(chart, "values.yaml"), "utf8");
const schema = JSON.parse(readFileSync(join(chart, "values.schema.json"), "utf8")) as Schema;

/** What is one value, although the schema knows its fields. */
const whole = new Set(["settings", "resources", "webhook.certificate.issuerRef"]);

/** Paths of a schema's values; a map whose keys are free is one. */
function leavesOf({ properties }: Schema, path: readonly string[] = []): readonly string[] {
  if (properties === undefined || whole.has(path.join("."))) return [path.join(".")];
  return Object.entries(properties).flatMap(([name, property]) => leavesOf(property, [...path, name]));
}

test("every value has a meaning, a default and a place in the schema", () => {
  const values = chartValues(text);
  expect(values.filter(({ meaning }) => meaning === "")).toEqual([]);
  // Only the last paragraph above a value is about it.
  expect(values[0]).toMatchObject({ path: "image.repository", meaning: "Image of the operator, with its registry." });
  expect(new Set(leavesOf(schema))).toEqual(new Set(values.map(({ path }) => path)));
});

test("the schema is closed wherever names are ours", () => {
  const open = (found: Schema, path: string): readonly string[] => [
    ...(found.properties !== undefined && found.additionalProperties !== false ? [path] : []),
    ...Object.entries(found.properties ?? {}).flatMap(([name, inner]) => open(inner, `${path}.${name}`)),
  ];
  expect(open(schema, "")).toEqual([]);
});

test("settings are those of the operator that no other value decides", () => {
  const decided = new Set([
    ...["namespace", "namespaces", "service-account", "replica", "kubeconfig", "proxy-image", "proxy-version"],
    ...["webhook-certificate", "xds-address", "xds-port", "webhook-port", "health-port"],
  ]);
  const free = options.map(({ name }) => name).filter((name) => !decided.has(name));
  expect(Object.keys(schema.properties?.["settings"]?.properties ?? {}).toSorted()).toEqual(free.toSorted());
});

test("the chart is of Heddle's version", () => {
  const { version: own, appVersion } = parse(readFileSync(join(chart, "Chart.yaml"), "utf8")) as Record<string, string>;
  expect({ own, appVersion }).toEqual({ own: version, appVersion: version });
});

test("the proxy's version is the one that its Dockerfile builds on, and the one that the operator takes it for", () => {
  const dockerfile = readFileSync(join(chart, "../../images/proxy/Dockerfile"), "utf8");
  const { proxy } = parse(text) as { readonly proxy: { readonly version: string } };
  expect(options.find(({ name }) => name === "proxy-version")?.fallback).toBe(proxy.version);
  expect(dockerfile).toContain(`ARG BASE=envoyproxy/envoy:v${proxy.version}\n`);
});

test("the oldest proxy that Heddle takes renders", async () => {
  const { status, stdout } = await helm(["template", "heddle", chart], {
    values: { proxy: { version: "1.39.2" } },
  });
  expect(status).toBe(0);
  expect(stdout).toContain('{ name: HEDDLE_PROXY_VERSION, value: "1.39.2" }');
});

describe("Helm refuses, and names it:", () => {
  test.each([
    ["an unknown value", { replica: 2 }, /additional properties 'replica' not allowed/],
    [
      "an unknown value within",
      { webhook: { failurepolicy: "Fail" } },
      /at '\/webhook': additional properties 'failurepolicy'/,
    ],
    [
      "an unknown setting",
      { settings: { "log-levle": "debug" } },
      /at '\/settings': additional properties 'log-levle'/,
    ],
    [
      "a setting that another value decides",
      { settings: { "webhook-port": "9443" } },
      /at '\/settings'.*'webhook-port'/,
    ],
    [
      "a number where text is due",
      { settings: { "bound-proxy-concurrency": 4 } },
      /at '\/settings\/bound-proxy-concurrency': got number, want string/,
    ],
    [
      "a word that is none",
      { webhook: { failurePolicy: "Sometimes" } },
      /at '\/webhook\/failurePolicy': value must be one of 'Fail', 'Ignore'/,
    ],
    [
      "a port that is none",
      { webhook: { securePort: 70_000 } },
      /at '\/webhook\/securePort': maximum: got 70,000, want 65,535/,
    ],
    ["a proxy that is too old", { proxy: { version: "1.39.1" } }, /proxy\.version is 1\.39\.1: .* 1\.39\.2 or newer/],
    ["a version that is none", { proxy: { version: "1.40" } }, /at '\/proxy\/version'.*does not match pattern/],
    ["half a digest", { image: { digest: "sha256:abc" } }, /at '\/image\/digest'.*does not match pattern/],
    ["text for a boolean", { crds: { keep: "no" } }, /at '\/crds\/keep': got string, want boolean/],
    [
      "a list of names for pull secrets",
      { imagePullSecrets: ["registry"] },
      /at '\/imagePullSecrets\/0': got string, want object/,
    ],
  ])("%s", async (_, values, message) => {
    const { status, stderr } = await helm(["template", "heddle", chart], { values });
    expect(status).not.toBe(0);
    expect(stderr).toMatch(message);
  });
});
