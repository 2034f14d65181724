/** Alerts and dashboards ask for series that there are. */
import { beforeAll, describe, expect, test } from "vitest";
import { inboundStatistics, statistics } from "../../src/envoy/statistics.ts";
import { type MetricDefinition, metricTable } from "../../src/ops/metric-table.ts";
import { render, valueSets } from "../support/chart.ts";
import { objectsOf } from "../support/manifests.ts";

interface Panel {
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string }[];
}

interface Board {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { query: string } }[];
  };
}

let boards: readonly Board[];
/** By where each is. */
let expressions: ReadonlyMap<string, string>;

beforeAll(async () => {
  const objects = objectsOf(await render(valueSets["everything"]));
  const maps = objects.filter(
    ({ kind, metadata }) => kind === "ConfigMap" && metadata.labels["grafana_dashboard"] === "1",
  );
  boards = maps.flatMap(({ data }) => Object.values<string>(data).map((text): Board => JSON.parse(text)));
  const rules = objects.filter(({ kind }) => kind === "PrometheusRule").flatMap(({ spec }) => spec.groups[0].rules);
  const panels = boards.flatMap(({ uid, panels }) =>
    panels.flatMap(({ title, targets }) =>
      targets.map(({ expr }, index) => [`${uid}: ${title}, ${index}`, expr] as const),
    ),
  );
  const variables = boards.flatMap(({ uid, templating }) =>
    templating.list.map(
      ({ name, query }) => [`${uid}: $${name}`, typeof query === "string" ? query : query.query] as const,
    ),
  );
  expressions = new Map([...rules.map(({ alert, expr }) => [alert, expr] as const), ...panels, ...variables]);
});

/** Names of series in an expression, not of labels, without what a histogram adds. */
const seriesOf = (expression: string): readonly string[] =>
  [...expression.matchAll(/\b(?:heddle|envoy)_[a-z_]+[a-z](?![a-z_]|=~?"|!)/g)].map(([name]) =>
    name.replace(/_bucket$/, ""),
  );

/** Labels of our own series that an expression names. */
const labelsOf = (expression: string): readonly string[] => [
  ...[...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = ""]) => list.split(/,\s*/)),
  ...[...expression.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, name = ""]) => name),
];

test("there are two dashboards, and alerts", () => {
  expect(boards.map(({ uid }) => uid).toSorted()).toEqual(["heddle-operator", "heddle-workloads"]);
  expect(expressions.size).toBeGreaterThan(40);
});

test("the operator's series are in the table of metrics, with these labels", () => {
  const table = new Map<string, MetricDefinition>(Object.values(metricTable).map((metric) => [metric.name, metric]));
  for (const [where, expression] of expressions) {
    const own = seriesOf(expression).filter((name) => name.startsWith("heddle_"));
    for (const name of own) {
      const metric = table.get(name);
      expect(metric, `${where}: ${name}`).toBeDefined();
      expect(expression.includes(`${name}_bucket`), where).toBe(metric?.type === "histogram");
      // Prometheus adds the pod; `le` is a histogram's.
      const known = new Set([...(metric?.labels ?? []), "pod", "le"]);
      expect(
        labelsOf(expression).filter((label) => !known.has(label)),
        where,
      ).toEqual([]);
    }
  }
});

describe("the sidecars' series", () => {
  const counted = (["http", "tcp"] as const).flatMap((layer) => {
    const text = JSON.stringify(inboundStatistics(layer, { namespace: "shop", serviceAccount: "cart" }));
    return [...text.matchAll(/"name":"([a-z_]+(?:_total|_milliseconds))"/g)].map(([, name = ""]) => name);
  });
  const kept = statistics.statsMatcher?.inclusionList?.patterns ?? [];
  const isKept = (statistic: string): boolean =>
    kept.some(
      ({ exact, prefix, safeRegex }) =>
        statistic === exact ||
        (prefix !== undefined && statistic.startsWith(prefix)) ||
        (safeRegex !== undefined && new RegExp(`^(?:${safeRegex.regex})$`).test(statistic)),
    );
  /** Envoy's name of what Prometheus knows as this; tags are out of it there. */
  const statisticOf = (name: string): string =>
    name
      .replace(/^envoy_/, "")
      .replace(/^cluster_/, "cluster.outbound/shop/cart/80.")
      .replace(/^listener_/, "listener.0.0.0.0_15006.")
      .replace(/^(server|control_plane|heddle)_/, "$1.")
      .replace("upstream_rq_xx", "upstream_rq_5xx");

  test("are among those that Envoy keeps, and ours among those that we have it count", () => {
    const names = new Set([...expressions.values()].flatMap(seriesOf).filter((name) => name.startsWith("envoy_")));
    expect(names.size).toBeGreaterThan(8);
    expect([...names].filter((name) => !isKept(statisticOf(name)))).toEqual([]);
    expect(isKept("cluster.outbound/shop/cart/80.upstream_rq_2xxx")).toBe(false);
    const ours = [...names]
      .filter((name) => name.startsWith("envoy_heddle_"))
      .map((name) => name.slice("envoy_heddle_".length));
    expect(counted).toEqual(expect.arrayContaining(ours));
  });
});

test("panels do not overlap", () => {
  for (const { uid, panels } of boards) {
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size, uid).toBe(cells.length);
  }
});
