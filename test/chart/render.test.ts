/** What Helm makes of the chart. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { options, variableOf } from "../../src/ops/options.ts";
import { parseSettings } from "../../src/ops/settings.ts";
import { installManifest } from "../../tools/generate/chart.ts";
import { helm } from "../../tools/helm.ts";
import { chart, render, valueSets } from "../support/chart.ts";
import { objectsOf } from "../support/manifests.ts";

describe.each(Object.entries(valueSets))("with the values '%s'", (_, values) => {
  let rendered: string;
  let objects: ReturnType<typeof objectsOf>;
  beforeAll(async () => {
    rendered = await render(values);
    objects = objectsOf(rendered);
  });

  test("it passes Helm's lint, warnings included", async () => {
    const { status, stdout, stderr } = await helm(["lint", "--strict", chart], { values });
    expect(status, stdout + stderr).toBe(0);
  });

  test("two renders are identical", async () => {
    expect(await render(values)).toBe(rendered);
  });

  test("every object has the recommended labels, and a namespace unless it is the cluster's", () => {
    const clusterWide = /^(Cluster.*|CustomResourceDefinition|.*WebhookConfiguration|ValidatingAdmissionPolicy.*)$/;
    expect(objects.length).toBeGreaterThan(8);
    for (const { kind, metadata } of objects) {
      expect(metadata.labels, `${kind} ${metadata.name}`).toMatchObject({
        "app.kubernetes.io/name": "heddle",
        "app.kubernetes.io/instance": "heddle",
        "app.kubernetes.io/version": "0.1.0",
        "app.kubernetes.io/component": expect.stringMatching(/^(operator|crds|users|monitoring|test)$/),
        "app.kubernetes.io/part-of": "heddle",
        "app.kubernetes.io/managed-by": "Helm",
        "helm.sh/chart": "heddle-0.1.0",
      });
      expect(metadata.namespace).toBe(clusterWide.test(kind) ? undefined : "heddle-system");
    }
  });

  test("no hook but the test, no caBundle, and nobody says that an object is the operator's", () => {
    const hooks = objects.filter(({ metadata }) => metadata.annotations?.["helm.sh/hook"] !== undefined);
    expect(hooks.map(({ metadata }) => metadata.annotations["helm.sh/hook"])).toEqual(["test"]);
    expect(rendered).not.toMatch(/^\s*caBundle:/m);
    // By this label the operator knows its own objects, and the command of the uninstallation finds them.
    expect(rendered).not.toContain("managed-by: heddle");
  });

  test("no webhook judges what is created in the operator's namespace or in kube-system, but by advice", () => {
    const webhooks = objects
      .filter(({ kind }) => kind.endsWith("WebhookConfiguration"))
      .flatMap((configuration) => configuration.webhooks);
    expect(webhooks.length).toBeGreaterThan(4);
    for (const webhook of webhooks) {
      if (webhook.failurePolicy === "Ignore" && webhook.name.includes("warn")) continue;
      expect(webhook.namespaceSelector.matchExpressions, webhook.name).toContainEqual({
        key: "kubernetes.io/metadata.name",
        operator: "NotIn",
        values: ["heddle-system", "kube-system"],
      });
    }
  });
});

test("install.yaml is the chart as Helm renders it", async () => {
  expect(readFileSync(join(chart, "../../install.yaml"), "utf8")).toBe(await installManifest(chart));
});

test("nothing is of the default namespace's name in another one", async () => {
  const elsewhere = await render({}, "1234", "mesh");
  expect(elsewhere).not.toContain("heddle-system");
  const service = objectsOf(elsewhere).find(({ kind }) => kind === "Service");
  const deployment = objectsOf(elsewhere).find(({ kind }) => kind === "Deployment");
  expect(service).toMatchObject({ metadata: { name: "heddle", namespace: "1234" } });
  expect(deployment.spec.template.metadata.labels).toMatchObject(service.spec.selector);
  expect(deployment.spec.selector.matchLabels).toEqual(service.spec.selector);
  const { subjects } = objectsOf(elsewhere).find(({ kind }) => kind === "ClusterRoleBinding");
  expect(subjects).toEqual([{ kind: "ServiceAccount", name: "heddle", namespace: "1234" }]);
});

describe("the Deployment", () => {
  const deploymentOf = async (values: object) =>
    objectsOf(await render(values)).find(({ kind }) => kind === "Deployment");

  test.each(Object.entries(valueSets))(
    "is what Pod Security 'restricted' takes, and settings that the operator takes: %s",
    async (name, values) => {
      const { spec } = (await deploymentOf(values)).spec.template;
      const [{ args = [], env, ports, securityContext }] = spec.containers;
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      });
      expect(spec.hostNetwork === true).toBe(name === "host network");
      const variables: Record<string, string> = Object.fromEntries(
        env.map((variable: { name: string; value?: string }) => [variable.name, variable.value]),
      );
      const known = new Set(options.map(variableOf));
      expect(Object.keys(variables).filter((variable) => !known.has(variable))).toEqual([]);
      const settings = parseSettings(args, { ...variables, POD_NAMESPACE: "heddle-system", POD_NAME: "heddle-0" });
      const named = ports.map((port: { name: string; containerPort: number }) => [port.name, port.containerPort]);
      expect(Object.fromEntries(named)).toEqual({
        xds: settings.xdsPort,
        webhook: settings.webhookPort,
        health: settings.healthPort,
      });
      expect(settings.mesh).toMatchObject({
        rootNamespace: "heddle-system",
        operatorServiceAccount: spec.serviceAccountName,
      });
      // Sidecars dial the Service, wherever the operator itself listens.
      expect(settings.mesh.xdsAddress).toEqual({ host: "heddle.heddle-system.svc", port: 15010 });
      // The operator takes so long to end at most (docs/tasks/observe.md).
      expect(spec.terminationGracePeriodSeconds * 1000).toBeGreaterThanOrEqual(settings.drainGrace + 15_000);
    },
  );

  test("names images by tag, by digest, and by the chart's version", async () => {
    const imagesOf = async (values: object) => {
      const [{ image, env }] = (await deploymentOf(values)).spec.template.spec.containers;
      return [image, env.find(({ name }: { name: string }) => name === "HEDDLE_PROXY_IMAGE").value];
    };
    expect(await imagesOf({})).toEqual(["heddle:0.1.0", "heddle-proxy:0.1.0"]);
    expect(await imagesOf(valueSets["everything"] ?? {})).toEqual([
      `registry.example.com:5000/mesh/heddle@sha256:${"a".repeat(64)}`,
      "registry.example.com/heddle-proxy:1.2.3",
    ]);
  });

  test("is pinned to no failure policy but the one that is chosen; ephemeral containers are always judged", async () => {
    const policies = objectsOf(await render({ webhook: { failurePolicy: "Ignore" } }))
      .find(({ kind }) => kind === "MutatingWebhookConfiguration")
      .webhooks.map(({ name, failurePolicy }: Record<string, string>) => [name, failurePolicy]);
    expect(policies).toEqual([
      ["inject.heddle.dev", "Ignore"],
      ["enforce.heddle.dev", "Ignore"],
      ["ephemeral.heddle.dev", "Fail"],
    ]);
  });
});

test("definitions stay unless they are to go, and are left out where somebody else brings them", async () => {
  const definitionsOf = async (values: object) =>
    objectsOf(await render(values))
      .filter(({ kind }) => kind === "CustomResourceDefinition")
      .map(({ metadata }) => [metadata.name, metadata.annotations?.["helm.sh/resource-policy"]]);
  const names = ["authorizationpolicies.heddle.dev", "meshtls.heddle.dev", "trafficsplits.heddle.dev"];
  expect((await definitionsOf({})).toSorted()).toEqual(names.map((name) => [name, "keep"]));
  expect((await definitionsOf({ crds: { keep: false } })).toSorted()).toEqual(names.map((name) => [name, undefined]));
  expect(await definitionsOf({ crds: { install: false } })).toEqual([]);
});

test("rights to Secrets are the cluster's, or those of the namespaces that are named and the operator's own", async () => {
  const rights = async (values: object) => {
    const objects = objectsOf(await render(values));
    const roles = objects.filter(
      ({ kind, rules }) => /Role$/.test(kind) && JSON.stringify(rules).includes('"secrets"'),
    );
    const bindings = objects.filter(
      ({ kind, roleRef }) => /RoleBinding$/.test(kind) && roleRef.name === roles[0].metadata.name,
    );
    const [container] = objects.find(({ kind }) => kind === "Deployment").spec.template.spec.containers;
    return {
      roles: roles.map(({ kind, metadata }) => [kind, metadata.namespace]),
      bindings: bindings.map(({ metadata, subjects }) => [metadata.namespace, subjects[0].namespace]),
      rules: roles.map(({ rules }) => rules),
      setting: container.env.find(({ name }: { name: string }) => name === "HEDDLE_NAMESPACES")?.value,
    };
  };
  const all = await rights({});
  expect(all).toMatchObject({ roles: [["ClusterRole", undefined]], setting: undefined });
  const some = await rights({ rbac: { namespaces: ["shop", "payments"] } });
  const names = ["heddle-system", "payments", "shop"];
  expect(some).toMatchObject({
    roles: names.map((name) => ["Role", name]),
    bindings: names.map((name) => [name, "heddle-system"]),
    setting: "shop,payments",
  });
  // No more than the cluster-wide role gives.
  for (const rule of some.rules.flat()) expect(all.rules[0]).toContainEqual(rule);
});
