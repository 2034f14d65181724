import { createServer, type Server } from "node:http";

/** What `/readyz` waits for, by name: true once it holds. */
export type ReadinessChecks = ReadonlyMap<string, () => boolean>;

/** Where the operator tells the kubelet and Prometheus about itself. */
export interface HealthServer {
  listen(port: number, host?: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * `/healthz` answers 200 while the event loop turns; `/readyz` 200 once all checks hold, else 503 with the names of those
 * that do not; `/metrics` the Prometheus text format.
 */
export function createHealthServer(checks: ReadinessChecks, metrics: () => Promise<string>): HealthServer {
  const server: Server = createServer(
    { headersTimeout: 5000, requestTimeout: 5000, maxHeaderSize: 8192 },
    (request, response) => {
      const answer = (status: number, body: string, type = "text/plain; charset=utf-8"): void => {
        response.writeHead(status, { "content-type": type }).end(body);
      };
      if (request.url === "/healthz") return answer(200, "ok\n");
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
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
