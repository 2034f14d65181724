/** Which certificates a real sidecar takes from its callers, and from the servers that it calls. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../../src/api/kinds.ts";
import { type Authority, createRoot, openAuthority } from "../../../src/identity/authority.ts";
import { decode } from "../../../src/identity/renewal.ts";
import { createKubeClient, type KubeClient } from "../../../src/kube/client.ts";
import { runScript } from "../../../tools/demo/rotation.ts";
import type { Running } from "../../../tools/processes.ts";
import { iptablesFor } from "../addresses.ts";
import { failuresOf } from "../failures.ts";
import { useMesh } from "../mesh.ts";
import { call, expectStatus } from "../support.ts";

const mesh = useMesh();
const minute = 60_000;
const frontend = "spiffe://cluster.local/ns/shop/sa/frontend";
let client: KubeClient;
let authority: Authority;
let stranger: Authority;

beforeAll(async () => {
  client = createKubeClient({ kubeconfig: mesh().cluster.kubeconfig });
  const secret = await client.get(kinds.Secret, { namespace: "heddle-system", name: "heddle-ca" });
  authority = await openAuthority({ certificate: decode(secret, "tls.crt"), key: decode(secret, "tls.key") });
  const now = Date.now();
  const life = { notBefore: now - 60 * minute, notAfter: now + 60 * minute };
  stranger = await openAuthority(await createRoot("Heddle cluster.local", life, "spiffe://cluster.local"));
});

afterAll(() => client.close());

/** Asks cart's sidecar for `/` from outside of the mesh, as a sidecar would: the status line, or why there was none. */
async function ask(credentials: { readonly cert: string; readonly key: string } | undefined): Promise<string> {
  const host = await mesh().addressOf("shop", "cart");
  const options = { ...credentials, host, port: 8080, ALPNProtocols: ["heddle"], rejectUnauthorized: false };
  // The caller stays until it is answered: Envoy drops a request whose caller has gone.
  const said = await runScript(
    mesh(),
    "outside",
    "visitor",
    `let answer = "";
     const s = require("node:tls").connect(${JSON.stringify(options)});
     s.write("GET / HTTP/1.1\\r\\nhost: cart.shop\\r\\nconnection: close\\r\\n\\r\\n");
     s.on("data", (data) => { answer += data; });
     s.on("error", (error) => { answer += "error " + error.code; });
     s.on("close", () => { console.log(JSON.stringify(answer)); });`,
  );
  return JSON.parse(said) as string;
}

async function issue(by: Authority, uri: string, from: number, to: number) {
  const now = Date.now();
  const { certificate, key } = await by.issue({ uri }, { notBefore: now + from, notAfter: now + to });
  return { cert: certificate, key };
}

describe("a server's sidecar", () => {
  test("answers a caller with a valid identity, and the application knows which", async () => {
    const answer = await ask(await issue(authority, frontend, -minute, minute));
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(answer).toContain(frontend);
  });

  test.each<readonly [string, () => ReturnType<typeof issue> | undefined]>([
    ["one that has expired", () => issue(authority, frontend, -2 * minute, -minute)],
    ["one that is not valid yet", () => issue(authority, frontend, 30 * minute, 60 * minute)],
    ["one of another root with all the same names", () => issue(stranger, frontend, -minute, minute)],
    [
      "one of another trust domain",
      () => issue(authority, frontend.replace("cluster.local", "other"), -minute, minute),
    ],
    ["none", () => undefined],
  ])("gives no byte to a caller with %s", async (_, credentials) => {
    expect(await ask(await credentials())).toMatch(/^error /);
  });
});

describe("a client's sidecar", () => {
  const own = "spiffe://cluster.local/ns/shop/sa/default";
  const shown: readonly (readonly [what: string, port: number, () => ReturnType<typeof issue>])[] = [
    ["has expired", 8441, () => issue(authority, own, -2 * minute, -minute)],
    ["is not valid yet", 8442, () => issue(authority, own, 30 * minute, 60 * minute)],
    ["is of another root with all the same names", 8443, () => issue(stranger, own, -minute, minute)],
    ["is another ServiceAccount's", 8444, () => issue(authority, frontend, -minute, minute)],
  ];
  const valid = 8440;
  let servers: Running | undefined;

  // A pod of the mesh whose sidecar is gone round: its ports are answered by servers with certificates of our making.
  beforeAll(async () => {
    const ports = [valid, ...shown.map(([, port]) => port)];
    await mesh().apply(`apiVersion: v1
kind: Pod
metadata: { name: impostor, namespace: shop, labels: { app: impostor } }
spec:
  terminationGracePeriodSeconds: 1
  containers: [{ name: app, image: heddle-demo-app:dev, args: [serve, "8080"] }]
---
apiVersion: v1
kind: Service
metadata: { name: impostor, namespace: shop }
spec: { selector: { app: impostor }, ports: [${ports.map((port) => `{ name: http-${port}, port: ${port} }`).join()}] }
`);
    const ready = ["wait", "pod", "-n", "shop", "impostor", "--for=condition=Ready", "--timeout=60s"];
    expect((await mesh().cluster.kubectl(ready)).stderr).toBe("");
    const { podIP } = (await mesh().get<{ status: { podIP: string } }>("pod", "shop", "impostor")).status;
    const withoutRedirect = [iptablesFor(podIP), "-t", "nat", "--flush"];
    const flush = await mesh().cluster.exec("shop", "impostor", undefined, withoutRedirect);
    expect(flush.status, flush.stderr).toBe(0);
    const certificates = await Promise.all([
      issue(authority, own, -minute, 10 * minute),
      ...shown.map(([, , make]) => make()),
    ]);
    const script = `
      const given = ${JSON.stringify(certificates.map((pair, index) => ({ ...pair, port: ports[index] })))};
      const body = JSON.stringify({ server: "impostor", peer: "none" });
      const listening = given.map(({ cert, key, port }) => new Promise((resolve) => {
        const options = { cert, key, ALPNProtocols: ["heddle"] };
        require("node:https").createServer(options, (_, answer) => answer.end(body)).listen(port, resolve);
      }));
      Promise.all(listening).then(() => console.error("listening"));
      process.stdin.resume().on("end", () => process.exit());`;
    servers = mesh().cluster.start("shop", "impostor", undefined, [process.execPath, "-e", script]);
    await servers.firstNote;
    await mesh().settle();
  }, 120_000);

  afterAll(async () => {
    servers?.endInput();
    await mesh().remove("pod", "shop", "impostor");
    await mesh().remove("service", "shop", "impostor");
  });

  test("calls a server with a valid certificate", async () => {
    const { servers: names } = await expectStatus(mesh(), "frontend", `http://impostor.shop:${valid}/`, 200, {
      count: 3,
    });
    expect(names).toEqual({ impostor: 3 });
  });

  test.each(shown)("sends nothing to a server whose certificate %s", async (_, port) => {
    const { statuses } = await call(mesh(), "frontend", `http://impostor.shop:${port}/`, { count: 3 });
    expect(statuses).toEqual({ 503: 3 });
    expect(await failuresOf(mesh(), "frontend", `impostor.shop:${port}`)).toContain("CERTIFICATE_VERIFY_FAILED");
  });
});
