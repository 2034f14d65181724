import { constants as cryptoConstants, randomUUID } from "node:crypto";
import { createSecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import type { ProxyTarget, ReachGroups, ResourceGroup } from "../envoy/resource.ts";
import { reachOf, withReach } from "../envoy/resource.ts";
import type { ProxyStates } from "../model/acknowledgement.ts";
import { type Logger, objectFields } from "../ops/logger.ts";
import { admit, type NamedPod, parseNodeId, requireVersion } from "./admission.ts";
import { type Connection, type ConnectionLimits, watchConnections } from "./connections.ts";
import { encodeStatusMessage } from "./frames.ts";
import { createLedger, type StatesListener } from "./ledger.ts";
import { isAtRest } from "./ordering.ts";
import { identityOf } from "./peer.ts";
import { createResourceIndex } from "./references.ts";
import { createReplicaFeed } from "./replica-feed.ts";
import type { NodeRequest } from "./requests.ts";
import { createRunBytes } from "./runs.ts";
import { Session } from "./session.ts";
import { AdsStream, type StreamEvents, type StreamLimits } from "./stream.ts";
import { createTurns, type TurnLimits } from "./turns.ts";
import type { GrpcStatus, XdsMetrics } from "./types.ts";
import { grpcStatus, StreamError } from "./types.ts";

/** Bounds of the server. Times are in milliseconds. */
export interface XdsLimits extends ConnectionLimits, StreamLimits, TurnLimits {
  /** Streams at once; Envoy has one. */
  readonly streams: number;
  /** How long a stream may wait for its pod to become known: the watch may be behind the kubelet. */
  readonly admissionMs: number;
  /** How long a stream may take to send its first request. */
  readonly firstRequestMs: number;
}

/** Bounds that suit some ten thousand sidecars. */
export const defaultLimits: XdsLimits = {
  streams: 20_000,
  admissionMs: 10_000,
  firstRequestMs: 10_000,
  keepaliveMs: 15_000,
  keepaliveTimeoutMs: 20_000,
  idleMs: 15_000,
  requestBytes: 4 * 1024 * 1024,
  requestBurst: 20_000,
  requestsPerSecond: 2_000,
  turns: 64,
  turnsOfIdentity: 32,
  turnMs: 3_000,
};

/** What a server is made of. */
export interface XdsServerOptions {
  readonly logger: Logger;
  readonly metrics?: XdsMetrics;
  readonly limits?: Partial<XdsLimits>;
  /** Milliseconds since the epoch; the system's clock when absent. */
  readonly now?: () => number;
}

/** The server's certificate with its key, and the roots of its clients' certificates, in PEM. */
export interface XdsCredentials {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** Delta ADS over mutual TLS. */
export interface XdsServer {
  /** Credentials must be set before. */
  listen(port: number, host?: string): Promise<void>;
  /** Undefined while it does not listen. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  /** Used by connections that are opened from now on. Throws when the key is not the certificate's. */
  setCredentials(credentials: XdsCredentials): void;
  /**
   * Replaces what all proxies are to have, by pod key, each beside the reach of its namespace. Proxies of which neither has
   * changed are sent nothing.
   */
  publish(targets: ReadonlyMap<string, ProxyTarget>, reaches?: ReachGroups): void;
  /** A live view of what all proxies said last. */
  readonly states: ProxyStates;
  /** Returns a function that ends the notifications. */
  onChange(listener: StatesListener): () => void;
  /** Takes no new stream, ends the open ones, and cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** The one method that is served. */
const methodPath = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

/** Milliseconds for which a publication may hold the event loop before others get their turn. */
const sliceMs = 5;

/** A stream that is not admitted yet. */
interface Waiting {
  /** Absent until the first request. */
  readonly named?: NamedPod;
  readonly timer: NodeJS.Timeout;
}

/** A server that does not listen yet. */
export function createXdsServer(options: XdsServerOptions): XdsServer {
  const { logger } = options;
  const now = options.now ?? Date.now;
  const limits = { ...defaultLimits, ...options.limits };
  const metrics = options.metrics ?? { streams() {}, response() {}, refusal() {}, ended() {} };
  const index = createResourceIndex();
  const ledger = createLedger(now, (run) => setImmediate(run));
  const replicaFeed = createReplicaFeed(ledger, randomUUID(), now);
  let ownIdentity: string | undefined;
  const all = new Set<AdsStream>();
  const waiting = new Map<AdsStream, Waiting>();
  const open = new Map<string, AdsStream>();
  const dirty = new Set<AdsStream>();
  const turns = createTurns(limits);
  const runBytes = createRunBytes();
  /** Streams that are brought up to date, which takes memory: each gives its turn to the next one when it is. */
  const busy = new Map<AdsStream, () => void>();
  let targets: ReadonlyMap<string, ProxyTarget> = new Map();
  let reaches: ReachGroups = new Map();
  /** Of the proxies that have a stream, by their own part. */
  const wholes = new WeakMap<
    ProxyTarget,
    { readonly reach: ResourceGroup | undefined; readonly target: ProxyTarget }
  >();
  /** All that a proxy is to have now. */
  const wholeOf = (own: ProxyTarget): ProxyTarget => {
    const reach = reachOf(own, reaches);
    const known = wholes.get(own);
    if (known !== undefined && known.reach === reach) return known.target;
    const target = withReach(own, reach);
    wholes.set(own, { reach, target });
    return target;
  };
  let draining = false;
  let closing = false;
  let hasCredentials = false;

  // Without tickets or a session cache nobody resumes a session that was verified by roots which are no longer trusted.
  const tls = { minVersion: "TLSv1.2", secureOptions: cryptoConstants.SSL_OP_NO_TICKET } as const;
  const server = createSecureServer({
    ...tls,
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: 10_000,
    unknownProtocolTimeout: 1_000,
    maxSessionMemory: 64,
    maxHeaderListPairs: 64,
    maxSessionInvalidFrames: 100,
    settings: {
      enablePush: false,
      maxConcurrentStreams: 4,
      // A stream that waits for its turn is not read: what came holds so much memory at most.
      initialWindowSize: 64 * 1024,
      maxHeaderListSize: 16 * 1024,
    },
  });
  server.maxConnections = limits.streams + 1_000;
  const connections = watchConnections(server, limits, now, ({ http2 }) => {
    for (const stream of all) {
      if (stream.connection !== http2) continue;
      metrics.ended("expired");
      stream.end(grpcStatus.unauthenticated, "the client certificate has expired");
    }
  });

  const end = (stream: AdsStream, status: GrpcStatus, reason: string, message: string): void => {
    metrics.ended(reason);
    stream.end(status, message);
  };

  /** Ends the stream if it is not admitted in time. */
  const wait = (stream: AdsStream, named: NamedPod | undefined, milliseconds: number, message: string): void => {
    stopWaiting(stream);
    const timer = setTimeout(() => {
      logger.info(
        { ...objectFields(named?.pod, "Pod"), address: stream.peer.address, reason: message },
        "proxy turned away",
      );
      end(stream, grpcStatus.unavailable, named === undefined ? "silent" : "unknown", message);
    }, milliseconds);
    waiting.set(stream, { timer, ...(named && { named }) });
  };
  const stopWaiting = (stream: AdsStream): void => {
    const pending = waiting.get(stream);
    if (pending !== undefined) clearTimeout(pending.timer);
    waiting.delete(stream);
  };

  const tryAdmit = (stream: AdsStream, named: NamedPod): boolean => {
    const target = targets.get(named.pod);
    if (admit(stream.peer, named, target) === "later" || target === undefined) return false;
    stopWaiting(stream);
    const whole = wholeOf(target);
    const session = new Session(whole, index, ledger.session(named.pod));
    ledger.connected(named.pod, session);
    const older = open.get(named.pod);
    open.set(named.pod, stream);
    if (older !== undefined) end(older, grpcStatus.aborted, "replaced", "a newer stream of this pod took its place");
    metrics.streams(open.size);
    logger.debug({ ...objectFields(named.pod, "Pod"), address: stream.peer.address }, "proxy connected");
    stream.open(named.pod, session, versionOf(whole));
    return true;
  };

  const events: StreamEvents = {
    first: (stream, request: NodeRequest) => {
      const named = parseNodeId(request.node?.id ?? "");
      requireVersion(named.pod, request.node?.userAgentVersionType);
      if (tryAdmit(stream, named)) return;
      wait(stream, named, limits.admissionMs, `pod ${named.pod} with uid ${named.uid} is not known here`);
    },
    changed: (stream) => {
      if (stream.pod !== undefined) ledger.changed(stream.pod);
      if (stream.session !== undefined && isAtRest(stream.session)) busy.get(stream)?.();
    },
    refused: (stream, type, message) => {
      metrics.refusal(type);
      logger.warn({ ...objectFields(stream.pod, "Pod"), type, reason: message }, "proxy refused configuration");
    },
    closed: (stream) => {
      all.delete(stream);
      dirty.delete(stream);
      busy.get(stream)?.();
      busy.delete(stream);
      stopWaiting(stream);
      const { pod, session } = stream;
      if (pod === undefined || session === undefined) return;
      ledger.disconnected(pod, session);
      if (open.get(pod) === stream) open.delete(pod);
      metrics.streams(open.size);
      logger.debug(objectFields(pod, "Pod"), "proxy disconnected");
    },
    denied: (stream, error) => {
      metrics.ended(error.reason);
      logger.warn(
        { ...objectFields(stream.pod, "Pod"), address: stream.peer.address, reason: error.message },
        "stream refused",
      );
    },
    failed: (stream, error) => logger.error({ ...objectFields(stream.pod, "Pod"), error }, "stream failed"),
  };

  /** Takes a stream whose turn it is. */
  const begin = (
    http2: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    connection: Connection,
    over: () => void,
  ): void => {
    const refusal = judge(headers, all.size >= limits.streams, closing);
    if (refusal === undefined) {
      const stream = new AdsStream(http2, connection, events, metrics, limits, now, runBytes);
      all.add(stream);
      busy.set(stream, over);
      wait(stream, undefined, limits.firstRequestMs, "no request came");
      return;
    }
    over();
    metrics.ended(refusal.reason);
    http2.respond(
      {
        ":status": 200,
        "content-type": "application/grpc",
        "grpc-status": String(refusal.status),
        "grpc-message": encodeStatusMessage(refusal.message),
      },
      { endStream: true },
    );
  };

  server.on("stream", (http2: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    http2.on("error", () => http2.close());
    const connection = connections.of(http2.session);
    if (connection === undefined) return http2.close();
    const path = headers[":path"];
    if (path !== undefined && replicaFeed.isPoll(path)) {
      if (ownIdentity !== undefined && connection.peer.identity === ownIdentity) return replicaFeed.serve(http2, path);
      metrics.ended("identity");
      logger.warn({ address: connection.peer.address }, "a poll of replicas by somebody else was refused");
      return http2.respond({ ":status": 403 }, { endStream: true });
    }
    const { identity = "" } = connection.peer;
    http2.once(
      "close",
      turns.take(identity, (over) => begin(http2, headers, connection, over)),
    );
  });
  server.on("tlsClientError", (error: Error) => {
    metrics.ended("tls");
    logger.debug({ error }, "TLS handshake failed");
  });
  server.on("sessionError", (error: Error) => logger.debug({ error }, "connection failed"));
  server.on("unknownProtocol", (socket) => socket.destroy());

  const update = (stream: AdsStream): void => {
    const { session, pod } = stream;
    const own = pod === undefined ? undefined : targets.get(pod);
    if (session === undefined || own === undefined) return;
    const target = wholeOf(own);
    stream.send(session.setTarget(target), versionOf(target));
  };
  /** Sends to proxies whose target changed; a publication that comes meanwhile replaces what was not sent yet. */
  const drain = (): void => {
    const until = performance.now() + sliceMs;
    for (const stream of dirty) {
      if (performance.now() > until) {
        draining = true;
        setImmediate(drain);
        return;
      }
      dirty.delete(stream);
      stream.guard(() => update(stream));
    }
    draining = false;
  };

  return {
    listen: (port, host) => {
      if (!hasCredentials)
        return Promise.reject(new Error("the xDS server has no credentials: set them before it listens"));
      return new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => {
          server.off("error", reject);
          server.on("error", (error: Error) => logger.error({ error }, "xDS server failed"));
          resolve();
        });
      });
    },
    get address() {
      const address = server.address() as AddressInfo | null;
      return address === null ? undefined : { host: address.address, port: address.port };
    },
    setCredentials: (credentials) => {
      server.setSecureContext({ ...tls, key: credentials.key, cert: credentials.cert, ca: credentials.ca });
      ownIdentity = identityOf(credentials.cert);
      hasCredentials = true;
    },
    publish: (next, nextReaches = new Map()) => {
      targets = next;
      reaches = nextReaches;
      ledger.retain((pod) => next.has(pod));
      for (const [stream, { named }] of [...waiting]) {
        if (named !== undefined) stream.guard(() => tryAdmit(stream, named));
      }
      for (const [pod, stream] of [...open]) {
        const target = next.get(pod);
        if (target === undefined || target.podUid !== stream.session?.target.podUid) {
          end(stream, grpcStatus.notFound, "gone", `pod ${pod} is gone`);
          continue;
        }
        const sent = wholes.get(target);
        if (sent?.target === stream.session.target && sent.reach === reachOf(target, reaches)) continue;
        stream.guard(() => {
          // Addresses that are gone for a moment ("later") do not end a stream that was admitted.
          admit(stream.peer, { pod, uid: target.podUid }, target);
          dirty.add(stream);
        });
      }
      if (!draining) drain();
    },
    states: ledger.states,
    onChange: ledger.onChange,
    close: (graceMs) => {
      closing = true;
      replicaFeed.close();
      turns.open();
      for (const stream of [...all]) stream.end(grpcStatus.unavailable, "the server is shutting down");
      return new Promise((resolve) => {
        const cut = setTimeout(connections.destroy, graceMs);
        server.close(() => {
          clearTimeout(cut);
          connections.stop();
          resolve();
        });
        connections.goAway();
      });
    },
  };
}

/** Why a stream is not even looked at, by its headers. */
function judge(headers: IncomingHttpHeaders, full: boolean, closing: boolean): StreamError | undefined {
  if (headers[":path"] !== methodPath || headers[":method"] !== "POST") {
    return new StreamError(grpcStatus.unimplemented, "protocol", "only DeltaAggregatedResources is served here");
  }
  if (headers["content-type"]?.startsWith("application/grpc") !== true) {
    return new StreamError(grpcStatus.invalidArgument, "protocol", "the content type must be application/grpc");
  }
  if (closing) return new StreamError(grpcStatus.unavailable, "closing", "the server is shutting down");
  if (full) return new StreamError(grpcStatus.resourceExhausted, "full", "too many streams");
  return undefined;
}

/** Names the target's content; Envoy shows it beside its configuration. */
const versionOf = (target: ProxyTarget): string => target.groups.map(({ hash }) => hash).join(".");
