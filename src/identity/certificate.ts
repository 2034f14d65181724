import { createPrivateKey, X509Certificate } from "node:crypto";

/** What can be read from a certificate without trusting it. */
export interface CertificateFacts {
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** URI names, in order. */
  readonly uris: readonly string[];
  /** DNS names, in order. */
  readonly dnsNames: readonly string[];
  /** Whether it may sign others. */
  readonly isAuthority: boolean;
}

/** Larger input is not parsed. A chain of P-256 certificates takes some 2 KiB. */
const maximumPem = 64 * 1024;

/** Reads the first certificate of a PEM text; undefined if there is none that can be read. */
export function readCertificate(pem: string): CertificateFacts | undefined {
  const certificate = parse(pem);
  if (certificate === undefined) return undefined;
  const names = alternativeNames(certificate.subjectAltName ?? "");
  return {
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    uris: names.filter((name) => name.startsWith("URI:")).map((name) => name.slice(4)),
    dnsNames: names.filter((name) => name.startsWith("DNS:")).map((name) => name.slice(4)),
    isAuthority: certificate.ca,
  };
}

/** Whether the key is the certificate's own. False if either cannot be read. */
export function belongsTogether(certificatePem: string, keyPem: string): boolean {
  const certificate = parse(certificatePem);
  if (certificate === undefined || keyPem.length > maximumPem) return false;
  try {
    return certificate.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}

/** The certificates of a PEM text, each as it stands there, without white space around; what is around them is left out. */
export function certificatesOf(pem: string): readonly string[] {
  return pem.length > maximumPem ? [] : (pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []);
}

/** Whether a bundle has the certificate, by its bytes. False if it cannot be read. */
export function isInBundle(certificatePem: string, bundlePem: string): boolean {
  const wanted = parse(certificatePem)?.fingerprint256;
  return wanted !== undefined && certificatesOf(bundlePem).some((pem) => parse(pem)?.fingerprint256 === wanted);
}

/**
 * Whether the first certificate of a chain leads to a root of the bundle by the others. What each is valid for is not
 * looked at: whoever verifies a peer does.
 */
export function chainsTo(chainPem: string, bundlePem: string): boolean {
  const [leaf, ...intermediates] = certificatesOf(chainPem).map(parse);
  const roots = certificatesOf(bundlePem).map(parse);
  let current = leaf;
  for (let depth = 0; depth <= intermediates.length; depth += 1) {
    if (current === undefined) return false;
    const issuedBy = signerOf(current);
    if (roots.some(issuedBy)) return true;
    current = intermediates.find(issuedBy);
  }
  return false;
}

const signerOf =
  (certificate: X509Certificate) =>
  (candidate: X509Certificate | undefined): boolean =>
    candidate !== undefined && certificate.checkIssued(candidate) && certificate.verify(candidate.publicKey);

/** Whether the root signed the certificate. False if either cannot be read. */
export function isIssuedBy(certificatePem: string, rootPem: string): boolean {
  const certificate = parse(certificatePem);
  const root = parse(rootPem);
  if (certificate === undefined || root === undefined) return false;
  try {
    return certificate.checkIssued(root) && certificate.verify(root.publicKey);
  } catch {
    return false;
  }
}

function parse(pem: string): X509Certificate | undefined {
  if (pem.length > maximumPem) return undefined;
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/** Node quotes a name as a JSON string when it holds a character that could be taken for a separator. */
function alternativeNames(text: string): string[] {
  const names: string[] = [];
  let rest = text;
  while (rest !== "") {
    const quoted = /^([A-Za-z ]+:)("(?:[^"\\]|\\.)*")(?:, |$)/.exec(rest);
    const plain = /^([^",]*)(?:, |$)/.exec(rest);
    if (quoted !== null) {
      names.push(`${quoted[1]}${JSON.parse(quoted[2] ?? '""')}`);
      rest = rest.slice(quoted[0].length);
    } else if (plain !== null && plain[0] !== "") {
      names.push(plain[1] ?? "");
      rest = rest.slice(plain[0].length);
    } else {
      return [];
    }
  }
  return names;
}
