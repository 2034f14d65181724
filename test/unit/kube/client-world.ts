import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { createClient, type KubeClient } from "../../../src/kube/client.ts";
import { createTransport } from "../../../src/kube/transport.ts";
import { systemClock } from "../../../src/ops/clock.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

interface Setup {
  readonly client: KubeClient;
  readonly server: Server;
  readonly requests: {
    readonly method: string;
    readonly url: URL;
    readonly headers: IncomingMessage["headers"];
    body: string;
  }[];
  /** Whether a reload of the credentials finds others. */
  readonly renew: (possible: boolean) => void;
}

/** A client of a server that answers as the test says: for faults that a real API server does not have on demand. */
export async function setUp(handler: Handler, path = ""): Promise<Setup> {
  const requests: Setup["requests"] = [];
  const server = createServer((request, response) => {
    const entry = {
      method: request.method ?? "",
      url: new URL(request.url ?? "", "http://x"),
      headers: request.headers,
      body: "",
    };
    requests.push(entry);
    request.on("data", (chunk) => {
      entry.body += chunk;
    });
    request.on("end", () => handler(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  let renewals = 0;
  let renewable = true;
  const transport = createTransport(
    {
      current: async () => ({
        url: new URL(`http://127.0.0.1:${port}${path}`),
        headers: { Authorization: `Bearer ${renewals}` },
        tls: {},
        fingerprint: "1",
      }),
      reload: () => {
        if (renewable) renewals += 1;
      },
    },
    systemClock,
  );
  const client = createClient(transport, systemClock);
  onTestFinished(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return {
    client,
    server,
    requests,
    renew: (possible) => {
      renewable = possible;
    },
  };
}

/** Answers with an object. */
export const json = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
};

/** Name of an object that most cases ask for. */
export const cart = { name: "cart", namespace: "shop" };
