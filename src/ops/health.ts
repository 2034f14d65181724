import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What `/readyz` waits for, by name: true once it holds. */
export type ReadinessChecks = ReadonlyMap<string, () => boolean>;

/** Where the operator tells the kubelet and Prometheus about itself. */
export interface HealthServer {
  listen(port: number, host?: string): Promise<void>;
  /** Where it listens. @throws when it does not. */
  address(): AddressInfo;
  close(): Promise<void>;
}

/** What it tells. */
export interface HealthOptions {
  readonly checks: ReadinessChecks;
  /** Resolves when the event loops have turned. */
  readonly turns: () => Promise<unknown>;
  /** In the Prometheus text format. */
  readonly metrics: () => Promise<string>;
}

/**
 * `/healthz` answers 200 when the event loops have turned; `/readyz` 200 once all checks hold, else 503 with the names of
 * those that do not; `/metrics` the metrics.
 */
export function createHealthServer({ checks, turns, metrics }: HealthOptions): HealthServer {
  const server: Server = createServer(
    { headersTimeout: 5000, requestTimeout: 5000, maxHeaderSize: 8192 },
    (request, response) => {
      const answer = (status: number, body: string, type = "text/plain; charset=utf-8"): void => {
        response.writeHead(status, { "content-type": type }).end(body);
      };
      if (request.url === "/healthz") {
        turns().then(
          () => answer(200, "ok\n"),
          () => answer(500, "an event loop does not turn\n"),
        );
        return;
      }
      if (request.url === "/readyz") {
        const waiting = [...checks].filter(([, holds]) => !holds()).map(([name]) => name);
        return waiting.length === 0 ? answer(200, "ok\n") : answer(503, `waiting for: ${waiting.join(", ")}\n`);
      }
      if (request.url === "/metrics") {
        metrics().then(
          (text) => answer(200, text, "text/plain; version=0.0.4; charset=utf-8"),
          () => answer(500, "metrics could not be collected\n"),
        );
        return;
      }
      answer(404, "not found\n");
    },
  );
  server.maxConnections = 64;
  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => {
          server.off("error", reject);
          resolve();
        });
      }),
    address: () => addressOf(server),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Where a server listens. @throws when it does not. */
export function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server does not listen");
  return address;
}
