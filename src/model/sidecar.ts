/**
 * What the injected pod and the compiled configuration agree on: ports, users, names and paths of the sidecar.
 * The webhook writes them into pods, `envoy/` into configuration; neither may differ from the other.
 */

/** TCP ports that belong to Heddle inside a pod, and of the operator. */
export const ports = {
  /** Outgoing connections are redirected here. */
  outbound: 15001,
  /** Incoming connections are redirected here. */
  inbound: 15006,
  /** Delta ADS of the operator; mutual TLS only. */
  xds: 15010,
  /** Admission webhook of the operator; HTTPS. */
  webhook: 15017,
  /** Metrics, readiness and probes of the sidecar; never redirected. */
  status: 15020,
  /** Envoy's admin interface; loopback only. */
  admin: 15000,
} as const;

const ownPorts: ReadonlySet<number> = new Set([ports.outbound, ports.inbound, ports.status, ports.admin]);

/** Whether it is a TCP port that can be the application's. */
export function isApplicationPort(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535 && !ownPorts.has(Number(value));
}

/** User and group that the proxy runs as; its own connections are not captured. */
export const proxyUser = 1337;

/** Names of the injected containers. */
export const containers = { proxy: "heddle-proxy", redirect: "heddle-redirect" } as const;

/** Names of the injected volumes. */
export const volumes = { configuration: "heddle-configuration", identity: "heddle-identity" } as const;

/** Where the volumes are mounted, and the files that are in them. */
export const paths = {
  configuration: "/etc/heddle",
  bootstrap: "/etc/heddle/bootstrap.yaml",
  /** An SDS file with the certificate and its key. */
  certificate: "/etc/heddle/certificate.yaml",
  /** An SDS file with the trust bundle. */
  trust: "/etc/heddle/trust.yaml",
  identity: "/var/run/secrets/heddle.dev/identity",
} as const;

/** Names of the SDS resources in those files. */
export const secretNames = { certificate: "identity", trust: "trust" } as const;

/** Source addresses from which the inbound side dials the application, so that the redirect tells them from calls to oneself. */
export const inboundSource = { ipv4: "127.0.0.6", ipv6: "::6" } as const;

/** ALPN protocols by which mesh clients say that the TLS is the mesh's. The server negotiates none of them. */
export const alpn = { http1: "heddle", http2: "heddle-h2" } as const;

/** Labels and annotations under `heddle.dev/`. */
export const keys = {
  /** Label of a namespace (`enabled`) and of a pod (`disabled`). */
  inject: "heddle.dev/inject",
  /** Annotation that the webhook stamps on a pod, to be read: the class whose ConfigMap it mounts. */
  class: "heddle.dev/class",
  /** Annotation of a recorded ConfigMap: hash of its content. */
  revision: "heddle.dev/revision",
  /** Annotation of a recorded ConfigMap: the objects that it came from. */
  origins: "heddle.dev/origins",
  /** Annotation of a reach's ConfigMap that could not hold all: how many Services of how many it has, such as `120/400`. */
  recorded: "heddle.dev/recorded",
  /** Annotation that a user puts on an identity's Secret, with any value: it is issued anew, which takes it away. */
  renew: "heddle.dev/renew",
  /** `heddle` on everything that the operator writes. */
  managedBy: "app.kubernetes.io/managed-by",
} as const;

/** Value of {@link keys.managedBy}, and the field manager of every write. */
export const manager = "heddle";

/** Name of the ConfigMap of a class. */
export const configMapOfClass = (classId: string): string => `heddle-${classId}`;

/** Name of the ConfigMap of a reach. */
export const configMapOfReach = (reachId: string): string => `heddle-reach-${reachId}`;

/** Name of the Secret of a ServiceAccount's identity. */
export const secretOfServiceAccount = (serviceAccount: string): string => `heddle-identity-${serviceAccount}`;

/** The node id of a sidecar: `namespace/name/uid` of its pod. */
export const nodeId = (namespace: string, name: string, uid: string): string => `${namespace}/${name}/${uid}`;
