/** The end of the mesh, as docs/tasks/install.md has it. No test of a mesh can come after it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repository } from "../../../tools/demo/mesh.ts";
import { helmOn } from "../../../tools/kind/install.ts";
import { until } from "../../../tools/processes.ts";
import { useMesh } from "../cluster.ts";
import { appYaml, deploymentYaml, initContainersOf, namespaceYaml, podsOf, serviceYaml } from "../workloads.ts";

const mesh = useMesh();
const namespace = "leaving";
const url = "http://server/";
const identity = `spiffe://cluster.local/ns/${namespace}/sa/default`;

/** The arguments of the documented command that begins like this. */
function documented(beginning: string): readonly string[] {
  const text = readFileSync(join(repository, "docs/tasks/install.md"), "utf8");
  const line = text.split("\n").find((candidate) => candidate.trim().startsWith(`kubectl ${beginning}`));
  if (line === undefined) throw new Error(`docs/tasks/install.md has no command \`kubectl ${beginning}\``);
  return line.trim().split(" ").slice(1);
}

/** By its labels, or by its name, which is not that of the node. */
const isHeddles = (name: string, labels: string): boolean =>
  /^heddle(?!-e2e)/.test(name) ||
  name.endsWith(".heddle.dev") ||
  /"app.kubernetes.io\/(name|part-of|managed-by)":"heddle"/.test(labels);

/** Kind and name of every object in the cluster that is Heddle's, but for pods and namespaces, which are the tests'. */
async function leftovers(): Promise<readonly string[]> {
  const kinds = (await mesh().kubectl("api-resources", "--verbs=list", "-o", "name")).trim().split("\n");
  const listed = kinds.filter((kind) => !/^(events|namespaces|pods)(\.|$)/.test(kind)).join(",");
  const columns = "jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.labels}\n{end}";
  const lines = (await mesh().kubectl("get", listed, "-A", "-o", columns)).trim().split("\n");
  const found = lines.filter((line) => {
    const [, name = "", ...labels] = line.split(" ");
    return isHeddles(name, labels.join(" "));
  });
  return found.map((line) => line.split(" ").slice(0, 2).join(" ")).toSorted();
}

const written = /^(ConfigMap heddle-.+|Secret heddle-(ca|webhook|identity-.+)|Lease heddle)$/;
const definitions = [
  // The API server's own, for as long as there are the others.
  "APIService v1alpha1.heddle.dev",
  ...["authorizationpolicies", "meshtls", "trafficsplits"].map((name) => `CustomResourceDefinition ${name}.heddle.dev`),
];

test("uninstalling takes what the chart brought, traffic goes on, and the documented commands take the rest", async () => {
  const serve = appYaml('serve, "8080"');
  const workloads = deploymentYaml(namespace, "client", serve) + deploymentYaml(namespace, "server", serve);
  await mesh().apply(namespaceYaml(namespace, true) + workloads + serviceYaml(namespace, "server"));
  await mesh().waitDeployments(namespace);
  const load = await mesh().load(namespace, "client", url, { rate: 50 });

  const { status, stderr } = await helmOn(mesh().cluster, "uninstall", "heddle", "--wait", "--timeout=2m");
  expect(status, stderr).toBe(0);
  const left = await leftovers();
  expect(left.filter((line) => definitions.includes(line))).toEqual(definitions);
  const own = /^(TrafficSplit|AuthorizationPolicy|MeshTLS) /;
  const others = left.filter((line) => !definitions.includes(line) && !own.test(line));
  expect(others.filter((line) => !written.test(line))).toEqual([]);
  expect(others.length).toBeGreaterThan(3);

  // Connections that are new find the sidecars as they were left.
  expect(await mesh().call(namespace, "client", url, { count: 20, fresh: true })).toMatchObject({
    statuses: { 200: 20 },
    peers: { [identity]: 20 },
  });
  const report = await load.finish();
  expect({ failures: report.failures, statuses: report.statuses }).toEqual({
    failures: 0,
    statuses: { 200: report.requests },
  });

  await mesh().kubectl("label", "namespace", namespace, "heddle.dev/inject-");
  await mesh().kubectl("rollout", "restart", "deployment", "-n", namespace);
  await mesh().kubectl("rollout", "status", "deployment/server", "-n", namespace, "--timeout=120s");
  await mesh().kubectl("rollout", "status", "deployment/client", "-n", namespace, "--timeout=120s");
  const isOut = async () => (await podsOf(mesh(), namespace, "app")).every((pod) => initContainersOf(pod).length === 0);
  await until("pods without sidecars", isOut, { timeout: 60_000, interval: 500 });
  const isPlain = async () => {
    const { statuses, peers } = await mesh().call(namespace, "client", url, { count: 5 });
    return statuses["200"] === 5 && peers["none"] === 5;
  };
  await until("answers to calls without the mesh", isPlain, { timeout: 60_000, interval: 500 });

  await mesh().kubectl(...documented("delete configmaps,secrets,leases"));
  await mesh().kubectl(...documented("delete crd"));
  const isGone = async () => (await leftovers()).length === 0;
  await until("nothing of Heddle to be left", isGone, { timeout: 60_000, interval: 500 }).catch(async (error) => {
    throw new Error(`${error}: ${await leftovers()}`);
  });
});
