import { beforeAll, describe, expect, test } from "vitest";
import { runScenario } from "./run-scenario.ts";

/** What `statistics-scenario.ts` prints. Memory is in bytes. */
interface Seen {
  readonly start: { readonly text: string; readonly memory: number };
  readonly calls: { readonly text: string; readonly memory: number };
  readonly crowd: { readonly text: string; readonly statuses: readonly string[] };
}

/** One sample of the Prometheus text format. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function samples(text: string): readonly Sample[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name = "", labels = "", value = ""] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? [];
      const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", text = ""]) => [key, text] as const);
      return { name, labels: Object.fromEntries(pairs), value: Number(value) };
    });
}

// Network namespaces and iptables need it.
describe.skipIf(process.getuid?.() !== 0)("the statistics of a sidecar", () => {
  let seen: Seen;
  let start: readonly Sample[];
  let calls: readonly Sample[];
  let crowd: readonly Sample[];
  beforeAll(async () => {
    seen = JSON.parse(await runScenario("statistics")) as Seen;
    [start, calls, crowd] = [seen.start, seen.calls, seen.crowd].map(({ text }) => samples(text)) as [
      readonly Sample[],
      readonly Sample[],
      readonly Sample[],
    ];
  }, 120_000);

  const own = { workload_namespace: "shop", workload: "checkout" };
  const caller = { source_principal: "spiffe://cluster.local/ns/shop/sa/checkout" };
  const named = (list: readonly Sample[], name: string): readonly Sample[] =>
    list.filter((sample) => sample.name === name);

  test("inbound: requests by caller, workload and code, with a histogram of their time", () => {
    expect(named(calls, "envoy_heddle_requests_total")).toEqual([
      { name: "envoy_heddle_requests_total", labels: { ...own, ...caller, response_code: "200" }, value: 50 },
    ]);
    const buckets = named(calls, "envoy_heddle_request_duration_milliseconds_bucket");
    expect(buckets).toHaveLength(15);
    expect(buckets[0]?.labels).toMatchObject({ ...own, ...caller });
    expect(named(calls, "envoy_heddle_tcp_connections_total")).toEqual([
      { name: "envoy_heddle_tcp_connections_total", labels: { ...own, ...caller }, value: 1 },
    ]);
    expect(named(calls, "envoy_heddle_tcp_sent_bytes_total")[0]?.value).toBe("hello\n".length);
  });

  test("outbound: requests and time by workload and Service, for those that were called", () => {
    const requests = named(calls, "envoy_cluster_upstream_rq_xx");
    expect(requests).toHaveLength(50);
    expect(requests.find(({ labels }) => labels["destination_service"] === "service-7")).toEqual({
      name: "envoy_cluster_upstream_rq_xx",
      labels: {
        ...own,
        envoy_cluster_name: "outbound/stock/service-7/80",
        envoy_response_code_class: "2",
        destination_namespace: "stock",
        destination_service: "service-7",
        destination_port: "80",
      },
      value: 1,
    });
    expect(named(calls, "envoy_cluster_upstream_rq_time_bucket")).toHaveLength(50 * 15);
    expect(calls.filter(({ labels }) => labels["destination_service"] === "service-54")).toEqual([]);
  });

  test("are bounded: no series of what is not called, 27 of each Service that is", () => {
    expect(start.length).toBeLessThan(120);
    expect(start.filter(({ labels }) => labels["destination_service"] !== undefined)).toEqual([]);
    const ofServices = calls.filter(({ labels }) => labels["destination_service"] !== undefined);
    expect(ofServices.length).toBe(50 * 27);
    // One caller, with its counters and one histogram.
    expect(calls.length - ofServices.length - start.length).toBeLessThan(60);
  });

  test("more callers than are counted are served, and change nothing for those that are", () => {
    expect(new Set(seen.crowd.statuses)).toEqual(new Set(["200"]));
    expect(named(crowd, "envoy_heddle_request_duration_milliseconds_count")).toHaveLength(200);
    expect(
      named(crowd, "envoy_heddle_requests_total").find(
        ({ labels }) => labels["source_principal"] === caller.source_principal,
      )?.value,
    ).toBe(50);
    expect(named(crowd, "envoy_server_stats_overflow_histogram")[0]?.value).toBeGreaterThan(0);
  });
});
