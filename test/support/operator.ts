/** The operator as a process beside an API server, the definitions that it needs, and pods as its webhook leaves them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import { isApiError } from "../../src/kube/error.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { drainFlag } from "../../src/model/drain.ts";
import { containers, keys } from "../../src/model/sidecar.ts";
import { workloadClassId, workloadTraits } from "../../src/model/workload.ts";
import { type BackgroundProcess, freePorts, startProcess, until } from "../../tools/processes.ts";
import { operatorProgram } from "./api-server.ts";
import { serviceAccount } from "./kinds.ts";

/** Where an operator listens on loopback. */
export interface OperatorPorts {
  readonly xds: number;
  readonly webhook: number;
  readonly health: number;
}

/** Free ports for an operator. */
export async function operatorPorts(): Promise<OperatorPorts> {
  const [xds = 0, webhook = 0, health = 0] = await freePorts(3);
  return { xds, webhook, health };
}

/** An operator that runs. */
export interface Operator {
  readonly process: BackgroundProcess;
  /** All that its log file holds, of operators before it too. */
  output(): string;
  /** Asks its health server. */
  fetch(path: string): Promise<Response>;
}

/** How to start an operator. */
export interface OperatorOptions {
  readonly kubeconfig: string;
  readonly ports: OperatorPorts;
  /** What it writes is added there. */
  readonly logFile: string;
  /** The operator as one file; absent: the one that the run has made. */
  readonly program?: string;
  /** Flags of Node.js. */
  readonly nodeFlags?: readonly string[];
  /** By their names without dashes. */
  readonly flags?: Readonly<Record<string, string>>;
}

/** Starts an operator, which ends without draining unless `flags` say otherwise, and waits for nothing. */
export function spawnOperator(options: OperatorOptions): Operator {
  const { kubeconfig, ports, logFile, program = operatorProgram(), nodeFlags = [], flags } = options;
  const all = {
    kubeconfig,
    "xds-port": ports.xds,
    "webhook-port": ports.webhook,
    "health-port": ports.health,
    "drain-grace": "0s",
    ...flags,
  };
  const args = Object.entries(all).map(([name, value]) => `--${name}=${value}`);
  return {
    process: startProcess("operator", process.execPath, [...nodeFlags, program, ...args], { logFile }),
    output: () => readFileSync(logFile, "utf8"),
    fetch: (path) => fetch(`http://127.0.0.1:${ports.health}${path}`),
  };
}

/**
 * Starts one, and resolves once `/readyz` answers with `ready`. Fails when the process ends before, or after a minute.
 */
export async function startOperator(options: OperatorOptions & { readonly ready?: boolean }): Promise<Operator> {
  const { ready = true } = options;
  const operator = spawnOperator(options);
  const isAsExpected = async () => (await operator.fetch("/readyz")).ok === ready;
  try {
    const wait = { timeout: 60_000, process: operator.process };
    await until(`the operator to be ${ready ? "ready" : "not ready"}`, isAsExpected, wait);
  } catch (error) {
    await operator.process.stop();
    throw error;
  }
  return operator;
}

/** Our CustomResourceDefinitions, as they are shipped. */
export function definitions(): readonly KubernetesObject[] {
  const folder = join(import.meta.dirname, "../../crds");
  return readdirSync(folder).map((file) => parse(readFileSync(join(folder, file), "utf8")) as KubernetesObject);
}

/** Applies our CRDs; resolves once their kinds are served. */
export async function installDefinitions(client: KubeClient): Promise<void> {
  for (const definition of definitions()) await client.apply(kinds.CustomResourceDefinition, definition);
  for (const kind of [kinds.TrafficSplit, kinds.AuthorizationPolicy, kinds.MeshTLS])
    await until(`${kind.plural} to be served`, () => client.list(kind), { timeout: 60_000 });
}

/** A pod of the workload `app`, by default called as the pod. */
export interface PodOptions {
  readonly app?: string;
  /** Without one, nothing runs the pod yet. */
  readonly address?: string;
  readonly ready?: boolean;
  /** Of its container; HTTP on 8080 unless said otherwise. */
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  /** How long its sidecar lets connections go on that a change ends; Heddle's default when absent. */
  readonly drainSeconds?: number;
}

/** A pod `namespace/name` as the webhook would have left it, and its ServiceAccount. @returns the id of its class */
export async function createInjectedPod(client: KubeClient, key: string, options: PodOptions = {}): Promise<string> {
  const [namespace = "", name = ""] = key.split("/");
  const { app = name, address, ready = true, drainSeconds } = options;
  const args = drainSeconds === undefined ? {} : { args: [drainFlag, String(drainSeconds)] };
  const spec = {
    serviceAccountName: app,
    containers: [{ name: "app", image: "app", ports: options.ports ?? [{ name: "http", containerPort: 8080 }] }],
    initContainers: [{ name: containers.proxy, image: "proxy", restartPolicy: "Always", ...args }],
  };
  const labels = { app };
  const classId = workloadClassId(workloadTraits({ metadata: { name, labels }, spec }, namespace));
  await client.create(serviceAccount, { metadata: { name: app, namespace } }).catch((error: unknown) => {
    if (!isApiError(error, "conflict")) throw error;
  });
  const metadata = { name, namespace, labels, annotations: { [keys.class]: classId } };
  await client.create(kinds.Pod, { metadata, spec } as ObjectToWrite);
  if (address !== undefined)
    await client.applyStatus(kinds.Pod, {
      metadata: { name, namespace },
      status: {
        phase: "Running",
        podIP: address,
        podIPs: [{ ip: address }],
        conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      },
    } as ObjectToWrite);
  return classId;
}
