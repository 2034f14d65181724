import { kinds } from "../api/kinds.ts";
import type { KubernetesObject } from "../api/kubernetes.ts";
import type { KubeClient } from "../kube/client.ts";
import { createRepairs } from "./repairs.ts";
import { createKeyedTimers } from "./timers.ts";
import { createWorkQueue, type Outcome } from "./work-queue.ts";
import { retryConflicts, type WriterOptions } from "./writer.ts";

/** Name of the MutatingWebhookConfiguration that the installation brings. */
export const webhookConfiguration = "heddle";

/** The part of a MutatingWebhookConfiguration that is read. */
export interface WebhookConfiguration extends KubernetesObject {
  readonly webhooks?: readonly { readonly name: string; readonly clientConfig?: { readonly caBundle?: string } }[];
}

/** Keeps `clientConfig.caBundle` of the webhook's configuration: the only field of it that the operator writes. */
export interface WebhookBundle {
  /** The root that signed the webhook's certificate, PEM. */
  setRoot(root: string): void;
  /** The watch saw the configuration. */
  observe(): void;
  stop(): Promise<void>;
}

/** A writer over the configuration that the watch sees. Writes only while this replica leads. */
export function createWebhookBundle(
  options: WriterOptions & { readonly client: KubeClient; readonly observed: () => WebhookConfiguration | undefined },
): WebhookBundle {
  let caBundle: string | undefined;
  /** What was there last by our doing: anything else is somebody's edit. */
  let established: string | undefined;
  const repairs = createRepairs(options.clock);
  const timers = createKeyedTimers(options.clock, (key) => queue.add(key));
  const work = async (): Promise<Outcome> => {
    const observed = options.observed();
    if (caBundle === undefined || observed === undefined || !options.isLeader()) return "done";
    const webhooks = observed.webhooks ?? [];
    if (webhooks.every((webhook) => webhook.clientConfig?.caBundle === caBundle)) {
      established = caBundle;
      return "done";
    }
    if (established === caBundle) {
      const at = repairs.notBefore(webhookConfiguration);
      if (at !== undefined) {
        timers.set(webhookConfiguration, at);
        return "done";
      }
      const note =
        "Somebody changed a caBundle of this configuration, which the operator keeps; it is put back. Until then the API " +
        "server could not ask the webhook, and pods of the mesh were refused.";
      options.record(observed, { type: "Warning", reason: "ForeignEdit", action: "Restore", note });
    }
    const { apiVersion, kind } = kinds.MutatingWebhookConfiguration;
    const { name, resourceVersion = "" } = observed.metadata;
    const body = {
      apiVersion,
      kind,
      metadata: { name, resourceVersion },
      webhooks: webhooks.map((webhook) => ({ name: webhook.name, clientConfig: { caBundle } })),
    };
    return retryConflicts(options, kind, () => options.client.apply(kinds.MutatingWebhookConfiguration, body));
  };
  const queue = createWorkQueue({ ...options, name: "webhook", work, concurrency: 1, rate: 10 });
  return {
    setRoot: (root) => {
      caBundle = Buffer.from(root).toString("base64");
      queue.add(webhookConfiguration);
    },
    observe: () => queue.add(webhookConfiguration),
    stop: () => {
      timers.stop();
      return queue.stop();
    },
  };
}
