/** Identities by a real cert-manager, from before it is installed. */
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { Secret } from "../../src/api/kubernetes.ts";
import { createRoot, type KeyPair, openAuthority } from "../../src/identity/authority.ts";
import { belongsTogether, isIssuedBy, readCertificate } from "../../src/identity/certificate.ts";
import { decode } from "../../src/identity/renewal.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { keys } from "../../src/model/sidecar.ts";
import { binary } from "../../tools/binaries.ts";
import { type BackgroundProcess, until } from "../../tools/processes.ts";
import { createIssuer, installCertManagerDefinitions, startCertManager } from "../support/cert-manager.ts";
import { unownedParts } from "../support/ownership.ts";
import { base64, eventually, type IdentityWorld, root, startIdentityWorld } from "./identity-support.ts";

let world: IdentityWorld;
let directory: string;
let certManager: BackgroundProcess | undefined;
let organisation: KeyPair;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "heddle-cert-manager-"));
  // Below the schema's minimum: no other way to see a rotation in a test.
  world = await startIdentityWorld({ "certificate-ttl": "45s" });
  await world.client.create(kinds.Namespace, { metadata: { name: "cert-manager" } });
  await describeMesh({ issuer: "mesh" });
  // The build, when it is not cached, takes minutes.
  await binary("cert-manager-controller");
}, 600_000);

