/** What becomes of Secrets that are not as the operator has written them, and of the authority's. */
import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { Secret } from "../../src/api/kubernetes.ts";
import { createRoot, type KeyPair, openAuthority } from "../../src/identity/authority.ts";
import { belongsTogether, isIssuedBy, readCertificate } from "../../src/identity/certificate.ts";
import { decode } from "../../src/identity/renewal.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { keys } from "../../src/model/sidecar.ts";
import { until } from "../../tools/processes.ts";
import { base64, eventually, type IdentityWorld, root, startIdentityWorld } from "./identity-support.ts";

let world: IdentityWorld;
const hour = 3_600_000;

const pairOf = (secret: Secret): KeyPair => ({
  certificate: decode(secret, "tls.crt"),
  key: decode(secret, "tls.key"),
});
const idOf = (name: string): string => `spiffe://cluster.local/ns/shop/sa/${name}`;
const authorityRoot = async (): Promise<string> => decode(await world.secret("heddle-ca", root), "tls.crt");

/** Whether the Secret of a ServiceAccount is as it should be. */
async function isGood(name: string): Promise<boolean> {
  const secret = await world.secret(`heddle-identity-${name}`);
  const { certificate, key } = pairOf(secret);
  const facts = readCertificate(certificate);
  const trusted = await authorityRoot();
  return (
    secret.type === "kubernetes.io/tls" &&
    secret.metadata.labels?.[keys.managedBy] === "heddle" &&
    facts?.uris.join() === idOf(name) &&
    facts.notAfter > Date.now() &&
    belongsTogether(certificate, key) &&
    isIssuedBy(certificate, trusted) &&
    decode(secret, "ca.crt") === trusted
  );
}

async function serve(name: string): Promise<void> {
  await world.createPod(name);
  await eventually(() => isGood(name)).toBe(true);
}

beforeAll(async () => {
  world = await startIdentityWorld();
  await world.client.create(kinds.MeshTLS, {
    metadata: { name: "default", namespace: root },
    spec: { mode: "Strict", identity: { certificateTTL: "1h" } },
  } as ObjectToWrite);
  await world.startOperator();
  await world.createPod("other");
  await until("the first identity", () => isGood("other").catch(() => false), { timeout: 60_000 });
});

afterAll(async () => {
  expect(world.output()).not.toMatch(/PRIVATE KEY|LS0tLS1/);
  const { items } = await world.client.list(kinds.Event);
  expect(JSON.stringify(items)).not.toMatch(/PRIVATE KEY|LS0tLS1/);
  await world.stop();
});

