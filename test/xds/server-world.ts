import { afterEach, beforeAll, beforeEach, expect } from "vitest";
import { encodeResource, resourceGroup } from "../../src/envoy/encode.ts";
import type { EnvoyResource, ProxyTarget } from "../../src/envoy/resource.ts";
import { createXdsServer, type XdsLimits, type XdsServer } from "../../src/xds/server.ts";
import { createTestCA, type Pair, type TestCA } from "./certificates.ts";
import { type ClientOptions, TestClient } from "./client.ts";

/** Identity of the proxy that most cases speak of. */
export const identity = "spiffe://cluster.local/ns/shop/sa/cart";
/** Another identity of the mesh. */
export const other = "spiffe://cluster.local/ns/shop/sa/other";
/** Its node id. */
export const node = "shop/cart-1/uid-1";

/** A cluster; two that differ by `seconds` are two versions of it. */
export const cluster = (name: string, seconds = 1): EnvoyResource =>
  encodeResource("cluster", name, { name, type: "STATIC", connectTimeout: `${seconds}s` });
/** The listener that comes last. */
export const readiness = encodeResource("listener", "readiness", {
  name: "readiness",
  address: { socketAddress: { address: "127.0.0.1", portValue: 15020 } },
});

/** What the proxy is to be served. */
export const targetOf = (resources: readonly EnvoyResource[], fields: Partial<ProxyTarget> = {}): ProxyTarget => ({
  pod: "shop/cart-1",
  podUid: "uid-1",
  addresses: ["127.0.0.1"],
  identity,
  groups: [resourceGroup(resources)],
  readiness,
  ...fields,
});

/** Targets by pod. */
export const targets = (...all: readonly ProxyTarget[]): ReadonlyMap<string, ProxyTarget> =>
  new Map(all.map((target) => [target.pod, target]));

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** The server of the present case, and what it said and sent. */
export interface ServerWorld {
  readonly ca: TestCA;
  /** Certificates of the server and of the proxy. */
  readonly serverPair: Pair;
  readonly clientPair: Pair;
  readonly server: XdsServer;
  readonly sent: readonly { readonly type: string; readonly bytes: number }[];
  /** Why streams were ended. */
  readonly ended: readonly string[];
  /** Starts a server with other limits in its place. */
  start(limits?: Partial<XdsLimits>, port?: number): Promise<void>;
  client(options?: Partial<ClientOptions>, headers?: Record<string, string>): TestClient;
}

/** Starts a server before each case, and ends it after; a case in which it logs an error fails. */
export function useServer(): ServerWorld {
  let ca: TestCA;
  let serverPair: Pair;
  let clientPair: Pair;
  let server: XdsServer;
  let errors: string[];
  let sent: { type: string; bytes: number }[];
  let ended: string[];
  const clients: TestClient[] = [];
  async function start(limits: Partial<XdsLimits> = {}, port = 0): Promise<void> {
    errors = [];
    sent = [];
    ended = [];
    server = createXdsServer({
      logger: { ...silent, error: (fields, message) => errors.push(`${message} ${String(fields["error"])}`) },
      metrics: {
        streams() {},
        response: (type, _resources, bytes) => sent.push({ type, bytes }),
        refusal() {},
        ended: (reason) => ended.push(reason),
      },
      limits: { admissionMs: 300, ...limits },
    });
    server.setCredentials({ ...serverPair, ca: ca.ca });
    await server.listen(port, "127.0.0.1");
  }

  function client(options: Partial<ClientOptions> = {}, headers: Record<string, string> = {}): TestClient {
    const made = new TestClient(
      { port: server.address?.port ?? 0, credentials: clientPair, ca: ca.ca, ...options },
      headers,
    );
    clients.push(made);
    return made;
  }

  beforeAll(async () => {
    ca = await createTestCA();
    serverPair = await ca.issue([{ type: "url", value: "spiffe://cluster.local/ns/heddle-system/sa/heddle" }]);
    clientPair = await ca.issue([{ type: "url", value: identity }]);
  });
  beforeEach(() => start());
  afterEach(async () => {
    for (const made of clients.splice(0)) made.close();
    await server.close(1_000);
    expect(errors).toEqual([]);
  });
  return {
    get ca() {
      return ca;
    },
    get serverPair() {
      return serverPair;
    },
    get clientPair() {
      return clientPair;
    },
    get server() {
      return server;
    },
    get sent() {
      return sent;
    },
    get ended() {
      return ended;
    },
    start,
    client,
  };
}
