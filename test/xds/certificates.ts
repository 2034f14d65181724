/** An authority and certificates of every shape, the wrong ones too. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  Extension,
  type JsonGeneralName,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const hour = 3_600_000;

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface TestCA {
  readonly ca: string;
  /** `names`: subject alternative names, or the extension's own bytes. */
  issue(names: readonly JsonGeneralName[] | Uint8Array, notAfter?: Date): Promise<Pair>;
}

const createKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);

export async function createTestCA(): Promise<TestCA> {
  const keys = await createKeys();
  const notBefore = new Date(Date.now() - 24 * hour);
  const root: X509Certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=test",
    keys,
    signingAlgorithm: algorithm,
    notBefore,
    notAfter: new Date(Date.now() + hour),
    extensions: [new BasicConstraintsExtension(true, 0, true)],
  });
  return {
    ca: root.toString("pem"),
    async issue(names, notAfter = new Date(Date.now() + hour)) {
      const own = await createKeys();
      const extension =
        names instanceof Uint8Array
          ? new Extension("2.5.29.17", false, Buffer.from(names))
          : new SubjectAlternativeNameExtension([...names]);
      const certificate = await X509CertificateGenerator.create({
        issuer: root.subject,
        subject: "CN=leaf",
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        notBefore,
        notAfter,
        extensions: [extension],
      });
      const key = await webcrypto.subtle.exportKey("pkcs8", own.privateKey);
      return { cert: certificate.toString("pem"), key: PemConverter.encode(key, "PRIVATE KEY") };
    },
  };
}

/** A SubjectAltName extension with these URIs as raw bytes (each and all shorter than 128). */
export function rawURIs(...uris: readonly string[]): Uint8Array {
  const names = uris.map((uri) => Buffer.concat([Buffer.from([0x86, uri.length]), Buffer.from(uri, "latin1")]));
  const content = Buffer.concat(names);
  return Buffer.concat([Buffer.from([0x30, content.length]), content]);
}