describe("the Secret of an identity", () => {
  const broken: readonly (readonly [string, string, (good: Secret) => Promise<Readonly<Record<string, string>>>])[] = [
    [
      "swapped",
      "WrongName",
      async () => {
        const other = await world.secret("heddle-identity-other");
        return { "tls.crt": decode(other, "tls.crt"), "tls.key": decode(other, "tls.key") };
      },
    ],
    ["emptied", "Unreadable", async () => ({ "tls.crt": "", "tls.key": "", "ca.crt": "" })],
    [
      "malformed",
      "Unreadable",
      async () => ({
        "tls.crt": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      }),
    ],
    [
      "mismatched",
      "KeyMismatch",
      async () => ({ "tls.key": decode(await world.secret("heddle-identity-other"), "tls.key") }),
    ],
    [
      "expired",
      "Expiring",
      async () => {
        const authority = await openAuthority(pairOf(await world.secret("heddle-ca", root)));
        const past = { notBefore: Date.now() - 2 * hour, notAfter: Date.now() - 1.5 * hour };
        const { certificate, key } = await authority.issue({ uri: idOf("expired") }, past);
        return { "tls.crt": certificate, "tls.key": key };
      },
    ],
    [
      "wrong-issuer",
      "WrongIssuer",
      async () => {
        const life = { notBefore: Date.now() - 60_000, notAfter: Date.now() + hour / 2 };
        const stranger = await openAuthority(await createRoot("Heddle cluster.local", life));
        const { certificate, key } = await stranger.issue({ uri: idOf("wrong-issuer") }, life);
        return { "tls.crt": certificate, "tls.key": key };
      },
    ],
    [
      "wrong-root",
      "WrongBundle",
      async () => {
        const life = { notBefore: Date.now() - 60_000, notAfter: Date.now() + hour };
        return { "ca.crt": (await createRoot("stranger", life)).certificate };
      },
    ],
  ];

  test.each(broken)("%s: issued anew, and said in an event (%s)", async (name, reason, damage) => {
    await serve(name);
    const secret = `heddle-identity-${name}`;
    const before = await world.secret(secret);
    const data = await damage(before);
    await world.overwrite(secret, data);
    await eventually(async () => (await isGood(name)) && (await world.secret(secret)).metadata.uid).toBe(
      before.metadata.uid,
    );
    for (const [field, text] of Object.entries(data)) expect(decode(await world.secret(secret), field)).not.toBe(text);
    // An expired one is no damage, but what comes in its time.
    if (reason !== "Expiring")
      await eventually(async () => (await world.eventsOf(secret)).join()).toContain(
        `IdentityReplaced: What was in this Secret could not be used (${reason})`,
      );
  });

  test("deleted, made immutable, or of another type: it goes, and a new one comes", async () => {
    await serve("deleted");
    await world.client.delete(kinds.Secret, { namespace: "shop", name: "heddle-identity-deleted" });
    await eventually(() => isGood("deleted")).toBe(true);
    await serve("immutable");
    const body = (name: string, more: object) =>
      ({ metadata: { name: `heddle-identity-${name}`, namespace: "shop" }, ...more }) as ObjectToWrite;
    await world.client.apply(kinds.Secret, body("immutable", { immutable: true, data: { "tls.crt": "" } }), {
      fieldManager: "somebody",
    });
    await eventually(() => isGood("immutable")).toBe(true);
    await world.client.create(kinds.Secret, {
      ...body("opaque", { type: "Opaque" }),
      metadata: { name: "heddle-identity-opaque", namespace: "shop", labels: { [keys.managedBy]: "heddle" } },
    } as ObjectToWrite);
    await serve("opaque");
  });

  test("asked by annotation to be renewed: issued anew at once, the annotation goes with it, and nobody is accused", async () => {
    await serve("asked");
    const name = "heddle-identity-asked";
    const before = await world.secret(name);
    const ask = (value: string, more: object = {}) =>
      world.client.patch(kinds.Secret, {
        metadata: { name, namespace: "shop", annotations: { [keys.renew]: value, note: "kept", ...more } },
      } as ObjectToWrite);
    const seen = [pairOf(before)];
    // An empty value asks too; the second time, the annotation is of a Secret that was written by a patch.
    for (const value of ["now", ""]) {
      await ask(value);
      await eventually(async () => (await world.secret(name)).metadata.annotations).toEqual({ note: "kept" });
      expect(await isGood("asked")).toBe(true);
      seen.push(pairOf(await world.secret(name)));
    }
    expect(new Set(seen.map(({ certificate }) => certificate)).size).toBe(3);
    expect(new Set(seen.map(({ key }) => key)).size).toBe(3);
    expect((await world.secret(name)).metadata.uid).toBe(before.metadata.uid);
    const issued = world.output().split("\n");
    expect(issued.filter((line) => line.includes(name) && line.includes('"reason":"Requested"'))).toHaveLength(2);
    expect(await world.eventsOf(name)).toEqual([]);
    // What is damaged at the same time is said to be, and is put back once the operator's fields are everybody's.
    await world.overwrite(name, { "tls.key": "stranger" });
    await ask("now");
    await eventually(() => isGood("asked")).toBe(true);
    await eventually(async () => (await world.eventsOf(name)).join()).toContain("IdentityReplaced");
    await eventually(async () => (await world.secret(name)).metadata.annotations).toEqual({ note: "kept" });
  });

  test("without its label: the label is put back, and the certificate stays", async () => {
    await serve("unlabelled");
    const name = "heddle-identity-unlabelled";
    const before = await world.secret(name);
    await world.client.replace(kinds.Secret, {
      ...before,
      metadata: { ...before.metadata, labels: {} },
    } as ObjectToWrite);
    await eventually(() => isGood("unlabelled")).toBe(true);
    expect((await world.secret(name)).data).toEqual(before.data);
    await eventually(async () => (await world.eventsOf(name)).join()).toContain("ForeignEdit");
  });

  test("somebody else's is left alone and said, and ours is made when it is gone", async () => {
    const name = "heddle-identity-foreign";
    const theirs = {
      metadata: { name, namespace: "shop" },
      type: "Opaque",
      data: { "tls.crt": base64("theirs"), own: base64("data") },
    };
    const made = await world.client.create(kinds.Secret, theirs as ObjectToWrite);
    await world.createPod("foreign");
    await eventually(async () => (await world.eventsOf(name)).join()).toContain("ForeignSecret");
    await eventually(() => world.condition("ResolvedRefs")).toMatchObject({
      status: "False",
      reason: "IdentityUnavailable",
    });
    expect((await world.condition("ResolvedRefs"))?.message).toContain(
      "Secret shop/heddle-identity-foreign: it was made by somebody else",
    );
    expect((await world.secret(name)).metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    await world.client.delete(kinds.Secret, { namespace: "shop", name });
    // The operator asks again within half a minute.
    await until("our own Secret", () => isGood("foreign").catch(() => false), { timeout: 60_000 });
    await eventually(() => world.condition("ResolvedRefs")).toMatchObject({ status: "True" });
  });

  test("a shorter life is in force at once", async () => {
    await serve("short");
    const lifeOf = async () => {
      const facts = readCertificate(decode(await world.secret("heddle-identity-short"), "tls.crt"));
      return Math.round(((facts?.notAfter ?? 0) - (facts?.notBefore ?? 0)) / 60_000);
    };
    expect(await lifeOf()).toBe(61);
    const change = (certificateTTL: string) =>
      world.client.apply(kinds.MeshTLS, {
        metadata: { name: "default", namespace: root },
        spec: { mode: "Strict", identity: { certificateTTL } },
      } as ObjectToWrite);
    await change("10m");
    await eventually(lifeOf).toBe(11);
    await change("1h");
  });
});

describe("the Secret of the webhook", () => {
  const name = "heddle-webhook";
  const dns = ["heddle.heddle-system.svc", "heddle.heddle-system.svc.cluster.local"];
  const issue = async (by: KeyPair, from: number, to: number) => {
    const authority = await openAuthority(by);
    const { certificate, key } = await authority.issue(
      { dns },
      { notBefore: Date.now() + from, notAfter: Date.now() + to },
    );
    return { "tls.crt": certificate, "tls.key": key };
  };
  const served = async (): Promise<string> => {
    const raw = (await world.served("webhook"))?.raw;
    return raw === undefined ? "" : new X509Certificate(raw).toString();
  };
  const stranger = () => createRoot("stranger", { notBefore: Date.now() - hour, notAfter: Date.now() + hour });

  test.each<readonly [string, () => Promise<Readonly<Record<string, string>>>]>([
    ["emptied", async () => ({ "tls.crt": "", "tls.key": "", "ca.crt": "" })],
    [
      "that of an identity",
      async () => {
        const { certificate, key } = pairOf(await world.secret("heddle-identity-other"));
        return { "tls.crt": certificate, "tls.key": key };
      },
    ],
    [
      "somebody else's",
      async () => {
        const by = await stranger();
        return { ...(await issue(by, -hour, hour)), "ca.crt": by.certificate };
      },
    ],
    ["expired", async () => issue(pairOf(await world.secret("heddle-ca", root)), -2 * hour, -hour)],
  ])(
    "%s: issued anew; the webhook never serves what was there",
    async (_, damage) => {
      const data = await damage();
      await world.overwrite(name, data, root);
      const seen = new Set<string>();
      const isMended = async (): Promise<boolean> => {
        const shown = await served();
        seen.add(shown);
        const { certificate, key } = pairOf(await world.secret(name, root));
        return (
          certificate !== data["tls.crt"] &&
          belongsTogether(certificate, key) &&
          (readCertificate(certificate)?.notAfter ?? 0) > Date.now() &&
          new X509Certificate(certificate).toString() === shown
        );
      };
      await until("it to be mended and served", isMended, { timeout: 60_000 });
      const trusted = await authorityRoot();
      for (const certificate of seen) {
        expect(isIssuedBy(certificate, trusted)).toBe(true);
        expect(readCertificate(certificate)?.dnsNames).toEqual(dns);
        expect(certificate.trim()).not.toBe(data["tls.crt"]?.trim());
      }
    },
    40_000,
  );
});

describe("the authority", () => {
  test("a trust domain that is recorded stays, and the object is told so", async () => {
    const change = (trustDomain?: string) =>
      world.client.apply(kinds.MeshTLS, {
        metadata: { name: "default", namespace: root },
        spec: {
          mode: "Strict",
          identity: { certificateTTL: "1h", ...(trustDomain === undefined ? {} : { trustDomain }) },
        },
      } as ObjectToWrite);
    await change("example.org");
    await eventually(() => world.condition("Accepted")).toMatchObject({ status: "False", reason: "IdentityFixed" });
    await eventually(() => world.condition("Stalled")).toMatchObject({ status: "True" });
    await serve("fixed");
    await change();
    await eventually(() => world.condition("Accepted")).toMatchObject({ status: "True" });
  });

  test("deleted while the operator runs: the same one is put back", async () => {
    const before = await world.secret("heddle-ca", root);
    await world.client.delete(kinds.Secret, { namespace: root, name: "heddle-ca" });
    await eventually(async () => (await world.secret("heddle-ca", root)).data).toEqual(before.data);
    await serve("after-deletion");
  });

  test("another one in its place: nothing is issued by it, and the mesh is told", async () => {
    const before = await world.secret("heddle-ca", root);
    const life = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 24 * hour };
    const stranger = await createRoot("Heddle cluster.local", life, "spiffe://cluster.local");
    await world.overwrite(
      "heddle-ca",
      { "tls.crt": stranger.certificate, "tls.key": stranger.key, "ca.crt": stranger.certificate },
      root,
    );
    await eventually(() => world.condition("ResolvedRefs")).toMatchObject({
      status: "False",
      reason: "IdentityUnavailable",
    });
    expect((await world.condition("ResolvedRefs"))?.message).toContain("another root than the one that proxies trust");
    await eventually(async () => (await world.eventsOf("heddle-ca", root)).join()).toContain("AuthorityUnusable");
    await world.createPod("meanwhile");
    // A restart forgets what was opened: the identities that are there still tell.
    await world.stopOperator();
    await world.startOperator();
    await eventually(async () => (await world.condition("ResolvedRefs"))?.message).toContain(
      "another root than the one that every identity",
    );
    await expect(world.secret("heddle-identity-meanwhile")).rejects.toMatchObject({ class: "notFound" });
    expect(decode(await world.secret("heddle-identity-other"), "ca.crt")).toBe(decode(before, "tls.crt"));
    await world.client.apply(
      kinds.Secret,
      { metadata: { name: "heddle-ca", namespace: root }, data: before.data } as ObjectToWrite,
      { fieldManager: "somebody" },
    );
    await eventually(() => isGood("meanwhile")).toBe(true);
    await eventually(() => world.condition("ResolvedRefs")).toMatchObject({ status: "True" });
  });

  test("deleted while no operator runs: no new one is made, the webhook is served, and the backup is taken", async () => {
    const before = await world.secret("heddle-ca", root);
    await world.stopOperator();
    await world.client.delete(kinds.Secret, { namespace: root, name: "heddle-ca" });
    await world.startOperator();
    await eventually(async () => (await world.condition("ResolvedRefs"))?.message).toContain("heddle-ca: it is gone");
    await expect(world.secret("heddle-ca", root)).rejects.toMatchObject({ class: "notFound" });
    expect(world.output()).toContain("The authority cannot be used: it is gone");
    await eventually(async () => (await world.served("webhook"))?.subjectaltname).toContain(
      "DNS:heddle.heddle-system.svc",
    );
    const { type, data, metadata } = before;
    await world.client.create(kinds.Secret, {
      type,
      data,
      metadata: { name: "heddle-ca", namespace: root, labels: metadata.labels, annotations: metadata.annotations },
    } as ObjectToWrite);
    await serve("after-backup");
    await eventually(() => world.condition("ResolvedRefs")).toMatchObject({ status: "True" });
  });
});
