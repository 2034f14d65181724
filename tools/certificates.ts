/** Keys and certificates of a throw-away control plane. They live as long as its directory. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const day = 24 * 60 * 60 * 1000;

/** A certificate and its key, both PEM. */
export interface Credentials {
  readonly certificate: string;
  readonly key: string;
}

/** What a throw-away API server needs. */
export interface ClusterCertificates {
  /** Certificate authority of the API server, PEM. */
  readonly authority: string;
  readonly server: Credentials;
  /** Signs the tokens of ServiceAccounts. */
  readonly serviceAccountKey: { readonly private: string; readonly public: string };
}

/** Makes a CA, the serving certificate for `hosts` (DNS names and addresses) and the key of service-account tokens. */
export async function createClusterCertificates(hosts: readonly string[]): Promise<ClusterCertificates> {
  const validity = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 365 * day) };
  const authorityKeys = await createKeys();
  const authority = await X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: "CN=heddle-local-cluster",
    keys: authorityKeys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature, true),
    ],
  });
  const serverKeys = await createKeys();
  const server = await X509CertificateGenerator.create({
    ...validity,
    subject: "CN=kube-apiserver",
    issuer: authority.subject,
    publicKey: serverKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        hosts.map((host) => ({ type: isIP(host) === 0 ? "dns" : "ip", value: host })),
      ),
      await AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const tokenKeys = await createKeys();
  return {
    authority: authority.toString("pem"),
    server: { certificate: server.toString("pem"), key: await privatePem(serverKeys) },
    serviceAccountKey: {
      private: await privatePem(tokenKeys),
      public: PemConverter.encode(await webcrypto.subtle.exportKey("spki", tokenKeys.publicKey), "PUBLIC KEY"),
    },
  };
}

function createKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

async function privatePem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
}
