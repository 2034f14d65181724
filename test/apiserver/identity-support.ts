/** An API server of its own with the operator beside it, for cases about identities. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { connect, type PeerCertificate } from "node:tls";
import { expect } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Condition } from "../../src/api/conditions.ts";
import { kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject, Secret } from "../../src/api/kubernetes.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";
import type { KubernetesEvent, ObjectToWrite } from "../../src/kube/objects.ts";
import { containers, keys } from "../../src/model/sidecar.ts";
import { workloadClassId, workloadTraits } from "../../src/model/workload.ts";
import type { ControlPlane } from "../../tools/control-plane.ts";
import { freePorts, until } from "../../tools/processes.ts";
import { operatorProgram, startApiServer } from "../support/api-server.ts";

const repository = resolve(import.meta.dirname, "../..");

/** Namespace of the operator. */
export const root = "heddle-system";

/** What cases work with. */
export interface IdentityWorld {
  readonly server: ControlPlane;
  readonly client: KubeClient;
  /** The certificate that the webhook, or the ADS server, serves; undefined while none listens. */
  served(by: "webhook" | "xds"): Promise<PeerCertificate | undefined>;
  /** Everything that operators have said. */
  readonly output: () => string;
  /** Resolves once `/readyz` answers with `ready`. */
  startOperator(ready?: boolean): Promise<void>;
  stopOperator(): Promise<void>;
  secret(name: string, namespace?: string): Promise<Secret>;
  /** Writes data into a Secret as somebody else; texts, not base64. */
  overwrite(name: string, data: Readonly<Record<string, string>>, namespace?: string): Promise<void>;
  /** Notes of the events about an object, by reason. */
  eventsOf(name: string, namespace?: string): Promise<readonly string[]>;
  /** A pod in the namespace `shop` as the webhook would have left it, of a ServiceAccount, Running and Ready. */
  createPod(serviceAccount: string): Promise<void>;
  /** A condition of the mesh-wide MeshTLS. */
  condition(type: string): Promise<Condition | undefined>;
  stop(): Promise<void>;
}

/** The base64 of a text, as Secrets have it. */
export const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Asks again until it is as expected; what it throws counts as an answer. */
export const eventually = <T>(read: () => Promise<T>) =>
  expect.poll(() => read().catch((error: unknown) => error), { timeout: 60_000 });

/** Starts an API server with our CRDs and both namespaces; `flags` are the operator's. No operator runs yet. */
export async function startIdentityWorld(
  flags: Readonly<Record<string, string>> = {},
  options: { readonly controllers?: boolean } = {},
): Promise<IdentityWorld> {
  const server = await startApiServer(options);
  const client = createKubeClient({ kubeconfig: server.kubeconfig });
  for (const file of readdirSync(join(repository, "crds"))) {
    const [document] = parseAllDocuments(readFileSync(join(repository, "crds", file), "utf8"));
    await client.apply(kinds.CustomResourceDefinition, document?.toJS() as KubernetesObject);
  }
  await client.create(kinds.Namespace, { metadata: { name: root } });
  await client.create(kinds.Namespace, { metadata: { name: "shop", labels: { [keys.inject]: "enabled" } } });
  await until("the CRDs to be served", () => client.list(kinds.MeshTLS), { timeout: 60_000 });
  const [xds, webhook, health] = await freePorts(3);
  let output = "";
  let child: ChildProcess | undefined;
  let pods = 0;
  const secret: IdentityWorld["secret"] = (name, namespace = "shop") => client.get(kinds.Secret, { namespace, name });
  const stopOperator = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const ended = new Promise((done) => running.once("exit", done));
    running.kill("SIGTERM");
    await ended;
  };
  return {
    server,
    client,
    output: () => output,
    served: (by) =>
      new Promise((resolve) => {
        const port = (by === "webhook" ? webhook : xds) ?? 0;
        const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate());
          socket.destroy();
        });
        socket.once("error", () => resolve(undefined));
      }),
    startOperator: async (ready = true) => {
      const all = {
        kubeconfig: server.kubeconfig,
        "xds-port": xds,
        "webhook-port": webhook,
        "health-port": health,
        replica: `test-${health}`,
        "drain-grace": "0s",
        ...flags,
      };
      const started = spawn(
        process.execPath,
        [operatorProgram(), ...Object.entries(all).map(([name, value]) => `--${name}=${value}`)],
        {
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      child = started;
      for (const stream of [started.stdout, started.stderr])
        stream.on("data", (chunk: Buffer) => {
          output += chunk.toString();
        });
      const isReady = async () => (await fetch(`http://127.0.0.1:${health}/readyz`)).ok === ready;
      await until("the operator to say whether it is ready", isReady, { timeout: 60_000 });
    },
    stopOperator,
    secret,
    overwrite: async (name, data, namespace = "shop") => {
      const encoded = Object.fromEntries(Object.entries(data).map(([field, text]) => [field, base64(text)]));
      const body = { metadata: { name, namespace }, data: encoded } as ObjectToWrite;
      await client.apply(kinds.Secret, body, { fieldManager: "somebody" });
    },
    eventsOf: async (name, namespace = "shop") => {
      const { items } = await client.list(kinds.Event, { namespace });
      return (items as readonly KubernetesEvent[])
        .filter(({ regarding }) => regarding.kind === "Secret" && regarding.name === name)
        .map(({ reason, note }) => `${reason}: ${note}`);
    },
    createPod: async (serviceAccount) => {
      pods += 1;
      const name = `${serviceAccount}-${pods}`;
      const labels = { app: serviceAccount };
      const spec = {
        serviceAccountName: serviceAccount,
        containers: [{ name: "app", image: "app", ports: [{ name: "http", containerPort: 8080 }] }],
        initContainers: [{ name: containers.proxy, image: "proxy", restartPolicy: "Always" }],
      };
      const classId = workloadClassId(workloadTraits({ metadata: { name, labels }, spec }, "shop"));
      const accounts = { apiVersion: "v1", kind: "ServiceAccount", plural: "serviceaccounts", namespaced: true };
      await client.apply(accounts, { metadata: { name: serviceAccount, namespace: "shop" } });
      await client.create(kinds.Pod, {
        metadata: { name, namespace: "shop", labels, annotations: { [keys.class]: classId } },
        spec,
      } as ObjectToWrite);
      const podIP = `10.1.0.${pods}`;
      await client.applyStatus(kinds.Pod, {
        metadata: { name, namespace: "shop" },
        status: {
          phase: "Running",
          podIP,
          podIPs: [{ ip: podIP }],
          conditions: [{ type: "Ready", status: "True" }],
        },
      } as ObjectToWrite);
    },
    condition: async (type) => {
      const object = await client.get(kinds.MeshTLS, { namespace: root, name: "default" });
      const { conditions = [] } = (object as { status?: { conditions?: readonly Condition[] } }).status ?? {};
      return conditions.find((condition) => condition.type === type);
    },
    stop: async () => {
      await stopOperator();
      client.close();
      await server.stop();
    },
  };
}
