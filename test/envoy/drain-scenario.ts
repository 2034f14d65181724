/**
 * What becomes of open connections when policies and modes change. Like `sidecar-scenario.ts`; for `drain.test.ts` to judge.
 */
import { once } from "node:events";
import type { ClientHttp2Session } from "node:http2";
import { connect as connectHTTP2 } from "node:http2";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTLS } from "node:tls";
import type { WorkloadClass } from "../../src/model/mesh.ts";
import { until } from "../../tools/processes.ts";
import { identityOf, meshPolicy, meshRule, workloadClass } from "../support/mesh-samples.ts";
import { createTestAuthority } from "../support/test-identity.ts";
import { counter, families, pod, ports, redirect, startApplication, withSidecar } from "./sidecar-world.ts";

const authority = await createTestAuthority();
const frontend = await authority.issue(identityOf("shop", "frontend"));
const own = await authority.issue(identityOf("shop", "checkout"));

const serving = (mode: WorkloadClass["mode"], parts: Partial<WorkloadClass> = {}): WorkloadClass =>
  workloadClass({
    mode,
    ports: [
      { port: ports.http, protocol: "http", mode },
      { port: ports.http2, protocol: "http2", mode },
      { port: ports.echo, protocol: "tcp", mode },
    ],
    families,
    ...parts,
  });

/** A connection that stays open: what it answers to bytes, `closed` if it does not live any more. */
interface Open {
  ask(bytes: string): Promise<string>;
}

function socketTo(port: number, isMesh: boolean): Socket {
  const target = { host: pod, port };
  if (!isMesh) return connect(target);
  const { certificate: cert, key } = frontend;
  return connectTLS({ ...target, cert, key, ALPNProtocols: ["heddle"], rejectUnauthorized: false });
}

function open(port: number, isMesh: boolean): Open {
  const socket = socketTo(port, isMesh).setEncoding("utf8");
  let isClosed = false;
  socket.on("error", () => undefined);
  socket.on("close", () => {
    isClosed = true;
  });
  return {
    ask: async (bytes) => {
      if (isClosed || socket.destroyed) return "closed";
      const closed = (): string => "closed";
      // Either is refused by an error of the socket, such as EPIPE where the end is on its way while we write.
      const answer = once(socket, "data").then(([text]) => String(text), closed);
      const end = once(socket, "close").then(closed, closed);
      socket.write(bytes);
      return Promise.race([answer, end, delay(20_000, "silence", { ref: false })]);
    },
  };
}

const statusOf = (answer: string): string => {
  const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1];
  return status === undefined ? answer : `${status}${/^connection: close/im.test(answer) ? ", close" : ""}`;
};

/** A kept connection of HTTP/1.1. */
function openHTTP(isMesh: boolean): Open {
  const connection = open(ports.http, isMesh);
  return { ask: async (path) => statusOf(await connection.ask(`GET ${path} HTTP/1.1\r\nHost: checkout\r\n\r\n`)) };
}

/** A kept connection of HTTP/2. */
function openHTTP2(isMesh: boolean): Open {
  const session: ClientHttp2Session = connectHTTP2("http://checkout", {
    createConnection: () => socketTo(ports.http2, isMesh),
  });
  session.on("error", () => undefined);
  return {
    ask: (path) =>
      new Promise((resolve) => {
        if (session.closed || session.destroyed) return resolve("closed");
        const stream = session.request({ ":path": path });
        stream.on("response", (headers) => resolve(String(headers[":status"])));
        stream.on("error", () => resolve("closed"));
        stream.on("close", () => resolve("closed"));
        stream.end();
      }),
  };
}

type Connections = Readonly<Record<string, Open>>;

const openAll = (): Connections => ({
  httpMesh: openHTTP(true),
  httpPlaintext: openHTTP(false),
  http2Mesh: openHTTP2(true),
  tcpMesh: open(ports.echo, true),
  tcpPlaintext: open(ports.echo, false),
  undeclaredMesh: open(ports.undeclared, true),
  undeclaredPlaintext: open(ports.undeclared, false),
});

/** What each connection answers now. */
async function askAll(connections: Connections, path = "/"): Promise<Record<string, string>> {
  const answers = Object.entries(connections).map(async ([name, connection]) => {
    const answer = await connection.ask(name.startsWith("http") ? path : "ping");
    return [name, answer] as const;
  });
  return Object.fromEntries(await Promise.all(answers));
}

/** Until the connections that a change ends have ended. */
async function drained(): Promise<void> {
  const draining = () => counter("listener_manager.total_filter_chains_draining");
  const bounds = { timeout: 60_000, interval: 20 };
  await until("the drain has begun", async () => (await draining()) > 0, bounds);
  await until("the drain is over", async () => (await draining()) === 0, bounds);
}

const denyPath = meshPolicy("shop/path", [
  meshRule({}, { paths: { any: [{ type: "exact", value: "/admin" }] }, ports: { any: [ports.http, ports.http2] } }),
]);
const denyEcho = meshPolicy("shop/echo", [
  meshRule({ namespaces: { any: [{ type: "exact", value: "other" }] } }, { ports: { any: [ports.echo] } }),
]);

redirect();
await startApplication(own);
const result = {
  httpPolicy: await withSidecar(own, serving("Permissive"), async (_log, change) => {
    const connections = openAll();
    const before = await askAll(connections, "/admin");
    await change(serving("Permissive", { deny: [denyPath] }));
    const after = await askAll(connections, "/admin");
    const others = await askAll(connections);
    // The chains for the application's own TLS on these ports do change.
    await drained();
    return { before, after, others, afterDrain: await askAll(connections) };
  }),
  tcpPolicy: await withSidecar(own, serving("Permissive"), async (_log, change) => {
    const connections = openAll();
    const before = await askAll(connections);
    await change(serving("Permissive", { deny: [denyEcho] }));
    const after = await askAll(connections);
    await drained();
    return { before, after, afterDrain: await askAll(connections) };
  }),
  strict: await withSidecar(own, serving("Permissive"), async (_log, change) => {
    const connections = openAll();
    const before = await askAll(connections);
    await change(serving("Strict"));
    const after = await askAll(connections);
    await drained();
    return { before, after, afterDrain: await askAll(connections) };
  }),
};
process.stdout.write(`${JSON.stringify(result, null, 1)}\n`, () => process.exit(0));
