/** Probes by a real kubelet, which has no identity of the mesh, where nobody may call the pods: they ask the application. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../tools/processes.ts";
import { useMesh } from "./cluster.ts";

const mesh = useMesh();
const namespace = "probes";

const deployment = (name: string, probes: string): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      containers:
        - name: app
          image: heddle-demo-app:dev
          args: [serve, "8080"]
          ports: [{name: http, containerPort: 8080}]
          ${probes}
`;

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly containerStatuses: readonly {
      readonly ready: boolean;
      readonly restartCount: number;
      readonly state: { readonly running?: unknown };
    }[];
  };
}

async function appOf(name: string): Promise<Pod["status"]["containerStatuses"][number] & { readonly pod: string }> {
  const result = await mesh().cluster.kubectl(["get", "pods", "-n", namespace, "-l", `app=${name}`, "-o", "json"]);
  const [pod] = (JSON.parse(result.stdout) as { items: Pod[] }).items;
  const [status] = pod?.status.containerStatuses ?? [];
  if (pod === undefined || status === undefined) throw new Error(`no pod of ${name}`);
  return { ...status, pod: pod.metadata.name };
}

/** Waits for the kubelet's word that probes of the application failed, time and again. */
async function unhealthy(pod: string, message: string, times: number): Promise<void> {
  const selector = `involvedObject.name=${pod},involvedObject.fieldPath=spec.containers{app},reason=Unhealthy`;
  const get = ["get", "events", "-n", namespace, "--field-selector", selector, "-o", "json"];
  const said = async (): Promise<boolean> => {
    const { items } = JSON.parse((await mesh().cluster.kubectl(get)).stdout) as {
      items: { message: string; count?: number }[];
    };
    const counts = items.filter((event) => event.message.includes(message)).map(({ count = 1 }) => count);
    return counts.reduce((sum, count) => sum + count, 0) >= times;
  };
  await until(`${times} events of ${pod} that say "${message}"`, said, { timeout: 120_000, interval: 500 });
}

afterAll(() => mesh().removeNamespace(namespace));

beforeAll(async () => {
  await mesh().apply(`apiVersion: v1
kind: Namespace
metadata: {name: ${namespace}, labels: {heddle.dev/inject: enabled}}
---
apiVersion: heddle.dev/v1alpha1
kind: MeshTLS
metadata: {name: default, namespace: ${namespace}}
spec: {mode: Strict}
---
apiVersion: heddle.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: ${namespace}}
spec: {}
`);
});

test("a pod whose HTTP and TCP probes the application answers is Ready, though nobody may call it", async () => {
  const probe = "periodSeconds: 1, timeoutSeconds: 3";
  await mesh().apply(deployment("caller", ""));
  await mesh().apply(
    deployment(
      "healthy",
      `startupProbe: {httpGet: {path: /started, port: 8080}, ${probe}, failureThreshold: 60}
          readinessProbe: {tcpSocket: {port: http}, ${probe}}`,
    ),
  );
  await mesh().waitDeployments(namespace);
  expect(await appOf("healthy")).toMatchObject({ ready: true, restartCount: 0 });
  const address = await mesh().addressOf(namespace, "healthy");
  const calls = await mesh().call(namespace, "caller", `http://${address}:8080/ready`, { count: 5, fresh: true });
  expect(calls).toMatchObject({ requests: 5, failures: 5 });
});

test("a TCP probe of a port on which nobody listens fails, although the sidecar listens on all", async () => {
  await mesh().apply(deployment("deaf", "readinessProbe: {tcpSocket: {port: 9999}, periodSeconds: 1}"));
  await until("the application runs", async () => (await appOf("deaf")).state.running !== undefined, {
    timeout: 120_000,
    interval: 500,
  });
  const { pod } = await appOf("deaf");
  await unhealthy(pod, "Readiness probe failed", 10);
  expect((await appOf("deaf")).ready).toBe(false);
});

/** The paths that the application of a pod was asked for, as it tells over its own loopback. */
async function pathsAskedOf(pod: string): Promise<readonly string[]> {
  const script = `fetch("http://127.0.0.1:8080/received").then((answer) => answer.text()).then(console.log)`;
  const { stdout, stderr } = await mesh().cluster.exec(namespace, pod, "app", ["node", "-e", script]);
  if (stdout === "") throw new Error(stderr);
  const { received } = JSON.parse(stdout) as { received: Readonly<Record<string, number>> };
  return Object.keys(received).map((key) => /\/\S*/.exec(key)?.[0] ?? key);
}

const beside = (port: number): string => `
        - name: beside
          image: heddle-demo-app:dev
          args: [serve, "8090"]
          lifecycle: {postStart: {httpGet: {path: /hook, port: ${port}}}}
      # A process that has just begun does not hear that it is to end.
      terminationGracePeriodSeconds: 1`;

test("liveness is the application's, and postStart reaches it: one that nobody hears yet fails, and is tried again", async () => {
  // Nothing is started again for being slow to listen but the container with the hook: the other would forget who has asked.
  const liveness = "livenessProbe: {httpGet: {path: /alive, port: http}, periodSeconds: 1, failureThreshold: 100}";
  await mesh().apply(deployment("alive", `${liveness}${beside(8080)}`));
  await mesh().waitCondition("deployment", namespace, "alive", "Available", "True", 120);
  const { pod } = await appOf("alive");
  const isAsked = async (): Promise<boolean> => {
    const paths = await pathsAskedOf(pod);
    return paths.includes("/alive") && paths.includes("/hook");
  };
  await until("a liveness probe and the hook", isAsked, { timeout: 60_000 });
  expect((await appOf("alive")).ready).toBe(true);
});

test("a hook that the application does not answer fails, as without a sidecar", async () => {
  await mesh().apply(deployment("unheard", beside(8999)));
  const failed = async (): Promise<boolean> => {
    const get = ["get", "events", "-n", namespace, "--field-selector=reason=FailedPostStartHook", "-o", "json"];
    const { items } = JSON.parse((await mesh().cluster.kubectl(get)).stdout) as {
      items: { involvedObject: { name: string } }[];
    };
    return items.some(({ involvedObject }) => involvedObject.name.startsWith("unheard-"));
  };
  await until("an event of the hook's failure", failed, { timeout: 60_000, interval: 500 });
});

test("an application that does not answer its liveness probe is started again, and its sidecar is not", async () => {
  await mesh().apply(
    deployment(
      "hanging",
      `env: [{name: APP_NAME, value: hanging}]
          livenessProbe: {httpGet: {path: /hang/hanging, port: http}, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 2}`,
    ),
  );
  await until("the application to be started again", async () => (await appOf("hanging")).restartCount > 0, {
    timeout: 120_000,
    interval: 500,
  });
  const { pod } = await appOf("hanging");
  const sidecars = "jsonpath={.status.initContainerStatuses[?(@.name=='heddle-proxy')].restartCount}";
  expect((await mesh().cluster.kubectl(["get", "pod", "-n", namespace, pod, "-o", sidecars])).stdout).toBe("0");
});
