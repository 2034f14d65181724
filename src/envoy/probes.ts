/**
 * What the sidecar does for the kubelet, which is outside of the mesh: each probe and handler of the application has a path
 * on the status port (webhook/probes.ts leads the kubelet there).
 *
 *   HTTP, HTTPS   a GET of exactly that path becomes a GET of the application's
 *   TCP           a connection to the application's port is opened, and closed once it stands
 *   gRPC          the sidecar asks by itself, each period; the path tells the last answer
 *
 * The application is dialed at the address that the kubelet dialed, never at loopback, from the inbound side's source. Of
 * its answer the status is passed on, and neither a header nor a byte of the body: no policy judges these requests. Since
 * anybody may send them, each has an end, and so many are under way at once.
 */
import type { ApplicationProbe } from "../model/probe.ts";
import { isLifecycleHandler, probePath } from "../model/probe.ts";
import { ports } from "../model/sidecar.ts";
import type { AddressFamilies } from "./address.ts";
import { socketAddress } from "./address.ts";
import { httpProtocolOptions, inboundBindConfig } from "./cluster.ts";
import { encodeResource } from "./encode.ts";
import { packed } from "./extension.ts";
import type { CircuitBreakersJson } from "./generated/envoy/config/cluster/v3/circuit_breaker_pb.js";
import type { ClusterJson } from "./generated/envoy/config/cluster/v3/cluster_pb.js";
import type { RouteJson, RouteMatchJson } from "./generated/envoy/config/route/v3/route_components_pb.js";
import { BufferSchema } from "./generated/envoy/extensions/filters/http/buffer/v3/buffer_pb.js";
import { CustomResponseSchema } from "./generated/envoy/extensions/filters/http/custom_response/v3/custom_response_pb.js";
import { HealthCheckSchema } from "./generated/envoy/extensions/filters/http/health_check/v3/health_check_pb.js";
import { RBACSchema } from "./generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import type { HttpFilterJson } from "./generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import {
  type LocalResponsePolicyJson,
  LocalResponsePolicySchema,
} from "./generated/envoy/extensions/http/custom_response/local_response_policy/v3/local_response_policy_pb.js";
import { UpstreamTlsContextSchema } from "./generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { TcpConnectionPoolProtoSchema } from "./generated/envoy/extensions/upstreams/http/tcp/v3/tcp_connection_pool_pb.js";
import { HttpResponseLocalReplyMatchInputSchema } from "./generated/envoy/type/matcher/v3/status_code_input_pb.js";
import type { Matcher_OnMatchJson } from "./generated/xds/type/matcher/v3/matcher_pb.js";
import { http2Windows } from "./http.ts";
import type { EnvoyResource } from "./resource.ts";

type ForwardedProbe = Exclude<ApplicationProbe, { type: "GRPC" }>;
type CheckedProbe = Extract<ApplicationProbe, { type: "GRPC" }>;

/** How long the application may take to answer a probe of which it is not known how long the kubelet waits. */
const longestProbe = "60s";

/** How long it may take over a lifecycle handler: only the kubelet knows when the pod's time is over. */
const longestHandler = "3600s";

/**
 * How many requests for one handler may be with the application, and as many again may wait for that. The kubelet needs one.
 * Whoever wants to take its place must have all of them open at a time, so that they are many, and still few for a server.
 */
const underWay = 1024;
const circuitBreakers: CircuitBreakersJson = {
  thresholds: [{ maxConnections: underWay, maxPendingRequests: underWay, maxRequests: underWay }],
};

const isChecked = (probe: ApplicationProbe): probe is CheckedProbe => probe.type === "GRPC";
const isForwarded = (probe: ApplicationProbe): probe is ForwardedProbe => probe.type !== "GRPC";

/** One for each handler: who keeps one busy takes nothing from the others. */
const forwardCluster = ({ type, container, kind }: ForwardedProbe): string => `probe/${type}/${container}/${kind}`;
const checkCluster = ({ container, kind }: CheckedProbe): string => `probe/GRPC/${container}/${kind}`;

