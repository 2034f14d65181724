/** What only a real kubelet does to sidecars. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../tools/processes.ts";
import { useMesh } from "./cluster.ts";
import { appYaml, deploymentYaml, namespaceYaml, podsOf, serviceYaml, sidecarOf } from "./workloads.ts";

const mesh = useMesh();
const namespace = "kubelet";

async function serverPod() {
  const [pod] = await podsOf(mesh(), namespace, "app=server");
  if (pod === undefined) throw new Error("no pod of the server");
  return pod;
}

afterAll(() => mesh().removeNamespace(namespace));

beforeAll(async () => {
  const server = deploymentYaml(namespace, "server", appYaml('serve, "8080"')) + serviceYaml(namespace, "server");
  await mesh().apply(namespaceYaml(namespace, true) + server);
  await mesh().waitDeployments(namespace);
});

test("a sidecar that ended is started again and enforces what it did before", async () => {
  await mesh().applyAndWait(`apiVersion: heddle.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: server, namespace: ${namespace}}
spec:
  selector: {matchLabels: {app: server}}
  action: DENY
  rules: [{to: [{operation: {paths: [/secret]}}]}]
`);
  const pod = await serverPod();
  const before = sidecarOf(pod);
  const { name } = pod.metadata;
  await mesh().cluster.exec(namespace, name, "heddle-proxy", ["sh", "-c", "kill -TERM 1"]);
  await until(
    "the sidecar runs again",
    async () => {
      const now = sidecarOf(await serverPod());
      return now.restartCount === before.restartCount + 1 && now.ready;
    },
    { timeout: 120_000, interval: 500 },
  );
  await mesh().waitDeployments(namespace);
  const denied = await mesh().call(namespace, "server", "http://server/secret", { count: 10, fresh: true });
  expect(denied).toMatchObject({ statuses: { 403: 10 }, failures: 0 });
  const allowed = await mesh().call(namespace, "server", "http://server/", { count: 10, fresh: true });
  expect(allowed).toMatchObject({ statuses: { 200: 10 }, failures: 0 });
});
