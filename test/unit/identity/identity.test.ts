import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import type { Secret } from "../../../src/api/kubernetes.ts";
import { type Authority, createRoot, type KeyPair, openAuthority } from "../../../src/identity/authority.ts";
import {
  belongsTogether,
  certificatesOf,
  chainsTo,
  isInBundle,
  isIssuedBy,
  readCertificate,
} from "../../../src/identity/certificate.ts";
import { decideRenewal, type ExpectedCertificate, spreadRenewal } from "../../../src/identity/renewal.ts";

const now = Date.UTC(2026, 5, 1);
const day = 86_400_000;
const uri = "spiffe://cluster.local/ns/shop/sa/a.b.c";
let root: KeyPair;
let authority: Authority;
let leaf: KeyPair;

beforeAll(async () => {
  root = await createRoot("Heddle cluster.local", { notBefore: now - day, notAfter: now + 3650 * day });
  authority = await openAuthority(root);
  leaf = await authority.issue({ uri }, { notBefore: now, notAfter: now + 3 * day });
});

describe("the authority", () => {
  test("a leaf is an X.509-SVID: one URI name, no authority, key usage digitalSignature, an empty subject", () => {
    const certificate = new X509Certificate(leaf.certificate);
    expect(certificate.ca).toBe(false);
    expect(certificate.subjectAltName).toBe(`URI:${uri}`);
    expect(certificate.subject ?? "").toBe("");
    expect(certificate.toLegacyObject().ext_key_usage).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
  });

  test("readers agree with it", () => {
    expect(readCertificate(leaf.certificate)).toEqual({
      notBefore: now,
      notAfter: now + 3 * day,
      uris: [uri],
      dnsNames: [],
      isAuthority: false,
    });
    expect(belongsTogether(leaf.certificate, leaf.key)).toBe(true);
    expect(belongsTogether(leaf.certificate, root.key)).toBe(false);
    expect(isIssuedBy(leaf.certificate, root.certificate)).toBe(true);
  });

  test("another root of the same name did not issue it", async () => {
    const other = await createRoot("Heddle cluster.local", { notBefore: now - day, notAfter: now + day });
    expect(isIssuedBy(leaf.certificate, other.certificate)).toBe(false);
  });

  test("a leaf never outlives its root", async () => {
    const short = await openAuthority(await createRoot("short", { notBefore: now - day, notAfter: now + day }));
    const issued = await short.issue({ uri }, { notBefore: now, notAfter: now + 30 * day });
    expect(readCertificate(issued.certificate)?.notAfter).toBe(now + day);
  });

  test("a swapped key does not open", async () => {
    await expect(
      openAuthority({
        certificate: root.certificate,
        key: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
      }),
    ).rejects.toThrow();
  });

  test("names with a comma or a quote are one name", async () => {
    const odd = await authority.issue(
      { uri: 'spiffe://x/a, URI:spiffe://y/"b' },
      { notBefore: now, notAfter: now + day },
    );
    const uris = readCertificate(odd.certificate)?.uris ?? [];
    expect(uris.length).toBeLessThanOrEqual(1);
    expect(uris).not.toContain('spiffe://y/"b');
  });
});

