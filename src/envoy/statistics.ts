/**
 * Statistics of a sidecar: a bounded set of series that name who called whom. A workload is named as identities name it:
 * namespace and ServiceAccount.
 *
 *   inbound    by verified caller: the counters and histograms of `inboundStatistics`
 *   outbound   by Service: Envoy's own statistics of the cluster, which exist once it was called
 *   all        by the sidecar's own workload: two tags that its command line adds
 */
import type { WorkloadClass } from "../model/mesh.ts";
import { packed } from "./extension.ts";
import type { AccessLogJson } from "./generated/envoy/config/accesslog/v3/accesslog_pb.js";
import type { StatsConfigJson, TagSpecifierJson } from "./generated/envoy/config/metrics/v3/stats_pb.js";
import { ConfigSchema } from "./generated/envoy/extensions/access_loggers/stats/v3/stats_pb.js";
import type { StringMatcherJson } from "./generated/envoy/type/matcher/v3/string_pb.js";

/** Envoy counts no more than these in a sidecar; callers beyond are not counted, and the rest goes on. */
const maxSeries = { counters: 2000, histograms: 200 };

/** Milliseconds. Envoy's own nineteen reach from half a millisecond to an hour, for every service. */
const buckets = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000];

const source = { name: "source_principal", valueFormat: "%DOWNSTREAM_PEER_URI_SAN%" };
const code = { name: "response_code", valueFormat: "%RESPONSE_CODE%" };

/** The workload that a sidecar belongs to. Neither name can contain a `%`, which a format would read as a command. */
type OwnWorkload = Pick<WorkloadClass, "namespace" | "serviceAccount">;

/** Counts what comes in, by the caller's verified identity (`-` for plaintext). All listeners share the same series. */
export function inboundStatistics(layer: "http" | "tcp", workload: OwnWorkload): AccessLogJson {
  // These series take no tags but those that are given here.
  const own = [
    { name: "workload_namespace", valueFormat: workload.namespace },
    { name: "workload", valueFormat: workload.serviceAccount },
  ];
  const counters =
    layer === "http"
      ? [{ stat: { name: "requests_total", tags: [source, code, ...own] }, valueFixed: "1" }]
      : [
          { stat: { name: "tcp_connections_total", tags: [source, ...own] }, valueFixed: "1" },
          { stat: { name: "tcp_received_bytes_total", tags: [source, ...own] }, valueFormat: "%BYTES_RECEIVED%" },
          { stat: { name: "tcp_sent_bytes_total", tags: [source, ...own] }, valueFormat: "%BYTES_SENT%" },
        ];
  const duration = {
    stat: { name: "request_duration_milliseconds", tags: [source, ...own] },
    valueFormat: "%DURATION%",
  };
  return {
    name: "envoy.access_loggers.stats",
    typedConfig: packed(ConfigSchema, {
      statsScope: {
        prefix: "heddle",
        sharingName: "heddle",
        maxCounters: maxSeries.counters,
        maxHistograms: maxSeries.histograms,
      },
      counters,
      ...(layer === "http" ? { histograms: [{ ...duration, unit: "Milliseconds" }] } : {}),
    }),
  };
}

/** What a sidecar keeps of Envoy's statistics. Everything else is not even made. */
const kept: readonly StringMatcherJson[] = [
  // Ours, and those of the authorization of TCP connections; dry runs.
  { prefix: "heddle." },
  { prefix: "http.inbound.rbac." },
  { prefix: "dry-run/" },
  // The calls of the application, by Service. Only of those that it calls: Envoy makes them with the first call.
  {
    safeRegex: {
      regex: `cluster\\.((outbound|mirror)/[^.]*|pass-through|unavailable-[^.]*)\\.(${[
        "upstream_rq_([1-5]xx|time|retry|active|pending_overflow)",
        "upstream_cx_(total|active|connect_fail|none_healthy|rx_bytes_total|tx_bytes_total)",
      ].join("|")})`,
    },
  },
  // From these Envoy itself reads whether the check of a gRPC probe holds: without them it never does.
  { safeRegex: { regex: "cluster\\.probe/GRPC/[^.]*\\.membership_(healthy|total)" } },
  // The proxy itself.
  { safeRegex: { regex: "http\\.(inbound|outbound)\\.downstream_(rq_[1-5]xx|rq_active|cx_active)" } },
  {
    safeRegex: {
      regex: "listener\\..*\\.(no_filter_chain_match|downstream_cx_active|ssl\\.(connection_error|fail_verify_.*))",
    },
  },
  { safeRegex: { regex: "cluster\\.xds\\.upstream_cx_(active|connect_fail)" } },
  { prefix: "control_plane." },
  { exact: "listener_manager.lds.update_rejected" },
  { exact: "cluster_manager.cds.update_rejected" },
  { prefix: "server." },
  { exact: "listener_manager.total_listeners_active" },
  { exact: "listener_manager.total_filter_chains_draining" },
  { exact: "cluster_manager.active_clusters" },
];

/** The part of a cluster's name that is behind so many slashes becomes a tag. */
const tagOfService = (tagName: string, slashes: number): TagSpecifierJson => ({
  tagName,
  regex: `^cluster\\.(?:outbound|mirror)(?:/[^/]+){${slashes - 1}}(/([^/.]+))`,
});

/** Statistics in the bootstrap. */
export const statistics: StatsConfigJson = {
  statsMatcher: { inclusionList: { patterns: [...kept] } },
  statsTags: [
    tagOfService("destination_namespace", 1),
    tagOfService("destination_service", 2),
    tagOfService("destination_port", 3),
  ],
  histogramBucketSettings: [{ match: { safeRegex: { regex: ".*" } }, buckets }],
};
