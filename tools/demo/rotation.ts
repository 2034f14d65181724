/** What the scene and the case of rotation share. */
import { randomUUID } from "node:crypto";
import type { ClusterAccess } from "../cluster.ts";
import type { Mesh } from "./mesh.ts";

/** The flag of a life that the schema of MeshTLS refuses: the least that the operator takes. */
export const shortLife = "--certificate-ttl=10s";

const operator = ["-n", "heddle-system", "deployment/heddle"];

/** The label of the operator's pods, but not of Helm's test. */
export const operatorPods = "app.kubernetes.io/component=operator";

/** Says how many operators run and with which flags; those that run are replaced. Resolves, of none, when they are gone. */
export async function setOperator(
  mesh: Mesh<ClusterAccess>,
  { replicas, flags }: { readonly replicas: number; readonly flags: readonly string[] },
): Promise<void> {
  const template = {
    // It makes a restart of it in any case.
    metadata: { annotations: { restarted: randomUUID() } },
    spec: { containers: [{ name: "operator", args: flags }] },
  };
  const patch = JSON.stringify({ spec: { replicas, template } });
  await mesh.kubectl("patch", ...operator, "-p", patch);
  if (replicas === 0) await operatorGone(mesh);
}

/** Scales the operator; resolves when all of so many are ready, or none is left. */
export async function scaleOperator(mesh: Mesh<ClusterAccess>, replicas: number): Promise<void> {
  await mesh.kubectl("scale", ...operator, `--replicas=${replicas}`);
  await (replicas === 0 ? operatorGone(mesh) : operatorReady(mesh));
}

const operatorReady = (mesh: Mesh<ClusterAccess>): Promise<string> =>
  mesh.kubectl("rollout", "status", ...operator, "--timeout=120s");

const operatorGone = (mesh: Mesh<ClusterAccess>): Promise<string> =>
  mesh.kubectl(...["wait", "pod", "-n", "heddle-system", "-l", operatorPods], "--for=delete", "--timeout=60s");

/** Restarts the operator with these flags; resolves when the new one is ready. */
export async function restartOperator(mesh: Mesh<ClusterAccess>, ...flags: readonly string[]): Promise<void> {
  await setOperator(mesh, { replicas: 1, flags });
  await operatorReady(mesh);
}

/** Runs a script by Node in the application container of a Deployment's pod; gives what it printed. */
export async function runScript(
  mesh: Mesh<ClusterAccess>,
  namespace: string,
  deployment: string,
  script: string,
): Promise<string> {
  const pod = await mesh.podOf(namespace, deployment);
  const result = await mesh.cluster.exec(namespace, pod, "app", ["node", "-e", script]);
  if (result.status !== 0) throw new Error(result.stderr);
  return result.stdout.trim();
}

/** The serial numbers that the sidecar of a Deployment's pod has in use, with those of its roots. */
export const serialsInUse = (mesh: Mesh<ClusterAccess>, namespace: string, deployment: string): Promise<string> =>
  runScript(
    mesh,
    namespace,
    deployment,
    `fetch("http://127.0.0.1:15000/certs").then((r) => r.json()).then(({ certificates }) => {
       const chains = certificates.flatMap((c) => c.cert_chain.map((x) => x.serial_number));
       console.log([...new Set(chains)].sort().join());
     });`,
  );

/** A certificate as a peer sees it. */
export interface ShownCertificate {
  readonly serial: string;
  /** From the beginning of its validity to the end. */
  readonly seconds: number;
  readonly pem: string;
}

/** The certificate that the sidecar of a Deployment of `shop` shows to a new connection. */
export async function shownCertificate(mesh: Mesh<ClusterAccess>, deployment: string): Promise<ShownCertificate> {
  const host = await mesh.addressOf("shop", deployment);
  const options = JSON.stringify({ host, port: 8080, ALPNProtocols: ["heddle"], rejectUnauthorized: false });
  const text = await runScript(
    mesh,
    "outside",
    "visitor",
    `const s = require("node:tls").connect(${options}, () => {
       const certificate = s.getPeerX509Certificate();
       const { serialNumber: serial, validFromDate, validToDate } = certificate;
       const pem = certificate.toString();
       console.log(JSON.stringify({ serial, seconds: (validToDate - validFromDate) / 1000, pem }));
       s.destroy();
     });
     s.on("error", (error) => { console.error(String(error)); process.exit(1); });`,
  );
  return JSON.parse(text) as ShownCertificate;
}
