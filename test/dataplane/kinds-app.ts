/**
 * A server of every protocol in one process, and a client of all of them, for the cases of all kinds of traffic.
 *
 *   kinds-app.ts serve        HTTP, WebSocket and uploads on 8080, gRPC on 8081, lines on 9000 and 7070, a greeting on 3306,
 *                             TLS of its own on 8443 (certificate and key in TLS), on all addresses of both families
 *   kinds-app.ts call         makes the dials that its standard input has, as JSON, all at once; prints what came back
 *
 * What comes back of a dial is `<server> <caller>`: who answered, and who it was told calls (by ServiceAccount; `-` where
 * it is told of nobody), or how it was refused.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, request } from "node:http";
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type IncomingHttpHeaders as Http2Headers,
} from "node:http2";
import { connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { connect as connectTLS, createServer as createTLSServer } from "node:tls";

/** What a client speaks. */
export type Speech = "http" | "websocket" | "upload" | "grpc" | "lines" | "greeting" | "tls";

/** One call. */
export interface Dial {
  readonly speech: Speech;
  readonly host: string;
  readonly port: number;
}

/** Of an upload; many times what sidecars buffer. */
const uploadBytes = 8 << 20;
const name = process.env["APP_NAME"] ?? "app";

/** Who answers, and who is said to call. */
function sayWho(headers: IncomingHttpHeaders | Http2Headers): string {
  const account = /URI=[^;,]+\/sa\/([^;,]+)/.exec(String(headers["x-forwarded-client-cert"] ?? ""))?.[1];
  return `${name} ${account ?? "-"}`;
}

// ------------------------------------------------------------------------------------------------------------------ server

function serveHttp(): Server {
  const server = createServer((incoming, response) => {
    let received = 0;
    incoming.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    incoming.on("end", () => response.end(`${sayWho(incoming.headers)}${received > 0 ? ` ${received}` : ""}`));
  });
  server.on("upgrade", ({ headers }, socket: Socket) => {
    // RFC 6455 section 4.2.2.
    const key = `${headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on("error", () => socket.destroy());
    socket.on("data", (frame) => {
      // One short masked text frame in (section 5.2), one back with what was in it and who says so.
      if (frame[0] !== 0x81) {
        socket.end();
        return;
      }
      const length = (frame[1] ?? 0) & 0x7f;
      const mask = frame.subarray(2, 6);
      const payload = frame.subarray(6, 6 + length).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
      const answer = Buffer.from(`${Buffer.from(payload)} ${sayWho(headers)}`);
      socket.write(Buffer.concat([Buffer.from([0x81, answer.length]), answer]));
    });
  });
  return server;
}

/** A gRPC method that streams both ways: each message comes back with who answers. */
function serveGrpc(): Server {
  const server = createHttp2Server();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.on("data", (frame: Buffer) => stream.write(grpcFrame(`${frame.subarray(5)} ${sayWho(headers)}`)));
    stream.on("end", () => stream.end());
  });
  return server;
}

/** Not compressed, and its length before it. */
function grpcFrame(message: string): Buffer {
  const frame = Buffer.alloc(5 + Buffer.byteLength(message));
  frame.writeUInt32BE(frame.length - 5, 1);
  frame.write(message, 5);
  return frame;
}

const answerLines = (socket: Socket): void => {
  socket.on("error", () => socket.destroy());
  socket.on("data", () => socket.write(`${name} -\n`));
};

const greet = (socket: Socket): void => {
  socket.on("error", () => socket.destroy());
  socket.write(`${name} -\n`);
};

function serve(): void {
  const TLS = process.env["TLS"] ?? "";
  const servers: readonly (readonly [number, Server])[] = [
    [8080, serveHttp()],
    [8081, serveGrpc()],
    [9000, createTcpServer(answerLines)],
    [7070, createTcpServer(answerLines)],
    [3306, createTcpServer(greet)],
    ...(TLS === "" ? [] : [[8443, createTLSServer({ key: TLS, cert: TLS }, answerLines)] as const]),
  ];
  for (const [port, server] of servers) server.listen(port, "::");
}

// ------------------------------------------------------------------------------------------------------------------ client

/** Milliseconds after which a call that is neither answered nor refused is `silence`. */
const patience = 15_000;

const authority = (host: string): string => (host.includes(":") ? `[${host}]` : host);

function callHttp({ host, port }: Dial, uploads: boolean): Promise<string> {
  return new Promise((resolve) => {
    const options = { host, port, method: uploads ? "POST" : "GET", agent: false, headers: { host: authority(host) } };
    const outgoing = request(options, (response) => {
      const { statusCode } = response;
      text(response).then(
        (body) => resolve(statusCode === 200 ? body : String(statusCode)),
        () => resolve("closed"),
      );
    });
    outgoing.on("error", () => resolve("closed"));
    if (!uploads) return void outgoing.end();
    let left = uploadBytes;
    const more = (): void => {
      while (left > 0) {
        left -= 65_536;
        if (!outgoing.write(Buffer.alloc(65_536))) return void outgoing.once("drain", more);
      }
      outgoing.end();
    };
    more();
  });
}

function callWebSocket({ host, port }: Dial): Promise<string> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://${authority(host)}:${port}/`);
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => {
      resolve(String(data).replace(/^hello /, ""));
      socket.close();
    };
    socket.onerror = () => resolve("closed");
  });
}

