/** Certificates that no issuer of ours signs, from the root that all trust: what a server makes of their names. */
import { webcrypto } from "node:crypto";
import {
  type JsonGeneralNames,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { createRoot, openAuthority } from "../../src/identity/authority.ts";
import type { TestAuthority, TestIdentity } from "../support/test-identity.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const hour = 60 * 60 * 1000;
const validity = () => ({ notBefore: Date.now() - hour, notAfter: Date.now() + hour });

/** An authority that signs whatever it is given. */
export interface OddAuthority extends TestAuthority {
  issueNames(names: JsonGeneralNames): Promise<TestIdentity>;
}

const pem = (label: string, bytes: ArrayBuffer): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(bytes).toString("base64")}\n-----END ${label}-----\n`;

/** Makes a new one. */
export async function createOddAuthority(): Promise<OddAuthority> {
  const root = await createRoot("heddle-test", validity());
  const { issue } = await openAuthority(root);
  const der = Buffer.from(root.key.replaceAll(/-----[^-]*-----|\s/g, ""), "base64");
  const signingKey = await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  const issuer = new X509Certificate(root.certificate).subjectName;
  return {
    issue: async (uri) => ({ ...(await issue({ uri }, validity())), authority: root.certificate }),
    issueNames: async (names) => {
      const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
      const { notBefore, notAfter } = validity();
      const certificate = await X509CertificateGenerator.create({
        serialNumber: "01",
        issuer,
        notBefore: new Date(notBefore),
        notAfter: new Date(notAfter),
        publicKey: keys.publicKey,
        signingKey,
        signingAlgorithm: algorithm,
        extensions: names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names, true)],
      });
      const key = pem("PRIVATE KEY", await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
      return { certificate: certificate.toString("pem"), key, authority: root.certificate };
    },
  };
}
