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
import { type KeyPair, openAuthority, type SubjectNames } from "../identity/authority.ts";
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
import { decideRenewal, decode, spreadRenewal } from "../identity/renewal.ts";
import type { KubeClient } from "../kube/client.ts";
import type { IdentityFault, IdentityPlan, IssuerReference } from "../model/identity.ts";
import type { SpiffeID, WorkloadIdentity } from "../model/mesh.ts";
import { type ObjectKey, objectKey } from "../model/object-key.ts";
import { secretOfServiceAccount } from "../model/sidecar.ts";
import type { MeshSettings } from "../model/snapshot.ts";
import { compare, spiffeId } from "../model/workload.ts";
import { objectFields } from "../ops/logger.ts";
import { sameElements } from "../reconcilers/derivation.ts";
import { type CertificateWatch, createCertificateIssuer } from "./certificates.ts";
import { createForeignEdits } from "./foreign-edits.ts";
import { createSecretIssuer, longestSlack, type OpenedAuthority } from "./issued-secrets.ts";
import { createSecretWriter } from "./secret-writer.ts";
import { createSlices } from "./slices.ts";
import { createGrace, createKeyedTimers } from "./timers.ts";
import { createWorkQueue, type Outcome } from "./work-queue.ts";
import type { WriterOptions } from "./writer.ts";

const rootLife = 10 * 365 * 86_400_000;
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

