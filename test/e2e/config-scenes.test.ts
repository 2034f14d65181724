/** Scenes of the demo on a real kubelet: each goes on where the one before has left the mesh. */
import { afterAll, expect, test } from "vitest";
import type { ClusterAccess } from "../../tools/cluster.ts";
import type { Mesh } from "../../tools/demo/mesh.ts";
import { Report } from "../../tools/demo/report.ts";
import { authorization } from "../../tools/demo/scenes/authorization.ts";
import { injection } from "../../tools/demo/scenes/injection.ts";
import { mutualTLS } from "../../tools/demo/scenes/mutual-tls.ts";
import { weights } from "../../tools/demo/scenes/split.ts";
import { until } from "../../tools/processes.ts";
import { useMesh } from "./cluster.ts";

const mesh = useMesh();
const report = new Report();
afterAll(() => void report.finish());

async function everyCheckHolds(scene: (mesh: Mesh<ClusterAccess>, report: Report) => Promise<void>): Promise<void> {
  const before = { size: report.size, failed: report.failed.length };
  await scene(mesh(), report);
  expect(report.size).toBeGreaterThan(before.size);
  expect(report.failed.slice(before.failed)).toEqual([]);
}

test("pods get sidecars from the webhook and call each other through them", () => everyCheckHolds(injection));

test("a TrafficSplit's weights are the shares of 2,000 requests, and no change loses one", () =>
  everyCheckHolds(weights));

test("an ALLOW lets in whom it names, and a DENY beats it", () => everyCheckHolds(authorization));

test("mutual TLS goes from Permissive to Strict without a lost request", () => everyCheckHolds(mutualTLS));

test("in all of that the operator took nothing that it wrote for somebody else's", async () => {
  const foreignEdits = () =>
    mesh().kubectl(
      ...["get", "events", "--all-namespaces", "--field-selector", "reason=ForeignEdit"],
      ...["--output", "jsonpath={range .items[*]}{.metadata.namespace}/{.involvedObject.name}: {.message}{end}"],
    );
  expect(await foreignEdits()).toBe("");
  // The same question finds what is somebody else's.
  const records = await mesh().kubectl(
    "get",
    "configmaps",
    "-n",
    "shop",
    "-l",
    "app.kubernetes.io/managed-by=heddle",
    "-o",
    "name",
  );
  const [record = ""] = records.split("\n");
  await mesh().kubectl(
    "patch",
    record,
    "-n",
    "shop",
    "--type=merge",
    "--patch",
    JSON.stringify({ data: { "envoy.yaml": "" } }),
  );
  const isFound = async () => (await foreignEdits()).includes(record.replace("configmap/", "shop/"));
  await until("the event of a foreign edit", isFound, { timeout: 60_000, interval: 500 });
});
