/**
 * Identities by cert-manager.
 *
 *   ServiceAccount --> Certificate heddle-identity-<serviceaccount>, ours
 *     cert-manager --> Secret of the same name, which is only read
 */

import type { Certificate } from "../api/cert-manager/generated/Certificate.ts";
import { kinds } from "../api/kinds.ts";
import type { KubernetesObject, Secret } from "../api/kubernetes.ts";
import {
  asksFor,
  certificateFor,
  endOfIdentity,
  isWrittenByCertManager,
  problemOfIdentity,
  waitingFor,
} from "../identity/cert-manager.ts";
import type { KubeClient } from "../kube/client.ts";
import { isApiError } from "../kube/error.ts";
import type { ObjectToWrite } from "../kube/objects.ts";
import type { IdentityFault, IssuerReference } from "../model/identity.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { keys, manager } from "../model/sidecar.ts";
import { objectFields } from "../ops/logger.ts";
import type { ForeignEdits } from "./foreign-edits.ts";
import type { KeyedTimers } from "./timers.ts";
import type { Outcome } from "./work-queue.ts";
import { retryConflicts, type WriterOptions } from "./writer.ts";

/** The watch of Certificates, which runs only where somebody asks for them. */
export interface CertificateWatch {
  readonly observed: () => ReadonlyMap<ObjectKey, Certificate & KubernetesObject>;
  /** Whether they were listed: false while cert-manager's definitions are missing. */
  readonly synced: () => boolean;
  /** Starts it, once; calls back when they are listed. */
  readonly start: (onSynced: () => void) => void;
}

type Fault = Omit<IdentityFault, "key">;

/** What came of a write, and what is in the way after it. */
interface Written {
  readonly outcome: Outcome;
  readonly fault?: Fault;
}

/** Writes Certificates and reads what came of them. */
export interface CertificateIssuer {
  /**
   * Looks at the Certificate of an identity; `secret` is the one that the watch sees under the same key, `operator` that of
   * the operator's own identity. Gives what is in the way, if anything is, and the write that is needed, if one is: what is
   * in the way is then what comes of it.
   */
  look(
    key: ObjectKey,
    wanted: { readonly uri: string; readonly life: number; readonly issuer: IssuerReference },
    secret: Secret | undefined,
    operator: Secret | undefined,
  ): { readonly write?: () => Promise<Written>; readonly fault?: Fault };
  /** Deletes the Certificate that the watch sees under a key. */
  remove(key: ObjectKey): Promise<Outcome>;
}

/** An issuer. Writes only while this replica leads. */
export function createCertificateIssuer(
  options: WriterOptions & {
    readonly client: KubeClient;
    readonly watch: CertificateWatch;
    readonly edits: ForeignEdits;
    /** By which a key comes again. */
    readonly timers: KeyedTimers;
  },
): CertificateIssuer {
  const { client, watch, clock, edits } = options;

  /** Nothing of ours is seen: a Certificate is made, unless somebody else's object has the name. */
  const create = async (key: ObjectKey, desired: Certificate) => {
    const { namespace = "", name } = desired.metadata;
    const find = <T>(reading: Promise<T>): Promise<T | undefined> =>
      reading.catch((error: unknown) => {
        if (isApiError(error, "notFound")) return undefined;
        throw error;
      });
    const certificate = await find(client.get(kinds.Certificate, { namespace, name }));
    const secret = await find(client.get(kinds.Secret, { namespace, name }));
    const isForeign = (object: KubernetesObject | undefined) =>
      object !== undefined && object.metadata.labels?.[keys.managedBy] !== manager;
    const foreign = isForeign(certificate)
      ? certificate
      : isForeign(secret) && secret !== undefined && !isWrittenByCertManager(secret)
        ? secret
        : undefined;
    if (foreign !== undefined) {
      const message =
        "it was made by somebody else under a name that is the operator's, and is left alone. Nobody whose pods mount " +
        "that Secret has an identity of the mesh. Delete it, and the operator asks for its own.";
      options.record(foreign, {
        type: "Warning",
        reason: "ForeignSecret",
        action: "LeaveAlone",
        note: `This object cannot be used: ${message}`,
      });
      const fault = { kind: "Secret" as const, message };
      // No watch tells when it is gone.
      return { outcome: "retry" as const, fault };
    }
    if (certificate !== undefined) return { outcome: "retry" as const };
    options.logger.info(objectFields(key, "Certificate"), "certificate asked for");
    const outcome = await retryConflicts(options, "Certificate", () =>
      client.create(kinds.Certificate, desired as unknown as ObjectToWrite),
    );
    return { outcome, fault: { kind: "Certificate" as const, message: "it was just made." } };
  };

  /** All of it: what somebody added to it would be in the certificate. */
  const putBack = async (
    key: ObjectKey,
    desired: Certificate,
    observed: Certificate & KubernetesObject,
  ): Promise<Written> => {
    const edit = edits.judge(key, JSON.stringify(desired));
    if (edit === "later") return { outcome: "done" };
    if (edit === "now") {
      const note = "Somebody has changed this Certificate, by which an identity of the mesh is issued; it is put back.";
      options.record(observed, { type: "Warning", reason: "ForeignEdit", action: "Restore", note });
    }
    const { uid, resourceVersion, labels, annotations } = observed.metadata;
    const metadata = {
      ...desired.metadata,
      labels: { ...labels, ...desired.metadata.labels },
      ...(annotations === undefined ? {} : { annotations }),
      uid,
      resourceVersion,
    };
    const body = { ...desired, metadata } as unknown as ObjectToWrite;
    const outcome = await retryConflicts(options, "Certificate", () => client.replace(kinds.Certificate, body));
    if (outcome === "done") edits.written(key, JSON.stringify(desired), [resourceVersion]);
    return { outcome };
  };

  return {
    look: (key, { uri, life, issuer }, secret, operator) => {
      if (!watch.synced()) {
        const message = "cert-manager's kind Certificate is not there; install cert-manager.";
        return { fault: { kind: "Certificate", message } };
      }
      const [namespace = "", name = ""] = key.split("/");
      const desired = certificateFor({ namespace, name }, uri, life, issuer);
      const observed = watch.observed().get(key);
      if (observed === undefined) return options.isLeader() ? { write: () => create(key, desired) } : {};
      if (!asksFor(observed, desired)) {
        if (!options.isLeader() || edits.isBehind(key, observed.metadata.resourceVersion)) return {};
        return { write: () => putBack(key, desired, observed) };
      }
      edits.settled(key, JSON.stringify(desired));
      const waits = waitingFor(observed);
      const problem = secret === undefined ? undefined : problemOfIdentity(secret, uri, clock.now(), operator);
      // One that is replaced goes on to be used meanwhile. No watch tells when it has expired.
      if (secret !== undefined && problem === undefined) {
        const end = endOfIdentity(secret);
        if (end !== undefined) options.timers.at(key, end);
        return {};
      }
      if (waits !== undefined) return { fault: { kind: "Certificate", message: waits } };
      if (problem !== undefined) return { fault: { kind: "Secret", message: problem } };
      return { fault: { kind: "Certificate", message: "its Secret is not there yet." } };
    },
    remove: async (key) => {
      const observed = watch.observed().get(key);
      edits.forget(key);
      if (observed === undefined || !options.isLeader()) return "done";
      const { name, namespace = "", uid = "", resourceVersion = "" } = observed.metadata;
      return retryConflicts(options, "Certificate", () =>
        client.delete(kinds.Certificate, { name, namespace }, { preconditions: { uid, resourceVersion } }),
      );
    },
  };
}