/** What makes an object as it should be. */
type Write = () => Promise<Outcome>;

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
  /** What others wait for: the authority, and what it serves by. Each has its turn in the queue, however it is. */
  const ours: ReadonlySet<string> = new Set([authorityKey, ownKey, operatorKey, webhookKey]);
  /** Who needs one, as it was given last. */
  let given: readonly WorkloadIdentity[] = [];
  /** Undefined until something was compiled: till then nobody knows who needs one, and nothing is made or collected. */
  let wanted: { readonly plan: IdentityPlan; readonly identities: ReadonlyMap<ObjectKey, SpiffeID> } | undefined;
  let opened: OpenedAuthority | undefined;
  /** Whether the authority's Secret holds what was opened: else nothing is issued. */
  let inForce = false;
  let own = { root: "", renewAt: 0, life: 0 };
  let ownText = "";
  let webhookText = "";
  const unwanted = createGrace(clock, (key) => add(key));
  const faults = new Map<ObjectKey, IdentityFault>();

  const timers = createKeyedTimers(clock, (key) => add(key));
  const edits = createForeignEdits({ ...options, retry: (key) => add(key), onChange: options.onRestoring });
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
  const validityOfRoot = () => ({ notBefore: clock.now() - longestSlack, notAfter: clock.now() + rootLife });
  const secrets = createSecretIssuer({ ...options, writer, edits, timers, life });

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
        return open(plan, secret, decision.keys);
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

  const open = async (plan: IdentityPlan, secret: Secret | undefined, found: AuthorityKeys): Promise<Outcome> => {
    const isSame = opened !== undefined && JSON.stringify(opened.keys) === JSON.stringify(found);
    if (isSame && inForce) return "done";
    const opening = isSame
      ? opened
      : await openAuthority(found).then(
          (authority) => ({ authority, keys: found }),
          () => undefined,
        );
    if (opening === undefined)
      return refuse(secret, "its key is not one of ECDSA P-256 in PKCS #8; restore the Secret.");
    // Every proxy waits for it, and to look at the Secrets of a large mesh takes a while.
    if (plan.provider.kind === "BuiltIn") await ensureOwn(opening, plan);
    opened = opening;
    inForce = true;
    setFault(authorityKey, undefined);
    addAll();
    return "done";
  };

  const ensureOwn = async ({ authority, keys }: OpenedAuthority, plan: IdentityPlan): Promise<Outcome> => {
    if (own.root === keys.bundle && own.life === life() && clock.now() < own.renewAt) return "done";
    const uri = spiffeId(plan.trustDomain, settings.rootNamespace, settings.operatorServiceAccount);
    const issued = await secrets.issue(authority, { uri });
    options.onOwnCredentials({ ...issued, root: keys.bundle });
    own = { root: keys.bundle, renewAt: clock.now() + life() * options.renewAfter, life: life() };
    timers.at(ownKey, own.renewAt);
    return "done";
  };

  /** An identity that cert-manager issues; the operator's own serves ADS. */
  const lookAtIssued = (key: ObjectKey, uri: SpiffeID, by: IssuerReference): Write | undefined => {
    const secret = options.observed().get(key);
    const operator = key === operatorKey ? undefined : options.observed().get(operatorKey);
    const { write, fault } = issuer.look(key, { uri, life: life(), issuer: by }, secret, operator);
    if (key === operatorKey && secret !== undefined) serveBy(secret, uri);
    if (write === undefined) {
      setFault(key, fault);
      return undefined;
    }
    return async () => {
      const written = await write();
      setFault(key, written.fault);
      return written.outcome;
    };
  };

  const serveBy = (secret: Secret, uri: SpiffeID): void => {
    if (problemOfIdentity(secret, uri, clock.now(), undefined) !== undefined) return;
    const credentials = {
      certificate: decode(secret, "tls.crt"),
      key: decode(secret, "tls.key"),
      root: decode(secret, "ca.crt"),
    };
    const text = JSON.stringify(credentials);
    if (text === ownText) return;
    options.onOwnCredentials(credentials);
    ownText = text;
    // The others are compared with it.
    addAll();
  };

  /**
   * The webhook is served by what is in its Secret, if the authority has issued it. Without an authority it goes on with
   * what it has, and one that starts takes what it finds, if that holds together: pods are admitted all the same.
   */
  const announceWebhook = (issuing: OpenedAuthority | undefined): void => {
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

  /** What nobody needs goes after a while. */
  const collection = (key: ObjectKey): Write | undefined => {
    edits.forget(key);
    const secret = options.observed().get(key);
    const name = secret?.metadata.name ?? "";
    const certificate = options.certificates.observed().get(key);
    if (secret === undefined) setFault(key, undefined);
    if (secret === undefined && certificate === undefined) {
      unwanted.end(key);
      return undefined;
    }
    const isIdentity = (name || (certificate?.metadata.name ?? "")).startsWith(secretOfServiceAccount(""));
    if (!options.isLeader() || !isIdentity || !unwanted.isOver(key)) return undefined;
    return async () => {
      // The Certificate goes first: or its Secret would come back. Its end brings this key again.
      if (certificate !== undefined) return issuer.remove(key);
      unwanted.end(key);
      return secret === undefined ? "done" : writer.remove(secret);
    };
  };

  /** The write that an identity needs; undefined when there is nothing to write, or not yet, or not by this replica. */
  const needed = (key: ObjectKey): Write | undefined => {
    if (wanted === undefined) return undefined;
    const uri = wanted.identities.get(key);
    if (uri === undefined) return collection(key);
    unwanted.end(key);
    const { provider } = wanted.plan;
    if (provider.kind === "CertManager") return lookAtIssued(key, uri, provider.issuer);
    if (!inForce || opened === undefined) return undefined;
    const secret = options.observed().get(key);
    if (secret !== undefined) setFault(key, undefined);
    return secrets.look(key, { names: { uri }, renewAfter: spreadRenewal(key, options.renewAfter) }, opened, secret);
  };

  const work = async (key: string): Promise<Outcome> => {
    const issuing = inForce ? opened : undefined;
    if (key === webhookKey) announceWebhook(issuing);
    if (wanted === undefined) return "done";
    const { plan } = wanted;
    switch (key) {
      case authorityKey:
        return ensureAuthority(plan);
      case ownKey:
        return issuing === undefined || plan.provider.kind !== "BuiltIn" ? "done" : ensureOwn(issuing, plan);
      case webhookKey: {
        if (issuing === undefined) return "done";
        const secret = options.observed().get(key);
        if (secret !== undefined) setFault(key, undefined);
        const annotations = recordAnnotations(plan);
        const webhook = { names: webhookNames, renewAfter: options.renewAfter, annotations };
        return (await secrets.look(key, webhook, issuing, secret)?.()) ?? "done";
      }
      default:
        return (await needed(key)?.()) ?? "done";
    }
  };
  /** A pod that starts waits for its Secret; those that run have what they had, and what is collected is in nobody's way. */
  const importance = (key: string): number => {
    if (key === authorityKey) return 4;
    if (ours.has(key)) return 3;
    if (wanted?.identities.has(key) !== true) return 0;
    return options.observed().has(key) ? 1 : 2;
  };
  const queue = createWorkQueue({ ...options, name: "identities", work, importance, concurrency: 4, rate: 200 });
  /** To look at one reads certificates and verifies a signature. What needs no write takes no turn of the queue. */
  const looks = createSlices(clock, (key) => {
    try {
      // What a write under way says at its end would be the last word, whatever was seen meanwhile.
      if (queue.isRunning(key) || needed(key) !== undefined) queue.add(key);
    } catch {
      // It fails there once more, and is said and tried again.
      queue.add(key);
    }
  });
  const add = (key: string): void => (ours.has(key) ? queue.add(key) : looks.soon(key));
  const addAll = (): void => {
    for (const key of ours) queue.add(key);
    const seen = [...options.observed().keys(), ...options.certificates.observed().keys()];
    looks.add([...(wanted?.identities.keys() ?? []), ...seen].filter((key) => !ours.has(key)));
  };
  return {
    setIdentities: (plan, identities) => {
      const before = wanted;
      const isSamePlan = before !== undefined && JSON.stringify(before.plan) === JSON.stringify(plan);
      // As after most compiles.
      if (isSamePlan && sameElements(identities, given)) return;
      given = identities;
      const after = new Map(
        identities.map(({ namespace, serviceAccount, id }): [ObjectKey, SpiffeID] => [
          objectKey({ metadata: { namespace, name: secretOfServiceAccount(serviceAccount) } }),
          id,
        ]),
      );
      if (plan.provider.kind === "CertManager") {
        after.set(operatorKey, spiffeId(plan.trustDomain, settings.rootNamespace, settings.operatorServiceAccount));
        options.certificates.start(addAll);
      }
      wanted = { plan, identities: after };
      // What was there before the first compile may be wanted no more.
      if (!isSamePlan) return addAll();
      for (const key of after.keys()) if (!before.identities.has(key)) add(key);
      for (const key of before.identities.keys()) if (!after.has(key)) add(key);
    },
    observe: (key) => {
      add(key);
      // What stands in the way of an authority may have gone.
      if (wanted !== undefined && !inForce && key !== authorityKey) queue.add(authorityKey);
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
      looks.stop();
      timers.stop();
      unwanted.stop();
      edits.stop();
      return queue.stop();
    },
  };
}
