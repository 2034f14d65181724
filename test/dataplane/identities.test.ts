/** Which certificates a real sidecar takes from its callers. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import { type Authority, createRoot, openAuthority } from "../../src/identity/authority.ts";
import { decode } from "../../src/identity/renewal.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";
import { runScript } from "../../tools/demo/rotation.ts";
import { useMesh } from "./mesh.ts";

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
