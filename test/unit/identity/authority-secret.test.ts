import { beforeAll, describe, expect, test } from "vitest";
import type { Secret } from "../../../src/api/kubernetes.ts";
import { createRoot, type KeyPair, openAuthority } from "../../../src/identity/authority.ts";
import {
  decideAuthority,
  issuedSecrets,
  ownSecrets,
  readAuthorityRecord,
  recordAnnotations,
} from "../../../src/identity/authority-secret.ts";
import type { AuthorityRecord, IdentityPlan } from "../../../src/model/identity.ts";

const now = Date.UTC(2026, 5, 1);
const day = 86_400_000;
const plan: IdentityPlan = { trustDomain: "mesh.test", provider: { kind: "BuiltIn" }, mayCreate: true };
const life = { notBefore: now - day, notAfter: now + 100 * day };
let root: KeyPair;
let other: KeyPair;

beforeAll(async () => {
  root = await createRoot("root", life, "spiffe://mesh.test");
  other = await createRoot("root", life, "spiffe://mesh.test");
});

function secret(name: string, data: Readonly<Record<string, string>>, annotations?: Record<string, string>): Secret {
  const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/tls",
    metadata: { name, namespace: "heddle-system", ...(annotations === undefined ? {} : { annotations }) },
    data: Object.fromEntries(encoded),
  };
}
const authority = (pair: KeyPair, bundle = pair.certificate): Secret =>
  secret(
    ownSecrets.authority,
    { "tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": bundle },
    { ...recordAnnotations(plan) },
  );
const trusting = (bundle: string): Secret => secret("heddle-identity-a", { "ca.crt": bundle });
const keysOf = (pair: KeyPair, bundle = pair.certificate) => ({ ...pair, bundle });
const decide = (changes: Partial<Parameters<typeof decideAuthority>[0]>) =>
  decideAuthority({ secret: undefined, opened: undefined, issued: [], plan, now, ...changes });

describe("without the Secret", () => {
  test("it is made where nobody trusts one, and only when it is known for what", () => {
    expect(decide({})).toEqual({ action: "create" });
    expect(decide({ plan: { ...plan, mayCreate: false } })).toEqual({ action: "wait" });
  });

  test("it is never made anew while certificates of it are in use", () => {
    expect(decide({ issued: [trusting(root.certificate)] })).toMatchObject({
      action: "refuse",
      problem: expect.stringContaining("it is gone, and 1 certificates of it are in use"),
    });
    // A Secret in which there is nothing to trust is nobody's witness.
    expect(decide({ issued: [trusting("")] })).toEqual({ action: "create" });
  });

  test("what was opened is put back", () => {
    expect(decide({ opened: keysOf(root), issued: [trusting(root.certificate)] })).toEqual({ action: "restore" });
  });
});

describe("with the Secret", () => {
  test("the one that is trusted is opened, one tampered identity notwithstanding", () => {
    const issued = [trusting(root.certificate), trusting(other.certificate)];
    expect(decide({ secret: authority(root), issued })).toEqual({ action: "open", keys: keysOf(root) });
  });

  test("a bundle of several roots is opened as it is, and a root of the bundle may take over", () => {
    const bundle = root.certificate + other.certificate;
    expect(decide({ secret: authority(root, bundle), opened: keysOf(root) })).toEqual({
      action: "open",
      keys: keysOf(root, bundle),
    });
    const issued = [trusting(bundle)];
    expect(decide({ secret: authority(other, bundle), opened: keysOf(root, bundle), issued })).toMatchObject({
      action: "open",
    });
  });

  test("everything else is refused, and says why", async () => {
    const leaf = await (await openAuthority(root)).issue({ uri: "spiffe://mesh.test/a" }, life);
    const plain = await createRoot("root", life);
    const old = await createRoot("root", { notBefore: now - 2 * day, notAfter: now - day }, "spiffe://mesh.test");
    const problem = (changes: Parameters<typeof decide>[0]) => {
      const decision = decide(changes);
      return decision.action === "refuse" ? decision.problem : decision.action;
    };
    expect(problem({ secret: authority({ ...root, key: other.key }) })).toContain("do not belong together");
    expect(problem({ secret: secret(ownSecrets.authority, {}) })).toContain("cannot be read");
    expect(problem({ secret: authority(leaf) })).toContain("is not an authority's");
    expect(problem({ secret: authority(old) })).toContain("has expired");
    expect(problem({ secret: authority(plain) })).toContain("does not name its trust domain");
    expect(problem({ secret: authority(root, other.certificate) })).toContain("ca.crt lacks its own certificate");
    expect(problem({ secret: authority(other), opened: keysOf(root) })).toContain("than the one that proxies trust");
    expect(problem({ secret: authority(other), issued: [trusting(root.certificate)] })).toContain(
      "every identity of this mesh trusts",
    );
  });
});

describe("the record", () => {
  const record = (...secrets: readonly Secret[]) =>
    readAuthorityRecord(new Map(secrets.map((each) => [`heddle-system/${each.metadata.name}`, each])), "heddle-system");
  const issuer = { name: "mesh", kind: "ClusterIssuer", group: "cert-manager.io" };
  const byCertManager: AuthorityRecord = { trustDomain: "mesh.test", provider: { kind: "CertManager", issuer } };

  test("is in the certificate, whatever its annotation says", () => {
    expect(record()).toBeUndefined();
    const annotated = authority(root);
    const lying = {
      ...annotated,
      metadata: { ...annotated.metadata, annotations: { "heddle.dev/trust-domain": "evil" } },
    };
    expect(record(lying)).toEqual({ trustDomain: "mesh.test", provider: { kind: "BuiltIn" } });
  });

  test("survives in the webhook's Secret", () => {
    expect(record(secret(ownSecrets.webhook, {}, { ...recordAnnotations(byCertManager) }))).toEqual(byCertManager);
    const stripped = { ...authority(root), metadata: { name: ownSecrets.authority, namespace: "heddle-system" } };
    expect(record(stripped, secret(ownSecrets.webhook, {}, { ...recordAnnotations(byCertManager) }))).toEqual(
      byCertManager,
    );
  });

  test.each(["", "null", "[]", '{"kind":"Other"}', '{"kind":"CertManager","issuer":{"name":1}}'])(
    "takes %j for no provider",
    (text) => {
      const found = record(
        secret(ownSecrets.authority, {}, { "heddle.dev/trust-domain": "a", "heddle.dev/identity-provider": text }),
      );
      expect(found).toEqual({ trustDomain: "a", provider: { kind: "BuiltIn" } });
    },
  );

  test("identities of cert-manager say nothing of the built-in authority", () => {
    const secrets = new Map([
      ["shop/heddle-identity-a", trusting(other.certificate)],
      [`heddle-system/${ownSecrets.webhook}`, secret(ownSecrets.webhook, {})],
    ]);
    expect(issuedSecrets(secrets, "heddle-system", byCertManager).map(({ metadata }) => metadata.name)).toEqual([
      ownSecrets.webhook,
    ]);
    expect(issuedSecrets(secrets, "heddle-system", plan)).toHaveLength(2);
  });
});
