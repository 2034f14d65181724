/**
 * The HTTPS server that the API server asks before it stores objects. Anyone who can reach the port can talk to it, so
 * every cost that a caller can cause is bounded: connections, time of a handshake and of a request, size of one body and
 * of all bodies together.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { addressOf } from "../ops/health.ts";
import type { Logger } from "../ops/logger.ts";
import { type Body, type BodyBudget, createBodyBudget, readBody } from "./body.ts";
import { within } from "./deadline.ts";
import type { AdmissionHandler } from "./handler.ts";
import { type AdmissionDecision, decodeReview, encodeDecision, ReviewError } from "./review.ts";

/** A certificate chain and its key, both PEM. */
export interface ServingCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** What became of a review. */
export type ReviewOutcome = "patched" | "unchanged" | "denied" | "invalid" | "failed";

/** What the server is made of. */
export interface WebhookServerOptions {
  /** By path, such as `/inject`. */
  readonly handlers: ReadonlyMap<string, AdmissionHandler>;
  readonly logger: Logger;
  /** Told of each review, and how long it took from its last byte, in seconds; absent when it was not read. */
  readonly onReview: (outcome: ReviewOutcome, seconds?: number) => void;
  readonly limits?: Partial<WebhookLimits>;
}

/** Bounds of the server; times are in milliseconds, sizes in bytes. */
export interface WebhookLimits {
  /** One body. The API server's own objects are smaller than 3 MiB. */
  readonly bodyBytes: number;
  /** All bodies that are held at one time. */
  readonly totalBodyBytes: number;
  /** From the first byte of a request to its last; also of a TLS handshake, and of a connection that says nothing. */
  readonly requestTime: number;
  /** From a complete request to its answer: below the webhook's timeout, so that the API server learns of it. */
  readonly answerTime: number;
  readonly connections: number;
}

/** Bounds that fit the shipped webhook configuration, whose timeout is 5 seconds. */
export const defaultLimits: WebhookLimits = {
  bodyBytes: 3 * 1024 * 1024,
  totalBodyBytes: 48 * 1024 * 1024,
  requestTime: 4000,
  answerTime: 3000,
  connections: 512,
};

/** A running or a not yet running webhook server. */
export interface WebhookServer {
  /** Resolves once it accepts connections; handshakes fail until there is a certificate. Port 0 chooses a free one. */
  listen(port: number, host?: string): Promise<void>;
  /** From now on new connections are served with it; open ones go on. @throws when it is no matching PEM pair. */
  setCertificate(certificate: ServingCertificate): void;
  /** Where it listens. @throws when it does not. */
  address(): AddressInfo;
  /** From now on every answer asks its caller to close the connection, so that none is cut between two requests. */
  drain(): void;
  /** Answers what was begun, takes no new connection, and resolves when all are closed. */
  close(): Promise<void>;
}

/** A server for admission reviews over TLS 1.2 or newer. */
export function createWebhookServer(options: WebhookServerOptions): WebhookServer {
  const limits = { ...defaultLimits, ...options.limits };
  const budget = createBodyBudget(limits.bodyBytes, limits.totalBodyBytes);
  let draining = false;
  const server = createServer(
    {
      minVersion: "TLSv1.2",
      handshakeTimeout: limits.requestTime,
      headersTimeout: limits.requestTime,
      requestTimeout: limits.requestTime,
      connectionsCheckingInterval: Math.ceil(limits.requestTime / 4),
      // The API server closes its idle connections after 90 seconds; were it done here first, a request could be lost.
      keepAliveTimeout: 100_000,
      maxHeaderSize: 8192,
    },
    (request, response) => {
      if (draining) response.setHeader("connection", "close");
      answer(request, response, options, limits, budget).catch((error: unknown) => {
        options.logger.error({ error }, "admission request failed");
        response.destroy();
      });
    },
  );
  server.maxConnections = limits.connections;
  const unanswered = watchUnanswered(server);
  server.on("tlsClientError", (error) => options.logger.debug({ error }, "TLS handshake of the webhook failed"));

  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => {
          server.off("error", reject);
          resolve();
        });
      }),
    setCertificate: ({ certificate, key }) =>
      server.setSecureContext({ cert: certificate, key, minVersion: "TLSv1.2" }),
    address: () => addressOf(server),
    drain: () => {
      draining = true;
    },
    close: async () => {
      // Whoever has just connected is about to ask: to close on it now would lose a review.
      await unanswered.none(limits.requestTime);
      await new Promise<void>((resolve) => {
        // Node.js watches over no request any more once it closes: one that never comes would be waited for.
        const late = setTimeout(() => server.closeAllConnections(), limits.requestTime + limits.answerTime);
        server.close(() => {
          clearTimeout(late);
          resolve();
        });
        server.closeIdleConnections();
      });
    },
  };
}

