import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { bootstrapFiles } from "../../src/envoy/bootstrap.ts";
import { commonResources, readinessListener } from "../../src/envoy/common.ts";
import { classResources } from "../../src/envoy/inbound.ts";
import type { EnvoyResource } from "../../src/envoy/resource.ts";
import { serviceResources } from "../../src/envoy/service.ts";
import { envoyYAML } from "../../src/envoy/yaml.ts";
import type { MeshService, WorkloadClass } from "../../src/model/mesh.ts";
import { demandExpression } from "../../src/reconcilers/regular-expression.ts";
import { readSamples } from "../apiserver/crds/samples.ts";
import { expressionLike, expressionsIn, largestExpressions } from "../support/expressions.ts";
import { createEnvoyLoader, envoyBinary, loadInEnvoy, localConfig, writeIdentity } from "../support/load-envoy.ts";
import { anyService, anyWorkload } from "../support/mesh-arbitraries.ts";
import {
  identityOf,
  meshEndpoint,
  meshPolicy,
  meshRule,
  meshService,
  plainEndpoint,
  servicePort,
  workloadClass,
} from "../support/mesh-samples.ts";
import { createTestAuthority } from "../support/test-identity.ts";

const sidecar = (workload: WorkloadClass, services: readonly MeshService[] = []): EnvoyResource[] => [
  ...commonResources(workload.families),
  ...classResources(workload),
  ...services.flatMap((service) => serviceResources(service)),
  readinessListener(workload.families),
];

const service = meshService(
  [
    servicePort(80, "http"),
    servicePort(81, "grpc", { endpoints: [plainEndpoint("10.0.0.1"), meshEndpoint("fd00::2")] }),
    servicePort(3306, "tcp", { endpoints: [], serverIdentities: [] }),
  ],
  ["10.96.0.10", "fd96::10"],
);

describe("Envoy takes", () => {
  test("a sidecar's whole configuration, with nothing deprecated in it", async () => {
    const { accepted, errors, warnings } = await loadInEnvoy(sidecar(workloadClass(), [service]));
    expect(errors).toEqual([]);
    expect(accepted).toBe(true);
    // The bootstrap sets that limit; the loader has another one.
    expect(warnings.filter((line) => !line.includes("allowed active downstream connections"))).toEqual([]);
  });

  test("whatever the mesh model can hold", async () => {
    const samples = fc.sample(fc.tuple(anyWorkload, anyService), { numRuns: 12, seed: 20_261_121 });
    const envoy = createEnvoyLoader();
    onTestFinished(() => envoy.stop());
    for (const [workload, anything] of samples) {
      expect(await envoy.load(sidecar(workload, [anything]))).toMatchObject({ accepted: true, errors: [] });
    }
  }, 60_000);

  test("every character of ASCII in the regular expressions that hold a user's text", async () => {
    const value = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).join("");
    const rule = meshRule(
      { namespaces: { any: [{ type: "suffix", value }] } },
      { paths: { any: [{ type: "template", value: `${value}/{*}/é/{**}` }] } },
    );
    expect(await loadInEnvoy(sidecar(workloadClass({ deny: [meshPolicy("shop/p", [rule])] })))).toMatchObject({
      accepted: true,
      errors: [],
    });
  });

  test("every regular expression that the schema takes, up to the largest", async () => {
    const samples = readSamples().filter(({ kind, refusal }) => kind === "TrafficSplit" && refusal === undefined);
    const given = samples.flatMap(({ body }) => expressionsIn(body));
    expect(given.length).toBeGreaterThan(15);
    expect(await loadInEnvoy(matching([...given, ...largestExpressions]))).toMatchObject({
      accepted: true,
      errors: [],
    });
  }, 60_000);

  test("every regular expression that the compile takes", async () => {
    const taken = fc.sample(expressionLike, { numRuns: 60_000, seed: 20_261_121 }).filter(isTaken);
    const distinct = [...new Set(taken)].sort((a, b) => b.length - a.length).slice(0, 2_000);
    expect(distinct).toHaveLength(2_000);
    expect(await loadInEnvoy(matching(distinct))).toMatchObject({ accepted: true, errors: [] });
  }, 60_000);
});

