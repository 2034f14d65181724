/**
 * Where the API server is and how to authenticate there. The only file that imports the client library: it is large, and
 * nothing but its reading of kubeconfig files and credentials is wanted.
 */
import { createHash } from "node:crypto";
import type { Agent, RequestOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import type { Clock } from "../ops/clock.ts";

/** Everything that a request needs besides itself. */
export interface Connection {
  /** Address of the API server; may have a path. */
  readonly url: URL;
  /** Authorization, impersonation. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Pick<RequestOptions, "ca" | "cert" | "key" | "servername" | "rejectUnauthorized">;
  /** Equal fingerprints mean that open connections may be used again. */
  readonly fingerprint: string;
  /** The agent to use where the kubeconfig asks for a proxy. */
  readonly proxy?: Agent;
}

/** Gives the connection that is right now. */
export interface ConnectionSource {
  current(): Promise<Connection>;
  /** Reads files and credentials anew at the next {@link current}; called after a 401. */
  reload(): void;
}

/** How long files and credentials are taken as they were read, in milliseconds. Tokens of pods rotate an hour before they end. */
const keepFor = 60_000;

/** A server that refuses every request must not make each of them run a credential plugin; milliseconds. */
const reloadEvery = 5_000;

/** Order: the file that is named, $KUBECONFIG, the pod's ServiceAccount, ~/.kube/config. */
function load(kubeconfig: string | undefined): KubeConfig {
  const config = new KubeConfig();
  if (kubeconfig !== undefined) config.loadFromFile(kubeconfig);
  else if (!process.env["KUBECONFIG"] && process.env["KUBERNETES_SERVICE_HOST"]) config.loadFromCluster();
  else config.loadFromDefault();
  const cluster = config.getCurrentCluster();
  const source = kubeconfig ?? "the default kubeconfig";
  if (cluster === null) {
    throw new Error(
      `${source}: context "${config.getCurrentContext()}" names no cluster; set current-context to a context that does`,
    );
  }
  if (kubeconfig === undefined && cluster.server === "http://localhost:8080") {
    throw new Error(
      "no API server: set KUBECONFIG, pass a kubeconfig file, or run in a pod that has a ServiceAccount token",
    );
  }
  return config;
}

async function connect(config: KubeConfig): Promise<Connection> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error("the kubeconfig has no current cluster");
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers: Record<string, string> = {};
  if (options.headers !== undefined && !Array.isArray(options.headers)) {
    for (const [name, value] of Object.entries(options.headers)) {
      if (value !== undefined) headers[name] = String(value);
    }
  }
  // A token file ends in a line break as often as not; in a header it would be refused.
  if (headers["Authorization"] !== undefined) headers["Authorization"] = headers["Authorization"].trim();
  else if (typeof options.auth === "string") {
    headers["Authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
  }
  const tls = {
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.cert === undefined ? {} : { cert: options.cert }),
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.servername === undefined ? {} : { servername: options.servername }),
    ...(options.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: options.rejectUnauthorized }),
  };
  const hash = createHash("sha256").update(cluster.server);
  for (const part of [tls.ca, tls.cert, tls.key, tls.servername, tls.rejectUnauthorized]) {
    hash.update(`|${part === undefined ? "" : String(part)}`);
  }
  const proxied = cluster.proxyUrl !== undefined && cluster.proxyUrl !== "";
  return {
    url: new URL(cluster.server),
    headers,
    tls,
    fingerprint: hash.digest("hex"),
    ...(proxied ? { proxy: options.agent as Agent } : {}),
  };
}

/**
 * The connection that a kubeconfig describes, or that a pod has by its ServiceAccount; re-read each minute, since tokens
 * and certificates rotate.
 *
 * @param kubeconfig path of a file
 * @throws Error when there is none, or it names no cluster
 */
export function createConnectionSource(kubeconfig: string | undefined, clock: Clock): ConnectionSource {
  let config: KubeConfig | undefined = load(kubeconfig);
  let connection: Promise<Connection> | undefined;
  let readAt = 0;
  return {
    current: () => {
      if (connection === undefined || clock.monotonic() - readAt > keepFor) {
        readAt = clock.monotonic();
        const reading = (async () => {
          config ??= load(kubeconfig);
          return await connect(config);
        })();
        // A failed reading is not kept: the next request tries again.
        reading.catch(() => {
          if (connection === reading) connection = undefined;
        });
        connection = reading;
      }
      return connection;
    },
    reload: () => {
      if (clock.monotonic() - readAt < reloadEvery) return;
      config = undefined;
      connection = undefined;
    },
  };
}