/** Watches the connections over which nothing was answered yet, those in their handshake included. */
function watchUnanswered(server: Server): { none(milliseconds: number): Promise<void> } {
  const open = new Set<string>();
  let onNone: (() => void) | undefined;
  // The socket that was accepted and the one that speaks TLS are two objects of one peer.
  const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
  const settle = (peer: string): void => {
    open.delete(peer);
    if (open.size === 0) onNone?.();
  };
  server.on("connection", (socket: Socket) => {
    const peer = peerOf(socket);
    open.add(peer);
    socket.once("close", () => settle(peer));
  });
  server.on("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    const peer = peerOf(socket);
    response.once("close", () => settle(peer));
  });
  return {
    none: (milliseconds) =>
      new Promise((resolve) => {
        if (open.size === 0) return resolve();
        const late = setTimeout(resolve, milliseconds);
        onNone = () => {
          clearTimeout(late);
          resolve();
        };
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { handlers, logger, onReview }: WebhookServerOptions,
  limits: WebhookLimits,
  budget: BodyBudget,
): Promise<void> {
  const path = request.url?.split("?", 1)[0] ?? "";
  const handler = handlers.get(path);
  if (handler === undefined) return refuse(response, 404, "no webhook is served at this path");
  if (request.method !== "POST") return refuse(response, 405, "admission reviews are posted", { allow: "POST" });

  const body = await readBody(request, budget);
  if (body.kind !== "complete") return refuseBody(response, body, limits, onReview);
  const start = performance.now();
  const count = (outcome: ReviewOutcome): void => onReview(outcome, (performance.now() - start) / 1000);
  try {
    const review = decodeReview(body.bytes);
    const decision = await within(handler(review), limits.answerTime, () => {
      throw new Error(`no decision within ${limits.answerTime} ms`);
    });
    const text = encodeDecision(review.uid, decision);
    count(outcomeOf(decision));
    response
      .writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
      .end(text);
  } catch (error) {
    if (error instanceof ReviewError) {
      count("invalid");
      return refuse(response, 400, error.message);
    }
    count("failed");
    logger.error({ path, error }, "admission review failed");
    refuse(response, 500, "Heddle's webhook failed; its log says why");
  } finally {
    body.release();
  }
}

function refuseBody(
  response: ServerResponse,
  body: Exclude<Body, { readonly kind: "complete" }>,
  limits: WebhookLimits,
  onReview: WebhookServerOptions["onReview"],
): void {
  switch (body.kind) {
    case "too-large":
      onReview("invalid");
      refuse(response, 413, `the body is larger than ${limits.bodyBytes} bytes`);
      break;
    case "busy":
      onReview("failed");
      refuse(response, 503, "too many requests are under way; try again", { "retry-after": "1" });
      break;
    case "aborted":
      response.destroy();
  }
}

/** Ends the connection too: who sends what cannot be answered shall not keep it. */
function refuse(
  response: ServerResponse,
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response
    .writeHead(status, { ...headers, "content-type": "text/plain; charset=utf-8", connection: "close" })
    .end(`${message}\n`);
}

function outcomeOf(decision: AdmissionDecision): ReviewOutcome {
  if (!decision.allowed) return "denied";
  return decision.patch.length === 0 ? "unchanged" : "patched";
}
