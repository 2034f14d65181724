/**
 * Identities.
 *
 *   Secret heddle-ca (made once, never overwritten) --> authority
 *     authority --> Secret heddle-webhook: the webhook's serving certificate
 *
 *   provider BuiltIn
 *     authority --> Secret heddle-identity-<serviceaccount> for each ServiceAccount with an injected pod
 *     authority --> this replica's own certificate for ADS, in memory
 *   provider CertManager
 *     Certificate --> Secret heddle-identity-<serviceaccount>, for each of them and for the operator, which serves ADS by it
 */

import type { Secret } from "../api/kubernetes.ts";
import { type Authority, type KeyPair, openAuthority, type SubjectNames } from "../identity/authority.ts";
import {
  type AuthorityKeys,
  createAuthorityKeys,
  decideAuthority,
  hasRecord,
  issuedSecrets,
  ownSecrets,
  recordAnnotations,
} from "../identity/authority-secret.ts";
import { problemOfIdentity } from "../identity/cert-manager.ts";
import {
  decideRenewal,
  decode,
  type ExpectedCertificate,
  isRenewalRequested,
  spreadRenewal,
} from "../identity/renewal.ts";
import type { KubeClient } from "../kube/client.ts";
import type { IdentityFault, IdentityPlan, IssuerReference } from "../model/identity.ts";
import type { WorkloadIdentity } from "../model/mesh.ts";
import { type ObjectKey, objectKey } from "../model/object-key.ts";
import { secretOfServiceAccount } from "../model/sidecar.ts";
import type { MeshSettings } from "../model/snapshot.ts";
import { compare, spiffeId } from "../model/workload.ts";
import { objectFields } from "../ops/logger.ts";
import { type CertificateWatch, createCertificateIssuer } from "./certificates.ts";
import { createForeignEdits } from "./foreign-edits.ts";
import { createSecretWriter, type SecretContent } from "./secret-writer.ts";
import { createGrace, createKeyedTimers } from "./timers.ts";
import { createWorkQueue, type Outcome } from "./work-queue.ts";
import type { WriterOptions } from "./writer.ts";

const rootLife = 10 * 365 * 86_400_000;
/** Clocks differ: a certificate is valid from a little before it was issued. */
const longestSlack = 60_000;

/** A certificate with the roots that peers are checked against, all PEM. */
export interface Credentials extends KeyPair {
  readonly root: string;
}

/** Issues certificates and keeps them fresh. */
export interface IdentityController {
  /** How identities are issued and who needs one, from now on, all of them. */
  setIdentities(plan: IdentityPlan, identities: readonly WorkloadIdentity[]): void;
  /** The watch saw this Secret, or the Certificate of the same name. */
  observe(key: ObjectKey): void;
  /** Looks at everything again, as a new leader must. */
  resync(): void;
  /** What cannot be used, sorted by key. */
  readonly faults: readonly IdentityFault[];
  /** The Secrets of identities, or their Certificates, that somebody has changed and that are not put back yet, in words. */
  readonly restoring: readonly string[];
  stop(): Promise<void>;
}

