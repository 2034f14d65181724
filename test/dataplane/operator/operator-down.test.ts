import { afterAll, describe, expect, test } from "vitest";
import { kinds } from "../../../src/api/kinds.ts";
import type { Secret } from "../../../src/api/kubernetes.ts";
import { readCertificate } from "../../../src/identity/certificate.ts";
import { decode } from "../../../src/identity/renewal.ts";
import { createKubeClient } from "../../../src/kube/client.ts";
import { secretOfServiceAccount } from "../../../src/model/sidecar.ts";
import {
  restartOperator,
  scaleOperator,
  setOperator,
  shortLife,
  shownCertificate,
} from "../../../tools/demo/rotation.ts";
import { failuresOf } from "../failures.ts";
import { useMesh } from "../mesh.ts";
import { call, expectRefused, expectStatus } from "../support.ts";

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

const server = (name: string): string => `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: shop }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: heddle-demo-app:dev
          args: [serve, "8080"]
          ports: [{ name: http, containerPort: 8080 }]
          startupProbe: { tcpSocket: { port: http }, periodSeconds: 1, failureThreshold: 60 }
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: http }] }
`;

afterAll(async () => {
  await mesh().remove("authorizationpolicies.heddle.dev", "shop", "down");
  await mesh().remove("meshtls.heddle.dev", "shop", "down");
  await mesh().settle();
});

describe("without the operator", () => {
  test("traffic and policy go on, and what is changed meanwhile takes effect when it is back", async () => {
    await mesh().applyAndWait(policy("/cart"));
    const load = await mesh().load("shop", "frontend", cart, { rate: 50 });
    await scaleOperator(mesh(), 0);
    await expectStatus(mesh(), "frontend", cart, 200, { fresh: true });
    await expectStatus(mesh(), "checkout", cart, 403, { fresh: true });
    await expectStatus(mesh(), "visitor", cart, 403, { fresh: true });
    await mesh().apply(policy("/cart, /new"));
    await mesh().apply(strict);
    await expectStatus(mesh(), "frontend", "http://cart.shop/new", 403);
    await scaleOperator(mesh(), 1);
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
    await scaleOperator(mesh(), 0);
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
      await scaleOperator(mesh(), 1);
    }
  });

  test("callers whose identities have expired meanwhile are refused, not let through in plaintext; once it is back all is well", async () => {
    const client = createKubeClient({ kubeconfig: mesh().cluster.kubeconfig });
    const expiryOf = async (serviceAccount: string): Promise<number> => {
      const name = secretOfServiceAccount(serviceAccount);
      const secret: Secret = await client.get(kinds.Secret, { namespace: "shop", name });
      return readCertificate(decode(secret, "tls.crt"))?.notAfter ?? Number.POSITIVE_INFINITY;
    };
    const waitFor = (what: string, check: () => Promise<boolean>) => mesh().cluster.waitFor(what, check, 90_000);
    // Nobody has called it, so that no connection goes on from before.
    const late = "http://late.shop/";
    await mesh().apply(server("late"));
    await mesh().waitDeployments("shop", 90);
    await mesh().settle();
    await restartOperator(mesh(), shortLife);
    await waitFor(
      "a certificate of a short life in use",
      async () => (await shownCertificate(mesh(), "late")).seconds < 60,
    );
    await setOperator(mesh(), { replicas: 0, flags: [shortLife] });
    const ends = Math.max(await expiryOf("frontend"), await expiryOf("default"));
    await waitFor("the ends of both certificates", async () => Date.now() > ends + 1000);
    const { statuses } = await call(mesh(), "frontend", late, { count: 3 }).finally(() => restartOperator(mesh()));
    expect(statuses).toEqual({ 503: 3 });

    expect(await failuresOf(mesh(), "frontend", "late.shop")).toContain("CERTIFICATE_VERIFY_FAILED");
    await waitFor("calls to be answered", async () => {
      const report = await call(mesh(), "frontend", late, { count: 3 });
      return report.statuses["200"] === 3;
    });
    // Streams are open again as well.
    await mesh().settle();
    const { peers } = await expectStatus(mesh(), "frontend", late, 200, { count: 3 });
    expect(peers).toEqual({ "spiffe://cluster.local/ns/shop/sa/frontend": 3 });
    await mesh().remove("deployment", "shop", "late");
    await mesh().remove("service", "shop", "late");
    client.close();
  }, 240_000);
});
