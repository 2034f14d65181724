/** A certificate authority for tests, and workload certificates that it signs. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const hour = 60 * 60 * 1000;

/** What the Secret of a ServiceAccount holds, PEM. */
export interface TestIdentity {
  readonly certificate: string;
  readonly key: string;
  /** The authority that its owner trusts. */
  readonly authority: string;
}

/** An authority of its own: no other one's certificates are trusted by those who trust it. */
export interface TestAuthority {
  issue(spiffeId: string): Promise<TestIdentity>;
}

/** Makes a new authority. */
export async function createTestAuthority(): Promise<TestAuthority> {
  const validity = { notBefore: new Date(Date.now() - hour), notAfter: new Date(Date.now() + hour) };
  const createKeys = (): Promise<webcrypto.CryptoKeyPair> =>
    webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const authorityKeys = await createKeys();
  const authority = await X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: "CN=heddle-test",
    keys: authorityKeys,
    signingAlgorithm: algorithm,
    extensions: [new BasicConstraintsExtension(true, 0, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)],
  });
  return {
    async issue(spiffeId) {
      const keys = await createKeys();
      const certificate = await X509CertificateGenerator.create({
        ...validity,
        issuer: authority.subject,
        publicKey: keys.publicKey,
        signingKey: authorityKeys.privateKey,
        signingAlgorithm: algorithm,
        extensions: [new SubjectAlternativeNameExtension([{ type: "url", value: spiffeId }], true)],
      });
      const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
      return {
        certificate: certificate.toString("pem"),
        key: PemConverter.encode(key, "PRIVATE KEY"),
        authority: authority.toString("pem"),
      };
    },
  };
}
