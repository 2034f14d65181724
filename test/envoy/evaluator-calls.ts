/** Calls as `src/policy/call.ts` has them, made for real. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTLS } from "node:tls";
import { alpn } from "../../src/model/sidecar.ts";
import type { Call, Request } from "../../src/policy/call.ts";
import { applicationPorts } from "../support/policy-arbitraries.ts";
import type { TestIdentity } from "../support/test-identity.ts";
import type { Seen } from "./evaluator-world.ts";
import type { RawHTTP2 } from "./raw-http2.ts";
import { rawHTTP2 } from "./raw-http2.ts";

/** What came of a call. */
export interface Outcome {
  /** Of a request its status, or `reset`; of a connection `answered` or `refused`. */
  readonly status: string;
  /** What the application saw of the request. */
  readonly seen?: Seen;
  /** Of the connection: how access logs name the caller. */
  readonly from: string;
}

/** Nothing that is asked here takes long: who waits so long waits in vain. In milliseconds. */
const patience = 30_000;

/** Who can call, by SPIFFE ID. */
export type Identities = ReadonlyMap<string, TestIdentity>;

/** Those who call one workload after another. Connections are kept, since each costs a handshake. */
export class Client {
  readonly #identities: Identities;
  readonly #open = new Map<
    string,
    { readonly from: string; readonly ask: (request: Request, id: string) => Promise<Answer | undefined> }
  >();

  constructor(identities: Identities) {
    this.#identities = identities;
  }

  /** Makes the call. `id` is the request's in the access log. */
  async make(call: Call, id: string): Promise<Outcome> {
    return call.request === undefined || call.caller.speaks === "tls"
      ? this.#connect(call)
      : this.#ask(call, call.request, id);
  }

  async #ask(call: Call, request: Request, id: string): Promise<Outcome> {
    const { caller, source, destination, serverName } = call;
    const key = JSON.stringify([caller, source, destination, serverName]);
    const kept = this.#open.get(key);
    const connection = kept ?? (await this.#open1(call));
    if (connection === undefined) return { status: "reset", from: "" };
    this.#open.set(key, connection);
    const answer = await connection.ask(request, id);
    if (answer !== undefined) {
      if (!answer.isKept) this.#open.delete(key);
      return {
        status: answer.status,
        from: connection.from,
        ...(answer.seen === undefined ? {} : { seen: answer.seen }),
      };
    }
    this.#open.delete(key);
    // One that was kept may have been closed meanwhile.
    return kept === undefined ? { status: "reset", from: connection.from } : this.#ask(call, request, id);
  }

  async #open1(call: Call) {
    const socket = await this.#dial(call);
    if (socket === undefined) return undefined;
    const { from, stream } = socket;
    if (call.destination.port === applicationPorts.http2) {
      const session = rawHTTP2(stream);
      return { from, ask: (request: Request, id: string) => askHTTP2(session, request, id) };
    }
    return { from, ask: (request: Request, id: string) => askHTTP1(stream, request, id) };
  }

  /** Connects and says something that is no HTTP: who is let in hears something. */
  async #connect(call: Call): Promise<Outcome> {
    const connection = await this.#dial(call);
    if (connection === undefined) return { status: "refused", from: "" };
    const { from, stream } = connection;
    stream.write(call.caller.speaks === "tls" ? await helloOf(call.serverName) : "ping\n");
    const status = await new Promise<string>((resolve, reject) => {
      stream.once("data", () => resolve("answered"));
      stream.once("close", () => resolve("refused")).on("error", () => resolve("refused"));
      setTimeout(() => reject(new Error(`silence: ${JSON.stringify(call)}`)), patience).unref();
    });
    stream.destroy();
    return { status, from };
  }

  async #dial({
    caller,
    source,
    destination,
    serverName,
  }: Call): Promise<{ from: string; stream: Socket } | undefined> {
    const socket = connect({ host: destination.address, port: destination.port, localAddress: source });
    socket.on("error", () => undefined).setNoDelay(true);
    await once(socket, "connect");
    const from = `${source}:${socket.localPort}`;
    if (caller.speaks !== "mutual-tls") return { from, stream: socket };
    const identity = this.#identities.get(caller.identity);
    if (identity === undefined) throw new Error(`nobody is ${caller.identity}`);
    const secure = connectTLS({
      socket,
      cert: identity.certificate,
      key: identity.key,
      ALPNProtocols: [alpn.http1],
      rejectUnauthorized: false,
      ...(serverName === undefined ? {} : { servername: serverName }),
    });
    secure.on("error", () => undefined);
    return new Promise((resolve) => {
      secure.once("secureConnect", () => resolve({ from, stream: secure }));
      secure.once("close", () => resolve(undefined));
    });
  }
}

interface Answer {
  readonly status: string;
  readonly isKept: boolean;
  readonly seen?: Seen;
}

/** Undefined when the connection ended without an answer. */
async function askHTTP1(
  stream: Socket,
  { method, path, host, headers = [] }: Request,
  id: string,
): Promise<Answer | undefined> {
  if (stream.destroyed || stream.readableEnded) return undefined;
  const lines = [["Host", host], ["x-request-id", id], ...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  stream.write(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1");
  let text = "";
  return new Promise((resolve, reject) => {
    const settle = (answer: Answer | undefined): void => {
      stream.off("data", take).off("close", end);
      clearTimeout(late);
      if (answer?.isKept !== true) stream.destroy();
      resolve(answer);
    };
    const end = (): void => settle(undefined);
    const late = setTimeout(() => reject(new Error(`silence: ${method} ${path}`)), patience);
    const take = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      const [head = "", ...rest] = text.split("\r\n\r\n");
      const body = rest.join("\r\n\r\n");
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? Number.NaN);
      if (rest.length === 0 || !(body.length >= length)) return;
      const status = /^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? head;
      const isKept = !/^connection: close/im.test(head);
      settle({ status, isKept, ...(status === "200" ? { seen: JSON.parse(body) as Seen } : {}) });
    };
    stream.on("data", take).on("close", end);
  });
}

async function askHTTP2(
  session: RawHTTP2,
  { method, path, host, headers = [] }: Request,
  id: string,
): Promise<Answer | undefined> {
  const isEmpty = host === "";
  const { status, body } = await session.request([
    [":method", method],
    [":scheme", "http"],
    [":path", path],
    ...(isEmpty ? [] : [[":authority", host] as const]),
    ["x-request-id", id],
    ...headers.map(([name, value]) => [name.toLowerCase(), value] as const),
  ]);
  if (status === "closed") return undefined;
  return { status, isKept: session.isOpen(), ...(status === "200" ? { seen: JSON.parse(body) as Seen } : {}) };
}

const hellos = new Map<string, Promise<Buffer>>();

/** What a client of TLS says first, with ALPN of its own. */
function helloOf(serverName = ""): Promise<Buffer> {
  const known = hellos.get(serverName);
  if (known !== undefined) return known;
  const hello = new Promise<Buffer>((resolve) => {
    const wire = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        resolve(chunk);
        done();
      },
    });
    connectTLS({
      socket: wire,
      ALPNProtocols: ["http/1.1"],
      ...(serverName === "" ? {} : { servername: serverName }),
    }).on("error", () => undefined);
  });
  hellos.set(serverName, hello);
  return hello;
}
