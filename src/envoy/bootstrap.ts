/** What a sidecar starts from: the same for every pod of the mesh, who it is comes from its command line. */
import { paths, ports, secretNames } from "../model/sidecar.ts";
import type { MeshSettings } from "../model/snapshot.ts";
import { spiffeId } from "../model/workload.ts";
import { socketAddress } from "./address.ts";
import { httpProtocolOptions } from "./cluster.ts";
import { envoyConfig } from "./encode.ts";
import { packed, typeUrlOf } from "./extension.ts";
import type { BootstrapJson } from "./generated/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { BootstrapSchema } from "./generated/envoy/config/bootstrap/v3/bootstrap_pb.js";
import type { ClusterJson } from "./generated/envoy/config/cluster/v3/cluster_pb.js";
import type { SecretJson } from "./generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { SecretSchema } from "./generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { DiscoveryResponseSchema } from "./generated/envoy/service/discovery/v3/discovery_pb.js";
import { TypedStructSchema } from "./generated/xds/type/v3/typed_struct_pb.js";
import { clusterNames } from "./names.ts";
import type { EnvoyConfig } from "./resource.ts";
import { adsSource } from "./source.ts";
import { statistics } from "./statistics.ts";
import { tcpKeepalive } from "./tcp.ts";
import { clientSocket } from "./tls.ts";

/** Above it new connections are refused rather than the pod's memory used up (Envoy's edge best practices). */
const maxConnections = 50_000;

/**
 * Envoy refuses regular expressions whose program has more than 100 instructions, which a path of two alternatives may
 * have. They are RE2, so the time that they take is bounded anyway; this bounds the memory. Whatever the API server and the
 * compile accept stays below (`reconcilers/regular-expression.ts`).
 */
export const runtimeSettings = { "re2.max_program_size.error_level": 65_536 };

/** The files of the configuration volume: the keys of the ConfigMap that has them are the file names in `paths`. */
export interface BootstrapFiles {
  readonly bootstrap: EnvoyConfig;
  /** An SDS file with the sidecar's certificate. */
  readonly certificate: EnvoyConfig;
  /** An SDS file with the trust bundle. */
  readonly trust: EnvoyConfig;
}

/** Makes the files that a sidecar starts from. */
export function bootstrapFiles(settings: MeshSettings): BootstrapFiles {
  const watchedDirectory = { path: paths.identity };
  return {
    bootstrap: envoyConfig(BootstrapSchema, bootstrap(settings)),
    certificate: secretFile({
      name: secretNames.certificate,
      tlsCertificate: {
        certificateChain: { filename: `${paths.identity}/tls.crt` },
        privateKey: { filename: `${paths.identity}/tls.key` },
        watchedDirectory,
      },
    }),
    trust: secretFile({
      name: secretNames.trust,
      validationContext: { trustedCa: { filename: `${paths.identity}/ca.crt` }, watchedDirectory },
    }),
  };
}

function secretFile(secret: SecretJson): EnvoyConfig {
  return envoyConfig(DiscoveryResponseSchema, {
    typeUrl: typeUrlOf(SecretSchema),
    resources: [packed(SecretSchema, secret) as { [key: string]: string }],
  });
}

function bootstrap(settings: MeshSettings): BootstrapJson {
  return {
    admin: { address: socketAddress("127.0.0.1", ports.admin), ignoreGlobalConnLimit: true },
    dynamicResources: {
      adsConfig: {
        apiType: "DELTA_GRPC",
        transportApiVersion: "V3",
        setNodeOnFirstMessageOnly: true,
        grpcServices: [
          {
            envoyGrpc: {
              clusterName: clusterNames.xds,
              skipEnvoyHeaders: true,
              // A lost stream is opened again within five seconds (Envoy's own limit is 30).
              retryPolicy: { retryBackOff: { baseInterval: "0.5s", maxInterval: "5s" } },
            },
          },
        ],
      },
      cdsConfig: adsSource,
      ldsConfig: adsSource,
    },
    staticResources: { clusters: [xdsCluster(settings), adminCluster] },
    statsConfig: statistics,
    // A cluster without traffic has no traffic statistics yet.
    deferredStatOptions: { enableDeferredCreationStats: true },
    layeredRuntime: { layers: [{ name: "heddle", staticLayer: runtimeSettings }] },
    overloadManager: {
      resourceMonitors: [
        {
          name: "envoy.resource_monitors.global_downstream_max_connections",
          typedConfig: packed(TypedStructSchema, {
            typeUrl:
              "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            value: { max_active_downstream_connections: maxConnections },
          }),
        },
      ],
    },
  };
}

/** The operator: mutual TLS, and no other identity than its own. */
function xdsCluster(settings: MeshSettings): ClusterJson {
  const { host, port } = settings.xdsAddress;
  const operator = spiffeId(settings.trustDomain, settings.rootNamespace, settings.operatorServiceAccount);
  return {
    name: clusterNames.xds,
    type: "STRICT_DNS",
    dnsLookupFamily: "ALL",
    connectTimeout: "5s",
    upstreamConnectionOptions: { tcpKeepalive },
    loadAssignment: {
      clusterName: clusterNames.xds,
      endpoints: [{ lbEndpoints: [{ endpoint: { address: socketAddress(host, port) } }] }],
    },
    // A stream to an operator that is gone without a word is noticed within 40 seconds.
    ...httpProtocolOptions({
      explicitHttpConfig: { http2ProtocolOptions: { connectionKeepalive: { interval: "30s", timeout: "10s" } } },
    }),
    transportSocket: clientSocket([operator], "h2"),
  };
}

const adminCluster: ClusterJson = {
  name: clusterNames.admin,
  type: "STATIC",
  connectTimeout: "1s",
  loadAssignment: {
    clusterName: clusterNames.admin,
    endpoints: [{ lbEndpoints: [{ endpoint: { address: socketAddress("127.0.0.1", ports.admin) } }] }],
  },
};
