import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** ECDSA over P-256 with SHA-256: the one algorithm of the built-in authority. */
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A certificate with its private key, both PEM; the key is PKCS #8. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** Names that a certificate is valid for: exactly one SPIFFE ID, or DNS names. */
export type SubjectNames = { readonly uri: string } | { readonly dns: readonly string[] };

/** When a certificate is valid. Milliseconds since the epoch. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The built-in certificate authority. */
export interface Authority {
  /** The root certificate, PEM: what peers trust. */
  readonly root: string;
  /** A fresh key, and a certificate for it (RFC 5280; X509-SVID section 4 where the name is a SPIFFE ID). */
  issue(names: SubjectNames, validity: Validity): Promise<KeyPair>;
}

/**
 * Makes a new self-signed root. Its path length is 0: it signs leaves only. `uri` is the SPIFFE ID of its trust domain
 * (X509-SVID section 3.1), which so is recorded where nobody can change it.
 */
export async function createRoot(commonName: string, validity: Validity, uri?: string): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(validity.notBefore),
    notAfter: new Date(validity.notAfter),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(uri === undefined ? [] : [new SubjectAlternativeNameExtension([{ type: "url", value: uri }])]),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await pem(keys.privateKey) };
}

/**
 * Opens the authority of a root.
 * @throws if the certificate or its key cannot be read, or do not belong together.
 */
export async function openAuthority(root: KeyPair): Promise<Authority> {
  const issuer = new X509Certificate(root.certificate);
  const signingKey = await webcrypto.subtle.importKey("pkcs8", fromPem(root.key), algorithm, false, ["sign"]);
  const authority: Authority = {
    root: root.certificate,
    issue: async (names, validity) => {
      const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const certificate = await X509CertificateGenerator.create({
        serialNumber: serialNumber(),
        issuer: issuer.subjectName,
        notBefore: new Date(validity.notBefore),
        notAfter: new Date(Math.min(validity.notAfter, issuer.notAfter.getTime())),
        publicKey: keys.publicKey,
        signingKey,
        signingAlgorithm: algorithm,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          // Critical because the subject is empty (RFC 5280, section 4.2.1.6).
          new SubjectAlternativeNameExtension(
            "uri" in names
              ? [{ type: "url", value: names.uri }]
              : names.dns.map((value) => ({ type: "dns" as const, value })),
            true,
          ),
          await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
          await SubjectKeyIdentifierExtension.create(keys.publicKey),
        ],
      });
      return { certificate: certificate.toString("pem"), key: await pem(keys.privateKey) };
    },
  };
  return authority;
}

/** 16 random bytes, positive as RFC 5280 asks, in hex. */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  const body = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${body.match(/.{1,64}/g)?.join("\n") ?? ""}\n-----END PRIVATE KEY-----\n`;
}

function fromPem(key: string): Buffer {
  return Buffer.from(key.replace(/-----[A-Z ]+-----/g, "").replace(/\s/g, ""), "base64");
}
