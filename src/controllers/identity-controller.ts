/**
 * Identities by the built-in authority.
 *
 *   Secret heddle-ca (made once, never overwritten) --> authority
 *     authority --> Secret heddle-identity-<serviceaccount> for each ServiceAccount with an injected pod
 *     authority --> Secret heddle-webhook: the webhook's serving certificate
 *     authority --> this replica's own certificate for ADS, in memory
 */
import { createHash } from "node:crypto";
import { kinds } from "../api/kinds.ts";
import type { Secret } from "../api/kubernetes.ts";
import { type Authority, createRoot, type KeyPair, openAuthority, type SubjectNames } from "../identity/authority.ts";
import { belongsTogether, readCertificate } from "../identity/certificate.ts";
import { decideRenewal, decode } from "../identity/renewal.ts";
import type { KubeClient } from "../kube/client.ts";
import type { WorkloadIdentity } from "../model/mesh.ts";
import { keys, manager, secretOfServiceAccount } from "../model/sidecar.ts";
import { type MeshSettings, type ObjectKey, objectKey } from "../model/snapshot.ts";
import { spiffeId } from "../model/workload.ts";
import { createWorkQueue, type Outcome } from "./work-queue.ts";
import { decidedOn, retryConflicts, type WriterOptions } from "./writer.ts";

/** Names of the operator's own Secrets, in its namespace. */
export const ownSecrets = { authority: "heddle-ca", webhook: "heddle-webhook" } as const;

/** Annotation of the authority's Secret: the trust domain that it was made for. */
const trustDomainKey = "heddle.dev/trust-domain";

const rootLife = 10 * 365 * 86_400_000;
const clockSlack = 60_000;
const collectAfter = 60_000;
const longestTimer = 2 ** 31 - 1;

/** A certificate with the root that peers are checked against, all PEM. */
export interface Credentials extends KeyPair {
  readonly root: string;
}

/** Issues certificates and keeps them fresh. */
export interface IdentityController {
  /** Who needs an identity from now on, all of them. */
  setIdentities(identities: readonly WorkloadIdentity[]): void;
  /** The watch saw this Secret. */
  observe(key: ObjectKey): void;
  /** Looks at everything again, as a new leader must. */
  resync(): void;
  stop(): Promise<void>;
}

interface Wanted {
  readonly names: SubjectNames;
  readonly renewAfter: number;
}