/** A sidecar with a route for each expression, half of them over headers. */
function matching(expressions: readonly string[]): EnvoyResource[] {
  const routes = expressions.map((value, index) => {
    const expression = { type: "RegularExpression", value } as const;
    const match = index % 2 === 0 ? { path: expression, headers: [] } : { headers: [{ ...expression, name: "x-a" }] };
    return { match, backends: [] };
  });
  return sidecar(workloadClass(), [meshService([servicePort(80, "http", { routing: { routes } })])]);
}

function isTaken(expression: string): boolean {
  try {
    demandExpression("value", expression);
    return true;
  } catch {
    return false;
  }
}

describe("the loader sees", () => {
  test("a refused route, and Envoy's words", async () => {
    const { accepted, errors } = await loadInEnvoy(matching(["/["]));
    expect(accepted).toBe(false);
    expect(errors.join("\n")).toContain("missing ]");
  });

  test("a refused policy", async () => {
    const ipBlocks = { any: [{ address: "not-an-address", prefixLength: 8 }] };
    const { accepted, errors } = await loadInEnvoy(
      sidecar(workloadClass({ deny: [meshPolicy("shop/p", [meshRule({ ipBlocks })])] })),
    );
    expect(accepted).toBe(false);
    expect(errors.join("\n")).toContain("authorization-http-deny");
  });

  test.each(["route", "endpoint", "extension"])("that a %s is missing", async (type) => {
    const resources = sidecar(workloadClass(), [service]);
    const index = resources.findIndex((resource) => resource.type === type);
    const { accepted, errors } = await loadInEnvoy(resources.toSpliced(index, 1));
    expect(accepted).toBe(false);
    expect(errors.join("\n")).toContain("not active");
  });
});

describe("the bootstrap", () => {
  let directory = "";
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "heddle-bootstrap-"));
    await writeIdentity(directory, await (await createTestAuthority()).issue(identityOf("shop", "checkout")));
    const { bootstrap } = bootstrapFiles({
      rootNamespace: "heddle-system",
      trustDomain: "cluster.local",
      clusterDomain: "cluster.local",
      xdsAddress: { host: "127.0.0.1", port: 15010 },
      operatorServiceAccount: "heddle",
      accessLog: "errors",
    });
    await writeFile(join(directory, "bootstrap.yaml"), envoyYAML(localConfig(bootstrap, directory, new Map())));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const options = (): string[] => [
    "-c",
    join(directory, "bootstrap.yaml"),
    "--service-node",
    "n",
    "--service-cluster",
    "c",
  ];

  test("is valid", async () => {
    const { stdout, stderr } = await promisify(execFile)(await envoyBinary(), ["--mode", "validate", ...options()]);
    expect(stdout + stderr).toContain("bootstrap.yaml' OK");
  });

  test("starts without a warning, and asks for its configuration", async () => {
    const flags = ["--disable-hot-restart", "--concurrency", "1", "--log-format", "%l %v"];
    const command = [await envoyBinary(), ...options(), ...flags];
    const namespace = process.getuid?.() === 0 ? ["--net"] : ["--user", "--map-root-user", "--net"];
    const envoy = spawn("unshare", [...namespace, "--", ...command], { stdio: ["ignore", "ignore", "pipe"] });
    const ended = once(envoy, "close");
    const lines: string[] = [];
    try {
      await new Promise<void>((resolve, reject) => {
        envoy.once("exit", (code) => reject(new Error(`Envoy ended with ${code}: ${lines.join("\n")}`)));
        envoy.stderr.setEncoding("utf8").on("data", (text: string) => {
          lines.push(...text.split("\n").filter((line) => line !== ""));
          if (text.includes("starting main dispatch loop")) resolve();
        });
      });
    } finally {
      envoy.removeAllListeners("exit");
      envoy.kill("SIGKILL");
      await ended;
    }
    expect(lines.filter((line) => /^(warning|error|critical) /.test(line))).toEqual([]);
    expect(lines).toContain("info cm init: initializing cds");
  });
});
