/** The operator as whoever runs it sees it: its log, its metrics, its health, and its end. */
import { mkdtempSync, rmSync } from "node:fs";
import { Agent } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { Secret } from "../../src/api/kubernetes.ts";
import { decode } from "../../src/identity/renewal.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { keys } from "../../src/model/sidecar.ts";
import { metricTable } from "../../src/ops/metric-table.ts";
import { until } from "../../tools/processes.ts";
import { type BorrowedApiServer, borrowApiServer } from "../support/api-server.ts";
import {
  createInjectedPod,
  installDefinitions,
  type Operator,
  type OperatorPorts,
  operatorPorts,
  startOperator,
} from "../support/operator.ts";
import { TestClient } from "../xds/client.ts";
import { askWebhook } from "./webhook-support.ts";

let server: BorrowedApiServer;
let client: KubeClient;
let directory: string;
let ports: OperatorPorts;
let operator: Operator;
let sidecar: TestClient | undefined;

/** What the operator has written, by line; one that is still being written is left out. */
const linesOfLog = (): readonly string[] => operator.output().split("\n").slice(0, -1);
const secret = (name: string, namespace: string): Promise<Secret> => client.get(kinds.Secret, { namespace, name });

beforeAll(async () => {
  server = await borrowApiServer();
  client = createKubeClient({ kubeconfig: server.kubeconfig });
  directory = mkdtempSync(join(tmpdir(), "heddle-test-operations-"));
  await installDefinitions(client);
  await client.create(kinds.Namespace, { metadata: { name: "heddle-system" } });
  await client.create(kinds.Namespace, { metadata: { name: "shop", labels: { [keys.inject]: "enabled" } } });
  ports = await operatorPorts();
  operator = await start();
});

const start = (): Promise<Operator> =>
  startOperator({
    kubeconfig: server.kubeconfig,
    ports,
    logFile: join(directory, "operator.log"),
    flags: { replica: "operations", "log-level": "debug", "drain-grace": "10s" },
  });

