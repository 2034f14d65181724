/** Pods get their sidecars. */
import type { ClusterAccess } from "../../cluster.ts";
import { until } from "../../processes.ts";
import type { Mesh } from "../mesh.ts";
import type { Report } from "../report.ts";
import { answers, checkout, milliseconds, only } from "./words.ts";

/** Pods are injected, and call each other through two sidecars. */
export async function injection(mesh: Mesh<ClusterAccess>, report: Report): Promise<void> {
  report.scene("a labelled namespace; pods get sidecars and call each other through them");
  const start = performance.now();
  report.did("kubectl apply -f examples/shop.yaml");
  await mesh.apply("examples/shop.yaml");
  await mesh.waitDeployments("shop");
  await mesh.waitDeployments("outside");
  report.note(`all Deployments are available after ${milliseconds(performance.now() - start)}`);
  const pods = JSON.parse((await mesh.cluster.kubectl(["get", "pods", "-n", "shop", "-o", "json"])).stdout) as {
    items: { metadata: { name: string }; spec: { initContainers?: { name: string }[] } }[];
  };
  const injected = pods.items.filter((pod) =>
    pod.spec.initContainers?.some((container) => container.name === "heddle-proxy"),
  );
  report.check(
    "every pod of shop has the sidecar",
    `${injected.length} of ${pods.items.length}`,
    injected.length === pods.items.length && injected.length > 0,
  );
  const outside = JSON.parse(
    (await mesh.cluster.kubectl(["get", "pods", "-n", "outside", "-o", "json"])).stdout,
  ) as typeof pods;
  report.check(
    "no pod of outside has it",
    `${outside.items.filter((pod) => pod.spec.initContainers !== undefined).length} of ${outside.items.length}`,
    outside.items.length > 0 && outside.items.every((pod) => pod.spec.initContainers === undefined),
  );
  // What is Ready is known to the sidecars of callers a moment later.
  const known = async () => Object.keys((await mesh.call("shop", "frontend", checkout, { count: 20 })).servers);
  await until("calls to reach both versions", async () => (await known()).length === 2, { timeout: 10_000 });
  const calls = await mesh.call("shop", "frontend", checkout, { count: 200 });
  report.check(
    "frontend calls checkout: 200 answers of 200, from both versions",
    `${answers(calls)}; ${JSON.stringify(calls.servers)}`,
    only(calls, 200) && Object.keys(calls.servers).length === 2,
  );
  report.check(
    "checkout's sidecar saw the caller's identity",
    Object.keys(calls.peers).join(", "),
    Object.keys(calls.peers).join() === "spiffe://cluster.local/ns/shop/sa/frontend",
  );
}
