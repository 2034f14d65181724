/**
 * The Secret of the authority: what is recorded in it, and what to do about it as it is found. Pure.
 *
 *   there?  usable?  the one that proxies trust?
 *   yes     yes      yes                          open it
 *   yes     no, or another root                   refuse: nothing is issued, nothing is overwritten
 *   no      this operator has opened it           put it back
 *   no      identities of it exist                refuse: a new root would cut off everybody
 *   no      nobody trusts one                     create it
 */
import type { Secret } from "../api/kubernetes.ts";
import type { AuthorityRecord, IdentityPlan, IdentityProvider } from "../model/identity.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { keys, manager, secretOfServiceAccount } from "../model/sidecar.ts";
import { createRoot, type Validity } from "./authority.ts";
import { belongsTogether, isInBundle, readCertificate } from "./certificate.ts";
import { decode } from "./renewal.ts";

/** Names of the operator's own Secrets, in its namespace. */
export const ownSecrets = { authority: "heddle-ca", webhook: "heddle-webhook" } as const;

/** Annotations of the authority's and of the webhook's Secret: the trust domain and the provider. */
const trustDomainKey = "heddle.dev/trust-domain";
const providerKey = "heddle.dev/identity-provider";

/** What the authority's Secret holds, PEM. */
export interface AuthorityKeys {
  readonly certificate: string;
  readonly key: string;
  /** All roots that peers are to trust. */
  readonly bundle: string;
}

/** What to do. */
export type AuthorityDecision =
  | { readonly action: "open"; readonly keys: AuthorityKeys }
  | { readonly action: "restore" | "create" | "wait" }
  | {
      readonly action: "refuse";
      /** What is wrong and what to do, for people. */
      readonly problem: string;
    };