/** A controller over the Secrets that the watch sees. Writes only while this replica leads. */
export function createIdentityController(
  options: WriterOptions & {
    readonly client: KubeClient;
    readonly observed: () => ReadonlyMap<ObjectKey, Secret>;
    readonly settings: MeshSettings;
    /** Milliseconds. */
    readonly certificateTTL: number;
    readonly renewAfter: number;
    /** This replica's certificate for ADS. */
    readonly onOwnCredentials: (credentials: Credentials) => void;
    /** The webhook's serving certificate. */
    readonly onWebhookCredentials: (credentials: Credentials) => void;
  },
): IdentityController {
  const { settings, clock } = options;
  const authorityKey = `${settings.rootNamespace}/${ownSecrets.authority}`;
  const webhookKey = `${settings.rootNamespace}/${ownSecrets.webhook}`;
  const ownKey = "own";
  const service = `heddle.${settings.rootNamespace}.svc`;
  const webhookNames: SubjectNames = { dns: [service, `${service}.${settings.clusterDomain}`] };
  let authority: { readonly opened: Authority; readonly text: string } | undefined;
  /** Undefined until something was compiled: till then nobody knows who needs one, and nothing is collected. */
  let identities: ReadonlyMap<ObjectKey, Wanted> | undefined;
  let ownRoot = "";
  let ownExpiry = 0;
  let webhookText = "";
  const unwanted = new Map<ObjectKey, number>();

  const lookAgain = (key: string, at: number): void => {
    clock.setTimeout(() => queue.add(key), Math.min(longestTimer, Math.max(0, at - clock.now())));
  };
  const labels = { [keys.managedBy]: manager };
  const validity = () => ({ notBefore: clock.now() - clockSlack, notAfter: clock.now() + options.certificateTTL });

  /** Opens the authority that is there; the leader makes one only when there is none at all. */
  const ensureAuthority = async (): Promise<Outcome> => {
    const secret = options.observed().get(authorityKey);
    if (secret === undefined) {
      if (!options.isLeader()) return "done";
      const root = await createRoot(`Heddle ${settings.trustDomain}`, {
        notBefore: clock.now() - clockSlack,
        notAfter: clock.now() + rootLife,
      });
      // Created, never applied: should one exist after all, it stays.
      return retryConflicts(options, "Secret", () =>
        options.client.create(kinds.Secret, {
          ...secretBody(settings.rootNamespace, ownSecrets.authority, { ...root, root: root.certificate }),
          metadata: {
            name: ownSecrets.authority,
            namespace: settings.rootNamespace,
            labels,
            annotations: { [trustDomainKey]: settings.trustDomain },
          },
        }),
      );
    }
    const root = { certificate: decode(secret, "tls.crt"), key: decode(secret, "tls.key") };
    if (authority?.text === root.certificate + root.key) return "done";
    const facts = readCertificate(root.certificate);
    const problem =
      facts === undefined || !belongsTogether(root.certificate, root.key)
        ? "its certificate and key cannot be read or do not belong together"
        : facts.notAfter <= clock.now()
          ? "its certificate has expired"
          : secret.metadata.annotations?.[trustDomainKey] !== settings.trustDomain
            ? `it was made for another trust domain than '${settings.trustDomain}'`
            : undefined;
    if (problem !== undefined) {
      options.logger.error(
        { secret: authorityKey },
        `The authority cannot be used: ${problem}. Restore the Secret; nothing is issued until then.`,
      );
      return "done";
    }
    authority = { opened: await openAuthority(root), text: root.certificate + root.key };
    for (const key of [ownKey, webhookKey, ...(identities?.keys() ?? [])]) queue.add(key);
    return "done";
  };

  const ensureOwn = async (opened: Authority): Promise<Outcome> => {
    const renewAt = ownExpiry - options.certificateTTL * (1 - options.renewAfter);
    if (ownRoot === opened.root && clock.now() < renewAt) return "done";
    const uri = spiffeId(settings.trustDomain, settings.rootNamespace, settings.operatorServiceAccount);
    const issued = await opened.issue({ uri }, validity());
    ownRoot = opened.root;
    ownExpiry = clock.now() + options.certificateTTL;
    lookAgain(ownKey, clock.now() + options.certificateTTL * options.renewAfter);
    options.onOwnCredentials({ ...issued, root: opened.root });
    return "done";
  };

  const ensureSecret = async (key: ObjectKey, wanted: Wanted, opened: Authority): Promise<Outcome> => {
    const secret = options.observed().get(key);
    const decision = decideRenewal(secret, { ...wanted, root: opened.root }, clock.now());
    if (!decision.issue) {
      lookAgain(key, decision.lookAgainAt);
      if (secret !== undefined && key === webhookKey) announceWebhook(secret);
      return "done";
    }
    if (!options.isLeader()) return "done";
    const [namespace = "", name = ""] = key.split("/");
    // The type of a Secret cannot be changed: one of another type goes first.
    if (decision.reason === "WrongType" && secret !== undefined) {
      const { uid = "", resourceVersion = "" } = secret.metadata;
      return retryConflicts(options, "Secret", () =>
        options.client.delete(kinds.Secret, { name, namespace }, { preconditions: { uid, resourceVersion } }),
      );
    }
    const issued = await opened.issue(wanted.names, validity());
    options.logger.info({ secret: key, reason: decision.reason }, "certificate issued");
    if (secret !== undefined && decision.reason !== "Expiring") {
      const note = `What was in this Secret could not be used (${decision.reason}); a new certificate is issued.`;
      options.record(secret, { type: "Warning", reason: "IdentityReplaced", action: "Issue", note });
    }
    const body = secretBody(namespace, name, { ...issued, root: opened.root });
    const metadata = { name, namespace, labels, ...decidedOn(secret) };
    return retryConflicts(options, "Secret", () => options.client.apply(kinds.Secret, { ...body, metadata }));
  };

  const announceWebhook = (secret: Secret): void => {
    const text = decode(secret, "tls.crt") + decode(secret, "tls.key");
    if (text === webhookText) return;
    webhookText = text;
    options.onWebhookCredentials({
      certificate: decode(secret, "tls.crt"),
      key: decode(secret, "tls.key"),
      root: decode(secret, "ca.crt"),
    });
  };

  const collect = async (key: ObjectKey): Promise<Outcome> => {
    const secret = options.observed().get(key);
    const name = secret?.metadata.name ?? "";
    if (secret === undefined || !options.isLeader() || !name.startsWith(secretOfServiceAccount(""))) return "done";
    const since = unwanted.get(key);
    if (since === undefined || clock.now() - since < collectAfter) {
      if (since === undefined) {
        unwanted.set(key, clock.now());
        lookAgain(key, clock.now() + collectAfter);
      }
      return "done";
    }
    unwanted.delete(key);
    const { namespace = "", uid = "", resourceVersion = "" } = secret.metadata;
    return retryConflicts(options, "Secret", () =>
      options.client.delete(kinds.Secret, { name, namespace }, { preconditions: { uid, resourceVersion } }),
    );
  };

  const work = async (key: string): Promise<Outcome> => {
    if (key === authorityKey) return ensureAuthority();
    if (authority === undefined) return "done";
    if (key === ownKey) return ensureOwn(authority.opened);
    const wanted = key === webhookKey ? { names: webhookNames, renewAfter: options.renewAfter } : identities?.get(key);
    if (wanted === undefined) return identities === undefined ? "done" : collect(key);
    unwanted.delete(key);
    return ensureSecret(key, wanted, authority.opened);
  };
  const queue = createWorkQueue({ ...options, work, concurrency: 4, rate: 200 });
  const addAll = (): void => {
    const own = [authorityKey, webhookKey, ownKey];
    for (const key of new Set([...own, ...(identities?.keys() ?? []), ...options.observed().keys()])) queue.add(key);
  };
  return {
    setIdentities: (next) => {
      const before = identities;
      const after = new Map(
        next.map(({ namespace, serviceAccount, id }) => {
          const key = objectKey({ metadata: { namespace, name: secretOfServiceAccount(serviceAccount) } });
          return [key, { names: { uri: id }, renewAfter: options.renewAfter * (0.95 + 0.05 * fraction(key)) }];
        }),
      );
      identities = after;
      // What was there before the first compile may be wanted no more.
      if (before === undefined) return addAll();
      for (const key of after.keys()) if (!before.has(key)) queue.add(key);
      for (const key of before.keys()) if (!after.has(key)) queue.add(key);
    },
    observe: (key) => queue.add(key),
    resync: addAll,
    stop: () => queue.stop(),
  };
}

/** A number in [0, 1) that is always the same for a key: spreads renewals over time. */
function fraction(key: string): number {
  return createHash("sha256").update(key).digest().readUInt32BE(0) / 2 ** 32;
}

function secretBody(namespace: string, name: string, credentials: Credentials) {
  const encode = (text: string): string => Buffer.from(text).toString("base64");
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/tls",
    metadata: { name, namespace },
    data: {
      "tls.crt": encode(credentials.certificate),
      "tls.key": encode(credentials.key),
      "ca.crt": encode(credentials.root),
    },
  };
}
