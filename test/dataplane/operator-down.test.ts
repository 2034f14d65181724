import { afterAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import { useMesh } from "./mesh.ts";
import { expectRefused, expectStatus } from "./support.ts";

const mesh = useMesh();
const cart = "http://cart.shop/cart";
const policy = (paths: string): string =>
  `apiVersion: heddle.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: down, namespace: shop}\nspec:\n  selector: {matchLabels: {app: cart}}\n  rules: [{from: [{source: {serviceAccounts: [frontend]}}], to: [{operation: {paths: [${paths}]}}]}]\n`;
const strict =
  "apiVersion: heddle.dev/v1alpha1\nkind: MeshTLS\nmetadata: {name: down, namespace: shop}\nspec: {selector: {matchLabels: {app: cart}}, mode: Strict}\n";

const configuration = ["mutatingwebhookconfiguration", "heddle"] as const;
/** A JSON patch that sets it for both webhooks of injection. */
const failurePolicy = (value: string): string =>
  JSON.stringify([0, 1].map((index) => ({ op: "replace", path: `/webhooks/${index}/failurePolicy`, value })));

async function scale(replicas: number): Promise<void> {
  const operator = ["-n", "heddle-system", "-l", "app.kubernetes.io/name=heddle"];
  await mesh().cluster.kubectl(["scale", "deployment", "-n", "heddle-system", "heddle", `--replicas=${replicas}`]);
  if (replicas === 0) await mesh().cluster.kubectl(["wait", "pod", ...operator, "--for=delete", "--timeout=60s"]);
  else await mesh().waitDeployments("heddle-system");
}

afterAll(async () => {
  await mesh().remove("authorizationpolicies.heddle.dev", "shop", "down");
  await mesh().remove("meshtls.heddle.dev", "shop", "down");
  await mesh().settle();
});

describe("without the operator", () => {
  test("traffic and policy go on, and what is changed meanwhile takes effect when it is back", async () => {
    await mesh().applyAndWait(policy("/cart"));
    const load = await mesh().load("shop", "frontend", cart, { rate: 50 });
    await scale(0);
    await expectStatus(mesh(), "frontend", cart, 200, { fresh: true });
    await expectStatus(mesh(), "checkout", cart, 403, { fresh: true });
    await expectStatus(mesh(), "visitor", cart, 403, { fresh: true });
    await mesh().apply(policy("/cart, /new"));
    await mesh().apply(strict);
    await expectStatus(mesh(), "frontend", "http://cart.shop/new", 403);
    await scale(1);
    await mesh().waitProgrammed(kinds.AuthorizationPolicy, "shop", "down", 60);
    await mesh().waitProgrammed(kinds.MeshTLS, "shop", "down", 60);
    await expectStatus(mesh(), "frontend", "http://cart.shop/new", 200);
    await expectStatus(mesh(), "checkout", "http://cart.shop/new", 403);
    await expectRefused(mesh(), "visitor", cart, { count: 3 });
    const report = await load.finish();
    expect({ failures: report.failures, statuses: Object.keys(report.statuses) }).toEqual({
      failures: 0,
      statuses: ["200"],
    });
  });

  test("pods of the mesh are refused with a message, and those of other namespaces are created", async () => {
    const { kubectl, waitFor } = mesh().cluster;
    const pod = (namespace: string): string =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: down, namespace: ${namespace}}\nspec: {containers: [{name: app, image: "heddle-demo-app:dev", args: [serve]}]}\n`;
    await scale(0);
    try {
      const create = (namespace: string) => kubectl(["create", "-f", "-"], pod(namespace));
      const refused = await create("shop");
      expect(refused.stderr).toContain('failed calling webhook "inject.heddle.dev"');
      expect(refused.stderr).toContain("heddle.heddle-system.svc");
      expect(await create("outside")).toMatchObject({ status: 0 });
      const isRunning = async () => {
        const { stdout } = await kubectl(["get", "pod", "-n", "outside", "down", "-o", "jsonpath={.status.phase}"]);
        return stdout === "Running";
      };
      await waitFor("a pod outside of the mesh to run", isRunning, 60_000);

      // Where whoever installed it has nobody wait for the webhook, the policy refuses instead.
      await kubectl(["patch", ...configuration, "--type=json", "-p", failurePolicy("Ignore")]);
      const isByPolicy = async () => (await create("shop")).stderr.includes("Pod down has no sidecar");
      await waitFor("the policy to refuse it", isByPolicy, 60_000);
      await expectStatus(mesh(), "frontend", cart, 200, { fresh: true });
    } finally {
      await kubectl(["patch", ...configuration, "--type=json", "-p", failurePolicy("Fail")]);
      await kubectl(["delete", "pod", "-n", "outside", "down", "--ignore-not-found", "--grace-period=0", "--force"]);
      await scale(1);
    }
  });
});
