/** The Pod Security of application namespaces. That the operator's own may be `restricted`, the installation of these tests shows. */
import { afterAll, expect, test } from "vitest";
import { useMesh } from "./cluster.ts";
import { appYaml } from "./workloads.ts";

const mesh = useMesh();

const levels = ["restricted", "baseline"];

const namespaceOf = (level: string): string => `security-${level}`;

/** A pod that each level takes as it is. */
const pod = (level: string): string => `apiVersion: v1
kind: Pod
metadata: {name: modest, namespace: ${namespaceOf(level)}}
spec:
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
    - ${appYaml('serve, "8080"').replace(/\}$/, ", securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}")}
`;

async function namespaceWith(level: string): Promise<void> {
  await mesh().apply(`apiVersion: v1
kind: Namespace
metadata:
  name: ${namespaceOf(level)}
  labels: {heddle.dev/inject: enabled, pod-security.kubernetes.io/enforce: ${level}}
`);
}

afterAll(() => mesh().removeNamespace(...levels.map(namespaceOf)));

test("operators run in a namespace that is restricted", async () => {
  const enforced = "jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}";
  expect(await mesh().kubectl("get", "namespace", "heddle-system", "-o", enforced)).toBe("restricted");
  await mesh().waitDeployments("heddle-system");
});

test("where the redirect is not allowed, a pod is refused, and told which container asks for what", async () => {
  for (const level of levels) {
    await namespaceWith(level);
    const { status, stderr } = await mesh().cluster.kubectl(["create", "-f", "-"], pod(level));
    expect(status).not.toBe(0);
    expect(stderr).toContain(`violates PodSecurity "${level}:latest"`);
    expect(stderr).toContain("heddle-redirect");
    expect(stderr).toContain("NET_ADMIN");
    // It is the redirect alone that is too much.
    const apart = pod(level).replace("name: modest,", "name: modest, labels: {heddle.dev/inject: disabled},");
    const taken = await mesh().cluster.kubectl(["create", "-f", "-"], apart);
    expect(taken.status, taken.stderr).toBe(0);
  }
});
