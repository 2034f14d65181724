/** What the operator writes stays as it wrote it, whoever edits it, for as long as somebody needs it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../tools/processes.ts";
import { useMesh } from "./cluster.ts";
import { appYaml, deploymentYaml, namespaceYaml, serviceAccountYaml, serviceYaml } from "./workloads.ts";

const mesh = useMesh();
const namespace = "repairs";
const written = "app.kubernetes.io/managed-by=heddle";

const kubectl = (...args: readonly string[]): Promise<string> => mesh().kubectl("-n", namespace, ...args);
const patch = (object: string, merged: object, ...more: readonly string[]): Promise<string> =>
  kubectl("patch", object, "--type=merge", "--patch", JSON.stringify(merged), ...more);
const within = (what: string, check: () => Promise<boolean>, seconds = 60): Promise<boolean> =>
  until(what, check, { timeout: seconds * 1000, interval: 500 });

const objects = ["trafficsplit/kept", "authorizationpolicy/kept", "meshtls/kept"];

afterAll(() => mesh().removeNamespace(namespace));

beforeAll(async () => {
  const serve = appYaml('serve, "8080"');
  const web = deploymentYaml(namespace, "web", serve) + serviceYaml(namespace, "web");
  const going = serviceAccountYaml(namespace, "going") + deploymentYaml(namespace, "going", serve, 1, "going");
  await mesh().apply(namespaceYaml(namespace, true) + web + going);
  await mesh().waitDeployments(namespace);
  await mesh().applyAndWait(`apiVersion: heddle.dev/v1alpha1
kind: TrafficSplit
metadata: {name: kept, namespace: ${namespace}}
spec: {service: web, backends: [{service: web, weight: 1}]}
---
apiVersion: heddle.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: kept, namespace: ${namespace}}
spec: {action: DENY, rules: [{to: [{operation: {paths: [/kept]}}]}]}
---
apiVersion: heddle.dev/v1alpha1
kind: MeshTLS
metadata: {name: kept, namespace: ${namespace}}
spec: {mode: Permissive}
`);
});

const outputs = async (): Promise<string> => kubectl("get", "configmaps,secrets", "-l", written, "-o", "name");

test("records, statuses and identities that somebody edits are put back, and what nobody needs any more is deleted", async () => {
  const before = await outputs();
  expect(before).toContain("secret/heddle-identity-going");
  expect(before).toContain("configmap/heddle-going-");
  await kubectl("scale", "deployment", "going", "--replicas=0");

  const since = "2026-01-01T00:00:00Z";
  const added = { type: "Stranger", status: "True", reason: "Stranger", message: "", lastTransitionTime: since };
  const stranger = { ...added, observedGeneration: 1 };
  for (const object of objects) {
    const conditions = JSON.parse(await kubectl("get", object, "-o", "jsonpath={.status.conditions}")) as object[];
    await patch(object, { status: { conditions: [...conditions, stranger] } }, "--subresource=status");
    const types = () => kubectl("get", object, "-o", "jsonpath={.status.conditions[*].type}");
    await within(`${object} without the condition of somebody else`, async () => !(await types()).includes("Stranger"));
  }

  const identity = "secret/heddle-identity-default";
  const bundle = (): Promise<string> => kubectl("get", identity, "-o", "jsonpath={.data.ca\\.crt}");
  const had = await bundle();
  await patch(identity, { data: { "ca.crt": "" } });
  await within("the bundle of the identity", async () => (await bundle()) === had);

  const mounted = 'jsonpath={.items[0].spec.volumes[?(@.name=="heddle-configuration")].configMap.name}';
  const record = `configmap/${await kubectl("get", "pods", "-l", "app=web", "-o", mounted)}`;
  await patch(record, { data: { stranger: "" } });
  const data = (): Promise<string> => kubectl("get", record, "-o", "jsonpath={.data}");
  await within("the record without the key of somebody else", async () => !(await data()).includes("stranger"));

  const isCollected = async () => !(await outputs()).includes("going");
  await within("the identity and the record of pods that are gone to be deleted", isCollected, 150);
  expect(await mesh().call(namespace, "web", "http://web/", { count: 5 })).toMatchObject({ statuses: { 200: 5 } });
});
