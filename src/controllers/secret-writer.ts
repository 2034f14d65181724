/**
 * Writes the operator's Secrets, and never one that somebody else has made.
 *
 *   the watch sees it              fenced by the version that was seen; a request to renew it is taken away by the same write
 *   the watch does not see it      nothing there: create it; ours without its label: the label is put back;
 *                                  somebody else's: left alone, and said
 */
import { kinds } from "../api/kinds.ts";
import type { Secret } from "../api/kubernetes.ts";
import type { AuthorityKeys } from "../identity/authority-secret.ts";
import { isRenewalRequested } from "../identity/renewal.ts";
import type { KubeClient } from "../kube/client.ts";
import { isApiError } from "../kube/error.ts";
import type { ObjectToWrite } from "../kube/objects.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { keys, manager } from "../model/sidecar.ts";
import type { Outcome } from "./work-queue.ts";
import { decidedOn, retryConflicts, type WriterOptions } from "./writer.ts";

/** What a Secret is to hold. */
export interface SecretContent extends AuthorityKeys {
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Writes Secrets of type `kubernetes.io/tls`. */
export interface SecretWriter {
  /**
   * Makes a Secret that the watch does not see. `content` is asked for only when there is none; `isOurs` tells whether one
   * that has lost its label is ours all the same.
   */
  create(key: ObjectKey, content: () => Promise<SecretContent>, isOurs: (secret: Secret) => boolean): Promise<Outcome>;
  /** Writes over the version that was seen, and takes a request to renew it away. */
  replace(secret: Secret, content: SecretContent): Promise<Outcome>;
  /** Deletes the version that was seen. */
  remove(secret: Secret): Promise<Outcome>;
}

/** A writer; `onForeign` is told of a Secret that is left alone, and of undefined when it is in nobody's way any more. */
export function createSecretWriter(
  options: WriterOptions & {
    readonly client: KubeClient;
    readonly onForeign: (key: ObjectKey, message: string | undefined) => void;
  },
): SecretWriter {
  const { client } = options;
  const apply = (key: ObjectKey, content: SecretContent, decided: Secret) =>
    retryConflicts(options, "Secret", () => client.apply(kinds.Secret, bodyOf(key, content, decided)));
  const create: SecretWriter["create"] = async (key, content, isOurs) => {
    const [namespace = "", name = ""] = key.split("/");
    const present = await client.get(kinds.Secret, { namespace, name }).catch((error: unknown) => {
      if (isApiError(error, "notFound")) return undefined;
      throw error;
    });
    if (present === undefined) {
      const body = bodyOf(key, await content());
      // Created, never applied: should one exist after all, it stays.
      const outcome = await retryConflicts(options, "Secret", () => client.create(kinds.Secret, body));
      if (outcome === "done") options.onForeign(key, undefined);
      return outcome;
    }
    // The watch is behind.
    if (present.metadata.labels?.[keys.managedBy] === manager) return "retry";
    if (isOurs(present)) {
      options.onForeign(key, undefined);
      const note = "Somebody took the label of this Secret away, by which the operator finds it; it is put back.";
      options.record(present, { type: "Warning", reason: "ForeignEdit", action: "Restore", note });
      const text = (field: string): string => Buffer.from(present.data?.[field] ?? "", "base64").toString();
      return apply(
        key,
        {
          certificate: text("tls.crt"),
          key: text("tls.key"),
          bundle: text("ca.crt"),
          annotations: present.metadata.annotations ?? {},
        },
        present,
      );
    }
    const message =
      "it was made by somebody else under a name that is the operator's, and is left alone. Nobody whose pods mount it " +
      "has an identity of the mesh. Delete it, and the operator makes its own.";
    options.onForeign(key, message);
    options.record(present, {
      type: "Warning",
      reason: "ForeignSecret",
      action: "LeaveAlone",
      note: `This Secret cannot be used: ${message}`,
    });
    // No watch tells when it is gone.
    return "retry";
  };
  return {
    create,
    replace: (secret, content) => {
      const key = `${secret.metadata.namespace}/${secret.metadata.name}`;
      if (!isRenewalRequested(secret)) return apply(key, content, secret);
      const { metadata, ...body } = bodyOf(key, content, secret);
      // It is the field of whoever set it: no apply of ours can take it away.
      const annotations = { ...metadata.annotations, [keys.renew]: null };
      const changes = { ...body, metadata: { ...metadata, annotations } } as unknown as ObjectToWrite;
      return retryConflicts(options, "Secret", () => client.patch(kinds.Secret, changes));
    },
    remove: (secret) => {
      const { name, namespace = "", uid = "", resourceVersion = "" } = secret.metadata;
      return retryConflicts(options, "Secret", () =>
        client.delete(kinds.Secret, { name, namespace }, { preconditions: { uid, resourceVersion } }),
      );
    },
  };
}

function bodyOf(key: ObjectKey, content: SecretContent, decided?: Secret) {
  const [namespace = "", name = ""] = key.split("/");
  const encode = (text: string): string => Buffer.from(text).toString("base64");
  const { annotations } = content;
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/tls",
    metadata: {
      name,
      namespace,
      labels: { [keys.managedBy]: manager },
      ...(annotations === undefined ? {} : { annotations }),
      ...decidedOn(decided),
    },
    data: {
      "tls.crt": encode(content.certificate),
      "tls.key": encode(content.key),
      "ca.crt": encode(content.bundle),
    },
  };
}
