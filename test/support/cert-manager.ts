/** cert-manager beside an API server: its definitions, the controller as a process, and an issuer. */
import { join } from "node:path";
import { parse } from "yaml";
import type { ClusterIssuer } from "../../src/api/cert-manager/generated/ClusterIssuer.ts";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import { createRoot, type KeyPair } from "../../src/identity/authority.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { binary } from "../../tools/binaries.ts";
import { certManagerDefinition, certManagerFiles } from "../../tools/definitions.ts";
import { type BackgroundProcess, freePorts, startProcess, until } from "../../tools/processes.ts";

/** Where a ClusterIssuer's Secrets are. It must be there for {@link createIssuer}. */
export const certManagerNamespace = "cert-manager";

const clusterIssuer: Kind = {
  apiVersion: "cert-manager.io/v1",
  kind: "ClusterIssuer",
  plural: "clusterissuers",
  namespaced: false,
};

/** Applies cert-manager's definitions; resolves once its kinds are served. */
export async function installCertManagerDefinitions(client: KubeClient): Promise<void> {
  for (const file of certManagerFiles)
    await client.apply(kinds.CustomResourceDefinition, parse(await certManagerDefinition(file)) as KubernetesObject);
  for (const kind of [kinds.Certificate, clusterIssuer])
    await until(`${kind.plural} to be served`, () => client.list(kind), { timeout: 60_000 });
}

/** Creates the ClusterIssuer `mesh`, and its root in a Secret. @returns the root, valid for a day */
export async function createIssuer(client: KubeClient): Promise<KeyPair> {
  const now = Date.now();
  const root = await createRoot("An organisation", { notBefore: now - 60_000, notAfter: now + 86_400_000 });
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  await client.create(kinds.Secret, {
    metadata: { name: "mesh-root", namespace: certManagerNamespace },
    type: "kubernetes.io/tls",
    data: { "tls.crt": base64(root.certificate), "tls.key": base64(root.key) },
  } as ObjectToWrite);
  const issuer: ClusterIssuer = {
    apiVersion: "cert-manager.io/v1",
    kind: "ClusterIssuer",
    metadata: { name: "mesh" },
    spec: { ca: { secretName: "mesh-root" } },
  };
  await client.create(clusterIssuer, issuer as unknown as ObjectToWrite);
  return root;
}

/** Starts cert-manager by a kubeconfig; its log comes into `directory`. It is the caller's to stop. */
export async function startCertManager(kubeconfig: string, directory: string): Promise<BackgroundProcess> {
  const [metrics] = await freePorts(1);
  const flags = [
    `--kubeconfig=${kubeconfig}`,
    "--leader-elect=false",
    `--cluster-resource-namespace=${certManagerNamespace}`,
    `--metrics-listen-address=127.0.0.1:${metrics}`,
  ];
  const logFile = join(directory, "cert-manager.log");
  return startProcess("cert-manager", await binary("cert-manager-controller"), flags, { logFile });
}
