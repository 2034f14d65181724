/** Flux applies an application of the mesh and waits for it, by kstatus alone. */
import { beforeAll, expect, test } from "vitest";
import type { ClusterAccess } from "../../../tools/cluster.ts";
import { conditionOf, Mesh, type StatusView } from "../../../tools/demo/mesh.ts";
import { until } from "../../../tools/processes.ts";
import { clusterOfRun } from "../cluster.ts";
import { deliveredByArgo } from "./argocd.ts";
import { applyKustomization, installFlux, publishShop, waitReady } from "./flux.ts";
import { shopFiles, splitYaml } from "./shop.ts";

let mesh: Mesh<ClusterAccess>;

beforeAll(async () => {
  mesh = new Mesh(await clusterOfRun());
  await deliveredByArgo(mesh);
  await installFlux(mesh);
}, 600_000);

const namespace = "flux-shop";
const kinds = ["trafficsplits.heddle.dev", "authorizationpolicies.heddle.dev", "meshtls.heddle.dev"];

/** The objects of the mesh, by kind and name. */
async function objects(): Promise<readonly (StatusView & { readonly kind: string })[]> {
  const text = await mesh.kubectl("get", kinds.join(","), "-n", namespace, "-o", "json");
  return (JSON.parse(text) as { items: (StatusView & { kind: string })[] }).items;
}

test("a Kustomization that waits is Ready when the objects of the mesh are", async () => {
  const revision = await publishShop(mesh, shopFiles(namespace));
  await applyKustomization(mesh, { retryInterval: "10s" });
  const ready = await waitReady(mesh, revision, "True");
  const condition = conditionOf(ready, "Ready");
  expect(condition?.reason).toBe("ReconciliationSucceeded");
  const found = await objects();
  expect(found.map(({ kind }) => kind).sort()).toEqual(["AuthorizationPolicy", "MeshTLS", "TrafficSplit"]);
  for (const object of found) {
    const { kind, metadata, status } = object;
    expect(status?.observedGeneration, kind).toBe(metadata.generation);
    const own = conditionOf(object, "Ready");
    expect(own?.status, kind).toBe("True");
    expect(Date.parse(own?.lastTransitionTime ?? "")).toBeLessThanOrEqual(
      Date.parse(condition?.lastTransitionTime ?? ""),
    );
  }
});

test("what waits for something that is missing keeps it from Ready until its timeout, and recovers", async () => {
  await applyKustomization(mesh, { retryInterval: "10s", timeout: "15s" });
  const broken = shopFiles(namespace, { "traffic/split.yaml": splitYaml(namespace, { to: "checkout-v3" }) });
  const failed = conditionOf(await waitReady(mesh, await publishShop(mesh, broken), "False"), "Ready");
  expect(failed?.reason).toBe("HealthCheckFailed");
  expect(failed?.message).toMatch(/timeout waiting for: \[TrafficSplit\/flux-shop\/checkout status: 'InProgress'/);
  await waitReady(mesh, await publishShop(mesh, shopFiles(namespace)), "True");
});

test("what somebody must edit fails it at once, and what has gone from the source is pruned", async () => {
  // Not by the timeout, which is longer than this test may take.
  await applyKustomization(mesh, { retryInterval: "10s", timeout: "30m" });
  const other = shopFiles(namespace, { "traffic/other.yaml": splitYaml(namespace, { name: "other" }) });
  const failed = conditionOf(await waitReady(mesh, await publishShop(mesh, other), "False"), "Ready");
  expect(failed?.reason).toBe("HealthCheckFailed");
  expect(failed?.message).toContain("TrafficSplit/flux-shop/other status: 'Failed'");

  const ready = await waitReady(mesh, await publishShop(mesh, shopFiles(namespace)), "True");
  expect(conditionOf(ready, "Ready")?.reason).toBe("ReconciliationSucceeded");
  expect((await objects()).map(({ kind }) => kind).sort()).toEqual(["AuthorizationPolicy", "MeshTLS", "TrafficSplit"]);

  const kind = "kustomizations.kustomize.toolkit.fluxcd.io";
  await mesh.kubectl("delete", kind, "shop-traffic", "-n", "flux-system", "--wait=false");
  await until("everything is pruned", async () => (await objects()).length === 0, {
    timeout: 120_000,
    interval: 1_000,
  });
});
