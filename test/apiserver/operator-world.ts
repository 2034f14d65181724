/** A real API server with the CRDs, and replicas of the operator as processes: what tests of the operator share. */
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Condition } from "../../src/api/conditions.ts";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";
import { isApiError } from "../../src/kube/error.ts";
import type { KubernetesEvent } from "../../src/kube/objects.ts";
import { keys } from "../../src/model/sidecar.ts";
import { until } from "../../tools/processes.ts";
import { type BorrowedApiServer, borrowApiServer } from "../support/api-server.ts";
import { type AuditedWrite, auditedSize, readWrites } from "../support/audit-log.ts";
import {
  createInjectedPod,
  installDefinitions,
  type OperatorPorts,
  operatorPorts,
  type PodOptions,
  startOperator,
} from "../support/operator.ts";

/** One replica of the operator. */
export interface Replica {
  /** Its log so far. */
  readonly output: () => string;
  /** Where the webhook, and the ADS server, listen on loopback. */
  readonly webhookPort: number;
  readonly xdsPort: number;
  /** Asks its health server. */
  readonly fetch: (path: string) => Promise<Response>;
  /** Stops it where it is, as a node that hangs would, and lets it go on. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** By SIGTERM, which drains. */
  readonly stop: () => Promise<void>;
}

/** An API server that a test file has to itself. */
export interface OperatorWorld {
  readonly server: BorrowedApiServer;
  readonly client: KubeClient;
  /**
   * Starts a replica and waits until it is ready. The same name means the same ports, as after a restart. It has all rights
   * unless it is given another kubeconfig.
   */
  readonly startReplica: (name?: string, kubeconfig?: string) => Promise<Replica>;
  /** A pod as the webhook would have left it, with an address and Ready. @returns the id of its class */
  readonly createPod: (key: string, options?: PodOptions) => Promise<string>;
  readonly createNamespace: (name: string) => Promise<void>;
  /** Applies our CRDs; resolves once they are served. */
  readonly installDefinitions: () => Promise<void>;
  /** Deletes the CRD of a kind of ours, and with it its objects; resolves once it is gone. */
  readonly deleteDefinition: (kind: Kind) => Promise<void>;
  /** Requests to change something that were granted so far, by `verb resource`, as the API server has counted them. */
  readonly writes: () => Promise<ReadonlyMap<string, number>>;
  /** What a replica has written so far: every request to change something, as the API server's audit log has them. */
  readonly writesOf: (replica: string) => readonly AuditedWrite[];
  /** Name of the replica that leads. */
  readonly leader: () => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** Starts the API server and serves the CRDs; no operator runs yet. */
export async function startOperatorWorld(): Promise<OperatorWorld> {
  const logs = mkdtempSync(join(tmpdir(), "heddle-test-operator-"));
  const server = await borrowApiServer();
  const { auditLog } = server;
  const auditedBefore = auditedSize(auditLog);
  const client = createKubeClient({ kubeconfig: server.kubeconfig });
  const replicas = new Set<Replica>();
  const portsOf = new Map<string, OperatorPorts>();
  await installDefinitions(client);
  await client.create(kinds.Namespace, { metadata: { name: "heddle-system" } });

  const startReplica = async (name = "first", kubeconfig = server.kubeconfig): Promise<Replica> => {
    const ports = portsOf.get(name) ?? (await operatorPorts());
    portsOf.set(name, ports);
    const operator = await startOperator({
      kubeconfig,
      ports,
      logFile: join(logs, `${name}-${Date.now()}.log`),
      // The address that records name is that of a Service in front of all replicas.
      flags: { replica: name, "xds-address": "heddle.heddle-system.svc:15010" },
    });
    const { pid = 0 } = operator.process;
    const replica: Replica = {
      output: operator.output,
      webhookPort: ports.webhook,
      xdsPort: ports.xds,
      fetch: operator.fetch,
      freeze: () => process.kill(pid, "SIGSTOP"),
      thaw: () => process.kill(pid, "SIGCONT"),
      stop: async () => {
        if (!replicas.delete(replica)) return;
        replica.thaw();
        await operator.process.stop("SIGTERM");
      },
    };
    replicas.add(replica);
    return replica;
  };

  return {
    server,
    client,
    startReplica,
    createPod: (key, options) => createInjectedPod(client, key, options),
    createNamespace: async (name) => {
      await client.create(kinds.Namespace, { metadata: { name, labels: { [keys.inject]: "enabled" } } });
    },
    installDefinitions: () => installDefinitions(client),
    deleteDefinition: async ({ plural }) => {
      const definition = { name: `${plural}.heddle.dev` };
      await client.delete(kinds.CustomResourceDefinition, definition);
      const isGone = (error: unknown): boolean => isApiError(error, "notFound");
      await until(
        `the end of ${definition.name}`,
        () => client.get(kinds.CustomResourceDefinition, definition).then(() => false, isGone),
        { timeout: 60_000 },
      );
    },
    writes: () => countWrites(server),
    writesOf: (name) => readWrites(auditLog, auditedBefore, `(${name})`),
    leader: async () => {
      const lease = await client.get(kinds.Lease, { namespace: "heddle-system", name: "heddle" });
      return lease.spec?.holderIdentity ?? "";
    },
    stop: async () => {
      await Promise.all([...replicas].map((replica) => replica.stop()));
      client.close();
      await server.stop();
      rmSync(logs, { recursive: true, force: true });
    },
  };
}

/** Kubernetes' own count of requests (`apiserver_request_total`). */
async function countWrites({ url, authority, adminToken }: BorrowedApiServer): Promise<ReadonlyMap<string, number>> {
  const text = await new Promise<string>((resolve, reject) => {
    const headers = { authorization: `Bearer ${adminToken}` };
    const call = request(`${url}/metrics`, { ca: authority, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("end", () => resolve(Buffer.concat(chunks).toString()));
    });
    call.once("error", reject);
    call.end();
  });
  const counts = new Map<string, number>();
  for (const [, labels = "", value = ""] of text.matchAll(/^apiserver_request_total\{([^}]*)\} (\S+)$/gm)) {
    const label = (name: string): string => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? "";
    if (!["APPLY", "PATCH", "POST", "PUT", "DELETE", "DELETECOLLECTION"].includes(label("verb"))) continue;
    if (!label("code").startsWith("2")) continue;
    const subresource = label("subresource") === "" ? "" : `/${label("subresource")}`;
    const key = `${label("verb")} ${label("resource")}${subresource}`;
    counts.set(key, (counts.get(key) ?? 0) + Number(value));
  }
  return counts;
}

