/**
 * The operator: settings -> construct (no IO) -> start in order -> drain on a signal.
 */

import { createExpirations } from "./controllers/expirations.ts";
import { type Credentials, createIdentityController } from "./controllers/identity-controller.ts";
import { createMissingKinds } from "./controllers/knowledge.ts";
import {
  certificatesOf,
  configMapsOf,
  createMeshController,
  podsOf,
  secretsOf,
  statusKinds,
} from "./controllers/mesh-controller.ts";
import { createObservations, type Observation } from "./controllers/observations.ts";
import { createPublisher } from "./controllers/publisher.ts";
import { createStatusWriter } from "./controllers/status-writer.ts";
import { createUninjectedController } from "./controllers/uninjected.ts";
import { createUnmanagedNamespaces } from "./controllers/unmanaged.ts";
import { watches } from "./controllers/watches.ts";
import {
  createWebhookBundle,
  isWebhookConfiguration,
  type WebhookConfiguration,
  webhookConfiguration,
} from "./controllers/webhook-bundle.ts";
import type { WriterOptions } from "./controllers/writer.ts";
import { readCertificate } from "./identity/certificate.ts";
import { createCertificateFolder } from "./identity/certificate-folder.ts";
import { createKubeClient } from "./kube/client.ts";
import { createEventRecorder } from "./kube/events.ts";
import { createLeaderElection } from "./kube/lease.ts";
import type { ObjectReference } from "./model/mesh.ts";
import { replicasOf } from "./model/replica.ts";
import { keys, manager } from "./model/sidecar.ts";
import { sleep, systemClock } from "./ops/clock.ts";
import { createLogger, type Logger, objectFields, standardOutput } from "./ops/logger.ts";
import { createMetrics } from "./ops/metrics.ts";
import { parseSettings, type Settings, settingsHelp } from "./ops/settings.ts";
import { SettingsError } from "./ops/settings-source.ts";
import { version } from "./ops/version.ts";
import { defaultInjectionSettings } from "./webhook/settings.ts";
import { createAdmissionThread } from "./webhook/thread.ts";
import { createReplicas } from "./xds/replicas.ts";
import { createXdsServer } from "./xds/server.ts";

/** All of draining but its grace, in milliseconds: after it the operator ends, whatever is left. */
const drainDeadline = 15_000;

/** Sidecars are told to go elsewhere this long before the streams are cut, in milliseconds. */
const drainTime = 2000;

/** The operator as a whole. */
interface Operator {
  start(): Promise<void>;
  /** Ends in an order in which nobody misses it. @param grace milliseconds in which others learn that it goes */
  stop(grace: number): Promise<void>;
}

