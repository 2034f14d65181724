/**
 * What a sidecar's inbound side negotiates, and what a denied caller of a TCP port gets of the server behind it. Like
 * `sidecar-scenario.ts`; for `inbound.test.ts` to judge.
 */
import type { SecureVersion } from "node:tls";
import { connect } from "node:tls";
import type { MeshPolicy, TLSParameters, WorkloadClass } from "../../src/model/mesh.ts";
import { identityOf, meshPolicy, meshRule, workloadClass } from "../support/mesh-samples.ts";
import { createTestAuthority } from "../support/test-identity.ts";
import type { Caller } from "./sidecar-callers.ts";
import { exchange, mesh } from "./sidecar-callers.ts";
import { families, pod, ports, redirect, startApplication, withSidecar } from "./sidecar-world.ts";

const authority = await createTestAuthority();
const frontend = await authority.issue(identityOf("shop", "frontend"));
const stranger = await authority.issue(identityOf("other", "stranger"));
const own = await authority.issue(identityOf("shop", "checkout"));

const serving = (parts: Partial<WorkloadClass> = {}): WorkloadClass =>
  workloadClass({
    ports: [
      { port: ports.serverFirst, protocol: "tcp", mode: "Permissive" },
      { port: ports.http, protocol: "http", mode: "Permissive" },
    ],
    families,
    ...parts,
  });

interface Offer {
  readonly minVersion?: SecureVersion;
  readonly maxVersion?: SecureVersion;
  readonly ciphers?: string;
}

/** The version and the suite on which both sides agree, or `refused`. */
function handshake(offer: Offer): Promise<string> {
  const { certificate: cert, key } = frontend;
  return new Promise((resolve) => {
    const target = { host: pod, port: ports.http, cert, key, ALPNProtocols: ["heddle"], rejectUnauthorized: false };
    const socket = connect({ ...target, ...offer });
    const finish = (result: string): void => {
      socket.destroy();
      resolve(result);
    };
    socket.on("error", () => finish("refused"));
    socket.on("close", () => finish("refused"));
    // An answer proves more than a handshake: TLS 1.3 tells a client of a refusal after its own side is done.
    socket.on("data", () => finish(`${socket.getProtocol()} ${socket.getCipher().name}`));
    socket.write("GET / HTTP/1.1\r\nHost: checkout\r\n\r\n");
  });
}

/** What clients of each kind agree on with a server of these parameters. */
async function negotiated(tls: TLSParameters): Promise<Record<string, string>> {
  const of12 = (suite: string): Offer => ({ maxVersion: "TLSv1.2", ciphers: suite });
  return withSidecar(own, serving({ tls }), async () => ({
    any: await handshake({}),
    only12: await handshake({ maxVersion: "TLSv1.2" }),
    only13: await handshake({ minVersion: "TLSv1.3" }),
    only11: await handshake({ minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }),
    aes128: await handshake(of12("ECDHE-ECDSA-AES128-GCM-SHA256")),
    aes256: await handshake(of12("ECDHE-ECDSA-AES256-GCM-SHA384")),
    chacha20: await handshake(of12("ECDHE-ECDSA-CHACHA20-POLY1305")),
    mac: await handshake(of12("ECDHE-ECDSA-AES128-SHA")),
  }));
}

/** What each caller reads of the server that speaks first, and how often that server was connected to. */
async function callers(allow: readonly MeshPolicy[]): Promise<Record<string, unknown>> {
  const kinds: Readonly<Record<string, Caller>> = {
    frontend: mesh(frontend),
    stranger: mesh(stranger),
    plaintext: {},
    applicationTLS: { alpn: "http/1.1" },
  };
  return withSidecar(own, serving({ allow }), async () => {
    const seen: Record<string, unknown> = {};
    for (const [name, caller] of Object.entries(kinds)) {
      const before = greetings();
      const silent = exchange({ ...caller, port: ports.serverFirst }, "", 2_500);
      const speaking = exchange({ ...caller, port: ports.serverFirst }, "hello?\n", 2_500);
      const [readInSilence, readAfterSpeaking] = await Promise.all([silent, speaking]);
      seen[name] = { readInSilence, readAfterSpeaking, connections: greetings() - before };
    }
    return seen;
  });
}

redirect();
const greetings = await startApplication(own);
const allowed = meshPolicy("shop/frontend", [
  meshRule({ serviceAccounts: { any: [{ namespace: "shop", name: "frontend" }] } }),
]);
const result = {
  versions: {
    default: await negotiated({}),
    min13: await negotiated({ minVersion: "TLS13" }),
    max12: await negotiated({ maxVersion: "TLS12" }),
    suite: await negotiated({ cipherSuites: ["ECDHE-ECDSA-AES256-GCM-SHA384"] }),
  },
  denied: await callers([allowed]),
};
process.stdout.write(`${JSON.stringify(result, null, 1)}\n`, () => process.exit(0));
