import { metricTable } from "../../src/ops/metric-table.ts";
import { options, variableOf } from "../../src/ops/options.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|");

/** docs/reference/settings.md, from the table of options. */
export function settingsPage(): string {
  const rows = options.map((option) => {
    const fallback = option.fallback === "" ? "" : `\`${option.fallback}\``;
    return `| \`${option.name}\` | \`${variableOf(option)}\` | ${fallback} | ${cell(option.help)} |`;
  });
  return [
    "<!-- Generated from src/ops/options.ts. Do not edit: `make generate`. -->",
    "# Settings of the operator",
    "Each is a flag (`--log-level debug`), an environment variable, and a key of the YAML file that `--config` or",
    "`HEDDLE_CONFIG` names. A flag wins over the environment, the environment over the file, the file over the default. A key",
    "that is unknown, or a value that cannot be, ends the operator at its start with a message that names it and where it is",
    "from. The settings in effect are the first line of the log.",
    "",
    "```yaml",
    "log-level: debug",
    "access-log: all",
    "```",
    "",
    "| setting | environment | default | meaning |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

/** docs/reference/metrics.md, from the table of metrics. */
export function metricsPage(): string {
  const rows = Object.values(metricTable).map((metric) => {
    const values = "values" in metric ? ` (${metric.values})` : "";
    const labels = metric.labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${metric.name}\` | ${metric.type} | ${cell(labels + values)} | ${cell(metric.help)} |`;
  });
  return [
    "<!-- Generated from src/ops/metric-table.ts. Do not edit: `make generate`. -->",
    "# Metrics of the operator",
    "At `/metrics` of the health port, in the Prometheus text format. Those of sidecars are in",
    "[observe](../tasks/observe.md).",
    "",
    "| metric | type | labels | meaning |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
