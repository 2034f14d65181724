import { describe, expect, test } from "vitest";
import { kinds } from "../../../src/api/kinds.ts";
import { ownSecrets } from "../../../src/identity/authority-secret.ts";
import { exemptionsOf, injected } from "../../../src/model/exemptions.ts";
import { configMapOfClass, configMapOfReach, ports, secretOfServiceAccount } from "../../../src/model/sidecar.ts";
import { ephemeralPath, injectionPaths } from "../../../src/webhook/handler.ts";
import { defaultLimits } from "../../../src/webhook/server.ts";
import { namespaceConditions, policyConditions, warningsPaths } from "../../../src/webhook/warn.ts";
import { shippedObject, shippedObjects } from "../../support/manifests.ts";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const objects = shippedObjects();
const one = (kind: string) => shippedObject(kind);

test("the namespace comes first, so that the file can be applied in one go", () => {
  expect(objects[0]).toMatchObject({ kind: "Namespace", metadata: { name: "heddle-system" } });
});

describe("the webhook configuration", () => {
  const webhooks = one("MutatingWebhookConfiguration").webhooks as readonly Record<string, never>[];

  test("asks both paths, each for its own namespaces", () => {
    const asked = webhooks.slice(0, 2).map((webhook) => {
      const { clientConfig, namespaceSelector } = webhook as never as {
        clientConfig: { service: { path: string; port: number } };
        namespaceSelector: { matchExpressions: readonly { key: string; values: readonly string[] }[] };
      };
      const enrolled = namespaceSelector.matchExpressions.find(({ key }) => key === "heddle.dev/inject")?.values;
      return [clientConfig.service.path, enrolled, Object.hasOwn(webhook, "objectSelector")];
    });
    expect(asked).toEqual([
      [injectionPaths.enabled, ["enabled"], false],
      [injectionPaths.enforced, ["enforced"], false],
    ]);
  });

  test.each(webhooks.map((webhook) => [String(webhook["name"]), webhook] as const))(
    "%s: exemptions, safety and bounds",
    (_, webhook) => {
      const { service } = webhook["clientConfig"] as never as { service: { path: string } };
      const exemptions = exemptionsOf({ enforced: service.path === injectionPaths.enforced });
      expect(webhook["matchConditions"]).toEqual(
        service.path === ephemeralPath ? [injected] : exemptions.map(({ name, expression }) => ({ name, expression })),
      );
      expect(webhook).toMatchObject({
        sideEffects: "None",
        reinvocationPolicy: "IfNeeded",
        failurePolicy: "Fail",
        matchPolicy: "Equivalent",
      });
      expect(webhook["namespaceSelector"]).toMatchObject({
        matchExpressions: expect.arrayContaining([
          { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["heddle-system", "kube-system"] },
        ]),
      });
      expect(webhook["clientConfig"]).not.toHaveProperty("caBundle");
      // The server gives up before the API server does, so that its message arrives.
      expect(defaultLimits.answerTime).toBeLessThan(Number(webhook["timeoutSeconds"]) * 1000);
      expect(defaultLimits.requestTime).toBeLessThan(Number(webhook["timeoutSeconds"]) * 1000);
    },
  );
});

describe("the admission policies", () => {
  const policies = objects.filter(({ kind }) => kind === "ValidatingAdmissionPolicy");
  const bindings = objects.filter(({ kind }) => kind === "ValidatingAdmissionPolicyBinding");

  test("refuse, each by one binding, and nothing passes while one cannot be evaluated", () => {
    const bound = bindings.map(({ spec }) => [spec.policyName, spec.validationActions]);
    expect(bound).toEqual(policies.map(({ metadata }) => [metadata.name, ["Deny"]]));
    expect(policies.map(({ spec }) => spec.failurePolicy)).toEqual(policies.map(() => "Fail"));
  });

  const policyOf = (name: string) => policies.find(({ metadata }) => metadata.name === name).spec;

  test("of ownership: the operator is whom its Deployment runs as, and its own Secrets are those that it makes", () => {
    const { matchConditions, variables } = policyOf("heddle-owned");
    const { metadata, spec } = one("Deployment");
    const user = `system:serviceaccount:${metadata.namespace}:${spec.template.spec.serviceAccountName}`;
    expect(variables).toContainEqual({ name: "operator", expression: `'${user}'` });
    const [{ expression }] = matchConditions;
    const names = Object.values(ownSecrets).map((name) => `'${name}'`);
    expect(expression).toContain(
      `object.metadata.namespace == '${metadata.namespace}' && object.metadata.name in [${names.join(", ")}]`,
    );
    expect(expression).toContain(`object.metadata.name.startsWith('${secretOfServiceAccount("")}')`);
    const name = /matches\('([^']+)'\)/.exec(expression)?.[1] ?? "";
    for (const record of [configMapOfClass("cart-0123456789"), configMapOfReach("0123456789")])
      expect(record).toMatch(new RegExp(name));
  });

  test("of identities: every namespace but the operator's own and kube-system", () => {
    expect(policyOf("heddle-identities").matchConstraints.namespaceSelector.matchExpressions).toEqual([
      { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["heddle-system", "kube-system"] },
    ]);
  });

  test("of injection: the namespaces and the exemptions of the webhook", () => {
    const { matchConstraints, matchConditions, variables } = policyOf("heddle-injected");
    expect(matchConstraints.namespaceSelector.matchExpressions).toEqual([
      { key: "heddle.dev/inject", operator: "In", values: ["enabled", "enforced"] },
      { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["heddle-system", "kube-system"] },
    ]);
    const absolute = exemptionsOf({ enforced: true });
    expect(matchConditions).toEqual(absolute.map(({ name, expression }) => ({ name, expression })));
    const others = exemptionsOf({ enforced: false }).filter((exemption) => !absolute.includes(exemption));
    const optedOut = variables.find(({ name }: { name: string }) => name === "optedOut").expression;
    expect(optedOut).toBe(
      `!variables.enforced && !(${others.map(({ expression }) => `(${expression})`).join(" && ")})`,
    );
  });
});

