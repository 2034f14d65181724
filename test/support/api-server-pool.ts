/**
 * API servers that test files borrow one after another, so that each need not start its own: they live in the process that
 * runs the workers, are emptied when they are given back, and end with the run.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary } from "../../tools/binaries.ts";
import { type ControlPlane, startControlPlane } from "../../tools/control-plane.ts";

/** What a borrower knows of its API server. */
export type LentApiServer = Pick<
  ControlPlane,
  "url" | "port" | "kubeconfig" | "adminToken" | "authority" | "serviceCIDR"
> & {
  readonly id: number;
  /** Audit log of all requests to change something, of borrowers before too: a line of JSON each. */
  readonly auditLog: string;
};

/** The pool, where its processes are. */
export interface ApiServerPool {
  /** Path of the Unix socket at which {@link askPool} finds it. */
  readonly socket: string;
  stop(): Promise<void>;
}

interface Pooled {
  readonly lent: LentApiServer;
  readonly controlPlane: ControlPlane;
  /** Names in etcd of what it had when it was new. */
  readonly own: ReadonlySet<string>;
}

const auditOfWrites = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, verbs: [create, update, patch, delete, deletecollection]}
- {level: None}
`;

/** Starts a pool without API servers: one is started when there is none to lend. */
export async function startApiServerPool(): Promise<ApiServerPool> {
  const directory = mkdtempSync(join(tmpdir(), "heddle-test-api-servers-"));
  const all: Promise<Pooled>[] = [];
  const idle: Pooled[] = [];
  const lend = async (): Promise<LentApiServer> => {
    const known = idle.pop();
    if (known !== undefined) return known.lent;
    const started = startPooled(join(directory, String(all.length)), all.length);
    all.push(started);
    return (await started).lent;
  };
  const answer = async (path: string): Promise<unknown> => {
    const [, verb, id] = path.split("/");
    if (verb === "lend") return lend();
    const pooled = await all[Number(id)];
    if (pooled === undefined) throw new Error(`no API server ${id} is lent`);
    if (verb === "halt") return pooled.controlPlane.halt();
    if (verb === "restart") return pooled.controlPlane.restart();
    await empty(pooled);
    idle.push(pooled);
    return;
  };
  const socket = join(directory, "socket");
  const server = createServer((call, response) => {
    answer(call.url ?? "").then(
      (value) => response.end(JSON.stringify(value ?? null)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    stop: async () => {
      server.close();
      const started = await Promise.allSettled(all);
      await Promise.all(
        started.map((each) => (each.status === "fulfilled" ? each.value.controlPlane.stop() : undefined)),
      );
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Asks a pool: `lend`, or `halt`, `restart` or `return` with the id of what was lent. */
export async function askPool<T>(
  socket: string,
  what: "lend" | "halt" | "restart" | "return",
  id?: number,
): Promise<T> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request({ socketPath: socket, path: `/${what}/${id ?? ""}` }, resolve);
    call.once("error", reject);
    call.end();
  });
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += String(chunk);
  if (response.statusCode !== 200) throw new Error(`the pool of API servers: ${text}`);
  return JSON.parse(text) as T;
}

async function startPooled(directory: string, id: number): Promise<Pooled> {
  const auditLog = join(directory, "audit.jsonl");
  const policy = `${directory}.audit.yaml`;
  writeFileSync(policy, auditOfWrites);
  const controlPlane = await startControlPlane({
    directory,
    binaries: { etcd: await binary("etcd"), kubeApiserver: await binary("kube-apiserver") },
    apiServerFlags: [`--audit-policy-file=${policy}`, `--audit-log-path=${auditLog}`],
  });
  const { url, port, kubeconfig, adminToken, authority, serviceCIDR } = controlPlane;
  const lent = { id, auditLog, url, port, kubeconfig, adminToken, authority, serviceCIDR };
  return { lent, controlPlane, own: new Set(await storedKeys(controlPlane)) };
}

/**
 * Takes away what borrowers have stored, without a trace: no controller runs that would empty a namespace. Our definitions
 * stay, since to serve them again is what costs the API server most.
 */
async function empty({ controlPlane, own }: Pooled): Promise<void> {
  const stays = [
    // What the API server keeps of itself, which it writes a while after it is ready.
    /^\/registry\/(ranges|masterleases|apiregistration\.k8s\.io|servicecidrs)\//,
    /^\/registry\/namespaces\/(default|kube-system|kube-public|kube-node-lease)$/,
    /\/(kube-system|kube-public|kube-node-lease)\/[^/]+$/,
    /\/default\/kubernetes$/,
    /^\/registry\/apiextensions\.k8s\.io\/customresourcedefinitions\/[a-z]+\.heddle\.dev$/,
  ];
  const keys = await storedKeys(controlPlane);
  for (const key of keys.filter((each) => !own.has(each) && !stays.some((pattern) => pattern.test(each))))
    await askEtcd(controlPlane, "deleterange", { key: base64(key) });
}

async function storedKeys(controlPlane: ControlPlane): Promise<readonly string[]> {
  const range = { key: base64("/registry/"), range_end: base64("/registry0"), keys_only: true };
  const { kvs = [] } = await askEtcd<{ kvs?: readonly { key: string }[] }>(controlPlane, "range", range);
  return kvs.map(({ key }) => Buffer.from(key, "base64").toString());
}

/** By etcd's JSON gateway. */
async function askEtcd<T>({ etcdUrl }: ControlPlane, what: string, body: unknown): Promise<T> {
  const response = await fetch(`${etcdUrl}/v3/kv/${what}`, { method: "POST", body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`etcd: ${what}: ${await response.text()}`);
  return (await response.json()) as T;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
