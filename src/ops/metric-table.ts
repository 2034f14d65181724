/**
 * What the operator counts about itself: the one table, from which the metrics, their types and docs/reference/metrics.md
 * are made. Names follow Prometheus' conventions. A label takes one of a fixed few words, or of a bounded number of names of
 * namespaces; never another text of a user's.
 */

/** Seconds: from half a millisecond, which most take, to where something is wrong. */
const fast = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const slow = [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300];

/** One metric. */
export interface MetricDefinition {
  readonly type: "counter" | "gauge" | "histogram";
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Values of the labels, for readers. */
  readonly values?: string;
  readonly buckets?: readonly number[];
}

/** By the name that the code uses. */
export const metricTable = {
  buildInfo: {
    type: "gauge",
    name: "heddle_build_info",
    help: "Always 1; the labels say what runs.",
    labels: ["version", "node_version"],
  },
  leader: { type: "gauge", name: "heddle_leader", help: "Whether this replica leads: 1 or 0.", labels: [] },
  compileSeconds: {
    type: "histogram",
    name: "heddle_compile_duration_seconds",
    help: "Time of one compile pass.",
    labels: [],
    buckets: fast,
  },
  queueDepth: {
    type: "gauge",
    name: "heddle_queue_depth",
    help: "Objects that wait to be written, are being written, or wait for another try.",
    labels: ["queue"],
    values: "queue: configmaps, identities, statuses, webhook",
  },
  queueWaitSeconds: {
    type: "histogram",
    name: "heddle_queue_wait_seconds",
    help: "Time from when an object was queued to when its turn came, without the time between tries.",
    labels: ["queue"],
    values: "queue: as above",
    buckets: slow,
  },
  queueRetries: {
    type: "counter",
    name: "heddle_queue_retries_total",
    help: "Tries that failed, or found that the object had changed meanwhile, and are made again.",
    labels: ["queue"],
    values: "queue: as above",
  },
  writes: {
    type: "counter",
    name: "heddle_api_writes_total",
    help: "Writes to the API server.",
    labels: ["kind", "outcome"],
    values: "kind: the kinds that Heddle writes; outcome: success, or the class of the error",
  },
  watchRestarts: {
    type: "counter",
    name: "heddle_watch_restarts_total",
    help: "Watches that were interrupted and are tried again.",
    labels: ["kind"],
    values: "kind: the kinds that Heddle watches",
  },
  streams: {
    type: "gauge",
    name: "heddle_xds_streams",
    help: "Sidecars with an authorised, open stream to this replica.",
    labels: [],
  },
  unreachableReplicas: {
    type: "gauge",
    name: "heddle_replicas_unreachable",
    help: "Other replicas of the operator that do not tell this one of their sidecars. Those count as disconnected meanwhile.",
    labels: [],
  },
  responses: {
    type: "counter",
    name: "heddle_xds_responses_total",
    help: "Responses sent to sidecars.",
    labels: ["type"],
    values: "type: cluster, endpoint, listener, route, extension",
  },
  refusals: {
    type: "counter",
    name: "heddle_xds_refusals_total",
    help: "Responses that a sidecar refused (NACK).",
    labels: ["type"],
    values: "type: as above",
  },
  endedStreams: {
    type: "counter",
    name: "heddle_xds_streams_ended_total",
    help: "Streams that were not admitted, or ended by the operator.",
    labels: ["reason"],
    values:
      "reason: address, closing, expired, full, gone, identity, protocol, replaced, silent, tls, unknown, version",
  },
  reviews: {
    type: "counter",
    name: "heddle_admission_reviews_total",
    help: "Admission reviews.",
    labels: ["outcome"],
    values: "outcome: patched, unchanged, denied, invalid, failed",
  },
  reviewSeconds: {
    type: "histogram",
    name: "heddle_admission_duration_seconds",
    help: "Time of one admission review, from its last byte to the answer.",
    labels: ["outcome"],
    values: "outcome: as above",
    buckets: fast,
  },
  podsWithoutSidecar: {
    type: "gauge",
    name: "heddle_pods_without_sidecar",
    help: "Pods that should have a sidecar and have none. Every replica counts all of them.",
    // Prometheus itself calls the namespace of what it scrapes `namespace`.
    labels: ["workload_namespace"],
    values: "workload_namespace: the 100 with the most such pods; the others together with an empty name",
  },
  certificateExpiration: {
    type: "gauge",
    name: "heddle_certificate_expiration_timestamp_seconds",
    help: "When a certificate expires, in seconds since the epoch.",
    labels: ["certificate"],
    values: "certificate: root, operator, webhook, leaf (the workload's certificate that expires first)",
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;
