import { constants, type Http2Server, type Http2Session, type ServerHttp2Session } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Peer } from "./admission.ts";
import { normalizeAddress, onlyURI } from "./peer.ts";

/** What the server keeps of one connection. */
export interface Connection {
  readonly http2: ServerHttp2Session;
  readonly peer: Peer;
  /** Milliseconds since the epoch after which the peer's certificate is void. */
  readonly expiresAt: number;
}

/** Bounds of connections, in milliseconds. */
export interface ConnectionLimits {
  /** Between two pings. */
  readonly keepaliveMs: number;
  /** In which a ping must be answered. */
  readonly keepaliveTimeoutMs: number;
  /** How long a connection may be without a stream. */
  readonly idleMs: number;
}

/** All connections of a server. */
export interface Connections {
  of(session: Http2Session | undefined): Connection | undefined;
  /** Tells every peer that no new stream will be taken here. */
  goAway(): void;
  /** Cuts what is left. */
  destroy(): void;
  /** Ends the timer. */
  stop(): void;
}

interface Watched extends Connection {
  streams: number;
  idleSince: number;
  pingedAt: number;
  pongDue: number | undefined;
}

/**
 * Watches the connections of a server: finds dead peers by pings, closes those without a stream, and ends a connection when
 * the certificate that it was opened with expires. One timer serves all. `expired` is told before a connection is closed.
 */
export function watchConnections(
  server: Http2Server,
  limits: ConnectionLimits,
  now: () => number,
  expired: (connection: Connection) => void,
): Connections {
  const watched = new Map<Http2Session, Watched>();

  server.on("session", (http2: ServerHttp2Session) => {
    const certificate = certificateOf(http2);
    const time = now();
    const connection: Watched = {
      http2,
      peer: {
        identity: certificate?.identity,
        address: normalizeAddress(http2.socket.remoteAddress ?? "") ?? "",
      },
      expiresAt: certificate?.expiresAt ?? 0,
      streams: 0,
      idleSince: time,
      pingedAt: time,
      pongDue: undefined,
    };
    watched.set(http2, connection);
    http2.on("close", () => watched.delete(http2));
    // Told also by the stream's and the server's events; without a listener it would end the process.
    http2.on("error", () => http2.destroy());
    http2.on("stream", (stream) => {
      connection.streams++;
      stream.once("close", () => {
        connection.streams--;
        connection.idleSince = now();
      });
    });
  });

  const tick = (): void => {
    const time = now();
    for (const connection of watched.values()) {
      const { http2 } = connection;
      if (connection.expiresAt <= time) {
        expired(connection);
        http2.close();
      }
      if (connection.pongDue !== undefined && connection.pongDue <= time) {
        http2.destroy(undefined, constants.NGHTTP2_NO_ERROR);
      } else if (connection.streams === 0 && connection.idleSince + limits.idleMs <= time) {
        // A peer that does not close its side either is found by the next pings.
        http2.close();
      }
      if (connection.pongDue === undefined && connection.pingedAt + limits.keepaliveMs <= time) ping(connection, time);
    }
  };
  const ping = (connection: Watched, time: number): void => {
    connection.pingedAt = time;
    connection.pongDue = time + limits.keepaliveTimeoutMs;
    if (connection.http2.destroyed) return;
    connection.http2.ping((error) => {
      if (error === null) connection.pongDue = undefined;
    });
  };
  const timer = setInterval(tick, Math.max(50, Math.min(5_000, limits.keepaliveMs / 3, limits.keepaliveTimeoutMs / 2)));
  timer.unref();

  return {
    of: (session) => session && watched.get(session),
    goAway: () => {
      for (const { http2 } of watched.values()) http2.close();
    },
    destroy: () => {
      for (const http2 of [...watched.keys()]) http2.destroy();
    },
    stop: () => clearInterval(timer),
  };
}

interface PeerCertificate {
  readonly identity: string | undefined;
  readonly expiresAt: number;
}

function certificateOf(http2: ServerHttp2Session): PeerCertificate | undefined {
  // The server speaks TLS only; Node's proxy of the socket hides its class.
  const certificate = (http2.socket as TLSSocket).getPeerX509Certificate();
  return certificate && { identity: onlyURI(certificate.raw), expiresAt: certificate.validToDate.getTime() };
}
