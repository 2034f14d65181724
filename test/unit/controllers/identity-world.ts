/** The controller of identities over a small API server; its clock stands still until a test moves it. */

import type { Certificate } from "../../../src/api/cert-manager/generated/Certificate.ts";
import { kinds } from "../../../src/api/kinds.ts";
import type { KubernetesObject, Secret } from "../../../src/api/kubernetes.ts";
import { type Credentials, createIdentityController } from "../../../src/controllers/identity-controller.ts";
import { openAuthority } from "../../../src/identity/authority.ts";
import { createAuthorityKeys, recordAnnotations } from "../../../src/identity/authority-secret.ts";
import type { KubeClient } from "../../../src/kube/client.ts";
import { ApiError } from "../../../src/kube/error.ts";
import type { IdentityPlan } from "../../../src/model/identity.ts";
import type { WorkloadIdentity } from "../../../src/model/mesh.ts";
import { createMetrics } from "../../../src/ops/metrics.ts";
import { createFakeClock } from "../../support/fake-clock.ts";
import { testSettings as settings } from "../../support/objects.ts";
import { queueTurns } from "../../support/queue-turns.ts";

const root = "heddle-system";
const day = 86_400_000;
export const plan: IdentityPlan = { trustDomain: "cluster.local", provider: { kind: "BuiltIn" }, mayCreate: true };

/** Identities of so many ServiceAccounts of the namespace `shop`. */
export const identitiesOf = (count: number, from = 0): readonly WorkloadIdentity[] =>
  Array.from({ length: count }, (_, index) => {
    const serviceAccount = `sa-${from + index}`;
    return { namespace: "shop", serviceAccount, id: `spiffe://cluster.local/ns/shop/sa/${serviceAccount}` };
  });

/** The key of an identity's Secret. */
export const secretKey = ({ serviceAccount }: WorkloadIdentity): string => `shop/heddle-identity-${serviceAccount}`;

