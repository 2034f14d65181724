/**
 * An application that is probed: `probe-app.ts http|https|tcp|grpc PORT`. It answers until it gets SIGUSR2, and again
 * after the next one. HTTP answers 200 for `GET /healthz?full=1` with the Host that its probe names, or with its own
 * address when HOST is not set, never for /hang, after three seconds for /drain, and 418 for all else. The certificate and
 * key of https are in TLS.
 */
import { createServer, type RequestListener } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { inURL } from "./addresses.ts";

const [kind = "", port = "0"] = process.argv.slice(2);

const answer: RequestListener = ({ method, url, headers, socket }, response) => {
  console.log(`${method} ${url} ${headers.host}`);
  if (url === "/hang") return;
  if (url === "/drain") {
    setTimeout(() => response.end(() => console.log("drained")), 3000);
    return;
  }
  const host = process.env["HOST"] ?? `${inURL(process.env["POD_IP"] ?? "")}:${port}`;
  const isExpected = method === "GET" && url === "/healthz?full=1" && headers.host === host;
  response.writeHead(isExpected ? 200 : 418, { "x-secret": "a header", connection: "close" });
  response.end("a body");
  socket.unref();
};

function create(): Server {
  switch (kind) {
    case "http":
      return createServer(answer);
    case "https":
      return createHttpsServer({ key: process.env["TLS"] ?? "", cert: process.env["TLS"] ?? "" }, answer);
    case "tcp":
      return createTcpServer((socket) => {
        socket.on("error", () => {});
        socket.on("data", (data) => console.log(`received ${data.length} bytes`));
        socket.write("greeting\n");
      });
    case "grpc":
      return createHttp2Server().on("stream", (stream, headers) => {
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("end", () => {
          const isHealthCheck = headers[":path"] === "/grpc.health.v1.Health/Check";
          // HealthCheckRequest{service} in, HealthCheckResponse{status: SERVING or NOT_SERVING} out.
          const isService = Buffer.concat(chunks).subarray(5).toString("latin1") === "\n\tshop.Cart";
          stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
          stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
          stream.end(Buffer.from([0, 0, 0, 0, 2, 8, isHealthCheck && isService ? 1 : 2]));
        });
      });
    default:
      throw new Error(`unknown kind ${kind}`);
  }
}

let server: Server | undefined;
const sockets = new Set<Socket>();

function open(): void {
  server = create();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(Number(port), () => console.log("up"));
}

process.on("SIGUSR2", () => {
  if (server === undefined) return open();
  server.close();
  for (const socket of sockets) socket.destroy();
  server = undefined;
  console.log("down");
});
process.on("SIGTERM", () => process.exit(0));
setInterval(() => {}, 60_000);
open();
