import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type MetricDefinition, metricTable } from "./metric-table.ts";

type Table = typeof metricTable;
type Labels<Definition extends MetricDefinition> = Definition["labels"][number];
type Metric<Definition extends MetricDefinition> = Definition["type"] extends "counter"
  ? Counter<Labels<Definition>>
  : Definition["type"] extends "gauge"
    ? Gauge<Labels<Definition>>
    : Histogram<Labels<Definition>>;

/** The metrics of {@link metricTable}. */
export type Metrics = { readonly [Key in keyof Table]: Metric<Table[Key]> } & {
  /** Called before each scrape, to set what is not counted as it happens. */
  readonly beforeScrape: (update: () => void) => void;
  /** All of it in the Prometheus text format. */
  readonly text: () => Promise<string>;
};

/** Metrics in a registry of their own. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const updates: (() => void)[] = [];
  const entries = Object.entries(metricTable).map(([key, definition]) => [key, create(definition, registry)]);
  return {
    // Made from the table, key by key and type by type.
    ...(Object.fromEntries(entries) as { readonly [Key in keyof Table]: Metric<Table[Key]> }),
    beforeScrape: (update) => void updates.push(update),
    text: async () => {
      for (const update of updates) update();
      return registry.metrics();
    },
  };
}

function create({ type, name, help, labels, buckets }: MetricDefinition, registry: Registry) {
  const common = { name, help, labelNames: [...labels], registers: [registry] };
  switch (type) {
    case "counter":
      return new Counter(common);
    case "gauge":
      return new Gauge(common);
    case "histogram":
      return new Histogram({ ...common, ...(buckets === undefined ? {} : { buckets: [...buckets] }) });
  }
}