afterAll(async () => {
  expect(world.output()).not.toMatch(/PRIVATE KEY|LS0tLS1/);
  await world.stop();
  await certManager?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function describeMesh({ issuer, trustDomain }: { issuer?: string; trustDomain?: string }): Promise<void> {
  const by =
    issuer === undefined
      ? { provider: "BuiltIn" }
      : { provider: "CertManager", certManager: { issuerRef: { name: issuer, kind: "ClusterIssuer" } } };
  await world.client.apply(kinds.MeshTLS, {
    metadata: { name: "default", namespace: root },
    spec: { mode: "Strict", identity: { ...by, ...(trustDomain === undefined ? {} : { trustDomain }) } },
  } as ObjectToWrite);
}

const identity = (name: string): Promise<Secret> => world.secret(`heddle-identity-${name}`);
const certificateOf = (name: string, namespace = "shop") =>
  world.client.get(kinds.Certificate, { namespace, name: `heddle-identity-${name}` });

async function isGood(name: string): Promise<boolean> {
  const secret = await identity(name);
  const [certificate, key] = [decode(secret, "tls.crt"), decode(secret, "tls.key")];
  return (
    secret.metadata.labels?.[keys.managedBy] === "heddle" &&
    readCertificate(certificate)?.uris.join() === `spiffe://cluster.local/ns/shop/sa/${name}` &&
    belongsTogether(certificate, key) &&
    isIssuedBy(certificate, organisation.certificate) &&
    decode(secret, "ca.crt").trim() === organisation.certificate.trim()
  );
}

const pending = () => eventually(async () => (await world.condition("ResolvedRefs"))?.message);

// Each goes on where the one before has left the cluster.
describe("the provider CertManager", () => {
  test("without cert-manager: identities wait and the object says so; the webhook is served", async () => {
    await world.startOperator(false);
    await world.createPod("cart");
    await pending().toContain("2 identities wait for cert-manager");
    expect(await world.condition("ResolvedRefs")).toMatchObject({ status: "False", reason: "IdentityPending" });
    expect((await world.condition("ResolvedRefs"))?.message).toContain("install cert-manager");
    await eventually(async () => (await world.served("webhook"))?.subjectaltname).toContain("DNS:heddle");
  });

  test("its definitions come: a Certificate for each ServiceAccount, and one for the operator", async () => {
    await installCertManagerDefinitions(world.client);
    await eventually(async () => (await certificateOf("cart")).spec).toEqual({
      secretName: "heddle-identity-cart",
      secretTemplate: { labels: { [keys.managedBy]: "heddle" } },
      duration: "0h0m45s",
      renewBefore: "0h0m15s",
      uris: ["spiffe://cluster.local/ns/shop/sa/cart"],
      privateKey: { algorithm: "ECDSA", size: 256, encoding: "PKCS8", rotationPolicy: "Always" },
      usages: ["digital signature", "server auth", "client auth"],
      issuerRef: { name: "mesh", kind: "ClusterIssuer", group: "cert-manager.io" },
      revisionHistoryLimit: 1,
    });
    await eventually(async () => (await certificateOf("heddle", root)).spec.uris).toEqual([
      "spiffe://cluster.local/ns/heddle-system/sa/heddle",
    ]);
    await pending().toContain("Certificate shop/heddle-identity-cart: cert-manager has not looked at it yet");
  });

  test("its issuer is missing: the object has cert-manager's own words", async () => {
    certManager = await startCertManager(world.server.kubeconfig, directory);
    await pending().toContain("Certificate shop/heddle-identity-cart: Issuing certificate as Secret does not exist");
  });

  test("its issuer comes: the identities are there, the operator serves by its own, and all is well", async () => {
    organisation = await createIssuer(world.client);
    await until("the identity", () => isGood("cart").catch(() => false), { timeout: 60_000 });
    await eventually(() => world.condition("ResolvedRefs")).toMatchObject({ status: "True" });
    const ads = async () => {
      const raw = (await world.served("xds"))?.raw;
      const pem = raw === undefined ? "" : new X509Certificate(raw).toString();
      return { uris: readCertificate(pem)?.uris, trusted: isIssuedBy(pem, organisation.certificate) };
    };
    const uris = ["spiffe://cluster.local/ns/heddle-system/sa/heddle"];
    await eventually(ads).toEqual({ uris, trusted: true });
  }, 90_000);

  test("rotation is cert-manager's, with a new key each time, and the operator follows", async () => {
    const before = await identity("cart");
    const served = (await world.served("xds"))?.serialNumber;
    const isNew = async () =>
      (await isGood("cart")) && decode(await identity("cart"), "tls.crt") !== decode(before, "tls.crt");
    await until("another certificate", () => isNew().catch(() => false), { timeout: 60_000 });
    expect(decode(await identity("cart"), "tls.key")).not.toBe(decode(before, "tls.key"));
    await until("another certificate of ADS", async () => (await world.served("xds"))?.serialNumber !== served, {
      timeout: 60_000,
    });
  }, 130_000);

  test("what somebody changes in a Certificate is put back, and so is what they add", async () => {
    const change = {
      metadata: { name: "heddle-identity-cart", namespace: "shop" },
      spec: { ...(await certificateOf("cart")).spec, duration: "8760h", dnsNames: ["evil.example.org"] },
    } as unknown as ObjectToWrite;
    await world.client.apply(kinds.Certificate, change, { fieldManager: "somebody" });
    const parts = async () => {
      const { duration, dnsNames } = (await certificateOf("cart")).spec;
      return { duration, dnsNames };
    };
    await eventually(parts).toEqual({ duration: "0h0m45s", dnsNames: undefined });
    // Who goes on is put back ever more slowly; the message of what is False names what is not back.
    await expect
      .poll(
        async () => {
          if ((await parts()).dnsNames === undefined)
            await world.client.apply(kinds.Certificate, change, { fieldManager: "somebody" });
          return (await world.condition("Programmed"))?.message;
        },
        { timeout: 90_000 },
      )
      .toContain("Certificate shop/heddle-identity-cart");
    await expect.poll(parts, { timeout: 90_000 }).toEqual({ duration: "0h0m45s", dnsNames: undefined });
    await eventually(async () => {
      const { items } = await world.client.list(kinds.Event, { namespace: "shop" });
      return items
        .filter(({ reason, regarding }) => reason === "ForeignEdit" && regarding.kind === "Certificate")
        .map(({ regarding }) => regarding.name);
    }).toEqual(["heddle-identity-cart"]);
    expect(unownedParts(await certificateOf("cart"))).toEqual([]);
    await world.client.delete(kinds.Certificate, { name: "heddle-identity-cart", namespace: "shop" });
    await eventually(parts).toEqual({ duration: "0h0m45s", dnsNames: undefined });
  }, 240_000);

  test("a Secret that is emptied is mended by cert-manager", async () => {
    await world.overwrite("heddle-identity-cart", { "tls.crt": "", "tls.key": "" });
    await until("it to be mended", () => isGood("cart").catch(() => false), { timeout: 60_000 });
    await eventually(() => world.condition("ResolvedRefs")).toMatchObject({ status: "True" });
  }, 90_000);

  describe("while cert-manager is away, a Secret is told of that is", () => {
    const hour = 3_600_000;
    const unreadable = "its certificate and key cannot be read or do not belong together";
    const issued = async (by: KeyPair, from: number, to: number) => {
      const life = { notBefore: Date.now() + from, notAfter: Date.now() + to };
      const uri = "spiffe://cluster.local/ns/shop/sa/cart";
      const { certificate, key } = await (await openAuthority(by)).issue({ uri }, life);
      return { "tls.crt": certificate, "tls.key": key };
    };
    const stranger = () => createRoot("A stranger", { notBefore: Date.now() - hour, notAfter: Date.now() + hour });
    beforeAll(async () => {
      // What it has begun it ends, and says so: else its last word would be that it issues.
      const isOver = async () => {
        const conditions = (await certificateOf("cart")).status?.conditions ?? [];
        const is = (sought: string) => conditions.some(({ type, status }) => type === sought && status === "True");
        return is("Ready") && !is("Issuing");
      };
      await until("cert-manager to have issued", isOver, { timeout: 60_000 });
      await certManager?.stop();
    });
    test.each<readonly [string, string, () => Promise<Readonly<Record<string, string>>>]>([
      ["emptied", unreadable, async () => ({ "tls.crt": "", "tls.key": "" })],
      ["malformed", unreadable, async () => ({ "tls.crt": "-----BEGIN CERTIFICATE-----\nAAAA\n" })],
      [
        "swapped",
        "its certificate is not of spiffe://cluster.local/ns/shop/sa/cart alone",
        async () => {
          const other = await world.secret("heddle-identity-heddle", root);
          return { "tls.crt": decode(other, "tls.crt"), "tls.key": decode(other, "tls.key") };
        },
      ],
      ["without a root", "it has no ca.crt", async () => ({ "ca.crt": "" })],
      [
        "with another root than its own",
        "its certificate does not lead to a root of its ca.crt",
        async () => ({ "ca.crt": (await stranger()).certificate }),
      ],
      [
        "somebody else's",
        "it is of another root than the operator's own identity",
        async () => {
          const by = await stranger();
          return { ...(await issued(by, -hour, hour)), "ca.crt": by.certificate };
        },
      ],
      ["expired", "its certificate has expired", () => issued(organisation, -hour, -hour / 2)],
      [
        "of a certificate that expires without anybody's doing",
        "its certificate has expired",
        () => issued(organisation, -hour, 3000),
      ],
    ])(
      "%s",
      async (_, problem, damage) => {
        const good = { ...(await issued(organisation, -hour, hour)), "ca.crt": organisation.certificate };
        await world.overwrite("heddle-identity-cart", good);
        const told = `Secret shop/heddle-identity-cart: ${problem}`;
        const said = async () => (await world.condition("ResolvedRefs"))?.message ?? "";
        await eventually(said).not.toContain("shop/heddle-identity-cart");
        await world.overwrite("heddle-identity-cart", { ...good, ...(await damage()) });
        await eventually(said).toContain(told);
        expect(await world.condition("ResolvedRefs")).toMatchObject({ status: "False", reason: "IdentityUnavailable" });
      },
      70_000,
    );

    test("and is mended when it is back", async () => {
      certManager = await startCertManager(world.server.kubeconfig, directory);
      await until("it to be mended", () => isGood("cart").catch(() => false), { timeout: 60_000 });
      await until("all to be well", async () => (await world.condition("ResolvedRefs"))?.status === "True", {
        timeout: 60_000,
      });
    }, 130_000);
  });

  test("somebody else's Secret is left alone: no Certificate asks cert-manager to write over it", async () => {
    const name = "heddle-identity-foreign";
    const theirs = { metadata: { name, namespace: "shop" }, type: "Opaque", data: { own: base64("data") } };
    const made = await world.client.create(kinds.Secret, theirs as ObjectToWrite);
    await world.createPod("foreign");
    await eventually(() => world.condition("ResolvedRefs")).toMatchObject({ reason: "IdentityUnavailable" });
    expect((await world.secret(name)).metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    await expect(certificateOf("foreign")).rejects.toMatchObject({ class: "notFound" });
    await world.client.delete(kinds.Secret, { namespace: "shop", name });
    await until("our own", () => isGood("foreign").catch(() => false), { timeout: 90_000 });
  }, 130_000);

  test("the provider and its issuer are fixed", async () => {
    await describeMesh({});
    await eventually(() => world.condition("Accepted")).toMatchObject({ status: "False", reason: "IdentityFixed" });
    expect((await world.condition("Accepted"))?.message).toContain(
      "CertManager ClusterIssuer.cert-manager.io/mesh, not BuiltIn",
    );
    await describeMesh({ issuer: "other" });
    await eventually(async () => (await world.condition("Accepted"))?.message).toContain(
      "/mesh, not CertManager ClusterIssuer.cert-manager.io/other",
    );
    expect((await certificateOf("cart")).spec.issuerRef.name).toBe("mesh");
    await describeMesh({ issuer: "mesh" });
    await eventually(() => world.condition("Accepted")).toMatchObject({ status: "True" });
  });

  test("a ServiceAccount without pods loses both, a minute later", async () => {
    const { items } = await world.client.list(kinds.Pod, { namespace: "shop" });
    for (const { metadata } of items.filter((pod) => pod.metadata.name.startsWith("foreign-")))
      await world.client.delete(kinds.Pod, { namespace: "shop", name: metadata.name });
    const gone = (reading: Promise<unknown>) =>
      reading.then(
        () => false,
        (error: unknown) => (error as { class?: string }).class === "notFound",
      );
    const bothGone = async () => (await gone(certificateOf("foreign"))) && gone(identity("foreign"));
    await until("both to be collected", bothGone, { timeout: 120_000 });
    expect(await isGood("cart")).toBe(true);
  }, 150_000);
});
