/** What a caller's sidecar does of its own accord: what is tried again and what is not, and which Service is called. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useMesh } from "./mesh.ts";
import { call, expectStatus } from "./support.ts";

const mesh = useMesh();

// Answers 503 to everything, and tells at /count how often it was asked before.
const refuser = `
let asked = 0;
require("node:http").createServer((request, response) => {
  if (request.url === "/count") return response.end(String(asked));
  asked++;
  response.writeHead(503).end("not now");
}).listen(8080);`;

// No sidecars: a connection that is refused is the application's refusal, not an answer of its sidecar.
const pod = (name: string, labels: string, start: string, port: number): string => `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop, labels: { ${labels}, heddle.dev/inject: disabled } }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: app
      image: heddle-demo-app:dev
      env: [{ name: APP_NAME, value: ${name} }]
      ${start}
      startupProbe: { tcpSocket: { port: ${port} }, periodSeconds: 1, failureThreshold: 60 }
---
`;

const service = (name: string): string => `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
`;

const objects = [
  pod("halves-alive", "app: halves", 'args: [serve, "8080"]', 8080),
  pod("halves-deaf", "app: halves", 'args: [serve, "9999"]', 9999),
  service("halves"),
  pod("refuser", "app: refuser", `command: [node, -e, ${JSON.stringify(refuser)}]`, 8080),
  service("refuser"),
].join("");

beforeAll(async () => {
  await mesh().apply(objects);
  for (const name of ["halves-alive", "halves-deaf", "refuser"]) {
    await mesh().waitCondition("pod", "shop", name, "Ready", "True", 60);
  }
  await mesh().settle();
});

afterAll(async () => {
  const names = ["pod/halves-alive", "pod/halves-deaf", "pod/refuser", "service/halves", "service/refuser"];
  await mesh().cluster.kubectl(["delete", "-n", "shop", "--wait=false", ...names]);
  await mesh().settle();
});

async function count(): Promise<string> {
  return (await call(mesh(), "frontend", "http://refuser.shop/count", { count: 1 })).lastBody;
}

describe("what reached no server", () => {
  test("is tried at another endpoint: with one that refuses connections, no request is lost", async () => {
    const report = await expectStatus(mesh(), "frontend", "http://halves.shop/", 200, { count: 40, fresh: true });
    expect(report.servers).toEqual({ "halves-alive": 40 });
  });
});

describe("what reached a server", () => {
  test.each([
    ["as it is", {}],
    [
      "with the headers by which Envoy would be asked to try again",
      { "x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3" },
    ],
  ])("is asked once, %s", async (_, headers) => {
    const before = Number(await count());
    await expectStatus(mesh(), "frontend", "http://refuser.shop/", 503, { count: 5, headers });
    expect(Number(await count()) - before).toBe(5);
  });
});

describe("the address that is dialed says which Service is called", () => {
  test("a Host header of another Service changes neither who answers nor whose policy judges", async () => {
    const headers = { host: "checkout.shop" };
    const plain = await expectStatus(mesh(), "frontend", "http://cart.shop/", 200, { headers });
    expect(Object.keys(plain.servers)).toEqual(["cart"]);
    await mesh().applyAndWait(`apiVersion: heddle.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: cart-closed, namespace: shop }
spec: { selector: { matchLabels: { app: cart } } }
`);
    try {
      await expectStatus(mesh(), "frontend", "http://cart.shop/", 403, { headers });
      await expectStatus(mesh(), "frontend", "http://checkout.shop/", 200, { headers: { host: "cart.shop" } });
    } finally {
      await mesh().cluster.kubectl(["delete", "authorizationpolicies.heddle.dev", "-n", "shop", "cart-closed"]);
      await mesh().settle();
    }
  });
});
