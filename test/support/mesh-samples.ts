/** Small pieces of the mesh model, to be varied by tests. */
import type {
  AuthorizationRule,
  MeshEndpoint,
  MeshPolicy,
  MeshService,
  MeshServicePort,
  OperationMatch,
  Protocol,
  SourceMatch,
  WorkloadClass,
} from "../../src/model/mesh.ts";

/** An identity of the trust domain `cluster.local`. */
export const identityOf = (namespace: string, serviceAccount: string): string =>
  `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;

/** A pod with a sidecar. */
export const meshEndpoint = (address: string, port = 8080): MeshEndpoint => ({ address, port, mutualTLS: true });

/** A pod without one. */
export const plainEndpoint = (address: string, port = 8080): MeshEndpoint => ({ address, port, mutualTLS: false });

/** A port of `shop/checkout` that goes to its own endpoints. */
export function servicePort(port: number, protocol: Protocol, parts: Partial<MeshServicePort> = {}): MeshServicePort {
  const target = { kind: "service", namespace: "shop", service: "checkout", port } as const;
  return {
    port,
    name: protocol,
    protocol,
    endpoints: [meshEndpoint("10.0.0.11"), meshEndpoint("10.0.0.12")],
    serverIdentities: [identityOf("shop", "checkout")],
    routing: { routes: [{ backends: [{ weight: 1, target }] }] },
    ...parts,
  };
}

/** The Service `shop/checkout`. */
export function meshService(
  ports: readonly MeshServicePort[],
  addresses: readonly string[] = ["10.96.0.10"],
): MeshService {
  return { key: "shop/checkout", namespace: "shop", name: "checkout", addresses, ports };
}

/** A policy with these rules. */
export function meshPolicy(name: string, rules: readonly AuthorizationRule[]): MeshPolicy {
  const [namespace = "", object = ""] = name.split("/");
  return {
    origin: { kind: "AuthorizationPolicy", namespace, name: object, uid: `uid-${object}`, generation: 1 },
    name,
    rules,
  };
}

/** A rule with at most one source and one operation. */
export const meshRule = (source?: SourceMatch, operation?: OperationMatch): AuthorizationRule => ({
  sources: source === undefined ? [] : [source],
  operations: operation === undefined ? [] : [operation],
});

/** The pods of `shop/checkout`: an HTTP port 8080 and a TCP port 3306, both Permissive, without policies. */
export function workloadClass(parts: Partial<WorkloadClass> = {}): WorkloadClass {
  return {
    id: "checkout-0123456789",
    namespace: "shop",
    serviceAccount: "checkout",
    identity: identityOf("shop", "checkout"),
    labels: { app: "checkout" },
    pods: ["shop/checkout-1"],
    ports: [
      { port: 3306, protocol: "tcp", mode: "Permissive" },
      { port: 8080, protocol: "http", mode: "Permissive" },
    ],
    mode: "Permissive",
    tls: {},
    deny: [],
    allow: undefined,
    families: { ipv4: true, ipv6: true },
    origins: [],
    ...parts,
  };
}