/** A controller that has not been told yet who needs an identity. `leads` may change. */
export function setUp() {
  const clock = createFakeClock();
  let spent = 0;
  /** What happened, in order: `look KEY` at the Secret of an identity, `own` and `webhook` handed on, and each write. */
  const log: string[] = [];
  const errors: string[] = [];
  const state = {
    leads: true,
    /** What each look takes, in milliseconds. */ look: 0,
    /** Looking at it fails. */ broken: "",
    /** When the creation of a Certificate is answered. */ answer: Promise.resolve(),
  };
  const stored = new Map<string, Secret>();
  const certificates = new Map<string, Certificate & KubernetesObject>();
  const observed = new (class extends Map<string, Secret> {
    override get(key: string): Secret | undefined {
      if (key.startsWith("shop/")) {
        log.push(`look ${key}`);
        spent += state.look;
      }
      if (key === state.broken) throw new Error("broken");
      return super.get(key);
    }
  })();
  let version = 1;
  const see = (key: string): void => {
    const secret = stored.get(key);
    if (secret === undefined) observed.delete(key);
    else observed.set(key, secret);
    controller.observe(key);
  };
  const keyOf = ({ namespace = "", name }: { readonly namespace?: string; readonly name: string }): string =>
    `${namespace}/${name}`;
  const store = (verb: string, object: Secret): Secret => {
    const key = keyOf(object.metadata);
    log.push(`${verb} ${key}`);
    const uid = stored.get(key)?.metadata.uid ?? `uid-${version}`;
    const secret = { ...object, metadata: { ...object.metadata, uid, resourceVersion: String(version++) } };
    stored.set(key, secret);
    queueMicrotask(() => see(key));
    return secret;
  };
  const client = {
    get: async (_kind: unknown, { namespace, name }: { namespace: string; name: string }) => {
      const secret = stored.get(`${namespace}/${name}`);
      if (secret !== undefined) return secret;
      throw new ApiError({ status: 404, reason: "NotFound", message: "", object: "", class: "notFound" });
    },
    create: async (_kind: unknown, object: Secret) => {
      if (object.kind !== kinds.Certificate.kind) return store("create", object);
      const key = keyOf(object.metadata);
      const made = {
        ...object,
        metadata: { ...object.metadata, uid: `uid-${version}`, resourceVersion: String(version++) },
      };
      certificates.set(key, made as KubernetesObject as Certificate & KubernetesObject);
      controller.observe(key);
      // The watch is faster than the answer.
      await state.answer;
      return made;
    },
    apply: async (_kind: unknown, object: Secret) => store("apply", object),
    delete: async (_kind: unknown, where: { namespace: string; name: string }) => {
      log.push(`delete ${keyOf(where)}`);
      stored.delete(keyOf(where));
      queueMicrotask(() => see(keyOf(where)));
    },
  } as unknown as KubeClient;
  const metrics = createMetrics();
  const own: Credentials[] = [];
  const controller = createIdentityController({
    client,
    observed: () => observed,
    settings,
    certificateTTL: day,
    renewAfter: 2 / 3,
    onOwnCredentials: (credentials) => {
      log.push("own");
      own.push(credentials);
    },
    onWebhookCredentials: () => log.push("webhook"),
    certificates: { observed: () => certificates, synced: () => true, start: () => {} },
    onFaults: () => {},
    onRestoring: () => {},
    isLeader: () => state.leads,
    clock: { ...clock, monotonic: () => clock.monotonic() + spent },
    random: () => 1,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    metrics,
    onError: (key, error) => errors.push(`${key}: ${String(error)}`),
    record: ({ metadata }, { reason }) => log.push(`${reason} ${metadata.name}`),
  });
  const sealed = (key: string, texts: Readonly<Record<string, string>>, annotations = {}): void => {
    const [namespace = "", name = ""] = key.split("/");
    const labels = { "app.kubernetes.io/managed-by": "heddle" };
    const data = Object.fromEntries(Object.entries(texts).map(([field, text]) => [field, btoa(text)]));
    const metadata = {
      namespace,
      name,
      labels,
      annotations,
      uid: `uid-${version}`,
      resourceVersion: String(version++),
    };
    const secret = { apiVersion: "v1", kind: "Secret", type: "kubernetes.io/tls", metadata, data };
    stored.set(key, secret as KubernetesObject as Secret);
    observed.set(key, secret as KubernetesObject as Secret);
  };
  /** As an operator that ran before has left it: the authority, the webhook's certificate, and these identities. */
  const fill = async (identities: readonly WorkloadIdentity[]): Promise<void> => {
    const life = { notBefore: clock.now() - 60_000, notAfter: clock.now() + 3650 * day };
    const annotations = recordAnnotations(plan);
    const keys = await createAuthorityKeys(plan, life, annotations);
    sealed(
      `${root}/heddle-ca`,
      { "tls.crt": keys.certificate, "tls.key": keys.key, "ca.crt": keys.bundle },
      annotations,
    );
    const authority = await openAuthority(keys);
    const issue = async (key: string, names: Parameters<typeof authority.issue>[0]): Promise<void> => {
      const issued = await authority.issue(names, { notBefore: clock.now() - 60_000, notAfter: clock.now() + day });
      sealed(key, { "tls.crt": issued.certificate, "tls.key": issued.key, "ca.crt": keys.bundle }, annotations);
    };
    await issue(`${root}/heddle-webhook`, { dns: [`heddle.${root}.svc`, `heddle.${root}.svc.cluster.local`] });
    for (const identity of identities) await issue(secretKey(identity), { uri: identity.id });
  };
  /** How many keys have had a turn in the queue. */
  const turns = () => queueTurns(metrics, "identities");
  const looked = (): readonly string[] => log.filter((entry) => entry.startsWith("look "));
  const writes = (): readonly string[] => log.filter((entry) => /^(create|apply|delete) /.test(entry));
  return { clock, log, errors, state, stored, observed, controller, own, fill, see, turns, looked, writes };
}
