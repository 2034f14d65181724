/** The operator comes and goes under load: its leader, all of its replicas, its Deployment; and a namespace of its mesh. */
import { beforeAll, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import { operatorPods, runScript } from "../../tools/demo/rotation.ts";
import { until } from "../../tools/processes.ts";
import { bothOperatorsRun, useMesh } from "./cluster.ts";
import { appYaml, denyYaml, deploymentYaml, namespaceYaml, podsOf, serviceYaml } from "./workloads.ts";

const mesh = useMesh();
const root = "heddle-system";
const namespace = "steady";
const url = "http://server/";

interface PolicyStatus {
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
  }[];
  readonly proxies: { readonly summary: string };
}

async function programmed(name: string) {
  const { status } = await mesh().get<{ status: PolicyStatus }>("authorizationpolicies.heddle.dev", namespace, name);
  const condition = status.conditions.find(({ type }) => type === "Programmed");
  return { status: condition?.status, reason: condition?.reason, summary: status.proxies.summary };
}

const leader = async (): Promise<string> =>
  mesh().kubectl("get", "lease", "heddle", "-n", root, "-o", "jsonpath={.spec.holderIdentity}");

const onNode = "steady-node";

/** A pod on the node that may enter the networks of others: the operator's image has no tools, nor the right to use them. */
const nodeYaml =
  namespaceYaml(onNode, false) +
  deploymentYaml(
    onNode,
    "node",
    '{name: node, image: "heddle-proxy:dev", command: [sleep, infinity], securityContext: {privileged: true, runAsUser: 0}}',
  ).replace("spec: {serviceAccountName", "spec: {hostPID: true, terminationGracePeriodSeconds: 0, serviceAccountName");

/** Runs a command on the node in the network of a pod. */
async function inNetworkOf(pod: string, command: readonly string[]): Promise<void> {
  const script =
    'for process in /proc/[0-9]*; do if tr "\\0" "\\n" <"$process/environ" 2>/dev/null | grep -qx "HOSTNAME=$1"; then ' +
    'shift; exec nsenter --target "$(basename "$process")" --net -- "$@"; fi; done; echo "no process of $1" >&2; exit 1';
  const node = await mesh().podOf(onNode, "node");
  await mesh().kubectl("exec", "-n", onNode, node, "--", "sh", "-c", script, "sh", pod, ...command);
}

let changes = 0;

/** Changes a policy: it is enforced as soon as it says so, and says so of all pods. */
async function changeIsProgrammed(): Promise<void> {
  changes += 1;
  const path = `/denied/${changes}`;
  await mesh().apply(denyYaml(namespace, "changing", path));
  await mesh().waitProgrammed(kinds.AuthorizationPolicy, namespace, "changing", 90);
  expect(await mesh().call(namespace, "client", `http://server${path}`, { count: 5, fresh: true })).toMatchObject({
    statuses: { 403: 5 },
  });
  const { length } = await podsOf(mesh(), namespace, "app");
  expect(await programmed("changing")).toMatchObject({ status: "True", summary: `${length}/${length}` });
}

beforeAll(async () => {
  const serve = appYaml('serve, "8080"');
  const workloads = deploymentYaml(namespace, "client", serve) + deploymentYaml(namespace, "server", serve, 2);
  await mesh().apply(namespaceYaml(namespace, true) + workloads + serviceYaml(namespace, "server"));
  await mesh().waitDeployments(namespace);
  await mesh().waitDeployments(root);
});

test("no request is lost and no status is wrong while leader, replicas and Deployment of the operator go and come", async () => {
  await mesh().applyAndWait(denyYaml(namespace, "unchanged", "/unchanged"));
  const load = await mesh().load(namespace, "client", url, { rate: 100 });
  const fresh = await mesh().load(namespace, "client", url, { rate: 20, fresh: true });

  const first = await leader();
  await mesh().kubectl("delete", "pod", "-n", root, first, "--force", "--grace-period=0");
  await until("another leader", async () => ![first, ""].includes(await leader()), { timeout: 90_000, interval: 500 });
  await changeIsProgrammed();
  await bothOperatorsRun(mesh());

  await mesh().kubectl("delete", "pods", "-n", root, "-l", operatorPods, "--wait=false");
  await bothOperatorsRun(mesh());
  await changeIsProgrammed();

  await mesh().kubectl("rollout", "restart", "deployment/heddle", "-n", root);
  await bothOperatorsRun(mesh());
  await changeIsProgrammed();

  const { length } = await podsOf(mesh(), namespace, "app");
  expect(await programmed("unchanged")).toMatchObject({ status: "True", summary: `${length}/${length}` });
  for (const { requests, failures, statuses } of await Promise.all([load.finish(), fresh.finish()])) {
    expect({ failures, statuses }).toEqual({ failures: 0, statuses: { 200: requests } });
  }
});

test("while the replicas do not reach each other nothing is claimed that nobody knows, and no request is lost", async () => {
  const ahead = await leader();
  const [pod] = (await podsOf(mesh(), root, operatorPods)).filter(({ metadata }) => metadata.name !== ahead);
  const behind = { name: pod?.metadata.name ?? "", address: pod?.status.podIP ?? "" };
  const client = await mesh().addressOf(namespace, "client");
  const streams = `fetch("http://${behind.address}:8080/metrics").then((answer) => answer.text()).then(console.log)`;
  const hasStream = async () => {
    const metrics = await runScript(mesh(), namespace, "client", streams);
    return Number(/^heddle_xds_streams (\d+)$/m.exec(metrics)?.[1]) > 0;
  };
  await mesh().apply(nodeYaml);
  await mesh().waitDeployments(onNode);
  const filter = (...rule: readonly string[]) => inNetworkOf(ahead, ["iptables", "-w", ...rule]);
  const load = await mesh().load(namespace, "client", url, { rate: 100 });
  try {
    // A sidecar of which only the one that does not lead can know.
    const reset = ["-j", "REJECT", "--reject-with", "tcp-reset"];
    await filter("--insert", "INPUT", "-s", client, "-p", "tcp", "--dport", "15010", ...reset);
    await until("a stream to the replica that does not lead", hasStream, { timeout: 60_000, interval: 500 });
    await changeIsProgrammed();

    await filter("--insert", "INPUT", "-s", behind.address, "-j", "DROP");
    const denied = "/denied/meanwhile";
    await mesh().apply(denyYaml(namespace, "changing", denied));
    const isUnknown = async () => (await programmed("changing")).status === "Unknown";
    await until("Programmed to be Unknown", isUnknown, { timeout: 120_000, interval: 500 });
    expect(await programmed("changing")).toMatchObject({ reason: "ProxiesDisconnected" });
    // Each replica goes on to serve all that it has.
    const report = await mesh().call(namespace, "client", `http://server${denied}`, { count: 20, fresh: true });
    expect(report).toMatchObject({ failures: 0, statuses: { 403: 20 } });
    expect(await leader()).toBe(ahead);
  } finally {
    await filter("--flush", "INPUT");
  }
  await changeIsProgrammed();
  await mesh().removeNamespace(onNode);
  const { requests, failures, statuses } = await load.finish();
  expect({ failures, statuses }).toEqual({ failures: 0, statuses: { 200: requests } });
});

test("a namespace goes with all that is in it, and the rest of the mesh goes on", async () => {
  await mesh().kubectl("delete", "namespace", namespace, "--timeout=120s");
  await mesh().settle();
});
