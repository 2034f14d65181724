import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { AdmissionHandler } from "../../../src/webhook/handler.ts";
import { call, endAll, first, review, second, silent, sockets, start, startWithCertificate, tls } from "./serving.ts";

afterEach(endAll);

/** Resolves when it is closed, by an error too: who is cut off may see a reset. */
function closeOf(socket: Socket): Promise<void> {
  socket.on("error", () => {});
  socket.resume();
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

describe("bounds", () => {
  test("a handler that fails is a 500 that says nothing about it, and is logged", async () => {
    const error = vi.fn();
    const handlers = new Map<string, AdmissionHandler>([["/inject", () => Promise.reject(new Error("secret"))]]);
    const { port, metrics } = await startWithCertificate({}, handlers, { ...silent, error });
    const answer = await call(port, { body: review() });
    expect(answer).toMatchObject({ status: 500, body: "Heddle's webhook failed; its log says why\n" });
    expect(error).toHaveBeenCalledWith(
      { path: "/inject", error: expect.objectContaining({ message: "secret" }) },
      expect.any(String),
    );
    expect(await metrics.text()).toContain('heddle_admission_reviews_total{outcome="failed"} 1');
  });

  test("a handler that takes too long is given up on", async () => {
    const handlers = new Map<string, AdmissionHandler>([["/inject", () => new Promise(() => {})]]);
    const { port } = await startWithCertificate({ answerTime: 50 }, handlers);
    expect((await call(port, { body: review() })).status).toBe(500);
  });

  test("bodies that do not fit beside the others are told to come again", async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const held = vi.fn();
    const handlers = new Map<string, AdmissionHandler>([
      [
        "/inject",
        async () => {
          held();
          await gate;
          return { allowed: true, patch: [], warnings: [] };
        },
      ],
    ]);
    const body = review();
    const { port } = await startWithCertificate({ totalBodyBytes: Buffer.byteLength(body) + 10 }, handlers);
    const waiting = call(port, { body });
    await vi.waitUntil(() => held.mock.calls.length === 1, { timeout: 30_000 });
    expect(await call(port, { body })).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
    release();
    expect((await waiting).status).toBe(200);
    // What was held is given back, also by the one that was turned away.
    expect((await call(port, { body })).status).toBe(200);
  });

  test.each([
    ["that says nothing", ""],
    ["that does not finish its headers", "POST /inject HTTP/1.1\r\nhost: local"],
    ["that does not finish its body", "POST /inject HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n123"],
  ])("a connection %s is closed", async (_, text) => {
    const { port } = await startWithCertificate({ requestTime: 1000 });
    const socket = await tls(port);
    const closed = closeOf(socket);
    if (text !== "") socket.write(text);
    await closed;
  });

  test("a connection that never begins a handshake is closed", async () => {
    const { port } = await startWithCertificate({ requestTime: 200 });
    const socket = connectTcp(port, "127.0.0.1");
    sockets.push(socket);
    await closeOf(socket);
  });

  test("connections over the bound are turned away", async () => {
    const { port } = await startWithCertificate({ connections: 2 });
    await tls(port);
    await tls(port);
    await expect(tls(port)).rejects.toThrow();
  });

  test("headers over 8 KiB are refused", async () => {
    const { port } = await startWithCertificate();
    const socket = await tls(port);
    socket.write(`POST /inject HTTP/1.1\r\nhost: localhost\r\nx: ${"x".repeat(9000)}\r\n\r\n`);
    const [part] = (await once(socket, "data", { signal: AbortSignal.timeout(5000) })) as [Buffer];
    expect(part.toString()).toMatch(/^HTTP\/1\.1 431 /);
  });
});

describe("the certificate", () => {
  test("is needed before anything is answered", async () => {
    const { port, server } = await start();
    await expect(call(port, { body: review() })).rejects.toThrow();
    server.setCertificate(first);
    expect((await call(port, { body: review() })).status).toBe(200);
  });

  test("is exchanged for new connections while open ones go on", async () => {
    const { port, server } = await startWithCertificate();
    const open = await tls(port);
    let text = "";
    open.on("data", (part: Buffer) => {
      text += part.toString();
    });
    server.setCertificate(second);
    await expect(call(port, { body: review() })).rejects.toThrow(/certificate/);
    expect((await call(port, { body: review(), authority: second.authority })).status).toBe(200);
    const body = review();
    open.write(`POST /inject HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    await vi.waitUntil(() => text.startsWith("HTTP/1.1 200 OK"), { timeout: 30_000 });
  });

  test("that does not fit its key is refused, and the old one stays", async () => {
    const { port, server } = await startWithCertificate();
    expect(() => server.setCertificate({ certificate: second.certificate, key: first.key })).toThrow();
    expect(() => server.setCertificate({ certificate: "not PEM", key: "not PEM" })).toThrow();
    expect((await call(port, { body: review() })).status).toBe(200);
  });

  test("serves TLS 1.2 and newer only", async () => {
    const { port } = await startWithCertificate();
    const handshake = async (version: "TLSv1.1" | "TLSv1.2"): Promise<string | null> => {
      const socket = connectTls({
        host: "127.0.0.1",
        servername: "localhost",
        port,
        ca: first.authority,
        minVersion: version,
        maxVersion: version,
        ciphers: "DEFAULT@SECLEVEL=0",
      });
      sockets.push(socket);
      await once(socket, "secureConnect");
      return socket.getProtocol();
    };
    await expect(handshake("TLSv1.1")).rejects.toThrow();
    expect(await handshake("TLSv1.2")).toBe("TLSv1.2");
  });
});

test("closing waits for the answer that was begun", async () => {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const begun = vi.fn();
  const handlers = new Map<string, AdmissionHandler>([
    [
      "/inject",
      async () => {
        begun();
        await gate;
        return { allowed: true, patch: [], warnings: [] };
      },
    ],
  ]);
  const { port, server } = await startWithCertificate({}, handlers);
  const waiting = call(port, { body: review() });
  await vi.waitUntil(() => begun.mock.calls.length === 1, { timeout: 30_000 });
  const closed = server.close();
  release();
  expect((await waiting).status).toBe(200);
  await closed;
  await expect(call(port, { body: review() })).rejects.toThrow("ECONNREFUSED");
});

test("who has just connected is answered before all is closed", async () => {
  const { port, server } = await startWithCertificate();
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  sockets.push(socket);
  await once(socket, "secureConnect");
  server.drain();
  const closed = server.close();
  const body = review();
  socket.write(`POST /inject HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  const [answer] = await once(socket, "data");
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
  await closed;
});

test("close does not wait for a connection that says nothing, or not all", async () => {
  const { port, server } = await startWithCertificate({ requestTime: 1000, answerTime: 100 });
  for (const text of ["", "POST /inject HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n123"]) {
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    sockets.push(socket);
    await once(socket, "secureConnect");
    // It may be told by a reset.
    socket.on("error", () => {});
    socket.write(text);
  }
  await server.close();
}, 20_000);
