import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** What the operator counts about itself. Names follow Prometheus' conventions; no label takes a user's text. */
export interface Metrics {
  /** Seconds of one compile pass. */
  readonly compileSeconds: Histogram;
  /** Writes to the API server by kind and outcome. */
  readonly writes: Counter<"kind" | "outcome">;
  /** Sidecars with an open stream. */
  readonly streams: Gauge;
  /** Configurations that a proxy refused. */
  readonly refusals: Counter;
  /** Admission reviews by outcome. */
  readonly reviews: Counter<"outcome">;
  /** Seconds of one admission review. */
  readonly reviewSeconds: Histogram;
  /** Whether this replica leads: 1 or 0. */
  readonly leader: Gauge;
  /** All of it in the Prometheus text format. */
  text(): Promise<string>;
}

/** Metrics in a registry of their own. */
export function createMetrics(): Metrics {
  const registers = [new Registry()];
  const fast = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
  return {
    compileSeconds: new Histogram({
      name: "heddle_compile_duration_seconds",
      help: "Time of one compile pass.",
      buckets: fast,
      registers,
    }),
    writes: new Counter({
      name: "heddle_api_writes_total",
      help: "Writes to the API server.",
      labelNames: ["kind", "outcome"],
      registers,
    }),
    streams: new Gauge({ name: "heddle_xds_streams", help: "Sidecars with an open stream.", registers }),
    refusals: new Counter({
      name: "heddle_xds_refusals_total",
      help: "Configurations that a proxy refused.",
      registers,
    }),
    reviews: new Counter({
      name: "heddle_admission_reviews_total",
      help: "Admission reviews.",
      labelNames: ["outcome"],
      registers,
    }),
    reviewSeconds: new Histogram({
      name: "heddle_admission_duration_seconds",
      help: "Time of one admission review.",
      buckets: fast,
      registers,
    }),
    leader: new Gauge({ name: "heddle_leader", help: "Whether this replica leads.", registers }),
    text: async () => (await Promise.all(registers.map((registry) => registry.metrics()))).join("\n"),
  };
}
