/**
 * A real control plane for development and tests: etcd and kube-apiserver, and kube-controller-manager when asked. All
 * of it lives in one directory and is thrown away with it; durability is switched off. Not for anything but development.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { stringify } from "yaml";
import { createClusterCertificates } from "./certificates.ts";
import { type BackgroundProcess, freePorts, startProcess, until } from "./processes.ts";

/** How to start a control plane. */
export interface ControlPlaneOptions {
  /** Where data, certificates, the kubeconfig and logs go; made if it is missing, removed by the caller. */
  readonly directory: string;
  /** Paths of the programs. Without `kubeControllerManager` no controller runs. */
  readonly binaries: { readonly etcd: string; readonly kubeApiserver: string; readonly kubeControllerManager?: string };
  /**
   * Range of cluster IPs, of either family; its first address is that of the Service `kubernetes`. Default `10.96.0.0/16`.
   * After a comma one of the other family may follow.
   */
  readonly serviceCIDR?: string;
  /**
   * An address of this network namespace under which pods reach the API server. The server then listens on all
   * addresses and the Service `kubernetes` leads to it. It is of the family of the (first) range. Default: loopback only, and the Service has no endpoints.
   */
  readonly advertiseAddress?: string;
  /** More flags for kube-apiserver, such as `--feature-gates=...`. */
  readonly apiServerFlags?: readonly string[];
  /** More flags for kube-controller-manager. */
  readonly controllerManagerFlags?: readonly string[];
}

/** A control plane that answers. */
export interface ControlPlane {
  /** `https://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  /** Path of a kubeconfig with all rights. */
  readonly kubeconfig: string;
  /** Bearer token with all rights (group `system:masters`). */
  readonly adminToken: string;
  /** Certificate of the API server's authority, PEM. */
  readonly authority: string;
  readonly serviceCIDR: string;
  /** Where etcd answers, on loopback and to everybody. */
  readonly etcdUrl: string;
  /** Ends the API server at once, as a crash would, until {@link ControlPlane.restart}. */
  halt(): Promise<void>;
  /** Ends the API server, if that is not done, and starts it again on the same port with the same data. */
  restart(): Promise<void>;
  /** Ends every process. The directory stays. */
  stop(): Promise<void>;
}

/** Starts etcd, the API server and, when its program is given, the controllers; resolves when the API server is ready. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { directory, binaries } = options;
  const serviceCIDR = options.serviceCIDR ?? "10.96.0.0/16";
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = (name: string, content?: string): string => {
    const path = join(directory, name);
    if (content !== undefined) writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const [port = 0, etcdPort = 0, etcdPeerPort = 0] = await freePorts(3);
  const url = `https://127.0.0.1:${port}`;
  const adminToken = randomBytes(24).toString("hex");
  const certificates = await createClusterCertificates(serverNames(serviceCIDR, options.advertiseAddress));
  file("ca.crt", certificates.authority);
  file("server.crt", certificates.server.certificate);
  file("server.key", certificates.server.key);
  file("service-account.key", certificates.serviceAccountKey.private);
  file("service-account.pub", certificates.serviceAccountKey.public);
  file("tokens.csv", `${adminToken},admin,admin,"system:masters"\n`);
  const kubeconfig = file("kubeconfig", kubeconfigText(url, certificates.authority, adminToken));

  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const etcd = startProcess("etcd", binaries.etcd, etcdFlags(directory, etcdUrl, etcdPeerPort), {
    logFile: file("etcd.log"),
  });
  const running: BackgroundProcess[] = [etcd];
  const stop = async (): Promise<void> => {
    await Promise.all(running.splice(0).map((each) => each.stop()));
  };

  const startApiServer = async (): Promise<BackgroundProcess> => {
    const flags = [
      ...apiServerFlags({ directory, port, etcdUrl, serviceCIDR, url }),
      ...reachabilityFlags(options.advertiseAddress),
      ...(options.apiServerFlags ?? []),
    ];
    const server = startProcess("kube-apiserver", binaries.kubeApiserver, flags, {
      logFile: file("kube-apiserver.log"),
    });
    running.push(server);
    await until("kube-apiserver is ready", () => isReady(url, certificates.authority, adminToken), {
      timeout: 90_000,
      process: server,
    });
    return server;
  };

  try {
    let apiServer = await startApiServer();
    if (binaries.kubeControllerManager !== undefined) {
      const flags = [...controllerManagerFlags(directory), ...(options.controllerManagerFlags ?? [])];
      const logFile = file("kube-controller-manager.log");
      running.push(startProcess("kube-controller-manager", binaries.kubeControllerManager, flags, { logFile }));
    }
    const halt = async (): Promise<void> => {
      await apiServer.stop();
      if (running.includes(apiServer)) running.splice(running.indexOf(apiServer), 1);
    };
    const restart = async (): Promise<void> => {
      await halt();
      apiServer = await startApiServer();
    };
    const { authority } = certificates;
    return { url, port, kubeconfig, adminToken, authority, serviceCIDR, etcdUrl, halt, restart, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function etcdFlags(directory: string, url: string, peerPort: number): string[] {
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  return [
    "--name=heddle",
    `--data-dir=${join(directory, "etcd")}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=heddle=${peerUrl}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}

interface ApiServerSettings {
  readonly directory: string;
  readonly port: number;
  readonly etcdUrl: string;
  readonly serviceCIDR: string;
  readonly url: string;
}

function apiServerFlags({ directory, port, etcdUrl, serviceCIDR, url }: ApiServerSettings): string[] {
  return [
    `--secure-port=${port}`,
    `--etcd-servers=${etcdUrl}`,
    `--service-cluster-ip-range=${serviceCIDR}`,
    `--cert-dir=${directory}`,
    `--tls-cert-file=${join(directory, "server.crt")}`,
    `--tls-private-key-file=${join(directory, "server.key")}`,
    `--client-ca-file=${join(directory, "ca.crt")}`,
    `--token-auth-file=${join(directory, "tokens.csv")}`,
    `--service-account-key-file=${join(directory, "service-account.pub")}`,
    `--service-account-signing-key-file=${join(directory, "service-account.key")}`,
    `--service-account-issuer=${url}`,
    "--api-audiences=https://kubernetes.default.svc",
    "--authorization-mode=Node,RBAC",
    "--enable-priority-and-fairness=false",
    "--allow-privileged=true",
    "--profiling=false",
  ];
}

/** The Service `kubernetes` cannot have a loopback address as endpoint, so without an address it gets none. */
function reachabilityFlags(advertiseAddress: string | undefined): string[] {
  return advertiseAddress === undefined
    ? ["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none"]
    : [
        `--bind-address=${advertiseAddress.includes(":") ? "::" : "0.0.0.0"}`,
        `--advertise-address=${advertiseAddress}`,
      ];
}

