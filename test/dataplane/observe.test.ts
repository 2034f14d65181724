/** What a Prometheus reads under Strict, with a sidecar and without one; by the examples of docs/tasks/observe.md. */
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { runScript } from "../../tools/demo/rotation.ts";
import { inURL } from "./addresses.ts";
import { useMesh } from "./mesh.ts";
import { expectRefused, expectStatus } from "./support.ts";

const mesh = useMesh();
const namespaces = { cart: "observed", prometheus: "monitoring" };
const url = "http://cart.observed/";
const metricsUrl = "http://cart.observed:9090/metrics";

const deployment = (name: keyof typeof namespaces, containers: string): string => `
apiVersion: v1
kind: Namespace
metadata: { name: ${namespaces[name]}, labels: { heddle.dev/inject: enabled } }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: ${name}, namespace: ${namespaces[name]} }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: ${namespaces[name]} }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      serviceAccountName: ${name}
      containers:${containers}
`;

const container = (name: string, portName: string, port: number): string => `
        - name: ${name}
          image: heddle-demo-app:dev
          args: [serve, "${port}"]
          env: [{ name: APP_NAME, value: ${name} }]
          ports: [{ name: ${portName}, containerPort: ${port} }]
          readinessProbe: { httpGet: { path: /, port: ${portName} }, periodSeconds: 2 }`;

const service = `
apiVersion: v1
kind: Service
metadata: { name: cart, namespace: observed }
spec:
  selector: { app: cart }
  ports:
    - { name: http, port: 80, targetPort: http }
    - { name: http-metrics, port: 9090, targetPort: metrics }
`;

const strict = `apiVersion: heddle.dev/v1alpha1
kind: MeshTLS
metadata: { name: cart, namespace: observed }
spec: { selector: { matchLabels: { app: cart } }, mode: Strict }
`;

/** The example of a kind in the docs, in this test's namespace. */
function example(kind: string): string {
  const docs = readFileSync("docs/tasks/observe.md", "utf8");
  const blocks = [...docs.matchAll(/^( *)```yaml\n(.*?)^ *```$/gms)].map(([, indent = "", text = ""]) =>
    text.replaceAll(new RegExp(`^ {${indent.length}}`, "gm"), ""),
  );
  const found = blocks.filter((text) => (parse(text) as { readonly kind?: string }).kind === kind);
  expect(found).toHaveLength(1);
  return (found[0] ?? "").replace("namespace: shop", "namespace: observed");
}

interface PodView {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly status: { readonly podIP: string };
}

const podOf = async (namespace: string, name: string): Promise<PodView> =>
  mesh().get<PodView>("pod", namespace, await mesh().podOf(namespace, name));

/** What a scraper without a sidecar reads of a Deployment's sidecar, as an annotation of the pod tells it. */
async function scrape(namespace: string, name: string): Promise<readonly string[]> {
  const { metadata, status } = await podOf(namespace, name);
  const { "prometheus.io/port": port, "prometheus.io/path": path } = metadata.annotations;
  const program = `fetch("http://${inURL(status.podIP)}:${port}${path}").then((answer) => answer.text()).then(console.log)`;
  return (await runScript(mesh(), "outside", "visitor", program)).split("\n");
}

/** The sum of a metric over the series that have all these labels. */
const sum = (lines: readonly string[], name: string, labels: Readonly<Record<string, string>>): number =>
  lines
    .filter((line) => line.startsWith(`${name}{`))
    .filter((line) => Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)))
    .reduce((total, line) => total + Number(line.split(" ").at(-1)), 0);

beforeAll(async () => {
  const cart = container("app", "http", 8080) + container("metrics", "metrics", 9090);
  const prometheus = container("app", "http", 8080);
  await mesh().apply([deployment("cart", cart), deployment("prometheus", prometheus), service].join("---\n"));
  for (const namespace of Object.values(namespaces)) await mesh().waitDeployments(namespace, 90);
});

afterEach(async () => {
  await mesh().remove("meshtls.heddle.dev", "observed", "cart");
  await mesh().remove("authorizationpolicies.heddle.dev", "observed", "cart-metrics");
  await mesh().settle();
});

