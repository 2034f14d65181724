/** The chart as Helm sees it, with values of a test's own. */
import { join } from "node:path";
import { helm } from "../../tools/helm.ts";

/** Folder of the chart. */
export const chart = join(import.meta.dirname, "../../charts/heddle");

/** Values by name, in which a test changes something. */
export const valueSets: Readonly<Record<string, object>> = {
  default: {},
  everything: {
    image: {
      repository: "registry.example.com:5000/mesh/heddle",
      digest: `sha256:${"a".repeat(64)}`,
      pullPolicy: "Always",
    },
    proxy: { image: { repository: "registry.example.com/heddle-proxy", tag: "1.2.3" } },
    imagePullSecrets: [{ name: "registry" }],
    replicas: 3,
    settings: { "log-level": "debug", "trust-domain": "mesh.example.org", "bound-proxy-concurrency": "4" },
    tolerations: [{ key: "node-role.kubernetes.io/control-plane", operator: "Exists", effect: "NoSchedule" }],
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 1, preference: { matchExpressions: [{ key: "pool", operator: "In", values: ["system"] }] } },
        ],
      },
    },
    webhook: { certificate: { issuerRef: { kind: "ClusterIssuer", name: "internal" } } },
    networkPolicy: { enabled: true },
    monitoring: {
      podMonitor: { enabled: true, labels: { release: "prometheus" } },
      prometheusRule: { enabled: true, labels: { release: "prometheus" } },
      dashboards: { enabled: true },
    },
    global: { imageRegistry: "not.ours.example.com" },
  },
  "host network": {
    webhook: {
      ...{ hostNetwork: true, securePort: 9443, failurePolicy: "Ignore" },
      certificate: { secretName: "webhook-tls" },
    },
    healthPort: 9080,
    xdsPort: 19010,
  },
  bare: {
    crds: { install: false },
    rbac: { aggregate: false },
    priorityClassName: "",
    nodeSelector: null,
    resources: { limits: null, requests: null },
  },
  forgetful: { crds: { keep: false } },
};

/** What `helm template` prints. @throws Helm's message */
export async function render(values: object = {}, namespace = "heddle-system", release = "heddle"): Promise<string> {
  const result = await helm(["template", release, chart, "--namespace", namespace], { values });
  if (result.status !== 0) throw new Error(result.stderr);
  return result.stdout;
}