/** Writes of the operator's objects and statuses only: events and the lease come and go. */
export function writesOfOperator(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const watched = ["configmaps", "secrets", "trafficsplits/status", "authorizationpolicies/status", "meshtls/status"];
  return Object.fromEntries([...counts].filter(([key]) => watched.includes(key.split(" ")[1] ?? "")).sort());
}

/** Polls until a reading is as expected; what the reading throws counts as its value. */
export const eventually = <T>(read: () => Promise<T>, timeout = 15_000, interval = 25) =>
  expect.poll(() => read().catch((error: unknown) => error), { timeout, interval });

/** The conditions of an object of ours. */
export const conditionsOf = (object: unknown): readonly Condition[] =>
  (object as { status?: { conditions?: Condition[] } }).status?.conditions ?? [];

/** Events about the objects of a name, of a namespace's. */
export async function eventsAbout(
  client: KubeClient,
  namespace: string,
  name: string,
): Promise<readonly KubernetesEvent[]> {
  const { items } = await client.list(kinds.Event, { namespace });
  return items.filter(({ regarding }) => regarding.name === name);
}

/** `status reason` of a condition. */
export const conditionOf = (object: unknown, type: string): string => {
  const found = conditionsOf(object).find((condition) => condition.type === type);
  return `${found?.status} ${found?.reason}`;
};
