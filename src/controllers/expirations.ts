import type { Secret } from "../api/kubernetes.ts";
import { ownSecrets } from "../identity/authority-secret.ts";
import { readCertificate } from "../identity/certificate.ts";
import { decode } from "../identity/renewal.ts";
import type { ObjectKey } from "../model/object-key.ts";

/** Moments in seconds since the epoch, as metrics have them. */
export interface Expirations {
  readonly root: number | undefined;
  readonly webhook: number | undefined;
  /** The workload's certificate that expires first. */
  readonly leaf: number | undefined;
}

/** Tells when the certificates in Secrets expire. A Secret that has not changed is read once. */
export function createExpirations(
  observed: () => ReadonlyMap<ObjectKey, Secret>,
  rootNamespace: string,
): () => Expirations {
  const known = new WeakMap<Secret, number | undefined>();
  const expirationOf = (secret: Secret | undefined): number | undefined => {
    if (secret === undefined) return undefined;
    if (!known.has(secret)) {
      const certificate = readCertificate(decode(secret, "tls.crt"));
      known.set(secret, certificate === undefined ? undefined : certificate.notAfter / 1000);
    }
    return known.get(secret);
  };
  return () => {
    const secrets = observed();
    const own = new Map(Object.values(ownSecrets).map((name) => [`${rootNamespace}/${name}`, name]));
    let leaf: number | undefined;
    for (const [key, secret] of secrets) {
      const expiration = own.has(key) ? undefined : expirationOf(secret);
      if (expiration !== undefined && (leaf === undefined || expiration < leaf)) leaf = expiration;
    }
    return {
      root: expirationOf(secrets.get(`${rootNamespace}/${ownSecrets.authority}`)),
      webhook: expirationOf(secrets.get(`${rootNamespace}/${ownSecrets.webhook}`)),
      leaf,
    };
  };
}
