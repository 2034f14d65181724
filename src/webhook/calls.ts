/** What the operator's main thread and the thread that serves admission call each other for. Each side takes calls in order. */
import type { MessagePort } from "node:worker_threads";
import type { LogLevel } from "../ops/logger.ts";
import type { ReviewOutcome, ServingCertificate } from "./server.ts";
import type { InjectionSettings } from "./settings.ts";

/** Annotations of a Namespace, by key. */
export type NamespaceAnnotations = Readonly<Record<string, string>>;

/** Where the thread listens. 0 chooses a free port. */
export interface AdmissionPorts {
  readonly webhook: number;
  /** Of `/healthz`, `/readyz` and `/metrics`. */
  readonly health: number;
}

/** What the thread starts with. */
export interface AdmissionOptions {
  readonly ports: AdmissionPorts;
  /** Address to listen on; absent: all. */
  readonly host?: string;
  readonly injection: InjectionSettings;
  /** The namespaces whose pods the operator can give identities; absent: all. */
  readonly managed?: readonly string[];
  readonly logLevel: LogLevel;
}

/** What the thread is handed over. */
export interface AdmissionStart extends AdmissionOptions {
  /** To the main thread. */
  readonly port: MessagePort;
}

/** What the main thread calls the thread for. */
export type ThreadCalls = {
  /** Resolves once both ports are open. @throws when one cannot be */
  readonly listen: () => Promise<AdmissionPorts>;
  readonly setCertificate: (certificate: ServingCertificate) => void;
  /** Namespaces that came or changed, by name; undefined: it went. */
  readonly setNamespaces: (changes: readonly (readonly [string, NamespaceAnnotations | undefined])[]) => void;
  /** Every namespace that there is has been told. */
  readonly setSynced: () => void;
  readonly setManaged: (namespaces: readonly string[]) => void;
  /** Not ready from now on; see {@link import("./server.ts").WebhookServer.drain}. */
  readonly drain: () => void;
  /** Closes the webhook, when what was begun is answered. Health is answered on. */
  readonly close: () => Promise<void>;
  /** Closes the rest. */
  readonly end: () => Promise<void>;
};

/** What the thread calls the main thread for. While that one compiles, what is asked of it waits. */
export type MainCalls = {
  /** Lines of the thread's log: one thread writes them all, so that none is torn. */
  readonly log: (line: string) => void;
  /** @param seconds from the last byte of the review to its answer; absent when it was not read */
  readonly reviewed: (outcome: ReviewOutcome, seconds?: number) => void;
  /** Of a policy in JSON: a text cannot be too deep to be passed on. Undefined before the first compile. */
  readonly warningsOf: (policy: string) => readonly string[] | undefined;
  /** In the Prometheus text format. */
  readonly metrics: () => Promise<string>;
  /** Says by its answer that the event loop turns. */
  readonly turn: () => void;
};
