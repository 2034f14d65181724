/**
 * The release goes to an older build and back, under load. That build's bootstrap is another one, and sidecars that have
 * started from it run beside those of the present build.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import { version } from "../../src/ops/version.ts";
import { operatorPods } from "../../tools/demo/rotation.ts";
import { imageTag } from "../../tools/kind/images.ts";
import { applyChart, helmOn } from "../../tools/kind/install.ts";
import { olderLimit, olderTag, olderVersion } from "../../tools/kind/older.ts";
import { until } from "../../tools/processes.ts";
import { bothOperatorsRun, useMesh } from "./cluster.ts";
import { appYaml, denyYaml, deploymentYaml, namespaceYaml, podsOf, serverYaml, serviceYaml } from "./workloads.ts";

const mesh = useMesh();
const root = "heddle-system";
const namespace = "upgrades";

/** The sidecar of each pod: its image, and which build's bootstrap it has started from. */
async function sidecars(): Promise<readonly string[]> {
  const pods = await podsOf(mesh(), namespace, "app");
  const script = 'fetch("http://127.0.0.1:15000/config_dump").then((answer) => answer.text()).then(console.log)';
  const told = pods.map(async ({ metadata, spec }) => {
    const image = spec.initContainers?.find(({ name }) => name === "heddle-proxy")?.image;
    const dump = await mesh().kubectl("exec", "-n", namespace, metadata.name, "-c", "app", "--", "node", "-e", script);
    return `${image} ${olderLimit.test(dump) ? olderVersion : version}`;
  });
  return (await Promise.all(told)).toSorted();
}

/** The operator is this build: it says so, and what it records is what its sidecars start from. */
async function isServedBy(build: string): Promise<void> {
  // The webhook of one that ends could still inject a sidecar of its own build.
  await bothOperatorsRun(mesh());
  const log = await mesh().kubectl("logs", "-n", root, "-l", operatorPods, "--tail=-1");
  const starts = log.split("\n").filter((line) => line.includes('"msg":"starting"'));
  expect(starts.map((line) => JSON.parse(line).version)).toEqual([build, build]);
  const records = ["-n", namespace, "-l", "app.kubernetes.io/managed-by=heddle"];
  const path = '{range .items[*]}{.data.bootstrap\\.yaml}{"=====\\n"}{end}';
  const areWritten = async () => {
    const texts = (await mesh().kubectl("get", "configmaps", ...records, "-o", `jsonpath=${path}`)).split("=====\n");
    const bootstraps = texts.filter((text) => text !== "");
    return bootstraps.length === 2 && bootstraps.every((text) => olderLimit.test(text) === (build === olderVersion));
  };
  await until(`bootstraps of version ${build}`, areWritten, { timeout: 60_000, interval: 500 });
}

const newer = `heddle-proxy:${imageTag} ${version}`;
const mixed = [newer, newer, `heddle-proxy:${olderTag} ${olderVersion}`];

let changes = 0;

/** Every sidecar, of whichever build, enforces a policy that changes, and is counted. */
async function policiesAreTaken(pods: number): Promise<void> {
  changes += 1;
  const path = `/denied/${changes}`;
  await mesh().apply(denyYaml(namespace, "changing", path));
  for (const name of ["changing", "unchanged"]) {
    const { status } = await mesh().waitProgrammed(kinds.AuthorizationPolicy, namespace, name, 90);
    expect(status?.proxies?.summary).toBe(`${pods}/${pods}`);
  }
  const count = 20;
  for (const denied of [path, "/unchanged"]) {
    const report = await mesh().call(namespace, "client", `http://server${denied}`, { count, fresh: true });
    expect(report).toMatchObject({ failures: 0, statuses: { 403: count } });
  }
}

afterAll(() => mesh().removeNamespace(namespace));

beforeAll(async () => {
  const client = deploymentYaml(namespace, "client", appYaml('serve, "8080"'));
  const server = deploymentYaml(namespace, "server", serverYaml()) + serviceYaml(namespace, "server");
  await mesh().apply(namespaceYaml(namespace, true) + client + server);
  await mesh().waitDeployments(namespace);
  await mesh().applyAndWait(denyYaml(namespace, "unchanged", "/unchanged"));
});

test("no request is lost between two builds in either direction, and sidecars of both take changed policies", async () => {
  await isServedBy(version);
  const loads = [
    await mesh().load(namespace, "client", "http://server/", { rate: 100 }),
    await mesh().load(namespace, "client", "http://server/", { rate: 20, fresh: true }),
  ];
  try {
    await applyChart(mesh().cluster, "upgrade", { "image.tag": olderTag, "proxy.image.tag": olderTag });
    await isServedBy(olderVersion);
    await policiesAreTaken(2);

    // Its own sidecars come beside those that are newer than it.
    await mesh().kubectl("scale", "deployment", "server", "-n", namespace, "--replicas=2");
    await mesh().kubectl("rollout", "status", "deployment/server", "-n", namespace, "--timeout=120s");
    expect(await sidecars()).toEqual(mixed);
    await policiesAreTaken(3);
  } finally {
    const back = await helmOn(mesh().cluster, "rollback", "heddle", "--wait", "--timeout=3m");
    expect(back.status, back.stderr).toBe(0);
  }
  await isServedBy(version);
  await policiesAreTaken(3);
  expect(await sidecars()).toEqual(mixed);
  for (const load of loads) {
    const { requests, failures, statuses } = await load.finish();
    expect({ failures, statuses }).toEqual({ failures: 0, statuses: { 200: requests } });
  }
  const events = ["get", "events", "-n", namespace, "--field-selector", "reason=ForeignEdit", "-o", "name"];
  expect(await mesh().kubectl(...events)).toBe("");
});