/** The clusters of probes that are passed on: the same for all pods of a class. */
export function forwardClusters(
  probes: readonly ApplicationProbe[],
  families: AddressFamilies,
): readonly EnvoyResource[] {
  return probes.filter(isForwarded).map((probe) => {
    const name = forwardCluster(probe);
    return encodeResource("cluster", name, {
      name,
      type: "ORIGINAL_DST",
      lbPolicy: "CLUSTER_PROVIDED",
      originalDstLbConfig: { upstreamPortOverride: probe.port },
      // The route's timeout is the one that counts.
      connectTimeout: timeoutOf(probe),
      circuitBreakers,
      upstreamBindConfig: inboundBindConfig(families),
      ...transport(probe.type),
    });
  });
}

function transport(type: ForwardedProbe["type"]): Partial<ClusterJson> {
  switch (type) {
    case "HTTP":
      // Each probe on a connection of its own, as the kubelet's: an idle one may be closed by the server just then.
      return httpProtocolOptions({
        commonHttpProtocolOptions: { maxRequestsPerConnection: 1 },
        explicitHttpConfig: { httpProtocolOptions: {} },
      });
    case "HTTPS":
      return {
        ...httpProtocolOptions({
          commonHttpProtocolOptions: { maxRequestsPerConnection: 1 },
          autoConfig: { httpProtocolOptions: {}, http2ProtocolOptions: http2Windows },
        }),
        transportSocket: {
          name: "envoy.transport_sockets.tls",
          typedConfig: packed(UpstreamTlsContextSchema, { commonTlsContext: {} }),
        },
      };
    case "TCP":
      return {
        upstreamConfig: {
          name: "envoy.filters.connection_pools.tcp.generic",
          typedConfig: packed(TcpConnectionPoolProtoSchema, {}),
        },
      };
  }
}

/** The clusters of probes that the sidecar makes by itself: of one pod, since they need its address. */
export function checkClusters(probes: readonly ApplicationProbe[], address: string): readonly EnvoyResource[] {
  const isIPv6 = address.includes(":");
  return probes.filter(isChecked).map((probe) => {
    const name = checkCluster(probe);
    const { port, service, periodSeconds, timeoutSeconds } = probe;
    const period = `${periodSeconds}s`;
    return encodeResource("cluster", name, {
      name,
      type: "STATIC",
      loadAssignment: {
        clusterName: name,
        endpoints: [{ lbEndpoints: [{ endpoint: { address: socketAddress(address, port) } }] }],
      },
      connectTimeout: "60s",
      upstreamBindConfig: inboundBindConfig({ ipv4: !isIPv6, ipv6: isIPv6 }),
      ...httpProtocolOptions({ explicitHttpConfig: { http2ProtocolOptions: http2Windows } }),
      // An application that is not up yet must not keep the sidecar from starting, which it waits for.
      waitForWarmOnInit: false,
      healthChecks: [
        {
          grpcHealthCheck: { serviceName: service, authority: `${isIPv6 ? `[${address}]` : address}:${port}` },
          timeout: `${timeoutSeconds}s`,
          interval: period,
          // Nothing else ever uses this cluster, and the default for such is a minute.
          noTrafficInterval: period,
          noTrafficHealthyInterval: period,
          // Counting is the kubelet's.
          unhealthyThreshold: 1,
          healthyThreshold: 1,
          reuseConnection: false,
        },
      ],
    });
  });
}

const dropName = "envoy.filters.http.custom_response";

/**
 * A body would go on to the application; to one that is probed by TCP, as it is. Whoever says its length is refused. One
 * in chunks is put together first, if it is of a byte, and then has a length too; a longer one is refused at once.
 */
const refuseBodies: readonly HttpFilterJson[] = [
  { name: "envoy.filters.http.buffer", typedConfig: packed(BufferSchema, { maxRequestBytes: 1 }) },
  {
    name: "envoy.filters.http.rbac/bodies",
    typedConfig: packed(RBACSchema, {
      rules: {
        action: "DENY",
        policies: {
          bodies: {
            permissions: [{ header: { name: "content-length", presentMatch: true } }],
            principals: [{ any: true }],
          },
        },
      },
    }),
  },
];