interface Input {
  /** As it is. */
  readonly secret: Secret | undefined;
  /** What this operator has opened, if it has. */
  readonly opened: AuthorityKeys | undefined;
  /** Secrets with certificates that an authority of this operator has issued. */
  readonly issued: readonly Secret[];
  readonly plan: IdentityPlan;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The SPIFFE ID of a trust domain. */
const trustDomainURI = (trustDomain: string): string => `spiffe://${trustDomain}`;

/** Annotations that record what is fixed. */
export const recordAnnotations = ({ trustDomain, provider }: AuthorityRecord): Readonly<Record<string, string>> => ({
  [trustDomainKey]: trustDomain,
  [providerKey]: JSON.stringify(provider),
});

/**
 * What is recorded with the authority: the trust domain in its certificate, or, where that is missing or cannot be read,
 * in the annotations of the authority's or the webhook's Secret; the provider in these annotations. Undefined when there
 * is no record.
 */
export function readAuthorityRecord(
  secrets: ReadonlyMap<ObjectKey, Secret>,
  rootNamespace: string,
): AuthorityRecord | undefined {
  const authority = secrets.get(`${rootNamespace}/${ownSecrets.authority}`);
  const webhook = secrets.get(`${rootNamespace}/${ownSecrets.webhook}`);
  const trustDomain =
    (authority === undefined ? undefined : trustDomainOf(decode(authority, "tls.crt"))) ??
    annotated(authority, trustDomainKey) ??
    annotated(webhook, trustDomainKey);
  const provider = parseProvider(annotated(authority, providerKey)) ?? parseProvider(annotated(webhook, providerKey));
  return trustDomain === undefined ? undefined : { trustDomain, provider: provider ?? { kind: "BuiltIn" } };
}

/** Whether a Secret has all of these annotations. */
export const hasRecord = (secret: Secret, annotations: Readonly<Record<string, string>>): boolean =>
  Object.entries(annotations).every(([key, value]) => secret.metadata.annotations?.[key] === value);

/** A new authority, which signs itself, with the annotations of its Secret. */
export async function createAuthorityKeys(
  { trustDomain }: AuthorityRecord,
  life: Validity,
  annotations: Readonly<Record<string, string>>,
): Promise<AuthorityKeys & { readonly annotations: Readonly<Record<string, string>> }> {
  const name = `Heddle ${trustDomain}`.slice(0, 64);
  const { certificate, key } = await createRoot(name, life, trustDomainURI(trustDomain));
  return { certificate, key, bundle: certificate, annotations };
}

/** Whether a Secret is one of those that {@link readAuthorityRecord} reads. */
export const isRecord = (secret: Secret): boolean =>
  secret.metadata.name === ownSecrets.authority || secret.metadata.name === ownSecrets.webhook;

/** Secrets with certificates of the authority: that of the webhook, and identities unless cert-manager issues them. */
export function issuedSecrets(
  secrets: ReadonlyMap<ObjectKey, Secret>,
  rootNamespace: string,
  { provider }: AuthorityRecord,
): readonly Secret[] {
  const webhook = `${rootNamespace}/${ownSecrets.webhook}`;
  const isIssued = ([key, { metadata }]: [ObjectKey, Secret]) =>
    key === webhook || (provider.kind === "BuiltIn" && metadata.name.startsWith(secretOfServiceAccount("")));
  return [...secrets].filter(isIssued).map(([, secret]) => secret);
}

/** Decides what to do about the authority's Secret. */
export function decideAuthority(input: Input): AuthorityDecision {
  const { secret, opened, plan } = input;
  const trusting = trustedBundles(input.issued);
  if (secret === undefined) {
    if (opened !== undefined) return { action: "restore" };
    if (trusting.count > 0) return { action: "refuse", problem: missing(trusting.count) };
    return { action: plan.mayCreate ? "create" : "wait" };
  }
  const keysOf: AuthorityKeys = {
    certificate: decode(secret, "tls.crt"),
    key: decode(secret, "tls.key"),
    bundle: decode(secret, "ca.crt"),
  };
  const problem = problemOf(keysOf, input, trusting);
  return problem === undefined ? { action: "open", keys: keysOf } : { action: "refuse", problem };
}

/** What peers are trusted by in some Secrets, where it can be read, each once: nearly all have the same. */
function trustedBundles(issued: readonly Secret[]): { readonly bundles: readonly string[]; readonly count: number } {
  const texts = issued.map((secret) => decode(secret, "ca.crt"));
  const bundles = new Set([...new Set(texts)].filter((text) => readCertificate(text) !== undefined));
  return { bundles: [...bundles], count: texts.filter((text) => bundles.has(text)).length };
}

function problemOf(
  found: AuthorityKeys,
  { opened, now }: Input,
  trusting: ReturnType<typeof trustedBundles>,
): string | undefined {
  const facts = readCertificate(found.certificate);
  if (facts === undefined || !belongsTogether(found.certificate, found.key)) {
    return `its certificate and key cannot be read or do not belong together; ${restoreIt}`;
  }
  if (!facts.isAuthority) return `its certificate is not an authority's; ${restoreIt}`;
  if (facts.notAfter <= now) return `its certificate has expired; ${beginAnew}`;
  if (trustDomainOf(found.certificate) === undefined) {
    return `its certificate does not name its trust domain; ${restoreIt}`;
  }
  if (!isInBundle(found.certificate, found.bundle)) return `its ca.crt lacks its own certificate; ${restoreIt}`;
  if (opened !== undefined && !isInBundle(found.certificate, opened.bundle)) {
    return `it holds another root than the one that proxies trust; ${restoreIt}`;
  }
  if (trusting.count > 0 && !trusting.bundles.some((bundle) => isInBundle(found.certificate, bundle))) {
    return `it holds another root than the one that every identity of this mesh trusts; ${restoreIt}`;
  }
  return undefined;
}

const restoreIt = "restore the Secret. Nothing is issued until then; what was issued stays valid for its time.";
const beginAnew =
  "begin anew: stop the operator, delete this Secret and all Secrets with the label " +
  `${keys.managedBy}=${manager}, start it, and restart the pods of the mesh.`;
const missing = (count: number): string =>
  `it is gone, and ${count} certificates of it are in use, which a new root would cut off. Restore it from a backup, or ${beginAnew}`;

function annotated(secret: Secret | undefined, key: string): string | undefined {
  const value = secret?.metadata.annotations?.[key];
  return value === "" ? undefined : value;
}

/** A recorded provider; undefined where there is none that can be read. */
function parseProvider(text: string | undefined): IdentityProvider | undefined {
  const fields = (value: unknown): Readonly<Record<string, unknown>> =>
    typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  try {
    const { kind, issuer } = fields(JSON.parse(text ?? ""));
    if (kind === "BuiltIn") return { kind };
    const { name, kind: kindOfIssuer, group } = fields(issuer);
    if (kind !== "CertManager") return undefined;
    if (typeof name !== "string" || typeof kindOfIssuer !== "string" || typeof group !== "string") return undefined;
    return { kind, issuer: { name, kind: kindOfIssuer, group } };
  } catch {
    return undefined;
  }
}

/** The trust domain of a root: its only URI, without a path. */
function trustDomainOf(certificate: string): string | undefined {
  const [uri, ...more] = readCertificate(certificate)?.uris ?? [];
  return more.length > 0 ? undefined : /^spiffe:\/\/([a-z0-9.-]+)$/.exec(uri ?? "")?.[1];
}
