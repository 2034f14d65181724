import { afterAll, describe, expect, test } from "vitest";
import { validateAuthorizationPolicy, validateMeshTLS, validateTrafficSplit } from "../../src/api/validate.ts";
import { commonResources } from "../../src/envoy/common.ts";
import { isHeadlessListener } from "../../src/envoy/names.ts";
import type { EnvoyResource } from "../../src/envoy/resource.ts";
import { resourceTypes, typeUrls } from "../../src/envoy/resource.ts";
import { envoyYAML } from "../../src/envoy/yaml.ts";
import { configMapOfClass, configMapOfReach } from "../../src/model/sidecar.ts";
import type { Compilation } from "../../src/reconcilers/compile.ts";
import { withTransitionTimes } from "../../src/reconcilers/programmed.ts";
import { objectsOf } from "../support/desired-record.ts";
import {
  compileObjects,
  deleteOrphans,
  findOrphans,
  findUnused,
  type GoldenCase,
  goldenCases,
  goldenRoot,
  isUpdating,
  podResources,
  readGolden,
  renderCase,
  syncedStatuses,
  writeGolden,
} from "../support/golden.ts";
import { createEnvoyLoader } from "../support/load-envoy.ts";
import type { GivenObject } from "../support/objects.ts";
import { brokenInvariants } from "../support/status-invariants.ts";

const cases = goldenCases();
const compilations = new Map(cases.map(({ name, objects }) => [name, compileObjects(objects)]));
const besideCases = ["golden.test.ts", "start.yaml"];

const validators = new Map([
  ["TrafficSplit", validateTrafficSplit],
  ["AuthorizationPolicy", validateAuthorizationPolicy],
  ["MeshTLS", validateMeshTLS],
]);

/** What a real Envoy has taken already in this run, by the versions of all that it was given. */
const loaded = new Set<string>();
const envoy = createEnvoyLoader();
afterAll(() => envoy.stop());

test("there are no files but those of cases", () => {
  const orphans = findOrphans(cases, besideCases);
  if (isUpdating) deleteOrphans(orphans);
  else expect(orphans).toEqual([]);
});

test("the files that every sidecar starts from", () => {
  const [first] = [...compilations.values()].slice(0, 1).flatMap(objectsOf);
  const start = ["bootstrap.yaml", "certificate.yaml", "trust.yaml"]
    .map((file) => `# ${file}\n${first?.data[file]}`)
    .join("---\n");
  compareWith(goldenRoot, "start.yaml", start);
  for (const compilation of compilations.values()) {
    const { identityPlan } = compilation;
    for (const { metadata, data } of objectsOf(compilation)) {
      if (metadata.name.startsWith("heddle-reach-")) continue;
      // The operator's identity is of the case's trust domain; nothing else may differ.
      const text = data["bootstrap.yaml"]?.replaceAll(
        `spiffe://${identityPlan.trustDomain}/`,
        "spiffe://cluster.local/",
      );
      expect(text).toBe(first?.data["bootstrap.yaml"]);
    }
  }
});

describe.each(cases)("$name", ({ name, folder, objects }: GoldenCase) => {
  const compilation = compilations.get(name) ?? compileObjects(objects);

  test("gives what its files say", () => {
    const files = renderCase(compilation);
    for (const [file, text] of Object.entries(files)) compareWith(folder, file, text);
    const names = [...compilation.serviceResources.values(), ...compilation.classResources.values()].flat();
    for (const { name } of names) expect(files["envoy.yaml"]).toContain(JSON.stringify(name));
  });

  test("has no object that changes nothing", () => {
    expect(findUnused(objects)).toEqual([]);
  });

  test("has statuses that hold together and fit the schema", () => {
    for (const { object, status } of syncedStatuses(compilation)) {
      const given = objects.find((candidate) => nameOf(candidate) === object);
      expect(brokenInvariants(status, given?.metadata.generation ?? 1), object).toEqual([]);
      const problem = validators.get(given?.kind ?? "")?.({
        ...given,
        status: withTransitionTimes(undefined, status, "2026-01-01T00:00:00Z"),
      });
      const accepted = status.conditions.find(({ type }) => type === "Accepted");
      if (accepted?.reason === "Invalid") continue;
      expect(problem, object).toBeUndefined();
    }
  });

  test("is recorded as it is served", () => {
    for (const [id, resources] of compilation.classResources) {
      expect(recorded(compilation, configMapOfClass(id), "inbound.yaml"), id).toBe(textOf(sorted(resources)));
    }
    for (const [id, { services }] of compilation.mesh.reaches) {
      const resources = services.flatMap((key) => sorted(compilation.serviceResources.get(key) ?? []));
      // Of an endpoint nothing is recorded.
      const isRecorded = ({ type, name }: EnvoyResource) => type !== "endpoint" && !isHeadlessListener(name);
      const served = resources.filter(isRecorded);
      expect(recorded(compilation, configMapOfReach(id), "outbound.yaml"), id).toBe(textOf(served));
    }
  });

  test("is taken by the real Envoy", async () => {
    const outbound = [...compilation.serviceResources.values()].flat();
    for (const [id, inbound] of compilation.classResources) {
      const families = compilation.mesh.classes.get(id)?.families ?? { ipv4: true, ipv6: true };
      const ofPod = podResources(compilation).get(compilation.mesh.classes.get(id)?.pods[0] ?? "") ?? [];
      const resources = [...commonResources(families), ...outbound, ...inbound, ...ofPod];
      const versions = resources.map(({ type, name, version }) => `${type} ${name} ${version}`).join("\n");
      if (loaded.has(versions)) continue;
      loaded.add(versions);
      expect(await envoy.load(resources), id).toMatchObject({ accepted: true, errors: [] });
    }
  });
});

function compareWith(folder: string, file: string, text: string): void {
  if (isUpdating) writeGolden(folder, file, text);
  else expect(text, file).toBe(readGolden(folder, file));
}

const nameOf = ({ kind, metadata }: GivenObject): string => `${kind} ${metadata.namespace}/${metadata.name}`;

const recorded = (compilation: Compilation, name: string, file: string): string =>
  objectsOf(compilation).find(({ metadata }) => metadata.name === name)?.data[file] ?? "";

/** As Envoy reads it from a file. */
function textOf(resources: readonly EnvoyResource[]): string {
  if (resources.length === 0) return "resources: []\n";
  return `resources:\n${envoyYAML(resources.map(({ type, config }) => ({ "@type": typeUrls[type], ...config })))}`;
}

const sorted = (resources: readonly EnvoyResource[]): readonly EnvoyResource[] =>
  [...resources].sort(
    (a, b) => resourceTypes.indexOf(a.type) - resourceTypes.indexOf(b.type) || (a.name < b.name ? -1 : 1),
  );
