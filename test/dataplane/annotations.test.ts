/** What pods ask for by annotations, and what the mesh does not know: connections that go past the mesh, and that only. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inURL } from "./addresses.ts";
import { useMesh } from "./mesh.ts";
import { call, expectRefused, expectStatus } from "./support.ts";

const mesh = useMesh();
const addresses = { annotated: "", unknown: "" };

const application = (name: string, port: number): string => `
    - name: ${name}
      image: heddle-demo-app:dev
      args: [serve, "${port}"]
      ports: [{ name: http-${port}, containerPort: ${port} }]
      readinessProbe: { httpGet: { path: /, port: ${port} }, periodSeconds: 1 }`;

const objects = `apiVersion: v1
kind: Pod
metadata:
  name: annotated
  namespace: shop
  labels: { app: annotated }
  annotations:
    heddle.dev/proxy-concurrency: "1"
    heddle.dev/proxy-log-level: info
    heddle.dev/drain-time: 7s
    heddle.dev/exclude-inbound-ports: "8081"
    heddle.dev/exclude-outbound-ports: "80"
spec:
  terminationGracePeriodSeconds: 1
  containers:${application("app", 8080)}${application("direct", 8081)}
---
apiVersion: v1
kind: Service
metadata: { name: annotated, namespace: shop }
spec:
  selector: { app: annotated }
  ports: [{ name: http, port: 8080 }, { name: http-direct, port: 8081 }]
---
apiVersion: v1
kind: Pod
metadata: { name: unknown, namespace: outside }
spec:
  terminationGracePeriodSeconds: 0
  containers:${application("app", 8080)}
---
apiVersion: heddle.dev/v1alpha1
kind: MeshTLS
metadata: { name: annotated, namespace: shop }
spec: { selector: { matchLabels: { app: annotated } }, mode: Strict }
---
apiVersion: heddle.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: annotated, namespace: shop }
spec: { selector: { matchLabels: { app: annotated } } }
`;

async function ready(namespace: string, pod: string): Promise<string> {
  const args = ["wait", "pod", "-n", namespace, pod, "--for=condition=Ready", "--timeout=60s"];
  const { stderr } = await mesh().cluster.kubectl(args);
  expect(stderr).toBe("");
  return inURL((await mesh().get<{ status: { podIP: string } }>("pod", namespace, pod)).status.podIP);
}

beforeAll(async () => {
  await mesh().apply(objects);
  addresses.annotated = await ready("shop", "annotated");
  addresses.unknown = await ready("outside", "unknown");
  await mesh().settle();
}, 120_000);

afterAll(async () => {
  await mesh().remove("pod", "shop", "annotated");
  await mesh().remove("pod", "outside", "unknown");
  await mesh().remove("service", "shop", "annotated");
  await mesh().remove("authorizationpolicies.heddle.dev", "shop", "annotated");
  await mesh().remove("meshtls.heddle.dev", "shop", "annotated");
}, 60_000);

describe("annotations of a pod", () => {
  test("its excluded port is reached directly, under no policy and in plaintext; its other port is not", async () => {
    const { annotated } = addresses;
    await expectRefused(mesh(), "visitor", `http://${annotated}:8080/`);
    await expectStatus(mesh(), "frontend", "http://annotated.shop:8080/", 403);
    const outside = await expectStatus(mesh(), "visitor", `http://${annotated}:8081/`, 200);
    const inside = await expectStatus(mesh(), "frontend", "http://annotated.shop:8081/", 200);
    expect([outside.peers, inside.peers]).toEqual([{ none: 10 }, { none: 10 }]);
  });

  test("its calls to an excluded port go out in plaintext", async () => {
    const report = await mesh().callFrom("shop", "annotated", "http://cart.shop/", { count: 3 });
    expect(report).toMatchObject({ statuses: { 200: 3 }, peers: { none: 3 } });
    const { peers } = await expectStatus(mesh(), "frontend", "http://cart.shop/", 200);
    expect(peers).toEqual({ "spiffe://cluster.local/ns/shop/sa/frontend": 10 });
  });

  test("its sidecar runs as they say", async () => {
    const script = "fetch('http://127.0.0.1:15000/server_info').then((r) => r.text()).then(console.log)";
    const { stdout } = await mesh().cluster.exec("shop", "annotated", "app", ["node", "-e", script]);
    expect(JSON.parse(stdout)).toMatchObject({
      command_line_options: { concurrency: 1, log_level: "info", drain_time: "7s" },
    });
  });
});

test("what the mesh does not know is called as without a mesh", async () => {
  const { peers } = await call(mesh(), "frontend", `http://${addresses.unknown}:8080/`);
  expect(peers).toEqual({ none: 10 });
});
