/**
 * The program of the thread that serves admission. A compile keeps the main thread busy for seconds on a large mesh; this
 * one answers meanwhile, from what it was told. It answers for the operator's health as well: an operator that is busy shall
 * not be taken out of the Service's endpoints.
 */
import { workerData } from "node:worker_threads";
import { connectCalls } from "../ops/calls.ts";
import { createHealthServer } from "../ops/health.ts";
import { createLogger } from "../ops/logger.ts";
import { createAdvice } from "./advice.ts";
import type { AdmissionStart, MainCalls, NamespaceAnnotations, ThreadCalls } from "./calls.ts";
import { createInjectionHandlers } from "./handler.ts";
import { createWebhookServer } from "./server.ts";
import { createWarningsHandlers } from "./warn.ts";

function serveAdmission({ port, ports, host, injection, managed, logLevel }: AdmissionStart): void {
  const namespaces = new Map<string, NamespaceAnnotations>();
  let ours = managed && new Set(managed);
  const isManaged = (namespace: string): boolean => ours?.has(namespace) ?? true;
  const state = { listening: false, certified: false, synced: false, draining: false };

  const calls: ThreadCalls = {
    listen: async () => {
      await health.listen(ports.health, host);
      await webhook.listen(ports.webhook, host);
      state.listening = true;
      return { webhook: webhook.address().port, health: health.address().port };
    },
    setCertificate: (certificate) => {
      webhook.setCertificate(certificate);
      state.certified = true;
    },
    setNamespaces: (changes) => {
      for (const [name, annotations] of changes)
        if (annotations === undefined) namespaces.delete(name);
        else namespaces.set(name, annotations);
    },
    setSynced: () => {
      state.synced = true;
    },
    setManaged: (names) => {
      ours = new Set(names);
    },
    drain: () => {
      state.draining = true;
      webhook.drain();
    },
    close: () => webhook.close(),
    end: () => health.close(),
  };
  const operator = connectCalls<MainCalls>(port, calls);
  const advice = createAdvice((policy) => operator.ask("warningsOf", policy));
  const webhook = createWebhookServer({
    handlers: new Map([
      ...createInjectionHandlers(injection, (name) => namespaces.get(name), isManaged),
      ...createWarningsHandlers(advice, isManaged),
    ]),
    logger: createLogger(logLevel, { write: (line) => operator.tell("log", line) }),
    onReview: (outcome, seconds) => operator.tell("reviewed", outcome, seconds),
  });
  const health = createHealthServer({
    // What admission needs. A replica that has not compiled yet takes no proxies: that port is closed.
    checks: new Map([
      ["the port of the webhook", () => state.listening],
      ["the webhook's certificate", () => state.certified],
      ["the list of namespaces, which bound what pods may ask for", () => state.synced],
      ["its end: it drains", () => !state.draining],
    ]),
    turns: shared(() => operator.ask("turn")),
    metrics: shared(() => operator.ask("metrics")),
  });
}

/** Asks once for all who want to know at the same time: while the operator is busy, questions do not pile up. */
function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    asked ??= ask().finally(() => {
      asked = undefined;
    });
    return asked;
  };
}

serveAdmission(workerData as AdmissionStart);
