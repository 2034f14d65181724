/** Argo CD delivers Heddle by its chart, and an application of it, by the example's Applications and health checks. */
import { beforeAll, expect, test } from "vitest";
import type { ClusterAccess } from "../../../tools/cluster.ts";
import { Mesh } from "../../../tools/demo/mesh.ts";
import { clusterOfRun } from "../cluster.ts";
import { initContainersOf, podsOf } from "../workloads.ts";
import {
  application,
  type Delivered,
  deliveredByArgo,
  healthOf,
  platformFiles,
  refresh,
  waitApplication,
  waitHealthy,
} from "./argocd.ts";
import { shopFiles, splitYaml } from "./shop.ts";
import { commit } from "./sources.ts";

let mesh: Mesh<ClusterAccess>;
let delivered: Delivered;

beforeAll(async () => {
  mesh = new Mesh(await clusterOfRun());
  delivered = await deliveredByArgo(mesh);
}, 600_000);

const kubectl = (...args: readonly string[]): Promise<string> => mesh.kubectl(...args);

/** The next commit of the application's repository, which Argo CD looks at once. */
async function commitShop(changes: Readonly<Record<string, string>> = {}): Promise<string> {
  const revision = await commit(mesh, "shop", shopFiles("shop", changes));
  await refresh(mesh, "shop-traffic");
  return revision;
}

test("both Applications are Synced and Healthy, by what the objects of the mesh say", async () => {
  const shop = await application(mesh, "shop-traffic");
  for (const [kind, name] of [
    ["TrafficSplit", "checkout"],
    ["AuthorizationPolicy", "allow-frontend"],
    ["MeshTLS", "default"],
  ] as const) {
    expect(healthOf(shop, kind, name)).toMatchObject({ status: "Healthy", message: expect.stringMatching(/^Ready: /) });
  }
  const pods = await podsOf(mesh, "shop", "app=checkout-v1");
  expect(pods).toHaveLength(1);
  expect(pods.map(initContainersOf)).toEqual([["heddle-redirect", "heddle-proxy"]]);
});

test("what the operator writes is no drift: compared anew, both stay Synced, and nothing is synced again", async () => {
  expect(
    await kubectl("get", "mutatingwebhookconfiguration/heddle", "-o", "jsonpath={.webhooks[*].clientConfig.caBundle}"),
  ).not.toBe("");
  const revisions = { heddle: delivered.platform, "shop-traffic": delivered.shop };
  for (const [name, revision] of Object.entries(revisions)) {
    const before = await waitHealthy(mesh, name, revision);
    for (let round = 0; round < 3; round += 1) {
      const { status } = await refresh(mesh, name);
      expect(status?.sync).toMatchObject({ status: "Synced", revision });
      expect(status?.resources?.filter((one) => one.status !== "Synced")).toEqual([]);
      expect(status?.health?.status).toBe("Healthy");
      expect(status?.operationState?.finishedAt).toBe(before.status?.operationState?.finishedAt);
    }
  }
});

test("what somebody else writes is drift, and is put back", async () => {
  const before = await application(mesh, "shop-traffic");
  const backends = JSON.stringify({
    spec: {
      backends: [
        { service: "checkout-v1", weight: 1 },
        { service: "checkout-v2", weight: 1 },
      ],
    },
  });
  await kubectl("patch", "trafficsplits.heddle.dev", "checkout", "-n", "shop", "--type=merge", "-p", backends);
  await waitApplication(mesh, "shop-traffic", "synced again", ({ status }) => {
    const finished = status?.operationState?.finishedAt;
    return finished !== undefined && finished !== before.status?.operationState?.finishedAt;
  });
  await waitHealthy(mesh, "shop-traffic", delivered.shop);
  expect(await weights()).toBe("90 10");
});

const weights = (): Promise<string> =>
  kubectl("get", "trafficsplits.heddle.dev", "checkout", "-n", "shop", "-o", "jsonpath={.spec.backends[*].weight}");

test("an update of both in git is synced and ends Healthy", async () => {
  const values = "settings: {proxy-drain-time: 2s, log-level: debug}\n";
  const platform = await commit(mesh, "platform", await platformFiles(values));
  await refresh(mesh, "heddle");
  const shop = await commitShop({ "traffic/split.yaml": splitYaml("shop", { share: 50 }) });
  await waitHealthy(mesh, "heddle", platform);
  await waitHealthy(mesh, "shop-traffic", shop);
  expect(await weights()).toBe("50 50");
  const operators = await podsOf(mesh, "heddle-system", "app.kubernetes.io/component=operator");
  expect(operators).toHaveLength(2);
  expect(JSON.stringify(operators.map(({ spec }) => spec))).toContain("--log-level=debug");
});

test("what waits for something that is missing is Progressing, what somebody must edit is Degraded; both recover", async () => {
  await commitShop({ "traffic/split.yaml": splitYaml("shop", { to: "checkout-v3" }) });
  const waiting = await waitApplication(
    mesh,
    "shop-traffic",
    "Progressing by its split",
    (one) =>
      one.status?.sync?.status === "Synced" && healthOf(one, "TrafficSplit", "checkout")?.status === "Progressing",
  );
  expect(waiting.status?.health?.status).toBe("Progressing");
  expect(healthOf(waiting, "TrafficSplit", "checkout")?.message).toMatch(/^BackendNotFound: .*checkout-v3/);

  await commitShop({ "traffic/other.yaml": splitYaml("shop", { name: "other" }) });
  const degraded = await waitApplication(
    mesh,
    "shop-traffic",
    "Degraded",
    ({ status }) => status?.sync?.status === "Synced" && status.health?.status === "Degraded",
  );
  expect(healthOf(degraded, "TrafficSplit", "other")).toMatchObject({
    status: "Degraded",
    message: expect.stringMatching(/^Conflicted: /),
  });
  expect(healthOf(degraded, "TrafficSplit", "checkout")?.status).toBe("Healthy");

  await waitHealthy(mesh, "shop-traffic", await commitShop());
  expect(await kubectl("get", "trafficsplits.heddle.dev", "-n", "shop", "-o", "name")).toBe(
    "trafficsplit.heddle.dev/checkout\n",
  );
});
