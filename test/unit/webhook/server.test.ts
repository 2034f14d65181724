import { afterEach, describe, expect, test, vi } from "vitest";
import type { AdmissionHandler } from "../../../src/webhook/handler.ts";
import { podWith } from "./pods.ts";
import { type Call, call, endAll, review, startWithCertificate, tls } from "./serving.ts";

afterEach(endAll);

const neverCalled: AdmissionHandler = () => {
  throw new Error("the handler was reached");
};

describe("an admission review over HTTPS", () => {
  test("is answered, whatever the API server puts behind the path", async () => {
    const { port, metrics } = await startWithCertificate();
    const { status, headers, body } = await call(port, { path: "/inject?timeout=5s", body: review() });
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("application/json");
    expect(JSON.parse(body).response).toMatchObject({ uid: "u1", allowed: true, patchType: "JSONPatch" });
    expect(await metrics.text()).toContain('heddle_admission_reviews_total{outcome="patched"} 1');
    expect(await metrics.text()).toContain('heddle_admission_duration_seconds_count{outcome="patched"} 1');
  });

  test("one connection carries many", async () => {
    const { port } = await startWithCertificate();
    const socket = await tls(port);
    const body = review();
    const post = `POST /inject HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    let text = "";
    socket.on("data", (part: Buffer) => {
      text += part.toString();
    });
    for (let count = 1; count <= 3; count++) {
      socket.write(post);
      await vi.waitUntil(() => text.split("HTTP/1.1 200 OK").length === count + 1, { timeout: 30_000 });
    }
  });

  test("every outcome is counted by its own name", async () => {
    const { port, metrics } = await startWithCertificate();
    const refused = podWith({ securityContext: { runAsUser: 1337 } });
    expect(JSON.parse((await call(port, { body: review(refused) })).body).response).toMatchObject({
      allowed: false,
      status: { code: 403 },
    });
    await call(port, { body: review(podWith({ hostNetwork: true })) });
    await call(port, { body: "{}" });
    const text = await metrics.text();
    for (const outcome of ["denied", "unchanged", "invalid"])
      expect(text).toContain(`heddle_admission_reviews_total{outcome="${outcome}"} 1`);
  });
});

describe("what is not a review", () => {
  test.each<[string, Call, number, string]>([
    ["another path", { path: "/" }, 404, "no webhook is served at this path"],
    ["a path below ours", { path: "/inject/" }, 404, "no webhook"],
    ["a path that is a property of every object", { path: "/constructor" }, 404, "no webhook"],
    ["a path that is no URL", { path: "//[" }, 404, "no webhook"],
    ["a GET", { method: "GET" }, 405, "admission reviews are posted"],
    ["an empty body", {}, 400, "the body is empty"],
    ["text", { body: "hello" }, 400, "the body is not JSON"],
    [
      "a pod without containers' names",
      { body: review({ metadata: {}, spec: { containers: [{}] } }) },
      400,
      "request.object.spec.containers[0].name is missing",
    ],
    [
      "another kind",
      { body: review({}, { kind: { group: "", version: "v1", kind: "Node" } }) },
      400,
      "only the creation of v1 Pods",
    ],
  ])("%s is refused with %i", async (_, what, status, message) => {
    const { port } = await startWithCertificate();
    const answer = await call(port, what);
    expect(answer).toMatchObject({ status, body: expect.stringContaining(message) });
    expect(answer.headers.connection).toBe("close");
  });

  test.each([
    ["in one piece", false],
    ["in chunks of unknown total", true],
  ])("a body over the bound is 413, %s, and never parsed", async (_, chunked) => {
    const { port } = await startWithCertificate({ bodyBytes: 100_000 }, new Map([["/inject", neverCalled]]));
    const over = await call(port, { body: "x".repeat(100_001), chunked });
    expect(over).toMatchObject({ status: 413, body: "the body is larger than 100000 bytes\n" });
    const within = await call(port, { body: "x".repeat(100_000), chunked });
    expect(within.status).toBe(400);
  });

  test("the bound is 3 MiB unless it is set", async () => {
    const { port } = await startWithCertificate();
    expect((await call(port, { body: Buffer.alloc(3 * 1024 * 1024, " ") })).status).toBe(400);
    expect((await call(port, { body: Buffer.alloc(3 * 1024 * 1024 + 1, " ") })).status).toBe(413);
  });

  test("a body without an end is cut", async () => {
    const { port } = await startWithCertificate({ bodyBytes: 10_000, requestTime: 60_000 });
    const socket = await tls(port);
    socket.on("error", () => {});
    socket.write("POST /inject HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    const piece = Buffer.alloc(1000, "x");
    let closed = false;
    socket.once("close", () => {
      closed = true;
    });
    let sent = 0;
    await vi.waitUntil(
      () => {
        if (!closed && !socket.destroyed) {
          socket.write(`3e8\r\n${piece}\r\n`);
          sent += piece.length;
        }
        return closed;
      },
      { interval: 1, timeout: 5000 },
    );
    expect(sent).toBeGreaterThan(10_000);
  });

  test("JSON of any depth and shape", async () => {
    const { port } = await startWithCertificate();
    const deep = `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`;
    expect((await call(port, { body: deep })).status).toBe(400);
    const inPod = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","kind":{"version":"v1","kind":"Pod"},"operation":"CREATE","namespace":"a","object":{"metadata":{},"spec":{"containers":[{"name":"a"}],"initContainers":[{"name":"b","x":${deep}}]}}}}`;
    expect((await call(port, { body: inPod })).status).toBe(200);
    expect((await call(port, { body: review() })).status).toBe(200);
  });

  test("a random part of a review never takes the server down", async () => {
    const { port } = await startWithCertificate();
    const whole = review();
    for (let length = 0; length < whole.length; length += 37)
      expect((await call(port, { body: whole.slice(0, length) })).status).toBe(400);
    expect((await call(port, { body: whole })).status).toBe(200);
  });
});