function controllerManagerFlags(directory: string): string[] {
  return [
    `--kubeconfig=${join(directory, "kubeconfig")}`,
    `--root-ca-file=${join(directory, "ca.crt")}`,
    `--service-account-private-key-file=${join(directory, "service-account.key")}`,
    "--controllers=*",
    "--leader-elect=false",
    "--bind-address=127.0.0.1",
    "--secure-port=0",
    "--profiling=false",
    // Its default lies outside our directory, and it would be made.
    `--flex-volume-plugin-dir=${join(directory, "flexvolume")}`,
    // A node of the local kind renews its lease seldom; its pods must not be evicted when the machine is busy.
    "--node-monitor-grace-period=1h",
    // EndpointSlices follow pods at once, as a test expects.
    "--endpointslice-updates-batch-period=0s",
    "--concurrent-deployment-syncs=5",
  ];
}

function serverNames(serviceCIDR: string, advertiseAddress: string | undefined): string[] {
  const service = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
  ];
  const addresses = ["127.0.0.1", firstAddress(serviceCIDR)];
  return ["localhost", ...service, ...addresses, ...(advertiseAddress === undefined ? [] : [advertiseAddress])];
}

/** The first usable address of a range, such as `10.96.0.1` of `10.96.0.0/16`, and `fd00:10:96::1` of `fd00:10:96::/112`. */
function firstAddress(cidr: string): string {
  const [network = ""] = cidr.split("/");
  if (network.endsWith("::")) return `${network}1`;
  const bytes = network.split(".").map(Number);
  return [...bytes.slice(0, 3), (bytes[3] ?? 0) + 1].join(".");
}

function kubeconfigText(server: string, authority: string, token: string): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: "heddle-local",
        cluster: { server, "certificate-authority-data": Buffer.from(authority).toString("base64") },
      },
    ],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "heddle-local", context: { cluster: "heddle-local", user: "admin" } }],
    "current-context": "heddle-local",
  });
}

function isReady(url: string, authority: string, token: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const call = request(`${url}/readyz`, { ca: authority, headers, agent: false, timeout: 2000 }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode === 200));
    });
    call.once("timeout", () => call.destroy(new Error("/readyz did not answer within 2 s")));
    call.once("error", reject);
    call.end();
  });
}
