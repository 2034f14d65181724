/** A webhook server for tests, and clients for it. A file that uses it ends what it started with {@link endAll}. */
import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { request } from "node:https";
import type { Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Logger } from "../../../src/ops/logger.ts";
import { createMetrics } from "../../../src/ops/metrics.ts";
import { type AdmissionHandler, createInjectionHandlers } from "../../../src/webhook/handler.ts";
import {
  createWebhookServer,
  type ServingCertificate,
  type WebhookLimits,
  type WebhookServer,
  type WebhookServerOptions,
} from "../../../src/webhook/server.ts";
import { createClusterCertificates } from "../../../tools/certificates.ts";
import { podWith, settings } from "./pods.ts";

interface Certified extends ServingCertificate {
  readonly authority: string;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const certify = async (): Promise<Certified> => {
  const { authority, server } = await createClusterCertificates(["localhost"]);
  return { authority, ...server };
};
/** Two certificates for `localhost`, of two authorities. */
export const [first, second] = await Promise.all([certify(), certify()]);

const running: WebhookServer[] = [];
/** Sockets that are destroyed at the end of a test. */
export const sockets: Socket[] = [];

/** Ends all servers and connections of a test. */
export async function endAll(): Promise<void> {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map((server) => server.close()));
}

/** A logger that drops everything. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
/** A server without a certificate. */
export async function start(
  limits: Partial<WebhookLimits> = {},
  handlers: ReadonlyMap<string, AdmissionHandler> = createInjectionHandlers(settings, () => ({})),
  logger = silent,
) {
  const metrics = createMetrics();
  const onReview: WebhookServerOptions["onReview"] = (outcome, seconds) => {
    metrics.reviews.inc({ outcome });
    if (seconds !== undefined) metrics.reviewSeconds.observe({ outcome }, seconds);
  };
  const server = createWebhookServer({ handlers, logger, onReview, limits });
  running.push(server);
  await server.listen(0, "127.0.0.1");
  const { port } = server.address();
  return { server, metrics, port };
}

/** A server with the first certificate. */
export async function startWithCertificate(...args: Parameters<typeof start>) {
  const started = await start(...args);
  started.server.setCertificate(first);
  return started;
}

/** A request; what is absent is as the API server sends it. */
export interface Call {
  readonly path?: string;
  readonly method?: string;
  readonly body?: string | Uint8Array;
  readonly authority?: string;
  readonly chunked?: boolean;
}

/** One request over a connection of its own. */
export function call(
  port: number,
  { path = "/inject", method = "POST", body = "", authority = first.authority, chunked = false }: Call = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      "content-type": "application/json",
      ...(chunked ? {} : { "content-length": Buffer.byteLength(body) }),
    };
    const outgoing = request(
      { host: "127.0.0.1", servername: "localhost", port, path, method, headers, ca: authority, agent: false },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          text += part;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** The text of a review of this pod's creation. */
export const review = (object: unknown = podWith(), changes: object = {}): string =>
  JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "u1",
      kind: { group: "", version: "v1", kind: "Pod" },
      operation: "CREATE",
      namespace: "shop",
      object,
      ...changes,
    },
  });

/** An open connection. */
export async function tls(port: number, authority = first.authority): Promise<TLSSocket> {
  const socket = connectTls({ host: "127.0.0.1", servername: "localhost", port, ca: authority });
  sockets.push(socket);
  await once(socket, "secureConnect");
  return socket;
}
