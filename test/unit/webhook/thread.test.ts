/** Admission in a thread of its own, as the operator starts it: whatever its main thread does meanwhile. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, describe, expect, test, vi } from "vitest";
import type { AdmissionPorts } from "../../../src/webhook/calls.ts";
import { warningsPaths } from "../../../src/webhook/warn.ts";
import { podWith } from "./pods.ts";
import { call, endAll, first, review, second, sockets } from "./serving.ts";
import type { Order, Told } from "./thread-scenario.ts";

/** An operator, as far as the thread is concerned. */
interface Operator {
  readonly process: ChildProcess;
  /** What it wrote on standard error. */
  readonly errors: () => string;
  /** What the thread has called it for, by name. */
  readonly called: Readonly<Record<"log" | "reviewed", unknown[]>>;
  order(method: Order["method"], ...args: readonly unknown[]): Promise<unknown>;
  /** Keeps the main thread busy until what this resolves to is called. */
  block(): Promise<() => Promise<unknown>>;
}

const operators: Operator[] = [];
afterAll(async () => {
  await endAll();
  for (const { process } of operators) process.kill("SIGKILL");
});

function startOperator(...args: readonly string[]): Operator {
  const script = join(import.meta.dirname, "thread-scenario.ts");
  const child = fork(script, args, { serialization: "advanced", stdio: ["pipe", "inherit", "pipe", "ipc"] });
  const called: Operator["called"] = { log: [], reviewed: [] };
  const orders = new Map<number, PromiseWithResolvers<unknown>>();
  let errors = "";
  child.stderr?.on("data", (part) => {
    errors += part;
  });
  child.on("message", (told: Told) => {
    if (!("id" in told)) {
      if (told.log) called.log.push(told.log[0]);
      if (told.reviewed) called.reviewed.push(told.reviewed[0]);
    } else if (told.error === undefined) orders.get(told.id)?.resolve(told.value);
    else orders.get(told.id)?.reject(new Error(told.error));
  });
  const order: Operator["order"] = (method, ...args) => {
    const id = orders.size;
    const answer = Promise.withResolvers<unknown>();
    orders.set(id, answer);
    child.send({ id, method, args } satisfies Order);
    return answer.promise;
  };
  const block = async () => {
    const before = called.log.length;
    const ended = order("block");
    await vi.waitUntil(() => called.log.slice(before).includes("blocked"), { timeout: 60_000 });
    return () => {
      child.stdin?.write("x");
      return ended;
    };
  };
  const operator: Operator = { process: child, errors: () => errors, called, order, block };
  operators.push(operator);
  return operator;
}

