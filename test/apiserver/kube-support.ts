/** What the tests of `src/kube` share: clients, kinds of their own, and a wire that can be cut. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import PQueue from "p-queue";
import { parse, stringify } from "yaml";
import type { Kind } from "../../src/api/kinds.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";

export const clusterRole: Kind = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  plural: "clusterroles",
  namespaced: false,
};
export const clusterRoleBinding: Kind = { ...clusterRole, kind: "ClusterRoleBinding", plural: "clusterrolebindings" };

/** A kind of the test's own. `word` must be the test's own too, for the server is shared. */
export function kindOfTest(word: string): Kind & { readonly group: string } {
  const group = `${word}.test.heddle.dev`;
  return { group, apiVersion: `${group}/v1`, kind: "Widget", plural: "widgets", namespaced: true };
}

/** The definition of such a kind, with a status. */
export function definitionOf(kind: Kind & { readonly group: string }) {
  const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const version = {
    name: "v1",
    served: true,
    storage: true,
    subresources: { status: {} },
    schema: {
      openAPIV3Schema: {
        type: "object",
        properties: {
          spec: { type: "object", properties: { size: { type: "integer", maximum: 9 } } },
          status: anything,
        },
      },
    },
  };
  return {
    metadata: { name: `${kind.plural}.${kind.group}` },
    spec: {
      group: kind.group,
      scope: "Namespaced",
      names: { plural: kind.plural, singular: "widget", kind: kind.kind },
      versions: [version],
    },
  };
}

interface Kubeconfig {
  readonly clusters: { readonly cluster: { server: string } }[];
  readonly users: { user: { as?: string } | { readonly token: string } }[];
}

/** Writes a kubeconfig with a change to a file. @returns its path, which is `path` */
export function kubeconfigWith(kubeconfig: string, change: (config: Kubeconfig) => void, path: string): string {
  const config = parse(readFileSync(kubeconfig, "utf8")) as Kubeconfig;
  change(config);
  writeFileSync(path, stringify(config), { mode: 0o600 });
  return path;
}

/** A client by the kubeconfig with a change; `remove` its file afterwards. */
export function clientWith(
  kubeconfig: string,
  change: (config: Kubeconfig) => void,
): { client: KubeClient; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), "heddle-test-kube-"));
  const client = createKubeClient({ kubeconfig: kubeconfigWith(kubeconfig, change, join(directory, "kubeconfig")) });
  return { client, remove: () => rmSync(directory, { recursive: true }) };
}

/** Sends the client's requests to another port of this machine. */
export const viaPort =
  (port: number) =>
  (config: Kubeconfig): void => {
    for (const { cluster } of config.clusters) cluster.server = `https://127.0.0.1:${port}`;
  };

/** Makes the client someone else. */
export const as =
  (user: string) =>
  (config: Kubeconfig): void => {
    for (const each of config.users) each.user = { ...each.user, as: user };
  };

/** Makes the client whose token this is. */
export const withToken =
  (token: string) =>
  (config: Kubeconfig): void => {
    for (const each of config.users) each.user = { token };
  };

/** A TCP connection to the server that a test can spoil. */
export interface Wire {
  readonly port: number;
  /** Bytes are swallowed from now on, of new connections too, and nobody is told: of either side, or of one. */
  swallow(half?: "requests" | "answers"): void;
  /** Ends every connection and refuses new ones. */
  cut(): void;
  /** New connections work again; old ones stay as they are. */
  mend(): void;
  close(): Promise<void>;
}

/** Opens a wire to a port of this machine. */
export async function createWire(to: number): Promise<Wire> {
  let mode: "works" | "swallows" | "cut" = "works";
  let swallowed: "requests" | "answers" | undefined;
  /** By what they bring. */
  const sockets = new Map<Socket, "requests" | "answers">();
  const deaf = new Set<Socket>();
  const deafen = (socket: Socket): void => {
    if (swallowed === undefined || swallowed === sockets.get(socket)) deaf.add(socket);
  };
  const server = createServer((near) => {
    if (mode === "cut") {
      near.destroy();
      return;
    }
    const far = connect(to, "127.0.0.1");
    for (const [from, into, brings] of [
      [near, far, "requests"],
      [far, near, "answers"],
    ] as const) {
      sockets.set(from, brings);
      if (mode === "swallows") deafen(from);
      from.on("error", () => into.destroy());
      from.on("close", () => {
        sockets.delete(from);
        into.destroy();
      });
      from.on("data", (bytes) => {
        if (!deaf.has(from)) into.write(bytes);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const end = (): void => {
    for (const socket of sockets.keys()) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    swallow: (half) => {
      mode = "swallows";
      swallowed = half;
      for (const socket of sockets.keys()) deafen(socket);
    },
    cut: () => {
      mode = "cut";
      end();
    },
    mend: () => {
      mode = "works";
    },
    close: () => {
      end();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/**
 * Runs the tasks, 16 at a time: of hundreds at once the last one waits for longer than a client gives a request, where the
 * machine has other work.
 */
export const bounded = <Result>(tasks: readonly (() => Promise<Result>)[]): Promise<Result[]> =>
  new PQueue({ concurrency: 16 }).addAll(tasks);
