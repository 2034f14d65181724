/** Two replicas of the operator: proxies have their streams to either, and statuses speak of all. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { kinds } from "../../../src/api/kinds.ts";
import { conditionOf } from "../../../tools/demo/mesh.ts";
import { operatorPods, runScript, scaleOperator } from "../../../tools/demo/rotation.ts";
import { inURL, iptablesFor } from "../addresses.ts";
import { useMesh } from "../mesh.ts";
import { expectStatus } from "../support.ts";

const mesh = useMesh();
const root = "heddle-system";
const url = "http://cart.shop/replicas";
const policies = "authorizationpolicies.heddle.dev";

interface OperatorPod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly status: { readonly podIP: string };
}

async function operators(): Promise<readonly OperatorPod[]> {
  const list = await mesh().kubectl("get", "pods", "-n", root, "-l", operatorPods, "-o", "json");
  const { items } = JSON.parse(list) as { items: readonly OperatorPod[] };
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

async function scale(replicas: number): Promise<void> {
  await scaleOperator(mesh(), replicas);
  await mesh().cluster.waitFor("replicas", async () => (await operators()).length === replicas);
}

async function filter(pod: OperatorPod, ...rule: readonly string[]): Promise<void> {
  const command = [iptablesFor(pod.status.podIP), ...rule];
  const { status, stderr } = await mesh().cluster.exec(root, pod.metadata.name, undefined, command);
  expect(status, stderr).toBe(0);
}

/** How many sidecars have a stream to a replica. */
async function streamsOf({ status }: OperatorPod): Promise<number> {
  const script = `fetch("http://${inURL(status.podIP)}:8080/metrics").then((answer) => answer.text()).then(console.log)`;
  return Number(/^heddle_xds_streams (\d+)$/m.exec(await runScript(mesh(), "outside", "visitor", script))?.[1]);
}

const leader = async (): Promise<string> =>
  (await mesh().get<{ spec: { holderIdentity?: string } }>("lease", root, "heddle")).spec.holderIdentity ?? "";

const policy = (path: string): string =>
  `apiVersion: heddle.dev/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: replicas, namespace: shop}\nspec: {action: DENY, rules: [{to: [{operation: {paths: [${path}]}}]}]}\n`;

/** The status of the policy, which concerns all pods of the namespace: those of either replica. */
const stored = () => mesh().get(policies, "shop", "replicas");
const programmed = async () => conditionOf(await stored(), "Programmed");
const summaryOf = async () => (await stored()).status?.proxies?.summary;
const injected = async (): Promise<number> => {
  const pods = await mesh().kubectl("get", "pods", "-n", "shop", "-l", "!heddle.dev/inject", "-o", "name");
  return pods.trim().split("\n").length;
};

beforeAll(() => scale(2), 120_000);

afterAll(async () => {
  await mesh().remove(policies, "shop", "replicas");
  await scale(1);
  await mesh().settle();
}, 120_000);

test("proxies of either replica count, through a partition of the two and the loss of the leader", async () => {
  const [a, b] = await operators();
  if (a === undefined || b === undefined) throw new Error("there are not two replicas");
  const leading = await leader();
  const [ahead, behind] = leading === a.metadata.name ? [a, b] : [b, a];
  const frontend = await mesh().addressOf("shop", "frontend");
  const away = ["INPUT", "-s", frontend, "-p", "tcp", "--dport", "15010", "-j", "REJECT", "--reject-with", "tcp-reset"];
  await filter(ahead, "--insert", ...away);
  await mesh().cluster.waitFor(
    "a sidecar at the one that does not lead",
    async () => (await streamsOf(behind)) > 0,
    60_000,
  );
  expect(await streamsOf(ahead)).toBeGreaterThan(0);

  await mesh().applyAndWait(policy("/replicas/*"));
  await expectStatus(mesh(), "frontend", url, 200);
  const summary = await summaryOf();
  expect(summary).toBe(`${await injected()}/${await injected()}`);

  // Neither hears the other any more: of the sidecar at the other one nobody can say what it has.
  const between = ["INPUT", "-s", behind.status.podIP, "-j", "DROP"];
  await filter(ahead, "--insert", ...between);
  await mesh().apply(policy("/replicas/more/*"));
  await mesh().cluster.waitFor("Unknown", async () => (await programmed())?.status === "Unknown", 90_000);
  expect(await programmed()).toMatchObject({ reason: "ProxiesDisconnected" });
  await filter(ahead, "--delete", ...between);
  await mesh().waitProgrammed(kinds.AuthorizationPolicy, "shop", "replicas", 60);
  await filter(ahead, "--delete", ...away);

  const load = await mesh().load("shop", "frontend", url, { rate: 50 });
  await mesh().kubectl("delete", "pod", "-n", root, ahead.metadata.name, "--wait=false");
  await mesh().cluster.waitFor("another leader", async () => ![leading, ""].includes(await leader()), 60_000);
  await mesh().applyAndWait(policy("/replicas/other/*"), 60);
  await expectStatus(mesh(), "frontend", `${url}/other/x`, 403);
  expect(await summaryOf()).toBe(summary);
  const report = await load.finish();
  expect({ failures: report.failures, statuses: Object.keys(report.statuses) }).toEqual({
    failures: 0,
    statuses: ["200"],
  });
}, 240_000);