interface Wanted {
  readonly names: SubjectNames;
  readonly renewAfter: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The authority as it was opened. It is used only while its Secret holds it. */
interface Opened {
  readonly authority: Authority;
  readonly keys: AuthorityKeys;
}

/** A controller over the Secrets that the watch sees. Writes only while this replica leads. */
export function createIdentityController(
  options: WriterOptions & {
    readonly client: KubeClient;
    readonly observed: () => ReadonlyMap<ObjectKey, Secret>;
    readonly settings: MeshSettings;
    /** Milliseconds, where the plan says nothing. */
    readonly certificateTTL: number;
    readonly renewAfter: number;
    /** This replica's certificate for ADS. */
    readonly onOwnCredentials: (credentials: Credentials) => void;
    /** The webhook's serving certificate. */
    readonly onWebhookCredentials: (credentials: Credentials) => void;
    readonly certificates: CertificateWatch;
    /** {@link IdentityController.faults} are others than before. */
    readonly onFaults: () => void;
    /** {@link IdentityController.restoring} is another than before. */
    readonly onRestoring: () => void;
  },
): IdentityController {
  const { settings, clock } = options;
  const authorityKey = `${settings.rootNamespace}/${ownSecrets.authority}`;
  const webhookKey = `${settings.rootNamespace}/${ownSecrets.webhook}`;
  const ownKey = "own";
  const operatorKey = `${settings.rootNamespace}/${secretOfServiceAccount(settings.operatorServiceAccount)}`;
  const service = `heddle.${settings.rootNamespace}.svc`;
  const webhookNames: SubjectNames = { dns: [service, `${service}.${settings.clusterDomain}`] };
  /** Undefined until something was compiled: till then nobody knows who needs one, and nothing is made or collected. */
  let wanted: { readonly plan: IdentityPlan; readonly identities: ReadonlyMap<ObjectKey, Wanted> } | undefined;
  let opened: Opened | undefined;
  /** Whether the authority's Secret holds what was opened: else nothing is issued. */
  let inForce = false;
  let own = { root: "", renewAt: 0, life: 0 };
  let ownText = "";
  let webhookText = "";
  const unwanted = createGrace(clock, (key) => queue.add(key));
  const faults = new Map<ObjectKey, IdentityFault>();

  const timers = createKeyedTimers(clock, (key) => queue.add(key));
  const edits = createForeignEdits({ ...options, retry: (key) => queue.add(key), onChange: options.onRestoring });
  const setFault = (key: ObjectKey, fault: Omit<IdentityFault, "key"> | undefined): void => {
    const before = faults.get(key);
    if (before?.message === fault?.message) return;
    if (fault === undefined) faults.delete(key);
    else faults.set(key, { key, ...fault });
    if (fault !== undefined && key !== authorityKey) {
      const { kind, message } = fault;
      options.logger[kind === "Secret" ? "error" : "info"](objectFields(key, kind), message);
    }
    options.onFaults();
  };
  const setForeign = (key: ObjectKey, message: string | undefined): void =>
    setFault(key, message === undefined ? undefined : { kind: "Secret", message });
  const writer = createSecretWriter({ ...options, onForeign: setForeign });
  const issuer = createCertificateIssuer({ ...options, watch: options.certificates, edits, timers });
  const life = (): number => wanted?.plan.certificateTTL ?? options.certificateTTL;
  const slack = (): number => Math.min(longestSlack, life() / 10);
  const validityOfRoot = () => ({ notBefore: clock.now() - longestSlack, notAfter: clock.now() + rootLife });
  const validity = () => ({ notBefore: clock.now() - slack(), notAfter: clock.now() + life() });

  /** Opens the authority that is there; the leader makes one only when nobody has trusted one. */
  const ensureAuthority = async (plan: IdentityPlan): Promise<Outcome> => {
    const secret = options.observed().get(authorityKey);
    const issued = issuedSecrets(options.observed(), settings.rootNamespace, plan);
    const decision = decideAuthority({ secret, opened: opened?.keys, issued, plan, now: clock.now() });
    const annotations = recordAnnotations(plan);
    // One that lost its label is judged as it is, once the label is back.
    const isOurs = (found: Secret): boolean =>
      found.metadata.annotations !== undefined && hasRecord(found, annotations);
    switch (decision.action) {
      case "wait":
        return "done";
      case "create":
        if (!options.isLeader()) return "done";
        return writer.create(authorityKey, () => createAuthorityKeys(plan, validityOfRoot(), annotations), isOurs);
      case "restore": {
        const held = opened?.keys;
        if (!options.isLeader() || held === undefined) return "done";
        options.logger.warn(
          objectFields(authorityKey, "Secret"),
          "somebody deleted the authority's Secret; it is put back",
        );
        return writer.create(authorityKey, async () => ({ ...held, annotations }), isOurs);
      }
      case "refuse":
        return refuse(secret, decision.problem);
      case "open":
        if (secret !== undefined && !hasRecord(secret, annotations) && options.isLeader())
          return writer.replace(secret, { ...decision.keys, annotations });
        return open(secret, decision.keys);
    }
  };

  const refuse = (secret: Secret | undefined, problem: string): Outcome => {
    inForce = false;
    const note = `The authority cannot be used: ${problem}`;
    // Events are the leader's, and who leads later says it too.
    if (secret !== undefined && options.isLeader())
      options.record(secret, { type: "Warning", reason: "AuthorityUnusable", action: "Refuse", note });
    if (faults.get(authorityKey)?.message === problem) return "done";
    setForeign(authorityKey, problem);
    options.logger.error(objectFields(authorityKey, "Secret"), note);
    return "done";
  };

  const open = async (secret: Secret | undefined, found: AuthorityKeys): Promise<Outcome> => {
    const isSame = opened !== undefined && JSON.stringify(opened.keys) === JSON.stringify(found);
    if (isSame && inForce) return "done";
    if (!isSame) {
      try {
        opened = { authority: await openAuthority(found), keys: found };
      } catch {
        return refuse(secret, "its key is not one of ECDSA P-256 in PKCS #8; restore the Secret.");
      }
    }
    inForce = true;
    setFault(authorityKey, undefined);
    addAll();
    return "done";
  };

  const ensureOwn = async ({ authority, keys }: Opened, plan: IdentityPlan): Promise<Outcome> => {
    if (own.root === keys.bundle && own.life === life() && clock.now() < own.renewAt) return "done";
    const uri = spiffeId(plan.trustDomain, settings.rootNamespace, settings.operatorServiceAccount);
    const issued = await authority.issue({ uri }, validity());
    options.onOwnCredentials({ ...issued, root: keys.bundle });
    own = { root: keys.bundle, renewAt: clock.now() + life() * options.renewAfter, life: life() };
    timers.at(ownKey, own.renewAt);
    return "done";
  };

  /** An identity that cert-manager issues; the operator's own serves ADS. */
  const ensureIssued = async (key: ObjectKey, { names }: Wanted, by: IssuerReference): Promise<Outcome> => {
    const secret = options.observed().get(key);
    const uri = "uri" in names ? names.uri : "";
    const wants = { uri, life: life(), issuer: by };
    const operator = key === operatorKey ? undefined : options.observed().get(operatorKey);
    const { outcome, fault } = await issuer.ensure(key, wants, secret, operator);
    setFault(key, fault);
    if (
      key === operatorKey &&
      secret !== undefined &&
      problemOfIdentity(secret, uri, clock.now(), undefined) === undefined
    ) {
      const credentials = {
        certificate: decode(secret, "tls.crt"),
        key: decode(secret, "tls.key"),
        root: decode(secret, "ca.crt"),
      };
      const text = JSON.stringify(credentials);
      if (text !== ownText) {
        options.onOwnCredentials(credentials);
        ownText = text;
        // The others are compared with it.
        addAll();
      }
    }
    return outcome;
  };

  const ensureSecret = async (
    key: ObjectKey,
    { names, renewAfter, annotations }: Wanted,
    held: Opened,
  ): Promise<Outcome> => {
    const { authority, keys } = held;
    const secret = options.observed().get(key);
    const expected: ExpectedCertificate = {
      names,
      renewAfter,
      root: keys.certificate,
      bundle: keys.bundle,
      // Times in certificates are whole seconds.
      life: life() + slack() + 1000,
    };
    const issue = async (): Promise<SecretContent> => {
      const issued = await authority.issue(names, validity());
      return { ...issued, bundle: keys.bundle, ...(annotations === undefined ? {} : { annotations }) };
    };
    if (secret === undefined) {
      if (!options.isLeader()) return "done";
      return writer.create(key, issue, (found) => !decideRenewal(found, expected, clock.now()).issue);
    }
    setFault(key, undefined);
    const decision = decideRenewal(secret, expected, clock.now());
    const meant = JSON.stringify([names, keys.certificate, keys.bundle]);
    if (!decision.issue && !isRenewalRequested(secret)) {
      edits.settled(key, meant);
      timers.at(key, decision.lookAgainAt);
      return "done";
    }
    if (!options.isLeader() || edits.isBehind(key, secret.metadata.resourceVersion)) return "done";
    const reason = decision.issue ? decision.reason : "Requested";
    if (!["Expiring", "LivesTooLong", "Requested"].includes(reason)) {
      if (edits.judge(key, meant) === "later") return "done";
      const note = `What was in this Secret could not be used (${reason}); a new certificate is issued.`;
      options.record(secret, { type: "Warning", reason: "IdentityReplaced", action: "Issue", note });
    }
    options.logger.info({ ...objectFields(key, "Secret"), reason }, "certificate issued");
    // These cannot be changed: the Secret goes first, and its end brings a new one.
    const isFixed = reason === "WrongType" || reason === "Immutable";
    const outcome = isFixed ? await writer.remove(secret) : await writer.replace(secret, await issue());
    if (outcome === "done") edits.written(key, meant, [secret.metadata.resourceVersion]);
    return outcome;
  };

  /**
   * The webhook is served by what is in its Secret, if the authority has issued it. Without an authority it goes on with
   * what it has, and one that starts takes what it finds, if that holds together: pods are admitted all the same.
   */
  const announceWebhook = (issuing: Opened | undefined): void => {
    const secret = options.observed().get(webhookKey);
    if (secret === undefined || (issuing === undefined && webhookText !== "")) return;
    const [certificate, key, bundle] = [decode(secret, "tls.crt"), decode(secret, "tls.key"), decode(secret, "ca.crt")];
    const text = certificate + key + bundle;
    const { certificate: root, bundle: roots } = issuing?.keys ?? { certificate: bundle, bundle };
    const expected = { names: webhookNames, renewAfter: 1, root, bundle: roots, life: Number.POSITIVE_INFINITY };
    if (text === webhookText || decideRenewal(secret, expected, clock.now()).issue) return;
    options.onWebhookCredentials({ certificate, key, root: bundle });
    webhookText = text;
  };

  const collect = async (key: ObjectKey): Promise<Outcome> => {
    edits.forget(key);
    const secret = options.observed().get(key);
    const name = secret?.metadata.name ?? "";
    const certificate = options.certificates.observed().get(key);
    if (secret === undefined) setFault(key, undefined);
    if (secret === undefined && certificate === undefined) {
      unwanted.end(key);
      return issuer.remove(key);
    }
    const isIdentity = (name || (certificate?.metadata.name ?? "")).startsWith(secretOfServiceAccount(""));
    if (!options.isLeader() || !isIdentity) return "done";
    if (!unwanted.isOver(key)) return "done";
    // The Certificate goes first: or its Secret would come back. Its end brings this key again.
    if (certificate !== undefined) return issuer.remove(key);
    unwanted.end(key);
    return secret === undefined ? "done" : writer.remove(secret);
  };

  const work = async (key: string): Promise<Outcome> => {
    if (wanted === undefined) {
      if (key === webhookKey) announceWebhook(undefined);
      return "done";
    }
    if (key === authorityKey) return ensureAuthority(wanted.plan);
    const issuing = inForce ? opened : undefined;
    if (key === webhookKey) {
      announceWebhook(issuing);
      const annotations = recordAnnotations(wanted.plan);
      const webhook: Wanted = { names: webhookNames, renewAfter: options.renewAfter, annotations };
      return issuing === undefined ? "done" : ensureSecret(key, webhook, issuing);
    }
    const identity = wanted.identities.get(key);
    if (key !== ownKey && identity === undefined) return collect(key);
    const { provider } = wanted.plan;
    if (provider.kind === "CertManager") {
      if (identity === undefined) return "done";
      unwanted.end(key);
      return ensureIssued(key, identity, provider.issuer);
    }
    if (issuing === undefined) return "done";
    if (key === ownKey) return ensureOwn(issuing, wanted.plan);
    unwanted.end(key);
    return identity === undefined ? "done" : ensureSecret(key, identity, issuing);
  };
  const queue = createWorkQueue({ ...options, name: "identities", work, concurrency: 4, rate: 200 });
  const addAll = (): void => {
    const ours = [authorityKey, webhookKey, ownKey];
    const seen = [...options.observed().keys(), ...options.certificates.observed().keys()];
    for (const key of new Set([...ours, ...(wanted?.identities.keys() ?? []), ...seen])) queue.add(key);
  };
  return {
    setIdentities: (plan, identities) => {
      const before = wanted;
      const after = new Map(
        identities.map(({ namespace, serviceAccount, id }): [ObjectKey, Wanted] => {
          const key = objectKey({ metadata: { namespace, name: secretOfServiceAccount(serviceAccount) } });
          return [key, { names: { uri: id }, renewAfter: spreadRenewal(key, options.renewAfter) }];
        }),
      );
      if (plan.provider.kind === "CertManager") {
        const uri = spiffeId(plan.trustDomain, settings.rootNamespace, settings.operatorServiceAccount);
        after.set(operatorKey, { names: { uri }, renewAfter: options.renewAfter });
        options.certificates.start(addAll);
      }
      wanted = { plan, identities: after };
      // What was there before the first compile may be wanted no more.
      if (before === undefined || JSON.stringify(before.plan) !== JSON.stringify(plan)) return addAll();
      for (const key of after.keys()) if (!before.identities.has(key)) queue.add(key);
      for (const key of before.identities.keys()) if (!after.has(key)) queue.add(key);
    },
    observe: (key) => {
      queue.add(key);
      // What stands in the way of an authority may have gone.
      if (!inForce && key !== authorityKey) queue.add(authorityKey);
    },
    resync: addAll,
    get faults() {
      return [...faults.values()].sort((a, b) => compare(a.key, b.key));
    },
    get restoring() {
      const kind = wanted?.plan.provider.kind === "CertManager" ? "Certificate" : "Secret";
      // The webhook's is no identity.
      return [...edits.open].filter((key) => key !== webhookKey).map((key) => `${kind} ${key}`);
    },
    stop: () => {
      timers.stop();
      unwanted.stop();
      edits.stop();
      return queue.stop();
    },
  };
}
