/** Identities by cert-manager: the Certificate of a ServiceAccount, and what one says of itself. Pure. */
import { isDeepStrictEqual } from "node:util";
import type { Certificate } from "../api/cert-manager/generated/Certificate.ts";
import type { Secret } from "../api/kubernetes.ts";
import type { IssuerReference } from "../model/identity.ts";
import { keys, manager } from "../model/sidecar.ts";
import { belongsTogether, chainsTo, readCertificate } from "./certificate.ts";
import { decode } from "./renewal.ts";

/** Annotation by which cert-manager marks the Secrets that it writes. */
const certificateName = "cert-manager.io/certificate-name";

/** The Certificate whose Secret has its own name. `life` is in milliseconds. */
export function certificateFor(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  uri: string,
  life: number,
  issuer: IssuerReference,
): Certificate {
  return {
    apiVersion: "cert-manager.io/v1",
    kind: "Certificate",
    metadata: { name, namespace, labels: { [keys.managedBy]: manager } },
    spec: {
      secretName: name,
      secretTemplate: { labels: { [keys.managedBy]: manager } },
      duration: duration(life),
      // A third of its life is left when it is replaced.
      renewBefore: duration(life / 3),
      uris: [uri],
      privateKey: { algorithm: "ECDSA", size: 256, encoding: "PKCS8", rotationPolicy: "Always" },
      usages: ["digital signature", "server auth", "client auth"],
      issuerRef: { name: issuer.name, kind: issuer.kind, group: issuer.group },
      revisionHistoryLimit: 1,
    },
  };
}

/** Whether a Certificate asks for what is wanted and for nothing else. */
export const asksFor = (observed: Certificate, wanted: Certificate): boolean =>
  isDeepStrictEqual(observed.spec, wanted.spec) &&
  observed.metadata.labels?.[keys.managedBy] === wanted.metadata.labels?.[keys.managedBy];

/** Whether cert-manager has written a Secret for a Certificate of the same name. */
export const isWrittenByCertManager = (secret: Secret): boolean =>
  secret.metadata.annotations?.[certificateName] === secret.metadata.name;

/** What a Certificate waits for, in cert-manager's words; undefined when it is Ready. */
export function waitingFor({ status }: Certificate): string | undefined {
  const conditions = status?.conditions ?? [];
  const ready = conditions.find(({ type }) => type === "Ready");
  if (ready?.status === "True") return undefined;
  const issuing = conditions.find(({ type, status: value }) => type === "Issuing" && value === "False");
  const said = [ready, issuing].flatMap((condition) => condition?.message ?? []);
  return said.length === 0 ? "cert-manager has not looked at it yet; see that it runs." : said.join(" ");
}

/**
 * Why the Secret of an identity cannot be used; undefined when it can. `now` is in milliseconds since the epoch; `operator`
 * is the Secret of the operator's own identity, by which a mesh of two roots is found.
 */
export function problemOfIdentity(
  secret: Secret,
  uri: string,
  now: number,
  operator: Secret | undefined,
): string | undefined {
  const [chain, key, bundle] = [decode(secret, "tls.crt"), decode(secret, "tls.key"), decode(secret, "ca.crt")];
  const facts = readCertificate(chain);
  if (facts === undefined || !belongsTogether(chain, key)) {
    return `its certificate and key cannot be read or do not belong together; ${issueAnew}`;
  }
  if (bundle.trim() === "") {
    return "it has no ca.crt, so that sidecars trust nobody; take an issuer that gives its root.";
  }
  if (facts.uris.length !== 1 || facts.uris[0] !== uri) {
    return `its certificate is not of ${uri} alone; ${issueAnew}`;
  }
  if (facts.notAfter <= now) return "its certificate has expired; see its Certificate.";
  if (!chainsTo(chain, bundle)) return `its certificate does not lead to a root of its ca.crt; ${issueAnew}`;
  return operator === undefined ? undefined : mistrust(chain, bundle, operator);
}

/** When the certificate of a Secret ends, in milliseconds since the epoch; undefined if it cannot be read. */
export const endOfIdentity = (secret: Secret): number | undefined =>
  readCertificate(decode(secret, "tls.crt"))?.notAfter;

function mistrust(chain: string, bundle: string, operator: Secret): string | undefined {
  const [operatorChain, operatorBundle] = [decode(operator, "tls.crt"), decode(operator, "ca.crt")];
  // What is wrong with that one is said of that one.
  if (!chainsTo(operatorChain, operatorBundle)) return undefined;
  if (chainsTo(chain, operatorBundle) && chainsTo(operatorChain, bundle)) return undefined;
  return (
    "it is of another root than the operator's own identity, so that neither trusts the other; see that the issuer has one " +
    `root for the whole mesh, then ${issueAnew}`
  );
}

const issueAnew = "delete the Secret, and cert-manager issues it anew.";

/** As Go prints it and cert-manager reads it, in whole seconds. */
function duration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 3600)}h${Math.floor((seconds % 3600) / 60)}m${seconds % 60}s`;
}