function callGrpc({ host, port }: Dial): Promise<string> {
  return new Promise((resolve) => {
    const session = connectHttp2(`http://${authority(host)}:${port}`);
    const end = (said: string): void => {
      resolve(said);
      session.destroy();
    };
    session.on("error", () => end("closed"));
    const headers = {
      ":method": "POST",
      ":path": "/kinds.Echo/Stream",
      // Node leaves out the brackets of IPv6 (RFC 3986, section 3.2.2), and what is left is no host.
      ":authority": `${authority(host)}:${port}`,
      "content-type": "application/grpc",
      te: "trailers",
    };
    const stream = session.request(headers);
    // A connection that ends without an error ends its streams without one.
    stream.on("close", () => end("closed"));
    const answers: string[] = [];
    stream.on("error", () => end("closed"));
    // Trailers alone: refused.
    stream.on("response", ({ "grpc-status": status }) => status !== undefined && end(`grpc ${status}`));
    // The next message is sent once the one before came back: both ways are open at once.
    const next = (): void => void stream.write(grpcFrame(`message ${answers.length}`));
    stream.on("data", (frame: Buffer) => {
      answers.push(frame.subarray(5).toString());
      if (answers.length < 3) next();
      else stream.end();
    });
    stream.on("trailers", ({ "grpc-status": status }) => {
      const inOrder = answers.every((answer, index) => answer.startsWith(`message ${index} `));
      end(status === "0" && inOrder ? (answers[2]?.replace(/^message 2 /, "") ?? "") : `grpc ${status}`);
    });
    next();
  });
}

/** What is read: a line, or that it was closed after so many bytes. */
function readLine(socket: Socket, says: string | undefined): Promise<string> {
  return new Promise((resolve) => {
    let read = "";
    socket.on("data", (data) => {
      read += data;
      if (!read.endsWith("\n")) return;
      resolve(read.trim());
      socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(`closed after ${read.length} bytes`));
    if (says !== undefined) socket.write(says);
  });
}

function dial(call: Dial): Promise<string> {
  const { speech, host, port } = call;
  switch (speech) {
    case "http":
    case "upload":
      return callHttp(call, speech === "upload");
    case "websocket":
      return callWebSocket(call);
    case "grpc":
      return callGrpc(call);
    case "tls":
      return readLine(connectTLS({ host, port, rejectUnauthorized: false, servername: "own.example" }), "hello\n");
    default:
      return readLine(connect(port, host), speech === "greeting" ? undefined : "hello\n");
  }
}

async function callAll(): Promise<void> {
  const dials = JSON.parse(await text(process.stdin)) as Readonly<Record<string, Dial>>;
  const answers = await Promise.all(
    Object.entries(dials).map(async ([key, each]) => {
      const silence = new Promise<string>((resolve) => setTimeout(() => resolve("silence"), patience));
      return [key, await Promise.race([dial(each), silence])] as const;
    }),
  );
  process.stdout.write(JSON.stringify(Object.fromEntries(answers)), () => process.exit());
}

if (import.meta.main) {
  // As process 1 of a container it gets no default handling of signals.
  process.once("SIGTERM", () => process.exit(0));
  if (process.argv[2] === "serve") serve();
  else await callAll();
}
