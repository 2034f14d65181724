/**
 * What stands between an operator and its API server and sees every request: it may hold one, lose it or its answer, end
 * watches, or make them short. All else passes as it is. The operator speaks plain HTTP to it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { ControlPlane } from "../../tools/control-plane.ts";
import { kubeconfigWith } from "./kube-support.ts";

/** One request of the operator. */
export interface EdgeCall {
  readonly method: string;
  /** With its query; what is put here is asked for instead. */
  path: string;
  readonly body: string;
  /** Plural of what it is about, and the subresource: `configmaps`, `trafficsplits/status`. */
  readonly resource: string;
  /** Namespace and name of the object, as far as the path has them. */
  readonly object: string;
  readonly isWrite: boolean;
  readonly isWatch: boolean;
}

/** What a test does about requests; by default nothing. */
export interface EdgeRules {
  /** Before a request is passed on, which waits for it. `lost`: it never is, and the connection breaks. */
  before(call: EdgeCall): Promise<"passed" | "lost"> | "passed" | "lost";
  /** Once the API server has answered a request that is no watch. `lost`: nobody learns it, and the connection breaks. */
  after(call: EdgeCall, status: number): Promise<"passed" | "lost"> | "passed" | "lost";
  /** Bytes of a watch. `cut`: these are lost, and so is the connection; a number: all but so many of them are. */
  event(call: EdgeCall, bytes: Buffer): "passed" | "cut" | number;
  /** Whether the connection of this request is to be closed after its answer, as an HTTP server may at any time. */
  closes(call: EdgeCall): boolean;
}

/** See above. */
export interface ApiEdge {
  readonly port: number;
  /** Leads an operator here, with all rights. */
  readonly kubeconfig: string;
  /** What is done from now on. */
  rules: EdgeRules;
  /** Breaks every open watch of a resource, of all when there is none given. */
  cutWatches(resource?: string): void;
  close(): Promise<void>;
}

/** Everything passes. */
export const open: EdgeRules = {
  before: () => "passed",
  after: () => "passed",
  event: () => "passed",
  closes: () => false,
};

/** Starts an edge; its kubeconfig is written into the folder. */
export async function startApiEdge(
  server: Pick<ControlPlane, "port" | "authority" | "kubeconfig">,
  folder: string,
): Promise<ApiEdge> {
  const agent = new Agent({ keepAlive: true, ca: server.authority });
  const watches = new Map<ServerResponse, EdgeCall>();

  const serve = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const body = await textOf(incoming);
    const call = callOf(incoming, body);
    if ((await edge.rules.before(call)) === "lost") return void answer.destroy();
    const { host: _host, connection: _connection, ...headers } = incoming.headers;
    const { method, path } = call;
    const outgoing = request({ host: "127.0.0.1", port: server.port, agent, method, path, headers }, (response) =>
      pass(call, response, answer).catch(() => answer.destroy()),
    );
    outgoing.on("error", () => answer.destroy());
    // Who asked is gone: a request that changes something goes on all the same.
    if (!call.isWrite) answer.on("close", () => outgoing.destroy());
    outgoing.end(body);
  };

  const pass = async (call: EdgeCall, response: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const { statusCode = 0 } = response;
    const { "transfer-encoding": _encoding, connection: _connection, ...headers } = response.headers;
    if (edge.rules.closes(call)) answer.shouldKeepAlive = false;
    if (call.isWatch && statusCode === 200) {
      answer.writeHead(statusCode, headers);
      // As the API server does, so that the client learns that it is being watched.
      answer.flushHeaders();
      watches.set(answer, call);
      answer.on("close", () => watches.delete(answer));
      for await (const bytes of response) {
        const verdict = edge.rules.event(call, bytes as Buffer);
        if (verdict === "passed") answer.write(bytes);
        else return cut(answer, verdict === "cut" ? undefined : (bytes as Buffer).subarray(0, -verdict));
      }
      return void answer.end();
    }
    const chunks: Buffer[] = [];
    for await (const bytes of response) chunks.push(bytes as Buffer);
    if ((await edge.rules.after(call, statusCode)) === "lost") return void answer.destroy();
    answer.writeHead(statusCode, headers);
    answer.end(Buffer.concat(chunks));
  };

  const listener = createServer((incoming, answer) => {
    serve(incoming, answer).catch(() => answer.destroy());
  });
  // Bodies that end too early, of operators that are killed.
  listener.on("clientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as AddressInfo;
  const edge: ApiEdge = {
    port,
    kubeconfig: kubeconfigWith(
      server.kubeconfig,
      (config) => {
        const plain = { "insecure-skip-tls-verify": true, "certificate-authority-data": undefined };
        for (const { cluster } of config.clusters)
          Object.assign(cluster, { server: `http://127.0.0.1:${port}`, ...plain });
      },
      join(folder, `edge-${port}.kubeconfig`),
    ),
    rules: open,
    cutWatches: (resource) => {
      for (const [answer, call] of watches) if (resource === undefined || call.resource === resource) cut(answer);
    },
    close: async () => {
      listener.closeAllConnections();
      agent.destroy();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
  return edge;
}

/** Ends an answer in the midst, after these bytes. */
function cut(answer: ServerResponse, bytes?: Buffer): void {
  if (bytes === undefined || bytes.length === 0) answer.destroy();
  else answer.write(bytes, () => answer.destroy());
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const bytes of incoming) chunks.push(bytes as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function callOf({ method = "", url = "" }: IncomingMessage, body: string): EdgeCall {
  const [path = "", query = ""] = url.split("?");
  const parts = path.split("/").filter((part) => part !== "");
  // /api/v1/... or /apis/GROUP/VERSION/..., then namespaces/NAMESPACE/ unless that is the object itself.
  const rest = parts.slice(parts[0] === "api" ? 2 : 3);
  const [namespace, named] = rest[0] === "namespaces" && rest.length > 2 ? [rest[1], rest.slice(2)] : [undefined, rest];
  const [plural = "", name, subresource] = named;
  return {
    method,
    path: url,
    body,
    resource: subresource === undefined ? plural : `${plural}/${subresource}`,
    object: [namespace, name].filter((part) => part !== undefined).join("/"),
    isWrite: method !== "GET",
    isWatch: method === "GET" && new URLSearchParams(query).get("watch") === "true",
  };
}
