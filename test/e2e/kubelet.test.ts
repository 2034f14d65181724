/** What only a real kubelet does to sidecars. */
import { beforeAll, expect, test } from "vitest";
import { until } from "../../tools/processes.ts";
import { useMesh } from "./cluster.ts";

const mesh = useMesh();
const namespace = "kubelet";
const app = (name: string, args: string): string => `{name: ${name}, image: "heddle-demo-app:dev", args: ${args}}`;

interface Pod {
  readonly status: {
    readonly phase: string;
    readonly initContainerStatuses: readonly {
      readonly name: string;
      readonly ready: boolean;
      readonly restartCount: number;
      readonly state: { readonly terminated?: { readonly exitCode: number } };
    }[];
  };
}

async function podOf(label: string): Promise<Pod & { readonly metadata: { readonly name: string } }> {
  const result = await mesh().cluster.kubectl(["get", "pods", "-n", namespace, "-l", label, "-o", "json"]);
  const { items } = JSON.parse(result.stdout) as { items: (Pod & { metadata: { name: string } })[] };
  if (items[0] === undefined) throw new Error(`no pod of ${label}`);
  return items[0];
}

async function sidecarOf(label: string): Promise<Pod["status"]["initContainerStatuses"][number]> {
  const status = (await podOf(label)).status.initContainerStatuses.find(({ name }) => name === "heddle-proxy");
  if (status === undefined) throw new Error(`the pod of ${label} has no sidecar`);
  return status;
}

beforeAll(async () => {
  await mesh().apply(`apiVersion: v1
kind: Namespace
metadata: {name: ${namespace}, labels: {heddle.dev/inject: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: server, namespace: ${namespace}}
spec: {selector: {app: server}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: server, namespace: ${namespace}}
spec:
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec: {containers: [${app("app", '[serve, "8080"]')}]}
`);
  await mesh().waitDeployments(namespace);
});

test("a Job completes: it calls through its sidecar, which ends with it", async () => {
  await mesh().apply(`apiVersion: batch/v1
kind: Job
metadata: {name: caller, namespace: ${namespace}}
spec:
  backoffLimit: 0
  template:
    metadata: {labels: {app: caller}}
    spec:
      restartPolicy: Never
      containers: [${app("app", '[call, "http://server/", --count, "20"]')}]
`);
  await mesh().waitCondition("job", namespace, "caller", "Complete", "True", 120);
  const { stdout } = await mesh().cluster.kubectl(["logs", "-n", namespace, "job/caller", "-c", "app"]);
  expect(JSON.parse(stdout)).toMatchObject({
    statuses: { 200: 20 },
    peers: { [`spiffe://cluster.local/ns/${namespace}/sa/default`]: 20 },
  });
  expect((await sidecarOf("app=caller")).state.terminated?.exitCode).toBe(0);
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
  const before = await sidecarOf("app=server");
  const { name } = (await podOf("app=server")).metadata;
  await mesh().cluster.exec(namespace, name, "heddle-proxy", ["sh", "-c", "kill -TERM 1"]);
  await until(
    "the sidecar runs again",
    async () => {
      const now = await sidecarOf("app=server");
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
