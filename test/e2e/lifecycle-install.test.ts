/** The release on a real kubelet: its own test, an upgrade without a change, one with a change, and back. */
import { expect, test } from "vitest";
import { scaleOperator } from "../../tools/demo/rotation.ts";
import { applyChart, helmOn } from "../../tools/kind/install.ts";
import { useMesh } from "./cluster.ts";

const mesh = useMesh();
const namespace = "heddle-system";

const podsOf = (): Promise<string> =>
  mesh().kubectl("get", "pods", "-n", namespace, "-l", "app.kubernetes.io/component=operator", "-o", "name");

const bundlesOf = (): Promise<string> =>
  mesh().kubectl("get", "mutatingwebhookconfiguration/heddle", "-o", "jsonpath={.webhooks[*].clientConfig.caBundle}");

test("helm test reaches the operator by its Service, and says so when there is none", async () => {
  const there = await helmOn(mesh().cluster, "test", "heddle", "--logs", "--timeout=2m");
  expect(there.status, there.stdout + there.stderr).toBe(0);
  expect(there.stdout.match(/^ok: /gm)).toHaveLength(3);

  const { spec } = await mesh().get<{ spec: { replicas: number } }>("deployment", namespace, "heddle");
  try {
    await scaleOperator(mesh(), 0);
    const gone = await helmOn(mesh().cluster, "test", "heddle", "--logs", "--timeout=2m");
    expect(gone.status).not.toBe(0);
    expect(gone.stdout.match(/^FAILED: /gm)).toHaveLength(3);
  } finally {
    await scaleOperator(mesh(), spec.replicas);
  }
});

test("an upgrade to the same replaces no operator; one to other settings does, and is rolled back", async () => {
  const [pods, bundles] = [await podsOf(), await bundlesOf()];
  await applyChart(mesh().cluster, "upgrade");
  expect(await podsOf()).toBe(pods);
  await applyChart(mesh().cluster, "upgrade", { "settings.log-level": "debug" });
  expect(await mesh().kubectl("get", "deployment", "heddle", "-n", namespace, "-o", "yaml")).toContain(
    "--log-level=debug",
  );
  const back = await helmOn(mesh().cluster, "rollback", "heddle", "1", "--wait", "--timeout=3m");
  expect(back.status, back.stderr).toBe(0);
  expect(await mesh().kubectl("get", "deployment", "heddle", "-n", namespace, "-o", "yaml")).not.toContain(
    "--log-level",
  );
  expect(await bundlesOf()).toBe(bundles);
});
