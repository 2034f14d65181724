import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootstrapFiles } from "../../src/envoy/bootstrap.ts";
import { commonResources, readinessListener } from "../../src/envoy/common.ts";
import { classResources } from "../../src/envoy/inbound.ts";
import type { EnvoyResource } from "../../src/envoy/resource.ts";
import { serviceResources } from "../../src/envoy/service.ts";
import { envoyYAML } from "../../src/envoy/yaml.ts";
import type { MeshService, WorkloadClass } from "../../src/model/mesh.ts";
import { envoyBinary, loadInEnvoy, localConfig, writeIdentity } from "../support/load-envoy.ts";
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
    for (const [workload, anything] of samples) {
      expect(await loadInEnvoy(sidecar(workload, [anything]))).toMatchObject({ accepted: true, errors: [] });
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

  test("a regular expression of more than a hundred instructions", async () => {
    const path = { type: "RegularExpression", value: `/(${"abcdefghij|".repeat(90)}x)` } as const;
    const routing = { routes: [{ match: { path, headers: [] }, backends: [] }] };
    const services = [meshService([servicePort(80, "http", { routing })])];
    expect(await loadInEnvoy(sidecar(workloadClass(), services))).toMatchObject({ accepted: true, errors: [] });
  });
});

describe("the loader sees", () => {
  test("a refused route, and Envoy's words", async () => {
    const path = { type: "RegularExpression", value: "/[" } as const;
    const routing = { routes: [{ match: { path, headers: [] }, backends: [] }] };
    const { accepted, errors } = await loadInEnvoy(
      sidecar(workloadClass(), [meshService([servicePort(80, "http", { routing })])]),
    );
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
