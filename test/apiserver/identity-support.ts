/** An API server of its own with the operator beside it, for cases about identities. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type PeerCertificate } from "node:tls";
import { expect } from "vitest";
import type { Condition } from "../../src/api/conditions.ts";
import { kinds } from "../../src/api/kinds.ts";
import type { Secret } from "../../src/api/kubernetes.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { keys } from "../../src/model/sidecar.ts";
import { type BorrowedApiServer, borrowApiServer } from "../support/api-server.ts";
import {
  createInjectedPod,
  installDefinitions,
  type Operator,
  operatorPorts,
  startOperator,
} from "../support/operator.ts";
import { conditionsOf, eventsAbout } from "./operator-world.ts";

/** Namespace of the operator. */
export const root = "heddle-system";

/** What cases work with. */
export interface IdentityWorld {
  readonly server: BorrowedApiServer;
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
export async function startIdentityWorld(flags: Readonly<Record<string, string>> = {}): Promise<IdentityWorld> {
  const server = await borrowApiServer();
  const client = createKubeClient({ kubeconfig: server.kubeconfig });
  await installDefinitions(client);
  await client.create(kinds.Namespace, { metadata: { name: root } });
  await client.create(kinds.Namespace, { metadata: { name: "shop", labels: { [keys.inject]: "enabled" } } });
  const directory = mkdtempSync(join(tmpdir(), "heddle-test-identity-"));
  const ports = await operatorPorts();
  let operator: Operator | undefined;
  let pods = 0;
  const secret: IdentityWorld["secret"] = (name, namespace = "shop") => client.get(kinds.Secret, { namespace, name });
  const stopOperator = async (): Promise<void> => operator?.process.stop("SIGTERM");
  return {
    server,
    client,
    output: () => operator?.output() ?? "",
    served: (by) =>
      new Promise((resolve) => {
        const socket = connect({ host: "127.0.0.1", port: ports[by], rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate());
          socket.destroy();
        });
        socket.once("error", () => resolve(undefined));
      }),
    startOperator: async (ready = true) => {
      operator = await startOperator({
        kubeconfig: server.kubeconfig,
        ports,
        logFile: join(directory, "operator.log"),
        flags: { replica: `test-${ports.health}`, ...flags },
        ready,
      });
    },
    stopOperator,
    secret,
    overwrite: async (name, data, namespace = "shop") => {
      const encoded = Object.fromEntries(Object.entries(data).map(([field, text]) => [field, base64(text)]));
      const body = { metadata: { name, namespace }, data: encoded } as ObjectToWrite;
      await client.apply(kinds.Secret, body, { fieldManager: "somebody" });
    },
    eventsOf: async (name, namespace = "shop") => {
      const events = await eventsAbout(client, namespace, name);
      return events
        .filter(({ regarding }) => regarding.kind === "Secret")
        .map(({ reason, note }) => `${reason}: ${note}`);
    },
    createPod: async (serviceAccount) => {
      pods += 1;
      const options = { app: serviceAccount, address: `10.1.0.${pods}` };
      await createInjectedPod(client, `shop/${serviceAccount}-${pods}`, options);
    },
    condition: async (type) => {
      const object = await client.get(kinds.MeshTLS, { namespace: root, name: "default" });
      return conditionsOf(object).find((condition) => condition.type === type);
    },
    stop: async () => {
      await stopOperator();
      client.close();
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
