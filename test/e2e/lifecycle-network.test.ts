/** The operator on the network of its node, for API servers that cannot reach the addresses of pods, and back. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import { repository } from "../../tools/demo/mesh.ts";
import { operatorPods } from "../../tools/demo/rotation.ts";
import { helmOn } from "../../tools/kind/install.ts";
import { bothOperatorsRun, useMesh } from "./cluster.ts";
import {
  denyYaml,
  deploymentYaml,
  initContainersOf,
  namespaceYaml,
  podsOf,
  serverYaml,
  serviceYaml,
} from "./workloads.ts";

const mesh = useMesh();
const root = "heddle-system";
const namespace = "node-network";

const allow = (level: string): Promise<string> =>
  mesh().kubectl("label", "namespace", root, `pod-security.kubernetes.io/enforce=${level}`, "--overwrite");

const helm = async (...args: readonly string[]): Promise<void> => {
  const { status, stderr } = await helmOn(mesh().cluster, ...args, "--wait", "--timeout=3m");
  expect(status, stderr).toBe(0);
};

beforeAll(async () => {
  await mesh().apply(namespaceYaml(namespace, true));
  await allow("privileged");
});

afterAll(async () => {
  await allow("restricted");
  await mesh().removeNamespace(namespace);
});

test("pods are injected, served and told of while the operator is on its node's network, behind a NetworkPolicy", async () => {
  const chart = join(repository, "charts/heddle");
  // One node has its ports once.
  const values = "webhook.hostNetwork=true,networkPolicy.enabled=true,replicas=1";
  await helm("upgrade", "heddle", chart, "--reuse-values", "--set", values);
  try {
    const [operator, ...others] = await podsOf(mesh(), root, operatorPods);
    expect(others).toEqual([]);
    expect(operator?.spec).toMatchObject({ hostNetwork: true });
    await mesh().apply(deploymentYaml(namespace, "server", serverYaml()) + serviceYaml(namespace, "server"));
    await mesh().waitDeployments(namespace);
    const [pod] = await podsOf(mesh(), namespace, "app=server");
    expect(pod === undefined ? [] : initContainersOf(pod)).toContain("heddle-proxy");
    await mesh().apply(denyYaml(namespace, "denied", "/denied"));
    const { status } = await mesh().waitProgrammed(kinds.AuthorizationPolicy, namespace, "denied", 60);
    expect(status?.proxies?.summary).toBe("1/1");
  } finally {
    await helm("rollback", "heddle");
  }
  await bothOperatorsRun(mesh());
});