describe("renewal", () => {
  const expected = (): ExpectedCertificate => ({
    names: { uri },
    root: root.certificate,
    bundle: root.certificate,
    life: 10 * day,
    renewAfter: 2 / 3,
  });
  const secret = (
    changes: Partial<Record<"tls.crt" | "tls.key" | "ca.crt", string>> = {},
    type = "kubernetes.io/tls",
  ): Secret => ({
    apiVersion: "v1",
    kind: "Secret",
    type,
    metadata: { name: "heddle-identity-a.b.c", namespace: "shop" },
    data: Object.fromEntries(
      Object.entries({ "tls.crt": leaf.certificate, "tls.key": leaf.key, "ca.crt": root.certificate, ...changes }).map(
        ([key, text]) => [key, Buffer.from(text).toString("base64")],
      ),
    ),
  });

  test("a good certificate stays until two thirds of its life", () => {
    expect(decideRenewal(secret(), expected(), now + day)).toEqual({ issue: false, lookAgainAt: now + 2 * day });
    expect(decideRenewal(secret(), expected(), now + 2 * day)).toEqual({ issue: true, reason: "Expiring" });
    expect(decideRenewal(secret(), expected(), now + 30 * day)).toEqual({ issue: true, reason: "Expiring" });
  });

  test("renewals of many are spread over the last twentieth of two thirds", () => {
    const keys = Array.from({ length: 1_000 }, (_, index) => `shop/heddle-identity-${index}`);
    const spread = keys.map((key) => spreadRenewal(key, 2 / 3) / (2 / 3));
    expect(Math.min(...spread)).toBeGreaterThanOrEqual(0.95);
    expect(Math.max(...spread)).toBeLessThanOrEqual(1);
    expect(spread).toEqual(keys.map((key) => spreadRenewal(key, 2 / 3) / (2 / 3)));
    // Each tenth of that time has its part.
    const tenths = Map.groupBy(spread, (value) => Math.floor((value - 0.95) * 200));
    expect([...tenths.keys()].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const values of tenths.values()) expect(values.length).toBeGreaterThan(50);
  });

  test("everything else is issued anew, and says why", async () => {
    const other = await authority.issue(
      { uri: "spiffe://cluster.local/ns/shop/sa/other" },
      { notBefore: now, notAfter: now + day },
    );
    const foreignRoot = await createRoot("Heddle cluster.local", { notBefore: now - day, notAfter: now + 100 * day });
    const foreign = await (await openAuthority(foreignRoot)).issue(
      { uri },
      { notBefore: now, notAfter: now + 3 * day },
    );
    const future = await authority.issue({ uri }, { notBefore: now + day, notAfter: now + 3 * day });
    const reason = (value: Secret | undefined) => {
      const decision = decideRenewal(value, expected(), now);
      return decision.issue ? decision.reason : "none";
    };
    expect(reason(undefined)).toBe("Missing");
    expect(reason(secret({}, "Opaque"))).toBe("WrongType");
    expect(reason({ ...secret(), data: {} })).toBe("Unreadable");
    expect(reason(secret({ "tls.crt": "garbage" }))).toBe("Unreadable");
    expect(reason(secret({ "tls.crt": "x".repeat(100_000) }))).toBe("Unreadable");
    expect(reason(secret({ "tls.crt": other.certificate, "tls.key": other.key }))).toBe("WrongName");
    expect(reason(secret({ "ca.crt": foreignRoot.certificate }))).toBe("WrongBundle");
    expect(reason(secret({ "tls.crt": future.certificate, "tls.key": future.key }))).toBe("NotYetValid");
    expect(reason(secret({ "tls.key": other.key }))).toBe("KeyMismatch");
    expect(reason(secret({ "tls.key": "" }))).toBe("KeyMismatch");
    expect(reason(secret({ "tls.crt": foreign.certificate, "tls.key": foreign.key }))).toBe("WrongIssuer");
    expect(reason({ ...secret(), immutable: true })).toBe("Immutable");
    expect(reason(secret())).toBe("none");
    const long = decideRenewal(secret(), { ...expected(), life: 2 * day }, now);
    expect(long).toEqual({ issue: true, reason: "LivesTooLong" });
  });

  test("a bundle of several roots is what is expected, no more and no less", async () => {
    const next = await createRoot("next", { notBefore: now - day, notAfter: now + 100 * day });
    const bundle = `${root.certificate}${next.certificate}`;
    const rotating = { ...expected(), bundle };
    expect(decideRenewal(secret({ "ca.crt": bundle }), rotating, now).issue).toBe(false);
    expect(decideRenewal(secret(), rotating, now)).toEqual({ issue: true, reason: "WrongBundle" });
    expect(decideRenewal(secret({ "ca.crt": bundle }), expected(), now)).toEqual({
      issue: true,
      reason: "WrongBundle",
    });
  });
});

describe("chains", () => {
  test("lead to any root of a bundle, by intermediates or directly, and to no other", async () => {
    const life = { notBefore: now - day, notAfter: now + 100 * day };
    const other = await createRoot("other", life);
    const bundle = `# roots\n${other.certificate}\n${root.certificate}`;
    expect(certificatesOf(bundle)).toHaveLength(2);
    expect(chainsTo(leaf.certificate, bundle)).toBe(true);
    expect(chainsTo(leaf.certificate + other.certificate, bundle)).toBe(true);
    expect(chainsTo(leaf.certificate, other.certificate)).toBe(false);
    expect(chainsTo(leaf.certificate, "")).toBe(false);
    expect(chainsTo("", bundle)).toBe(false);
    expect(chainsTo(root.certificate + leaf.certificate, other.certificate)).toBe(false);
    expect(isInBundle(root.certificate, bundle)).toBe(true);
    expect(isInBundle(leaf.certificate, bundle)).toBe(false);
    expect(isInBundle("", bundle)).toBe(false);
  });
});