describe("the configuration for warnings", () => {
  const webhooks = one("ValidatingWebhookConfiguration").webhooks;

  test("asks for what authors change, and holds nobody up", () => {
    const asked = [
      [kinds.AuthorizationPolicy, warningsPaths.policies, policyConditions],
      [kinds.Namespace, warningsPaths.namespaces, namespaceConditions],
    ] as const;
    expect(webhooks).toMatchObject(
      asked.map(([{ apiVersion, plural }, path, matchConditions]) => {
        const [apiVersions, apiGroups = ""] = apiVersion.split("/").reverse();
        return {
          clientConfig: { service: { namespace: "heddle-system", name: "heddle", path, port: 443 } },
          rules: [
            {
              apiGroups: [apiGroups],
              apiVersions: [apiVersions],
              resources: [plural],
              operations: ["CREATE", "UPDATE"],
            },
          ],
          matchConditions,
          sideEffects: "None",
          failurePolicy: "Ignore",
          timeoutSeconds: 2,
        };
      }),
    );
    for (const { clientConfig } of webhooks) expect(clientConfig).not.toHaveProperty("caBundle");
  });
});

describe("what the operator may do", () => {
  const rules = [...one("ClusterRole").rules, ...one("Role").rules] as readonly Rule[];
  /** What a reflector does. Only what is written is asked for by name as well. */
  const reads = ["list", "watch"];
  const readsAndWrites = ["get", ...reads, "create", "patch", "delete"];
  const wanted = new Map<string, readonly string[]>([
    ["TrafficSplit", reads],
    ["AuthorizationPolicy", reads],
    ["MeshTLS", reads],
    ["Namespace", reads],
    ["Service", reads],
    ["Pod", reads],
    ["EndpointSlice", reads],
    ["ConfigMap", [...readsAndWrites, "update"]],
    ["Secret", readsAndWrites],
    ["Certificate", ["get", ...reads, "create", "update", "delete"]],
    ["Event", ["create"]],
    ["Lease", ["create", "get", "update"]],
    ["CustomResourceDefinition", ["get"]],
    ["MutatingWebhookConfiguration", [...reads, "patch"]],
    ["ValidatingWebhookConfiguration", [...reads, "patch"]],
  ]);

  test.each(Object.entries(kinds))("%s: these verbs and no others", (name, { apiVersion, plural }) => {
    const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
    const granted = rules
      .filter(({ apiGroups, resources }) => apiGroups.includes(String(group)) && resources.includes(plural))
      .flatMap(({ verbs }) => verbs);
    expect(granted.toSorted()).toEqual(wanted.get(name)?.toSorted());
  });

  test("status of our own kinds, and nothing beyond the table of kinds", () => {
    const known = new Set([
      ...Object.values(kinds).map(({ plural }) => plural),
      ...["trafficsplits", "authorizationpolicies", "meshtls"].map((plural) => `${plural}/status`),
    ]);
    const granted = rules.flatMap(({ resources }) => resources);
    expect(granted.filter((resource) => !known.has(resource))).toEqual([]);
    expect(new Set(granted)).toEqual(known);
    expect(rules.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs])).not.toContain(
      "*",
    );
  });

  test("of the webhook configurations only its own", () => {
    for (const { kind, plural } of [kinds.MutatingWebhookConfiguration, kinds.ValidatingWebhookConfiguration]) {
      const names = rules
        .filter(({ resources }) => resources.includes(plural))
        .map(({ resourceNames }) => resourceNames);
      expect(names).toEqual([[one(kind).metadata.name]]);
    }
  });

  test("is bound to the ServiceAccount that the Deployment runs as", () => {
    const subjects = [{ kind: "ServiceAccount", name: "heddle", namespace: "heddle-system" }];
    expect(one("ClusterRoleBinding")).toMatchObject({ roleRef: { kind: "ClusterRole", name: "heddle" }, subjects });
    expect(one("RoleBinding")).toMatchObject({ roleRef: { kind: "Role", name: "heddle" }, subjects });
    expect(one("Deployment").spec.template.spec.serviceAccountName).toBe("heddle");
  });
});

describe("the operator's Deployment", () => {
  const { template, selector } = one("Deployment").spec;

  test("is selected by the Service, which has the ports that sidecars and the API server use", () => {
    const service = one("Service").spec;
    expect(template.metadata.labels).toMatchObject(service.selector);
    expect(selector.matchLabels).toEqual(service.selector);
    expect(service.ports).toMatchObject([
      { port: ports.xds, targetPort: "xds" },
      { port: 443, targetPort: "webhook" },
      { port: 8080, targetPort: "health" },
    ]);
  });
});
