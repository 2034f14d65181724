/**
 * Sidecars with identities of a real cert-manager. The mesh of the run begins anew with that provider, as the task on
 * identities describes, and at the end anew with the built-in one.
 */
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../../src/api/kinds.ts";
import type { KeyPair } from "../../../src/identity/authority.ts";
import { isIssuedBy } from "../../../src/identity/certificate.ts";
import { decode } from "../../../src/identity/renewal.ts";
import { createKubeClient, type KubeClient } from "../../../src/kube/client.ts";
import type { ObjectToWrite } from "../../../src/kube/objects.ts";
import { keys } from "../../../src/model/sidecar.ts";
import { binary } from "../../../tools/binaries.ts";
import { certManagerFiles } from "../../../tools/definitions.ts";
import { conditionOf } from "../../../tools/demo/mesh.ts";
import { type ShownCertificate, scaleOperator, shownCertificate } from "../../../tools/demo/rotation.ts";
import { type BackgroundProcess, until } from "../../../tools/processes.ts";
import { createIssuer, installCertManagerDefinitions, startCertManager } from "../../support/cert-manager.ts";
import { useMesh } from "../mesh.ts";
import { call, expectRefused, expectStatus } from "../support.ts";

const mesh = useMesh();
const root = "heddle-system";
const url = "http://cart.shop/";

let client: KubeClient;
let directory: string;
let certManager: BackgroundProcess | undefined;
let organisation: KeyPair;

/** The steps of the task, with something between the end of the old authority and the beginning of the new one. */
async function beginAnew(meanwhile: () => Promise<void>): Promise<void> {
  await scaleOperator(mesh(), 0);
  await meanwhile();
  await mesh().kubectl("delete", "secrets", "-A", "-l", `${keys.managedBy}=heddle`);
  await scaleOperator(mesh(), 1);
}

const isOrganisations = ({ pem }: ShownCertificate): boolean => isIssuedBy(pem, organisation.certificate);

const identity = (name: string) => client.get(kinds.Secret, { namespace: "shop", name: `heddle-identity-${name}` });

/** Waits until the server's sidecar shows another certificate than this one. */
const another = (before: ShownCertificate): Promise<ShownCertificate> =>
  until(
    "another certificate of cart",
    async () => {
      const shown = await shownCertificate(mesh(), "cart");
      return shown.serial !== before.serial && shown;
    },
    { timeout: 60_000, interval: 250 },
  );

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "heddle-cert-manager-"));
  client = createKubeClient({ kubeconfig: mesh().cluster.kubeconfig });
  // The build, when it is not cached, takes minutes.
  await binary("cert-manager-controller");
  await installCertManagerDefinitions(client);
  await client.create(kinds.Namespace, { metadata: { name: "cert-manager" } });
  organisation = await createIssuer(client);
  certManager = await startCertManager(mesh().cluster.kubeconfig, directory);
  await beginAnew(() =>
    mesh().apply(`apiVersion: heddle.dev/v1alpha1
kind: MeshTLS
metadata: {name: default, namespace: ${root}}
spec:
  mode: Strict
  identity: {provider: CertManager, certManager: {issuerRef: {name: mesh, kind: ClusterIssuer}}, certificateTTL: 1h}
`),
  );
}, 900_000);

afterAll(async () => {
  await beginAnew(async () => {
    await mesh().remove("meshtls.heddle.dev", root, "default");
    await mesh().remove("authorizationpolicies.heddle.dev", "shop", "cert-manager");
    await mesh().kubectl("delete", "certificates.cert-manager.io", "-A", "-l", `${keys.managedBy}=heddle`);
    await certManager?.stop();
  });
  for (const file of certManagerFiles) await mesh().kubectl("delete", "crd", `${file}.${group(file)}`, "--timeout=60s");
  await mesh().kubectl("delete", "namespace", "cert-manager", "--wait=false");
  await mesh().settle();
  client.close();
  rmSync(directory, { recursive: true, force: true });
}, 240_000);

const group = (file: string): string =>
  ["orders", "challenges"].includes(file) ? "acme.cert-manager.io" : "cert-manager.io";

