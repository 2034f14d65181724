/** All that the operator keeps in a cluster, in words that do not differ between two runs that came to the same. */
import { kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject, Secret } from "../../src/api/kubernetes.ts";
import { webhookConfigurationKinds } from "../../src/controllers/webhook-bundle.ts";
import { belongsTogether, isIssuedBy, readCertificate } from "../../src/identity/certificate.ts";
import { decode } from "../../src/identity/renewal.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import { keys, manager } from "../../src/model/sidecar.ts";

/** By kind and name. */
export type State = Readonly<Record<string, unknown>>;

/** The certificates of the operator's Secrets, by namespace and name. */
export type Certificates = ReadonlyMap<string, string>;

const selection = { labelSelector: `${keys.managedBy}=${manager}` };
const keyOf = ({ metadata }: KubernetesObject): string => `${metadata.namespace}/${metadata.name}`;

/** See {@link Certificates}. */
export async function certificatesIn(client: KubeClient): Promise<Certificates> {
  const { items } = await client.list(kinds.Secret, selection);
  return new Map(items.map((secret) => [keyOf(secret), decode(secret, "tls.crt")]));
}

/** What is there now. @param before what was there at some moment: certificates are those of then, or others */
export async function stateOf(client: KubeClient, before: Certificates): Promise<State> {
  const [configMaps, secrets, leases, ...objects] = await Promise.all([
    client.list(kinds.ConfigMap, selection),
    client.list(kinds.Secret, selection),
    client.list(kinds.Lease, selection),
    client.list(kinds.AuthorizationPolicy),
    client.list(kinds.TrafficSplit),
  ]);
  const configurations = await Promise.all(
    webhookConfigurationKinds.map((kind) => client.get(kinds[kind], { name: "heddle" }).catch(() => undefined)),
  );
  const authority = secrets.items.find(({ metadata }) => metadata.name === "heddle-ca");
  const root = authority === undefined ? "" : decode(authority, "tls.crt");
  const ofUsers = objects.flatMap(({ items }) => items as readonly KubernetesObject[]);
  const uids = new Map(ofUsers.map((object) => [object.metadata.uid ?? "", `uid of ${keyOf(object)}`]));
  const state = new Map<string, unknown>();
  for (const object of configMaps.items) {
    const { labels, annotations } = object.metadata;
    const { data, binaryData, immutable } = object;
    // Who owns which fields of a record must not depend on what happened either.
    state.set(`ConfigMap ${keyOf(object)}`, named({ labels, annotations, data, binaryData, immutable }, uids));
  }
  for (const object of secrets.items) state.set(`Secret ${keyOf(object)}`, factsOf(object, root, before));
  for (const { metadata, spec } of leases.items)
    state.set(`Lease ${metadata.namespace}/${metadata.name}`, {
      labels: metadata.labels,
      holder: spec?.holderIdentity,
    });
  for (const object of ofUsers) state.set(`${object.kind} ${keyOf(object)}`, statusOf(object));
  for (const configuration of configurations) {
    if (configuration === undefined) continue;
    const { webhooks = [] } = configuration as { webhooks?: { name: string; clientConfig: { caBundle?: string } }[] };
    state.set(
      `${configuration.kind}`,
      webhooks.map(({ name, clientConfig: { caBundle = "" } }) => {
        const bundle = Buffer.from(caBundle, "base64").toString();
        return [name, bundle === "" ? "no bundle" : bundle === root ? "the authority" : "something else"];
      }),
    );
  }
  return Object.fromEntries([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A key's bytes are of nobody's concern, only whether they are the certificate's. */
function factsOf(secret: Secret, root: string, before: Certificates) {
  const certificate = decode(secret, "tls.crt");
  const facts = readCertificate(certificate);
  const last = before.get(keyOf(secret));
  return {
    type: secret.type,
    labels: secret.metadata.labels,
    annotations: secret.metadata.annotations,
    keys: Object.keys(secret.data ?? {}).sort(),
    names: [facts?.uris, facts?.dnsNames],
    isValid: facts !== undefined && facts.notBefore < Date.now() && facts.notAfter > Date.now(),
    isIssued: isIssuedBy(certificate, root),
    belongsTogether: belongsTogether(certificate, decode(secret, "tls.key")),
    isTrusted: decode(secret, "ca.crt") === root,
    certificate: last === undefined ? "new" : last === certificate ? "as before" : "another",
  };
}

/** The status, without the moments of its transitions. */
function statusOf(object: KubernetesObject): unknown {
  const { status } = object as { readonly status?: unknown };
  return JSON.parse(
    JSON.stringify({ generation: object.metadata.generation, status }, (key, value: unknown) =>
      key === "lastTransitionTime" ? undefined : value,
    ),
  );
}

/** The same with names in place of uids, which differ between runs. */
function named(value: object, uids: ReadonlyMap<string, string>): unknown {
  let text = JSON.stringify(value);
  for (const [uid, name] of uids) text = text.replaceAll(uid, name);
  return JSON.parse(text);
}
