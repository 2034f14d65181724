/** Those who call an application, byte for byte. For `sidecar-scenario.ts`. */
import { connect as connectHTTP2 } from "node:http2";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { connect as connectTLS } from "node:tls";
import type { TestIdentity } from "../support/test-identity.ts";

const defaultHost = "10.0.0.1";

export interface Caller {
  /** Absent: plaintext. */
  readonly identity?: TestIdentity;
  readonly alpn?: string;
  readonly port?: number;
  readonly host?: string;
  readonly from?: string;
  /** Hang up once this has been received. */
  readonly enough?: (received: string) => boolean;
}

/** Sends bytes and returns what came back until the end, or `reset`. */
export function exchange(caller: Caller, bytes: string, patience = 4_000): Promise<string> {
  const target = {
    host: caller.host ?? defaultHost,
    port: caller.port ?? 8080,
    ...(caller.from ? { localAddress: caller.from } : {}),
  };
  return new Promise((resolve) => {
    const socket: Socket =
      caller.alpn === undefined && caller.identity === undefined
        ? connect(target)
        : connectTLS({
            ...target,
            ...(caller.identity ? { cert: caller.identity.certificate, key: caller.identity.key } : {}),
            ...(caller.alpn ? { ALPNProtocols: [caller.alpn] } : {}),
            rejectUnauthorized: false,
          });
    let received = "";
    const finish = (result: string): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setEncoding("utf8");
    socket.setTimeout(patience, () => finish(received === "" ? "silence" : received));
    socket.on("error", () => finish("reset"));
    socket.on("data", (text: string) => {
      received += text;
      if (caller.enough?.(received)) finish(received);
    });
    socket.on("close", () => finish(received === "" ? "reset" : received));
    if (bytes !== "") {
      socket.write(bytes, "latin1");
    }
  });
}

/** Whether an answer with a Content-Length is whole. Envoy waits a second for the client to hang up first. */
function isWholeAnswer(text: string): boolean {
  const [head = "", ...body] = text.split("\r\n\r\n");
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  return length !== undefined && body.length > 0 && body.join("\r\n\r\n").length >= Number(length);
}

export interface Answer {
  readonly status: string;
  readonly seen?: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly peer: string };
  readonly headers: string;
}

export async function http(
  caller: Caller,
  path: string,
  headers: readonly string[] = ["Host: checkout"],
  method = "GET",
): Promise<Answer> {
  const text = await exchange(
    { ...caller, enough: isWholeAnswer },
    `${method} ${path} HTTP/1.1\r\n${headers.join("\r\n")}\r\nConnection: close\r\n\r\n`,
  );
  const status = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1];
  const [head = "", ...body] = text.split("\r\n\r\n");
  const json = body.join("\r\n\r\n").match(/^\{"url".*\}/s)?.[0];
  return {
    status: status ?? text,
    headers: head,
    ...(status === "200" && json !== undefined ? { seen: JSON.parse(json) } : {}),
  };
}

/** The status of a request by HTTP/2, and the host that the application saw. */
export function http2(
  target: { readonly identity?: TestIdentity; readonly host?: string; readonly port?: number },
  headers: Record<string, string>,
): Promise<string> {
  const address = { host: target.host ?? defaultHost, port: target.port ?? 9090 };
  return new Promise((resolve) => {
    const socket = target.identity
      ? connectTLS({
          ...address,
          cert: target.identity.certificate,
          key: target.identity.key,
          ALPNProtocols: ["heddle-h2"],
          rejectUnauthorized: false,
        })
      : connect(address);
    const session = connectHTTP2("http://checkout", { createConnection: () => socket });
    const finish = (result: string): void => {
      session.destroy();
      resolve(result);
    };
    session.on("error", () => finish("reset"));
    const stream = session.request(headers);
    stream.on("error", () => finish("reset"));
    stream.on("response", (answer) => {
      const seen = [answer["x-seen-authority"], answer["x-seen-host"]].filter(Boolean).map(String);
      finish([String(answer[":status"]), ...seen].join(" "));
    });
    stream.end();
  });
}

export const mesh = (identity: TestIdentity): Caller => ({ identity, alpn: "heddle" });
export const plaintext: Caller = {};
export const statusOf = async (...call: Parameters<typeof http>): Promise<string> => (await http(...call)).status;