// Each goes on where the one before has left the mesh.
describe("sidecars with identities of cert-manager", () => {
  test("call each other by the issuer's root, and policies know the identities", async () => {
    await until("a certificate of the issuer", async () => isOrganisations(await shownCertificate(mesh(), "cart")), {
      timeout: 60_000,
      interval: 500,
    });
    await mesh().waitCondition("meshtls.heddle.dev", root, "default", "Ready", "True", 60);
    await mesh().applyAndWait(`apiVersion: heddle.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: cert-manager, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  rules: [{from: [{source: {serviceAccounts: [shop/frontend]}}]}]
`);
    const { peers, requests } = await expectStatus(mesh(), "frontend", url, 200, { fresh: true });
    expect(peers).toEqual({ "spiffe://cluster.local/ns/shop/sa/frontend": requests });
    await expectStatus(mesh(), "checkout", url, 403, { fresh: true });
    await expectRefused(mesh(), "visitor", url);
  }, 150_000);

  test("a pod that starts is given one, and is Ready", async () => {
    await mesh().kubectl("rollout", "restart", "deployment/cart", "-n", "shop");
    await mesh().kubectl("rollout", "status", "deployment/cart", "-n", "shop", "--timeout=120s");
    expect(isOrganisations(await shownCertificate(mesh(), "cart"))).toBe(true);
    await expectStatus(mesh(), "frontend", url, 200, { fresh: true });
  }, 150_000);

  test("renewal by cert-manager, asked for or by a deleted Secret, costs no request", async () => {
    const load = await mesh().load("shop", "frontend", url, { rate: 100 });
    const fresh = await mesh().load("shop", "frontend", url, { rate: 100, fresh: true });
    const first = await shownCertificate(mesh(), "cart");
    // What `cmctl renew` does.
    await client.applyStatus(kinds.Certificate, {
      metadata: { name: "heddle-identity-cart", namespace: "shop" },
      status: {
        conditions: [
          {
            type: "Issuing",
            status: "True",
            reason: "ManuallyTriggered",
            message: "Certificate re-issuance manually triggered",
            lastTransitionTime: new Date().toISOString(),
          },
        ],
      },
    } as unknown as ObjectToWrite);
    const second = await another(first);
    await client.delete(kinds.Secret, { namespace: "shop", name: "heddle-identity-cart" });
    const third = await another(second);
    expect([second, third].every(isOrganisations)).toBe(true);
    for (const report of [await load.finish(), await fresh.finish()]) {
      const { requests, failures, statuses } = report;
      expect({ failures, statuses }).toEqual({ failures: 0, statuses: { 200: requests } });
      expect(requests).toBeGreaterThan(20);
    }
  }, 180_000);

  test("a Secret that is emptied while cert-manager is away is told of; sidecars go on with what they have", async () => {
    await certManager?.stop();
    const load = await mesh().load("shop", "frontend", url, { rate: 50 });
    const shown = await shownCertificate(mesh(), "cart");
    await client.apply(
      kinds.Secret,
      {
        metadata: { name: "heddle-identity-cart", namespace: "shop" },
        data: { "tls.crt": "", "tls.key": "" },
      } as ObjectToWrite,
      { fieldManager: "somebody" },
    );
    await mesh().waitCondition("meshtls.heddle.dev", root, "default", "ResolvedRefs", "False", 30);
    const said = conditionOf(await mesh().get("meshtls.heddle.dev", root, "default"), "ResolvedRefs");
    expect(said).toMatchObject({ reason: "IdentityUnavailable" });
    expect(said?.message).toContain("Secret shop/heddle-identity-cart: its certificate and key cannot be read");
    expect((await shownCertificate(mesh(), "cart")).serial).toBe(shown.serial);
    certManager = await startCertManager(mesh().cluster.kubeconfig, directory);
    const mended = await another(shown);
    expect(isOrganisations(mended)).toBe(true);
    expect(decode(await identity("cart"), "tls.crt")).toContain(new X509Certificate(mended.pem).toString().trim());
    await mesh().waitCondition("meshtls.heddle.dev", root, "default", "ResolvedRefs", "True", 30);
    const { requests, failures, statuses } = await load.finish();
    expect({ failures, statuses }).toEqual({ failures: 0, statuses: { 200: requests } });
    expect((await call(mesh(), "checkout", url, { fresh: true })).statuses).toEqual({ 403: 10 });
  }, 180_000);
});