/** @param writeLog takes lines of another thread's logger */
function createOperator(settings: Settings, logger: Logger, writeLog: (line: string) => void): Operator {
  const clock = systemClock;
  const metrics = createMetrics();
  metrics.buildInfo.set({ version, node_version: process.version }, 1);
  metrics.leader.set(0);
  const userAgent = `heddle/${version} (${settings.replica})`;
  const client = createKubeClient({ kubeconfig: settings.kubeconfig, userAgent });
  const writer: WriterOptions = {
    isLeader: () => election.leading,
    clock,
    random: Math.random,
    logger,
    metrics,
    onError: (key, error) => logger.warn({ ...objectFields(key), error }, "a write failed and is tried again"),
    record: (object, note) => events.record(object, note),
  };
  const events = createEventRecorder({
    client,
    controller: "heddle.dev/operator",
    instance: settings.replica,
    onError: (error) => logger.debug({ error }, "an event could not be written"),
  });
  const state = { credentials: false, compiled: false, serving: false };
  /** When the port of ADS opened. */
  let listeningSince: number | undefined;

  const observations = createObservations({
    client,
    watches,
    namespaces: settings.namespaces,
    logger,
    metrics,
    onChange: (changes) => onChange(changes),
    onProgress: () => {
      if (settings.namespaces !== undefined) admission.setManaged(settings.namespaces.filter(observations.isManaged));
      if (observations.isSynced("Namespace")) admission.setSynced();
      missing.look();
      uninjected.look();
      unmanaged.look();
      // A namespace may be given to the operator later.
      if (!state.compiled || settings.namespaces !== undefined) mesh.dirty();
    },
  });
  const missing = createMissingKinds({ ...writer, seen: observations });
  const observed = observations.of;
  const admission = createAdmissionThread(
    {
      ports: { webhook: settings.webhookPort, health: settings.healthPort },
      injection: defaultInjectionSettings(settings.proxyImage, settings.annotationBounds, settings.drainTime / 1000),
      ...(settings.namespaces === undefined ? {} : { managed: settings.namespaces }),
      logLevel: settings.logLevel,
    },
    {
      log: writeLog,
      reviewed: (outcome, seconds) => {
        metrics.reviews.inc({ outcome });
        if (seconds !== undefined) metrics.reviewSeconds.observe({ outcome }, seconds);
      },
      warningsOf: (policy) => mesh.warningsOf(JSON.parse(policy)),
      metrics: metrics.text,
      turn: () => {},
    },
  );
  const xds = createXdsServer({
    logger,
    metrics: {
      streams: (count) => metrics.streams.set(count),
      response: (type) => metrics.responses.inc({ type }),
      refusal: (type) => metrics.refusals.inc({ type }),
      ended: (reason) => metrics.endedStreams.inc({ reason }),
    },
  });
  const replicas = createReplicas({ local: xds, port: settings.xdsPort, clock, random: Math.random, logger });
  const bundle = createWebhookBundle({
    ...writer,
    client,
    observed: (kind) => observed(kind).get(webhookConfiguration) as WebhookConfiguration | undefined,
  });
  const setWebhookCredentials = ({ certificate, key, root }: Credentials): void => {
    admission.setCertificate({ certificate, key });
    bundle.setRoot(root);
  };
  /** Where somebody else keeps the webhook's certificate: the operator then only writes its root into the caBundle. */
  const folder =
    settings.webhookCertificate === undefined
      ? undefined
      : createCertificateFolder({
          directory: settings.webhookCertificate,
          name: `heddle.${settings.mesh.rootNamespace}.svc`,
          clock,
          onCertificate: setWebhookCredentials,
          onProblem: (problem) => logger.error({}, `the webhook's certificate cannot be used: ${problem}`),
        });
  let certificatesDemanded = false;
  const identities = createIdentityController({
    ...writer,
    client,
    observed: () => secretsOf(observed),
    settings: settings.mesh,
    certificateTTL: settings.certificateTTL,
    renewAfter: settings.renewAfter,
    onOwnCredentials: ({ certificate, key, root }) => {
      const credentials = { cert: certificate, key, ca: root };
      xds.setCredentials(credentials);
      replicas.setCredentials(credentials);
      const own = readCertificate(certificate);
      if (own !== undefined) metrics.certificateExpiration.set({ certificate: "operator" }, own.notAfter / 1000);
      state.credentials = true;
      void serve();
    },
    onWebhookCredentials: (credentials) => {
      if (folder === undefined) setWebhookCredentials(credentials);
    },
    certificates: {
      observed: () => certificatesOf(observed),
      synced: () => observations.isSynced("Certificate"),
      start: (onSynced) => {
        if (certificatesDemanded) return;
        certificatesDemanded = true;
        void observations.demand("Certificate").then((synced) => {
          if (synced) onSynced();
        });
      },
    },
    onFaults: () => mesh.dirty(),
    onRestoring: () => mesh.acknowledged(new Set()),
  });
  const publisher = createPublisher({
    ...writer,
    client,
    observed: () => configMapsOf(observed),
    isLeaving: (namespace) => observed("Namespace").get(namespace)?.metadata.deletionTimestamp !== undefined,
    onRestoring: () => mesh.acknowledged(new Set()),
  });
  const statusWriter = createStatusWriter({ ...writer, client, observed: (kind) => observed(kind) });
  const mesh = createMeshController({
    observed,
    seen: observations,
    settings: settings.mesh,
    clock,
    logger,
    metrics,
    publish: (targets, reaches) => {
      xds.publish(targets, reaches);
      replicas.retain((pod) => targets.has(pod));
      state.compiled = true;
      void serve();
    },
    states: () => replicas.states,
    listeningSince: () => listeningSince,
    isManaged: observations.isManaged,
    publisher,
    identities,
    statusWriter,
  });
  replicas.onChange((pods) => mesh.acknowledged(pods));
  const uninjected = createUninjectedController({
    ...writer,
    observed,
    isSynced: () => observations.isSynced("Pod") && observations.isSynced("Namespace"),
    rootNamespace: settings.mesh.rootNamespace,
  });
  const unmanaged = createUnmanagedNamespaces({
    ...writer,
    observed,
    isSynced: () => observations.isSynced("Namespace") && observations.isSynced("Secret"),
    isManaged: observations.isManaged,
    rootNamespace: settings.mesh.rootNamespace,
  });

  const election = createLeaderElection({
    client,
    lease: { namespace: settings.mesh.rootNamespace, name: "heddle" },
    labels: { [keys.managedBy]: manager },
    identity: settings.replica,
    onStarted: () => {
      logger.info({ replica: settings.replica }, "this replica leads");
      metrics.leader.set(1);
      for (const loop of [identities, publisher, statusWriter, bundle]) loop.resync();
      missing.look();
      uninjected.look();
      unmanaged.look();
    },
    onStopped: () => {
      logger.info({ replica: settings.replica }, "this replica does not lead any more");
      metrics.leader.set(0);
    },
    onError: (error) => logger.warn({ error }, "the leader's lease could not be read or renewed"),
  });

  function onChange(changes: readonly Observation[]): void {
    for (const { kind, key } of changes) {
      if (kind === "ConfigMap") publisher.observe(key);
      else if (kind === "Secret" || kind === "Certificate") identities.observe(key);
      else if (isWebhookConfiguration(kind)) bundle.observe(kind);
      else if (isStatusKind(kind)) statusWriter.observe(kind, key);
    }
    const namespaces = changes.filter(({ kind }) => kind === "Namespace");
    if (namespaces.length > 0) {
      const known = observed("Namespace");
      admission.setNamespaces(
        namespaces.map(({ key }) => {
          const namespace = known.get(key);
          return [key, namespace && (namespace.metadata.annotations ?? {})];
        }),
      );
    }
    if (changes.some(({ kind, key }) => kind === "Pod" && key.startsWith(`${settings.mesh.rootNamespace}/`)))
      replicas.setReplicas(replicasOf(podsOf(observed), settings.mesh, settings.replica));
    if (changes.some((change) => change.compiled)) mesh.dirty();
    if (changes.some(({ kind, compiled }) => compiled && (kind === "Pod" || kind === "Namespace"))) uninjected.look();
    if (changes.some(({ kind, compiled }) => compiled && kind === "Namespace")) unmanaged.look();
  }
  /** The port of ADS opens once there is something complete to serve and a certificate to serve it with. */
  async function serve(): Promise<void> {
    if (state.serving || !state.credentials || !state.compiled) return;
    state.serving = true;
    await xds.listen(settings.xdsPort);
    listeningSince = clock.now();
    mesh.acknowledged();
    logger.info({ port: settings.xdsPort }, "serving proxies");
  }
  const expirations = createExpirations(() => secretsOf(observed), settings.mesh.rootNamespace);
  metrics.beforeScrape(() => {
    metrics.unreachableReplicas.set(replicas.unreachable.length);
    const own = folder === undefined ? {} : { webhook: seconds(folder.expiration) };
    for (const [certificate, expiration] of Object.entries({ ...expirations(), ...own }))
      if (expiration === undefined) metrics.certificateExpiration.remove({ certificate });
      else metrics.certificateExpiration.set({ certificate }, expiration);
    metrics.podsWithoutSidecar.reset();
    for (const [name, count] of uninjected.counts) metrics.podsWithoutSidecar.set({ workload_namespace: name }, count);
  });
  return {
    start: async () => {
      await admission.start();
      folder?.start();
      election.start();
      observations.start();
    },
    stop: async (grace) => {
      // 1. Out of the Service's endpoints, while everything is still answered. Another replica leads from now on.
      admission.drain();
      // Without an API server a lease cannot be released, and nobody shall wait for that.
      const released = election.stop();
      await sleep(clock, grace);
      // 2. No new connections; sidecars are told to go elsewhere, and reviews under way are answered.
      replicas.stop();
      await Promise.all([admission.close(), xds.close(drainTime)]);
      // 3. What nobody sees.
      await released;
      folder?.stop();
      await observations.stop();
      uninjected.stop();
      await mesh.stop();
      await Promise.all([publisher.stop(), statusWriter.stop(), identities.stop(), bundle.stop()]);
      await events.stop(1000);
      await admission.end();
      client.close();
    },
  };
}

