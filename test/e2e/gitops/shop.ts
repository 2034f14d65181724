/** An application in the mesh, as files of a repository. */
import { deploymentYaml, namespaceYaml, serverYaml, serviceYaml } from "../workloads.ts";
import type { Files } from "./sources.ts";

/** A TrafficSplit of `checkout` between `checkout-v1` and another Service. */
export const splitYaml = (namespace: string, options: { name?: string; to?: string; share?: number } = {}): string => {
  const { name = "checkout", to = "checkout-v2", share = 10 } = options;
  return `apiVersion: heddle.dev/v1alpha1
kind: TrafficSplit
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  service: checkout
  backends: [{service: checkout-v1, weight: ${100 - share}}, {service: ${to}, weight: ${share}}]
`;
};

/** Only `frontend` may call. */
const policyYaml = (namespace: string): string => `apiVersion: heddle.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: allow-frontend, namespace: ${namespace}}
spec:
  action: ALLOW
  rules: [{from: [{source: {serviceAccounts: [frontend]}}]}]
`;

const tlsYaml = (namespace: string): string => `apiVersion: heddle.dev/v1alpha1
kind: MeshTLS
metadata: {name: default, namespace: ${namespace}}
spec: {mode: Strict}
`;

/** The whole of it, with the files of `changes` in place of its own or beside them. */
export function shopFiles(namespace: string, changes: Readonly<Record<string, string>> = {}): Files {
  return new Map(
    Object.entries({
      "traffic/namespace.yaml": namespaceYaml(namespace, true),
      "traffic/workloads.yaml": [
        ...["checkout-v1", "checkout-v2"].flatMap((name) => [
          deploymentYaml(namespace, name, serverYaml(name)),
          serviceYaml(namespace, name),
        ]),
        serviceYaml(namespace, "checkout").replace("{app: checkout}", "{app: checkout-v1}"),
      ].join(""),
      "traffic/split.yaml": splitYaml(namespace),
      "traffic/policy.yaml": policyYaml(namespace),
      "traffic/tls.yaml": tlsYaml(namespace),
      ...changes,
    }),
  );
}