const answer = (policy: LocalResponsePolicyJson): Matcher_OnMatchJson => ({
  action: { name: "status", typedConfig: packed(LocalResponsePolicySchema, policy) },
});

/** Answers a probe with the application's status and nothing else, and ends the application's answer there. */
const dropContent = packed(CustomResponseSchema, { customResponseMatcher: { onNoMatch: answer({}) } });

/**
 * The same for a lifecycle handler. To the kubelet it succeeds by any answer, whatever its status, and fails by none, as when
 * nobody listens yet. So where the application gives none, the kubelet must not be given one either: a redirect to what is no
 * URL is the answer that its HTTP client takes for an error, and what it says is in the kubelet's log.
 */
const dropContentOrFail = packed(CustomResponseSchema, {
  customResponseMatcher: {
    matcherList: {
      matchers: [
        {
          predicate: {
            singlePredicate: {
              input: { name: "is-local", typedConfig: packed(HttpResponseLocalReplyMatchInputSchema, {}) },
              valueMatch: { exact: "true" },
            },
          },
          onMatch: answer({
            statusCode: 302,
            responseHeadersToAdd: [
              { header: { key: "location", value: ":the application gave no answer (%RESPONSE_FLAGS%)" } },
            ],
          }),
        },
      ],
    },
    onNoMatch: answer({}),
  },
});

/** The filters that probes need; none without probes. */
export function probeFilters(probes: readonly ApplicationProbe[]): HttpFilterJson[] {
  if (probes.length === 0) return [];
  return [
    ...refuseBodies,
    // It does something on the routes that say so.
    { name: dropName, typedConfig: packed(CustomResponseSchema, {}) },
    ...probes.filter(isChecked).map((probe): HttpFilterJson => {
      return {
        name: `envoy.filters.http.health_check/${probe.container}/${probe.kind}`,
        typedConfig: packed(HealthCheckSchema, {
          passThroughMode: false,
          headers: exactly(probe),
          clusterMinHealthyPercentages: { [checkCluster(probe)]: { value: 100 } },
        }),
      };
    }),
  ];
}

/** A GET of the probe's path without a query: nobody else's words reach the application but headers. */
function exactly({ container, kind }: ApplicationProbe): NonNullable<RouteMatchJson["headers"]> {
  return [
    { name: ":path", stringMatch: { exact: probePath(container, kind) } },
    { name: ":method", stringMatch: { exact: "GET" } },
  ];
}

/** The routes of probes that are passed on. */
export function probeRoutes(probes: readonly ApplicationProbe[]): RouteJson[] {
  return probes.filter(isForwarded).flatMap(routesOf);
}

function timeoutOf(probe: ForwardedProbe): string {
  if (isLifecycleHandler(probe.kind)) return longestHandler;
  return probe.timeoutSeconds === undefined ? longestProbe : `${probe.timeoutSeconds}s`;
}

function routesOf(probe: ForwardedProbe): readonly RouteJson[] {
  const timeout = timeoutOf(probe);
  const route = (authority: string, hostRewrite?: string): RouteJson => ({
    match: {
      path: probePath(probe.container, probe.kind),
      headers: [
        ...exactly(probe),
        ...(authority === "" ? [] : [{ name: ":authority", stringMatch: { safeRegex: { regex: authority } } }]),
      ],
    },
    route: {
      cluster: forwardCluster(probe),
      timeout,
      // In the place of the listener's, which would end a long one.
      idleTimeout: timeout,
      ...("path" in probe ? { prefixRewrite: probe.path } : {}),
      ...(hostRewrite === undefined ? {} : { hostRewrite }),
    },
    requestHeadersToRemove: ["x-request-id", "x-forwarded-proto"],
    typedPerFilterConfig: { [dropName]: isLifecycleHandler(probe.kind) ? dropContentOrFail : dropContent },
  });
  if (probe.type === "TCP") return [route("")];
  // Unless a probe says otherwise the kubelet's Host is the address that it dials, with the port, which is ours.
  const local = "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%";
  return [
    route(`\\[.*\\]:${ports.status}`, `[${local}]:${probe.port}`),
    route(`[0-9.]+:${ports.status}`, `${local}:${probe.port}`),
    route(""),
  ];
}
