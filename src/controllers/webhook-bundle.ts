import { kinds } from "../api/kinds.ts";
import type { KubernetesObject } from "../api/kubernetes.ts";
import type { KubeClient } from "../kube/client.ts";
import { createForeignEdits } from "./foreign-edits.ts";
import { createWorkQueue, type Outcome } from "./work-queue.ts";
import { retryConflicts, type WriterOptions } from "./writer.ts";

/** Name of the webhook configurations that the installation brings, one of each kind. */
export const webhookConfiguration = "heddle";

/** Their kinds: injection, and warnings. */
export const webhookConfigurationKinds = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] as const;

/** One of {@link webhookConfigurationKinds}. */
export type WebhookConfigurationKind = (typeof webhookConfigurationKinds)[number];

/** Whether it is one of {@link webhookConfigurationKinds}. */
export const isWebhookConfiguration = (kind: string): kind is WebhookConfigurationKind =>
  webhookConfigurationKinds.some((candidate) => candidate === kind);

/** What comes of a caBundle that is another. */
const consequences: Readonly<Record<WebhookConfigurationKind, string>> = {
  MutatingWebhookConfiguration: "pods of the mesh were refused",
  ValidatingWebhookConfiguration: "authors of policies were told nothing",
};

/** The part of a webhook configuration that is read. */
export interface WebhookConfiguration extends KubernetesObject {
  readonly webhooks?: readonly { readonly name: string; readonly clientConfig?: { readonly caBundle?: string } }[];
}

/** Keeps `clientConfig.caBundle` of the webhooks' configurations: the only field of them that the operator writes. */
export interface WebhookBundle {
  /** The root that signed the webhook's certificate, PEM. */
  setRoot(root: string): void;
  /** The watch saw the configuration of this kind. */
  observe(kind: WebhookConfigurationKind): void;
  /** Looks at all again. */
  resync(): void;
  stop(): Promise<void>;
}

/** A writer over the configurations that the watch sees. Writes only while this replica leads. */
export function createWebhookBundle(
  options: WriterOptions & {
    readonly client: KubeClient;
    readonly observed: (kind: WebhookConfigurationKind) => WebhookConfiguration | undefined;
  },
): WebhookBundle {
  let caBundle: string | undefined;
  const edits = createForeignEdits({ ...options, retry: (key) => queue.add(key), onChange: () => {} });
  const work = async (key: string): Promise<Outcome> => {
    if (!isWebhookConfiguration(key)) return "done";
    const observed = options.observed(key);
    if (caBundle === undefined || observed === undefined || !options.isLeader()) return "done";
    const webhooks = observed.webhooks ?? [];
    if (webhooks.every((webhook) => webhook.clientConfig?.caBundle === caBundle)) {
      edits.settled(key, caBundle);
      return "done";
    }
    const edit = edits.judge(key, caBundle);
    if (edit === "later") return "done";
    if (edit === "now") {
      const note =
        "Somebody changed a caBundle of this configuration, which the operator keeps; it is put back. Until then the API " +
        `server could not ask the webhook, and ${consequences[key]}.`;
      options.record(observed, { type: "Warning", reason: "ForeignEdit", action: "Restore", note });
    }
    const { apiVersion, kind } = kinds[key];
    const { name, resourceVersion = "" } = observed.metadata;
    const body = {
      apiVersion,
      kind,
      metadata: { name, resourceVersion },
      webhooks: webhooks.map((webhook) => ({ name: webhook.name, clientConfig: { caBundle } })),
    };
    return retryConflicts(options, kind, () => options.client.apply(kinds[key], body));
  };
  const queue = createWorkQueue({ ...options, name: "webhook", work, concurrency: 1, rate: 10 });
  const resync = (): void => {
    for (const kind of webhookConfigurationKinds) queue.add(kind);
  };
  return {
    setRoot: (root) => {
      caBundle = Buffer.from(root).toString("base64");
      resync();
    },
    observe: (kind) => queue.add(kind),
    resync,
    stop: () => {
      edits.stop();
      return queue.stop();
    },
  };
}
