/** The real Envoy on loopback, with a bootstrap that names one ADS server; and resources made by hand for it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeResource } from "../../src/envoy/encode.ts";
import { packed } from "../../src/envoy/extension.ts";
import { RBACSchema } from "../../src/envoy/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import type { EnvoyResource } from "../../src/envoy/resource.ts";
import { envoyBinary } from "../support/load-envoy.ts";
import type { Pair } from "./certificates.ts";

const http = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const rbac = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";
const ads = { ads: {}, initialFetchTimeout: "0s", resourceApiVersion: "V3" } as const;

const filterChain = (name: string, routes: object, extensions: readonly string[] = []) => ({
  filters: [
    {
      name: "http",
      typedConfig: {
        "@type": http,
        statPrefix: name,
        ...routes,
        httpFilters: [
          ...extensions.map((extension) => ({
            name: extension,
            configDiscovery: {
              configSource: ads,
              typeUrls: [rbac],
              defaultConfig: { "@type": rbac, rules: { action: "ALLOW" } },
            },
          })),
          { name: "router", typedConfig: { "@type": router } },
        ],
      },
    },
  ],
});

const address = (port: number) => ({ socketAddress: { address: "127.0.0.1", portValue: port } });

/** A listener whose routes come by RDS and whose authorization comes by ECDS. */
export const httpListener = (
  name: string,
  port: number,
  route: string,
  extensions: readonly string[] = [],
): EnvoyResource =>
  encodeResource("listener", name, {
    name,
    address: address(port),
    filterChains: [filterChain(name, { rds: { routeConfigName: route, configSource: ads } }, extensions)],
  });

/** Envoy refuses a listener without a filter chain. */
export const badListener = (name: string, port: number): EnvoyResource =>
  encodeResource("listener", name, { name, address: address(port) });

export const readinessListener = (port: number): EnvoyResource =>
  encodeResource("listener", "readiness", {
    name: "readiness",
    address: address(port),
    filterChains: [
      filterChain("readiness", {
        routeConfig: {
          name: "readiness",
          virtualHosts: [
            { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, directResponse: { status: 200 } }] },
          ],
        },
      }),
    ],
  });

/** All requests to these clusters in equal shares. */
export const httpRoute = (name: string, ...clusters: readonly string[]): EnvoyResource =>
  encodeResource("route", name, {
    name,
    validateClusters: false,
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          {
            match: { prefix: "/" },
            route: { weightedClusters: { clusters: clusters.map((cluster) => ({ name: cluster, weight: 1 })) } },
          },
        ],
      },
    ],
  });

export const edsCluster = (name: string, connectTimeout = "1s"): EnvoyResource =>
  encodeResource("cluster", name, { name, type: "EDS", connectTimeout, edsClusterConfig: { edsConfig: ads } });

/** Envoy refuses a connect timeout of zero. */
export const badCluster = (name: string): EnvoyResource =>
  encodeResource("cluster", name, { name, type: "EDS", connectTimeout: "0s", edsClusterConfig: { edsConfig: ads } });

export const endpoints = (name: string, ...ports: readonly number[]): EnvoyResource =>
  encodeResource("endpoint", name, {
    clusterName: name,
    endpoints: [{ lbEndpoints: ports.map((port) => ({ endpoint: { address: address(port) } })) }],
  });

/** Allows this method only. */
export const authorization = (name: string, method: string): EnvoyResource =>
  encodeResource("extension", name, {
    name,
    typedConfig: packed(RBACSchema, {
      rules: {
        action: "ALLOW",
        policies: {
          one: {
            permissions: [{ header: { name: ":method", stringMatch: { exact: method } } }],
            principals: [{ any: true }],
          },
        },
      },
    }),
  });

/** A port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const port = (server.address() as { readonly port: number }).port;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface EnvoyOptions {
  readonly xdsPort: number;
  readonly node: string;
  readonly credentials: Pair;
  readonly ca: string;
  readonly serverIdentity: string;
}

export class EnvoyProcess {
  readonly #process: ChildProcess;
  readonly #directory: string;
  log = "";

  private constructor(process: ChildProcess, directory: string) {
    this.#process = process;
    this.#directory = directory;
    process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.log += text;
    });
  }

  static async start(options: EnvoyOptions): Promise<EnvoyProcess> {
    const directory = await mkdtemp(join(tmpdir(), "heddle-xds-"));
    const file = async (name: string, content: string): Promise<string> => {
      await writeFile(join(directory, name), content);
      return join(directory, name);
    };
    const bootstrap = {
      node: { id: options.node, cluster: "test" },
      admin: { address: { pipe: { path: join(directory, "admin") } } },
      dynamic_resources: {
        ads_config: {
          api_type: "DELTA_GRPC",
          transport_api_version: "V3",
          set_node_on_first_message_only: true,
          grpc_services: [
            {
              envoy_grpc: {
                cluster_name: "xds",
                retry_policy: { retry_back_off: { base_interval: "0.05s", max_interval: "0.2s" } },
              },
            },
          ],
        },
        cds_config: { ads: {}, initial_fetch_timeout: "0s", resource_api_version: "V3" },
        lds_config: { ads: {}, initial_fetch_timeout: "0s", resource_api_version: "V3" },
      },
      static_resources: {
        clusters: [
          {
            name: "xds",
            type: "STATIC",
            connect_timeout: "1s",
            load_assignment: {
              cluster_name: "xds",
              endpoints: [
                {
                  lb_endpoints: [
                    {
                      endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: options.xdsPort } } },
                    },
                  ],
                },
              ],
            },
            typed_extension_protocol_options: {
              "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                explicit_http_config: { http2_protocol_options: {} },
              },
            },
            transport_socket: {
              name: "tls",
              typed_config: {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                common_tls_context: {
                  alpn_protocols: ["h2"],
                  tls_certificates: [
                    {
                      certificate_chain: { filename: await file("tls.crt", options.credentials.cert) },
                      private_key: { filename: await file("tls.key", options.credentials.key) },
                    },
                  ],
                  validation_context: {
                    trusted_ca: { filename: await file("ca.crt", options.ca) },
                    match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: options.serverIdentity } }],
                  },
                },
              },
            },
          },
        ],
      },
    };
    const path = await file("bootstrap.json", JSON.stringify(bootstrap));
    const program = await envoyBinary();
    const own = ["--concurrency", "2", "-l", "warning", "--disable-hot-restart", "--drain-time-s", "2"];
    return new EnvoyProcess(spawn(program, ["-c", path, ...own], { stdio: ["ignore", "ignore", "pipe"] }), directory);
  }

  async stop(): Promise<void> {
    const ended = this.#process.exitCode === null ? once(this.#process, "close") : undefined;
    this.#process.kill("SIGKILL");
    await ended;
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** A statistic of the admin interface; undefined when there is none. */
  async statistic(name: string): Promise<number | undefined> {
    const body = await this.#admin(`/stats?filter=^${name}$`);
    const value = body?.split(": ")[1];
    return value === undefined ? undefined : Number(value);
  }

  #admin(path: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      const call = request({ socketPath: join(this.#directory, "admin"), path }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => {
          body += text;
        });
        response.on("end", () => resolve(body));
      });
      call.on("error", () => resolve(undefined));
      call.end();
    });
  }
}