afterAll(async () => {
  for (const namespace of Object.values(namespaces))
    await mesh().cluster.kubectl(["delete", "deployments,services,pods", "--all", "-n", namespace, "--wait=false"]);
});

test("the operator's own metrics are where its pod says", async () => {
  const lines = await scrape("heddle-system", "heddle");
  expect(sum(lines, "heddle_build_info", {})).toBe(1);
  expect(lines).toContain("heddle_leader 1");
  // At least the pods of this file: the streams of sidecars that are in sync.
  const streams = lines.find((line) => line.startsWith("heddle_xds_streams "));
  expect(Number(streams?.split(" ").at(-1))).toBeGreaterThanOrEqual(2);
  expect(sum(lines, "heddle_xds_responses_total", { type: "listener" })).toBeGreaterThanOrEqual(2);
});

describe("under Strict", () => {
  test("a scraper without a sidecar reads who called whom from both sidecars, and nothing of the application", async () => {
    await mesh().applyAndWait(strict);
    const inbound = {
      source_principal: "spiffe://cluster.local/ns/shop/sa/frontend",
      response_code: "200",
      workload_namespace: "observed",
      workload: "cart",
    };
    const outbound = {
      workload_namespace: "shop",
      workload: "frontend",
      destination_namespace: "observed",
      destination_service: "cart",
      destination_port: "80",
      envoy_response_code_class: "2",
    };
    const read = async () => ({
      received: sum(await scrape("observed", "cart"), "envoy_heddle_requests_total", inbound),
      sent: sum(await scrape("shop", "frontend"), "envoy_cluster_upstream_rq_xx", outbound),
    });
    const before = await read();
    await expectStatus(mesh(), "frontend", url, 200);
    expect(await read()).toEqual({ received: before.received + 10, sent: before.sent + 10 });
    await expectRefused(mesh(), "visitor", url, { count: 2 });
    await expectRefused(mesh(), "visitor", metricsUrl, { count: 2 });
  });

  test("the application's own metrics are read in plaintext where their port is excepted, and nothing else is", async () => {
    await mesh().applyAndWait(example("MeshTLS"));
    const { podIP } = (await podOf("observed", "cart")).status;
    await expectStatus(mesh(), "visitor", `http://${inURL(podIP)}:9090/metrics`, 200);
    await expectStatus(mesh(), "visitor", metricsUrl, 200);
    await expectRefused(mesh(), "visitor", url, { count: 2 });
    await expectRefused(mesh(), "visitor", `http://${inURL(podIP)}:8080/`, { count: 2 });
  });

  test("a scraper with a sidecar reads them by Service, and is the only one who may", async () => {
    await mesh().applyAndWait(strict);
    await mesh().applyAndWait(example("AuthorizationPolicy"));
    const scraped = await mesh().call("monitoring", "prometheus", metricsUrl, { count: 5 });
    expect(scraped.statuses).toEqual({ 200: 5 });
    await expectStatus(mesh(), "frontend", metricsUrl, 403, { count: 3 });
    await expectStatus(mesh(), "frontend", url, 200, { count: 3 });
    // By the pod's address it is a destination that the mesh does not know.
    const { podIP } = (await podOf("observed", "cart")).status;
    const direct = await mesh().call("monitoring", "prometheus", `http://${inURL(podIP)}:9090/metrics`, {
      count: 2,
      fresh: true,
    });
    expect(direct).toMatchObject({ statuses: {}, failures: 2 });
  });

  test("a refused plaintext connection is in the sidecar's log, with its flag, and in its statistics", async () => {
    await mesh().applyAndWait(strict);
    const log = async () => mesh().cluster.logs("observed", await mesh().podOf("observed", "cart"), "heddle-proxy");
    const flagged = (text: string): number => text.split('"response_flags":"NR"').length;
    const counted = async () => sum(await scrape("observed", "cart"), "envoy_listener_no_filter_chain_match", {});
    const before = { log: flagged(await log()), count: await counted() };
    await expectRefused(mesh(), "visitor", url, { count: 1 });
    await expect.poll(async () => flagged(await log()), { timeout: 15_000 }).toBeGreaterThan(before.log);
    expect(await counted()).toBeGreaterThan(before.count);
  });
});