const seconds = (milliseconds: number | undefined): number | undefined =>
  milliseconds === undefined ? undefined : milliseconds / 1000;

const isStatusKind = (kind: string): kind is ObjectReference["kind"] =>
  statusKinds.some((candidate) => candidate === kind);

async function main(): Promise<void> {
  const flags = process.argv.slice(2);
  if (flags.includes("--help")) {
    process.stdout.write(settingsHelp());
    return;
  }
  const settings = parseSettings(flags, process.env);
  const output = standardOutput();
  const logger = createLogger(settings.logLevel, output);
  logger.info({ version, settings: settings.texts }, "starting");
  process.on("uncaughtException", (error) => {
    logger.error({ error, stack: error.stack }, "a defect: the operator ends and is started again");
    process.exit(1);
  });
  const operator = createOperator(settings, logger, (line) => output.write(line));
  const stop = (signal: string): void => {
    // Who presses Ctrl-C does not wait for others.
    const grace = signal === "SIGTERM" ? settings.drainGrace : 0;
    logger.info({ signal, grace }, "draining");
    const late = systemClock.setTimeout(() => {
      logger.error({}, "draining took too long");
      process.exit(1);
    }, grace + drainDeadline);
    operator.stop(grace).then(
      () => {
        late.cancel();
        logger.info({}, "drained");
        process.exit(0);
      },
      (error: unknown) => {
        logger.error({ error }, "draining failed");
        process.exit(1);
      },
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  operator.start().catch((error: unknown) => {
    logger.error({ error }, "the operator cannot start");
    process.exit(1);
  });
}

main().catch((error: unknown) => {
  process.stderr.write(
    error instanceof SettingsError ? `heddle: ${error.message}\nSee --help.\n` : `heddle: ${String(error)}\n`,
  );
  process.exit(1);
});
