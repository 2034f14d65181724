/** A TrafficSplit that looks at single requests: which ones it is for, and who is sent a copy. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { until } from "../../tools/processes.ts";
import { useMesh } from "./cluster.ts";
import { appYaml, deploymentYaml, namespaceYaml, serviceYaml } from "./workloads.ts";

const mesh = useMesh();
const namespace = "requests";
const peer = `spiffe://cluster.local/ns/${namespace}/sa/default`;
const count = 50;

const split = (name: string, spec: string): string =>
  `apiVersion: heddle.dev/v1alpha1
kind: TrafficSplit
metadata: {name: ${name}, namespace: ${namespace}}
spec: {service: web, ${spec}}
`;

const call = (path: string, headers: Readonly<Record<string, string>> = {}) =>
  mesh().call(namespace, "client", `http://web${path}`, { count, headers });

/** How many requests a server has had, by Host, path and the identity of who sent them. */
async function receivedBy(service: string): Promise<Readonly<Record<string, number>>> {
  const { lastBody } = await mesh().call(namespace, "client", `http://${service}/received`);
  return JSON.parse(lastBody).received;
}

afterAll(() => mesh().removeNamespace(namespace));

beforeAll(async () => {
  const servers = ["web", "web-v2"].map(
    (name) => deploymentYaml(namespace, name, appYaml('serve, "8080"', name)) + serviceYaml(namespace, name),
  );
  const client = deploymentYaml(namespace, "client", appYaml('serve, "8080"'));
  await mesh().apply(namespaceYaml(namespace, true) + servers.join("") + client);
  await mesh().waitDeployments(namespace);
});

afterEach(() => mesh().remove("trafficsplits.heddle.dev", namespace, "web"));

test("requests with a header go to its backend, and all others to the root", async () => {
  expect(await call("/", { "x-beta": "1" })).toMatchObject({ servers: { web: count }, statuses: { 200: count } });
  await mesh().applyAndWait(
    split(
      "web",
      'backends: [{service: web-v2, weight: 1}], matches: [{headers: [{type: Exact, name: x-beta, value: "1"}]}]',
    ),
  );
  const answers = (server: string) => ({ failures: 0, statuses: { 200: count }, servers: { [server]: count } });
  expect(await call("/", { "x-beta": "1" })).toMatchObject(answers("web-v2"));
  expect(await call("/", { "X-Beta": "1" })).toMatchObject(answers("web-v2"));
  expect(await call("/", { "x-beta": "10" })).toMatchObject(answers("web"));
  expect(await call("/")).toMatchObject(answers("web"));
});

test("the mirror has every request too, as it was sent and by whom, while answers are the primary's", async () => {
  await mesh().applyAndWait(
    split("web", "backends: [{service: web, weight: 1}], mirror: {service: web-v2, percent: 100}"),
  );
  expect(await call("/copied")).toMatchObject({ failures: 0, statuses: { 200: count }, servers: { web: count } });
  const sent = `web/copied ${peer}`;
  const isCopied = async () => (await receivedBy("web-v2"))[sent] === count;
  await until("all copies", isCopied, { timeout: 60_000, interval: 250 });
  expect((await receivedBy("web"))[sent]).toBe(count);
});