afterAll(async () => {
  sidecar?.close();
  await operator.process.stop();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** The value of a series; undefined when there is none. */
function sampleOf(text: string, series: string): number | undefined {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

const metrics = async (): Promise<string> => (await operator.fetch("/metrics")).text();

/** A stream as the sidecar of a pod opens it, with the pod's own identity. */
async function connectSidecar(pod: string, app: string, node: string): Promise<TestClient> {
  const identity = await secret(`heddle-identity-${app}`, "shop");
  const client = new TestClient({
    port: ports.xds,
    credentials: { cert: decode(identity, "tls.crt"), key: decode(identity, "tls.key") },
    ca: decode(identity, "ca.crt"),
  });
  client.subscribe("cluster", [], `shop/${pod}/${node}`);
  return client;
}

/** One review of a pod's creation, as the API server sends it. */
async function review(ca: string, agent: Agent, uid: string) {
  const { status, allowed, close } = await askWebhook({ port: ports.webhook, ca, agent, uid });
  return { status, allowed, close };
}

describe("the operator", () => {
  test("every metric of the reference is there, and what happens moves it", async () => {
    await createInjectedPod(client, "shop/cart-1", { app: "cart" });
    await until("the identity of cart", () => secret("heddle-identity-cart", "shop"), { timeout: 60_000 });
    const authority = decode(await secret("heddle-ca", "heddle-system"), "tls.crt");
    expect(await review(authority, new Agent(), "metrics")).toMatchObject({ status: 200, allowed: true });
    const text = await metrics();
    for (const { name, type } of Object.values(metricTable)) expect(text).toContain(`# TYPE ${name} ${type}\n`);
    const value = (series: string) => sampleOf(text, series);
    expect(value("heddle_leader")).toBe(1);
    expect(value("heddle_compile_duration_seconds_count")).toBeGreaterThan(0);
    expect(value('heddle_queue_depth{queue="configmaps"}')).toBeGreaterThanOrEqual(0);
    expect(value('heddle_queue_wait_seconds_count{queue="identities"}')).toBeGreaterThan(0);
    expect(value('heddle_api_writes_total{kind="Secret",outcome="success"}')).toBeGreaterThan(0);
    expect(value('heddle_admission_reviews_total{outcome="patched"}')).toBe(1);
    expect(value('heddle_admission_duration_seconds_count{outcome="patched"}')).toBe(1);
    expect(text).toMatch(/^heddle_build_info\{version="[^"]+",node_version="v[^"]+"\} 1$/m);
    const now = Date.now() / 1000;
    const expiries = ["root", "operator", "webhook", "leaf"].map((certificate) =>
      value(`heddle_certificate_expiration_timestamp_seconds{certificate="${certificate}"}`),
    );
    for (const expiry of expiries) expect(expiry).toBeGreaterThan(now);
  });

  test("streams, responses, refusals and ends are counted", async () => {
    await createInjectedPod(client, "shop/streams-1", { app: "streams" });
    const status = { phase: "Running", podIP: "127.0.0.1", podIPs: [{ ip: "127.0.0.1" }] };
    await client.applyStatus(kinds.Pod, {
      metadata: { name: "streams-1", namespace: "shop" },
      status,
    } as ObjectToWrite);
    await until("the identity of streams", () => secret("heddle-identity-streams", "shop"), { timeout: 60_000 });
    const { uid = "" } = (await client.get(kinds.Pod, { namespace: "shop", name: "streams-1" })).metadata;
    const count = async (series: string) => sampleOf(await metrics(), `heddle_xds_${series}`);
    expect(await count("streams")).toBe(0);

    sidecar = await connectSidecar("streams-1", "streams", uid);
    const response = await sidecar.next(1);
    expect(await count("streams")).toBe(1);
    expect(await count('responses_total{type="cluster"}')).toBe(1);
    expect(await count('refusals_total{type="cluster"}')).toBeUndefined();
    sidecar.answer(response, "no such thing");
    await expect.poll(() => count('refusals_total{type="cluster"}'), { timeout: 10_000 }).toBe(1);
    const refusal = () => linesOfLog().find((text) => text.includes("proxy refused configuration")) ?? "";
    await until("the line of the refusal", () => refusal() !== "", { timeout: 10_000, interval: 10 });
    expect(JSON.parse(refusal())).toMatchObject({
      level: "warn",
      ...{ kind: "Pod", namespace: "shop", name: "streams-1" },
      ...{ type: "cluster", reason: expect.stringContaining("no such thing") },
    });

    // Who is not the pod that it names is turned away.
    const pod = await client.get(kinds.Pod, { namespace: "shop", name: "cart-1" });
    const stranger = await connectSidecar("cart-1", "streams", pod.metadata.uid ?? "");
    expect(await stranger.ended()).toBe("7");
    expect(await count('streams_ended_total{reason="identity"}')).toBe(1);
    stranger.close();
    expect(await count("streams")).toBe(1);
  });

  test("a watch that the API server ends is counted when it is tried again", async () => {
    const restarts = async (): Promise<number> =>
      [...(await metrics()).matchAll(/^heddle_watch_restarts_total\{.*\} (\d+)$/gm)]
        .map(([, count]) => Number(count))
        .reduce((sum, count) => sum + count, 0);
    const before = await restarts();
    await server.restart();
    await expect.poll(restarts, { timeout: 60_000 }).toBeGreaterThan(before);
    await until("the API server to answer", () => client.list(kinds.Secret), { timeout: 60_000 });
  });

  test("pods without a sidecar are counted, and told of in events of the pod and of its namespace", async () => {
    const pods = () =>
      metrics().then((text) => sampleOf(text, 'heddle_pods_without_sidecar{workload_namespace="shop"}'));
    expect(await pods()).toBeUndefined();
    const spec = { serviceAccountName: "cart", containers: [{ name: "app", image: "app" }] };
    for (const name of ["left-out-1", "left-out-2"])
      await client.create(kinds.Pod, { metadata: { name, namespace: "shop" }, spec } as ObjectToWrite);
    await expect.poll(pods, { timeout: 60_000 }).toBe(2);
    const told = async (): Promise<readonly string[]> => {
      const { items } = await client.list(kinds.Event);
      return items
        .filter(({ reason }) => reason === "NoSidecar")
        .map(({ metadata, regarding }) => `${metadata.namespace}: ${regarding.kind} ${regarding.name}`)
        .toSorted();
    };
    await expect.poll(told, { timeout: 60_000 }).toContain("shop: Pod left-out-1");
    await expect.poll(told, { timeout: 60_000 }).toContain("default: Namespace shop");
    await client.delete(kinds.Pod, { namespace: "shop", name: "left-out-2" });
    await expect.poll(pods, { timeout: 60_000 }).toBe(1);
  });

  test("no metric of the reference stays at zero", async () => {
    const lines = (await metrics()).split("\n").filter((line) => !line.startsWith("#") && !line.endsWith(" 0"));
    const still = Object.values(metricTable).filter(({ name }) => !lines.some((line) => line.startsWith(name)));
    // At zero while all goes well; test/unit/controllers/work-queue.test.ts and test/xds/replicas.test.ts move them.
    const { queueDepth, queueRetries, unreachableReplicas } = metricTable;
    const calm: readonly string[] = [queueDepth.name, queueRetries.name, unreachableReplicas.name];
    expect(still.map(({ name }) => name).filter((name) => !calm.includes(name))).toEqual([]);
  });

  test("the settings in effect are the first line of its log", () => {
    const [first = ""] = linesOfLog();
    expect(JSON.parse(first)).toMatchObject({
      level: "info",
      msg: "starting",
      version: expect.stringMatching(/^\d/),
      settings: {
        replica: "operations",
        "drain-grace": "10s",
        "trust-domain": "cluster.local",
        "xds-port": `${ports.xds}`,
      },
    });
  });

  test("its output is JSON, line by line, and has no key, certificate or token in it", async () => {
    await createInjectedPod(client, "shop/keys-1", { app: "keys" });
    await until("the identity of keys", () => secret("heddle-identity-keys", "shop"), { timeout: 60_000 });
    // What cannot be used is spoken of, without what it says.
    await client.apply(
      kinds.Secret,
      {
        metadata: { name: "heddle-identity-keys", namespace: "shop" },
        data: { "tls.key": btoa("a-secret-of-somebody") },
      } as ObjectToWrite,
      { fieldManager: "somebody" },
    );
    const replaced = async () =>
      decode(await secret("heddle-identity-keys", "shop"), "tls.key") !== "a-secret-of-somebody";
    await until("the Secret to be put back", replaced, { timeout: 60_000 });
    const lines = linesOfLog().map((line) => JSON.parse(line) as { level: string; msg: string; time: string });
    expect(lines.length).toBeGreaterThan(20);
    for (const line of lines) expect(line).toMatchObject({ level: expect.any(String), msg: expect.any(String) });
    const secrets = (await client.list(kinds.Secret)).items.flatMap(({ data }) => Object.values(data ?? {}));
    const output = operator.output();
    expect(secrets.length).toBeGreaterThan(5);
    for (const encoded of secrets) {
      const plain = Buffer.from(encoded, "base64").toString();
      for (const text of [encoded, plain, ...plain.split("\n").filter((line) => line.length > 40)])
        expect(output.includes(text), "a value of a Secret is in the log").toBe(false);
    }
    expect(output).not.toContain(server.adminToken);
    expect(output).not.toContain("a-secret-of-somebody");
    expect(output).not.toMatch(/PRIVATE KEY|LS0tLS1|eyJ[\w-]{10,}\./);
  });

  test("an annotation of a namespace bounds its pods from when the operator sees it until it is another", async () => {
    const ca = decode(await secret("heddle-ca", "heddle-system"), "tls.crt");
    const annotations = { "heddle.dev/proxy-memory-limit": "1Gi" };
    const isTaken = async () => (await askWebhook({ port: ports.webhook, ca, annotations })).allowed;
    const bound = (value: string) =>
      client.apply(
        kinds.Namespace,
        { metadata: { name: "shop", annotations: { "heddle.dev/bound-proxy-memory-limit": value } } } as ObjectToWrite,
        { fieldManager: "admin" },
      );
    expect(await isTaken()).toBe(true);
    await bound("256Mi");
    await until("the bound", async () => !(await isTaken()), { timeout: 60_000, interval: 20 });
    await bound("2Gi");
    await until("another bound", isTaken, { timeout: 60_000, interval: 20 });
  });

  test("SIGTERM under load: not ready at once, every review is answered, the lease is released, the end is clean", async () => {
    expect((await operator.fetch("/readyz")).status).toBe(200);
    const authority = decode(await secret("heddle-ca", "heddle-system"), "tls.crt");
    const agents = [new Agent({ keepAlive: true, maxSockets: 4 }), new Agent()];
    const answers: Awaited<ReturnType<typeof review>>[] = [];
    let endpoints = true;
    let count = 0;
    const load = agents.map(async (agent) => {
      while (endpoints) answers.push(await review(authority, agent, `review-${count++}`));
    });
    await until("reviews", () => answers.length > 20, { timeout: 60_000 });
    void operator.process.stop("SIGTERM");
    await until("not ready", async () => (await operator.fetch("/readyz")).status === 503, {
      timeout: 5_000,
      interval: 10,
    });
    expect((await operator.fetch("/healthz")).status).toBe(200);
    // The kubelet has seen it; reviews come until the Endpoints are gone everywhere.
    const until503 = answers.length;
    await until("reviews while it drains", () => answers.length > until503 + 20, { timeout: 9_000, interval: 10 });
    endpoints = false;
    await Promise.all(load);
    expect(answers.filter(({ status, allowed }) => status !== 200 || !allowed)).toEqual([]);
    // Connections that live on are told to end with an answer, rather than cut between two.
    expect(answers.at(-1)?.close).toBe(true);
    expect(await operator.process.ended).toBe("exit code 0");
    expect(await sidecar?.ended()).toBe("14");
    const lease = await client.get(kinds.Lease, { namespace: "heddle-system", name: "heddle" });
    expect(lease.spec?.holderIdentity ?? "").toBe("");
    for (const agent of agents) agent.destroy();
  }, 90_000);

  test("while a kind is not served, it is ready and answers reviews; sidecars it takes after the first compile", async () => {
    const crd = { name: "trafficsplits.heddle.dev" };
    const definition = await client.get(kinds.CustomResourceDefinition, crd);
    await client.delete(kinds.CustomResourceDefinition, crd);
    const isServed = () =>
      client.list(kinds.TrafficSplit).then(
        () => true,
        () => false,
      );
    await until("the kind to be gone", async () => !(await isServed()), { timeout: 90_000 });

    operator = await start();
    const authority = decode(await secret("heddle-ca", "heddle-system"), "tls.crt");
    expect(await review(authority, new Agent(), "early")).toMatchObject({ status: 200, allowed: true });
    const opens = (): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = connect(ports.xds, "127.0.0.1", () => resolve(true));
        socket.once("error", () => resolve(false)).once("connect", () => socket.destroy());
      });
    expect(await opens()).toBe(false);
    expect(sampleOf(await metrics(), "heddle_compile_duration_seconds_count")).toBe(0);

    const { name } = definition.metadata;
    await client.apply(kinds.CustomResourceDefinition, { ...definition, metadata: { name } } as ObjectToWrite);
    await until("the port for sidecars", opens, { timeout: 60_000 });
    expect(sampleOf(await metrics(), "heddle_compile_duration_seconds_count")).toBeGreaterThan(0);
  }, 180_000);

  test("SIGTERM while the API server is away: reviews are answered until the end, which is clean", async () => {
    const authority = decode(await secret("heddle-ca", "heddle-system"), "tls.crt");
    await server.halt();
    onTestFinished(() => server.restart());
    expect((await operator.fetch("/readyz")).status).toBe(200);
    void operator.process.stop("SIGTERM");
    await until("not ready", async () => (await operator.fetch("/readyz")).status === 503, {
      timeout: 5_000,
      interval: 10,
    });
    expect(await (await operator.fetch("/readyz")).text()).toBe("waiting for: its end: it drains\n");
    expect(await review(authority, new Agent(), "late")).toEqual({ status: 200, allowed: true, close: true });
    expect(await operator.process.ended).toBe("exit code 0");
  }, 90_000);
});