const operator = startOperator();
const { order } = operator;
const ports = (await order("start")) as AdmissionPorts;
const ask = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${ports.health}${path}`, init);
const readiness = async () => (await ask("/readyz")).text();
const admit = async (body = review(), authority = first.authority) =>
  JSON.parse((await call(ports.webhook, { body, authority })).body).response as {
    readonly allowed: boolean;
    readonly patchType?: string;
    readonly status?: { readonly message: string };
  };
const messageOf = async (...args: Parameters<typeof review>) => (await admit(review(...args))).status?.message;
const policy = (name: string, spec: unknown = {}) =>
  review(
    { metadata: { name }, spec },
    { kind: { group: "heddle.dev", version: "v1alpha1", kind: "AuthorizationPolicy" } },
  );
const applied = async (body: string) => {
  const { status, body: text } = await call(ports.webhook, { path: warningsPaths.policies, body });
  return status === 200 ? (JSON.parse(text).response as object) : status;
};

test("is ready once it has a certificate and all namespaces", async () => {
  expect(await readiness()).toBe(
    "waiting for: the webhook's certificate, the list of namespaces, which bound what pods may ask for\n",
  );
  await order("setCertificate", first);
  expect(await readiness()).toBe("waiting for: the list of namespaces, which bound what pods may ask for\n");
  await order("setNamespaces", [["shop", {}]]);
  await order("setSynced");
  expect(await readiness()).toBe("ok\n");
  expect(await admit()).toMatchObject({ allowed: true, patchType: "JSONPatch" });
  await vi.waitUntil(() => operator.called.reviewed.length > 0, { timeout: 30_000 });
  expect(operator.called.reviewed).toEqual(["patched"]);
});

describe("what it is told counts from then on:", () => {
  const annotated = podWith({}, { annotations: { "heddle.dev/proxy-memory-limit": "1Gi" } });

  test("annotations of namespaces; one that is not known has none that could be read", async () => {
    expect(await messageOf(annotated)).toBeUndefined();
    await order("setNamespaces", [["shop", { "heddle.dev/bound-proxy-memory-limit": "256Mi" }]]);
    expect(await messageOf(annotated)).toMatch(/bound of namespace shop.*256Mi/);
    await order("setNamespaces", [["shop", undefined]]);
    const unknown = await messageOf(annotated);
    expect(unknown).toMatch(/namespace shop is not known/);
    expect(await messageOf(annotated, { namespace: "strict" })).toBe(unknown?.replaceAll("shop", "strict"));
    await order("setNamespaces", [["shop", {}]]);
    expect(await messageOf(annotated)).toBeUndefined();
  });

  test("which namespaces are managed", async () => {
    expect(await messageOf(undefined, { namespace: "other" })).toMatch(/may not keep identities in this namespace/);
    await order("setManaged", ["other"]);
    expect(await messageOf(undefined, { namespace: "other" })).toBeUndefined();
    expect(await messageOf()).toMatch(/may not keep identities in this namespace/);
    await order("setManaged", ["shop", "strict"]);
  });

  test("another certificate", async () => {
    await order("setCertificate", second);
    expect(await admit(review(), second.authority)).toMatchObject({ allowed: true });
    await expect(admit()).rejects.toThrow(/certificate/);
    await order("setCertificate", first);
  });
});

describe("the author of a policy is told", () => {
  test("what the main thread knows of it", async () => {
    expect(await applied(policy("cart"))).toMatchObject({ allowed: true, warnings: ["of cart"] });
  });

  test("that it was not checked before the first compile", async () => {
    const warnings = [expect.stringMatching(/^this policy could not be checked .*: the operator is starting/)];
    expect(await applied(policy("early"))).toMatchObject({ allowed: true, warnings });
  });

  test("nothing by a defect, which is logged, and by what is too deep", async () => {
    expect(await applied(policy("defect"))).toBe(500);
    await vi.waitUntil(() => operator.called.log.some((line) => String(line).includes("a defect of the compile")), {
      timeout: 30_000,
    });
    const deep = policy("deep").replace('"spec":{}', `"spec":${"[".repeat(500_000)}${"]".repeat(500_000)}`);
    expect(await applied(deep)).toBe(500);
    expect(await applied(policy("cart"))).toMatchObject({ warnings: ["of cart"] });
  });
});

test("while the main thread answers nobody, reviews are answered, it stays ready, and authors wait for a second", async () => {
  const before = operator.called.reviewed.length;
  const release = await operator.block();
  for (let turn = 0; turn < 20; turn++) expect(await admit()).toMatchObject({ patchType: "JSONPatch" });
  expect(await readiness()).toBe("ok\n");
  let isAlive = false;
  const health = Promise.all([ask("/healthz"), ask("/healthz"), ask("/metrics"), ask("/metrics")]).then((answers) => {
    isAlive = true;
    return Promise.all(answers.map((answer) => answer.text()));
  });
  // A kubelet that does not wait any longer.
  await expect(ask("/healthz", { signal: AbortSignal.timeout(100) })).rejects.toThrow(/timeout/);
  // More than are passed on at one time: the others are told at once.
  const authors = await Promise.all(Array.from({ length: 20 }, () => applied(policy("cart"))));
  for (const author of authors)
    expect(author).toMatchObject({ allowed: true, warnings: [expect.stringContaining("busy with a large change")] });
  expect(isAlive).toBe(false);
  await release();
  expect(await health).toEqual(["ok\n", "ok\n", "all that is counted\n", "all that is counted\n"]);
  expect(await applied(policy("cart"))).toMatchObject({ warnings: ["of cart"] });
  await vi.waitUntil(() => operator.called.reviewed.length >= before + 41, { timeout: 30_000 });
});

test("its log comes in whole lines of JSON, without secrets", async () => {
  const socket = connect({ port: ports.webhook, host: "127.0.0.1", ca: second.authority, servername: "localhost" });
  sockets.push(socket);
  await once(socket, "error");
  const failed = (line: unknown) => String(line).includes("TLS handshake of the webhook failed");
  await vi.waitUntil(() => operator.called.log.some(failed), { timeout: 30_000 });
  const lines = operator.called.log.filter((line) => line !== "blocked");
  for (const line of lines) expect(JSON.parse(String(line))).toMatchObject({ time: expect.any(String) });
});

test("it drains, closes its port, answers for its health until the end, and ends", async () => {
  await order("drain");
  expect(await readiness()).toBe("waiting for: its end: it drains\n");
  expect((await call(ports.webhook, { body: review() })).headers.connection).toBe("close");
  await order("close");
  await expect(call(ports.webhook, { body: review() })).rejects.toThrow("ECONNREFUSED");
  expect(await (await ask("/healthz")).text()).toBe("ok\n");
  const ended = once(operator.process, "exit");
  await order("end");
  expect(await ended).toEqual([0, null]);
});

test("a port that is taken is said", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const other = startOperator(String((taken.address() as AddressInfo).port));
  await expect(other.order("start")).rejects.toThrow(/EADDRINUSE/);
  taken.close();
});

test("a defect of it ends the operator", async () => {
  const other = startOperator();
  await other.order("start");
  // Not `exit`: what it said last may come after that.
  const ended = once(other.process, "close");
  await other.order("setCertificate", { certificate: "not PEM", key: "not PEM" });
  expect(await ended).toEqual([1, null]);
  expect(other.errors()).toMatch(/PEM/);
});
