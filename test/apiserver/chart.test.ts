/** The chart on a real API server, which has controllers but no node: what it takes, and what Helm leaves behind. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { createRoot, openAuthority } from "../../src/identity/authority.ts";
import type { ControlPlane } from "../../tools/control-plane.ts";
import { certManagerDefinition, prometheusDefinition } from "../../tools/definitions.ts";
import { helm } from "../../tools/helm.ts";
import { until } from "../../tools/processes.ts";
import { startApiServer } from "../support/api-server.ts";
import { chart, render, valueSets } from "../support/chart.ts";
import { objectsOf } from "../support/manifests.ts";
import {
  type Operator,
  type OperatorPorts,
  operatorPorts,
  startOperator as startOperatorBy,
} from "../support/operator.ts";
import { type ChartCluster, chartClusterOf } from "./chart-support.ts";
import { kubeconfigWith, withToken } from "./kube-support.ts";
import { eventually as eventuallyBy } from "./operator-world.ts";

const namespace = "heddle-system";
const install = resolve(chart, "../../install.yaml");
const definitions = ["authorizationpolicies", "meshtls", "trafficsplits"].map((plural) => `${plural}.heddle.dev`);

let server: ControlPlane;
let cluster: ChartCluster;
let files: string;

/** A look is a run of kubectl. */
const interval = 500;
const eventually = <T>(read: () => Promise<T>, timeout?: number) => eventuallyBy(read, timeout, interval);

const createNamespace = (name: string, security: string): Promise<string> =>
  cluster.kubectl(
    ["apply", "-f", "-"],
    `{apiVersion: v1, kind: Namespace, metadata: {name: ${name}, labels: {pod-security.kubernetes.io/enforce: ${security}}}}`,
  );

beforeAll(async () => {
  server = await startApiServer({ controllers: true });
  cluster = chartClusterOf(server.kubeconfig);
  files = mkdtempSync(join(tmpdir(), "heddle-test-chart-"));
  // Too large for the annotation of a client-side apply.
  for (const plural of ["podmonitors", "prometheusrules"] as const)
    await cluster.kubectl(["apply", "--server-side", "-f", "-"], await prometheusDefinition(plural));
  await cluster.kubectl(["apply", "--server-side", "-f", "-"], await certManagerDefinition("certificates"));
  await createNamespace(namespace, "restricted");
  await createNamespace("heddle-host", "privileged");
  for (const each of [namespace, "heddle-host"]) await cluster.waitForServiceAccount(each);
  const served = async () =>
    (await cluster.tryKubectl(["get", "podmonitors,prometheusrules,certificates", "-A"])).status === 0;
  await until("the kinds of others to be served", served, { timeout: 60_000, interval });
});

afterAll(async () => {
  await server.stop();
  rmSync(files, { recursive: true, force: true });
});

// A machine with other work takes its time for so many programs.
const patient = { timeout: 180_000 };

describe("a server-side dry run with strict validation", patient, () => {
  const dryRun = (text: string) =>
    cluster.tryKubectl(["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"], text);

  test.each(Object.entries(valueSets))(
    "takes every object of '%s', and its pod by Pod Security",
    async (name, values) => {
      const into = name === "host network" ? "heddle-host" : namespace;
      const rendered = await render(values, into);
      const objects = objectsOf(rendered);
      const { template } = objects.find(({ kind }) => kind === "Deployment").spec;
      // The Deployment is refused nothing by Pod Security: its pods are.
      const { serviceAccountName: _, ...spec } = template.spec;
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "as-templated", namespace: into }, spec };
      const { status, stdout, stderr } = await dryRun(`${rendered}---\n${stringify(pod)}`);
      expect(stderr).toBe("");
      expect(status).toBe(0);
      expect(stdout.trim().split("\n")).toHaveLength(objects.length + 1);
    },
  );

  test("refuses a field that is none, also in what others read", async () => {
    const rendered = await render(valueSets["everything"]);
    for (const [field, wrong] of [
      ["maxUnavailable: 1\n  selector", "maxUnavailabel: 1\n  selector"],
      ["podMetricsEndpoints:", "podMetricEndpoints:"],
      ["expr: absent", "exp: absent"],
      ["dnsNames:", "dnsName:"],
    ] as const) {
      expect(rendered).toContain(field);
      const { status, stderr } = await dryRun(rendered.replace(field, wrong));
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/unknown field|field not declared in schema/);
    }
  });
});

/** What `helm template` without the test, which is no object of the release. */
async function renderRelease(values: object = {}): Promise<string> {
  const { stdout } = await helm(["template", "heddle", chart, "--namespace", namespace, "--skip-tests"], { values });
  return stdout;
}

async function runHelm(args: readonly string[], values?: object): Promise<string> {
  const { kubeconfig } = server;
  const { status, stdout, stderr } = await helm([...args, "--namespace", namespace], { values, kubeconfig });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** Installs or upgrades the chart with values. */
const release = (verb: "install" | "upgrade", values: object = {}, ...flags: readonly string[]): Promise<string> =>
  runHelm([verb, "heddle", chart, ...flags], values);

/** Runs the operator with the rights of its ServiceAccount, which are the chart's. */
async function startOperator(flags: Readonly<Record<string, string>> = {}): Promise<Operator & OperatorPorts> {
  const token = (await cluster.kubectl(["create", "token", "heddle", "-n", namespace])).trim();
  const kubeconfig = kubeconfigWith(server.kubeconfig, withToken(token), join(files, "operator.kubeconfig"));
  const ports = await operatorPorts();
  return { ...ports, ...(await startOperatorBy({ kubeconfig, ports, logFile: join(files, "operator.log"), flags })) };
}

const objectOfUser = `apiVersion: heddle.dev/v1alpha1
kind: MeshTLS
metadata: {name: kept, namespace: ${namespace}}
spec: {selector: {matchLabels: {app: kept}}, mode: Strict}
`;

describe("Helm", patient, () => {
  let operator: (Operator & OperatorPorts) | undefined;
  const stopOperator = async (): Promise<void> => operator?.process.stop("SIGTERM");
  afterAll(stopOperator);

  test("installs it; the operator starts with the rights that it brings, and writes every caBundle", async () => {
    const notes = await release("install");
    expect(notes).toContain("kubectl label namespace NAMESPACE heddle.dev/inject=enabled");
    expect(await cluster.bundles()).toEqual(["", "", "", "", ""]);
    operator = await startOperator();
    await eventually(async () => (await cluster.bundles()).every((bundle) => bundle.startsWith("LS0t")), 30_000).toBe(
      true,
    );
    await cluster.kubectl(["apply", "-f", "-"], objectOfUser);
    const wait = ["wait", "meshtls.heddle.dev/kept", "-n", namespace, "--for=condition=Ready", "--timeout=30s"];
    await cluster.kubectl(wait);
    expect(operator.output()).not.toMatch(/forbidden/i);
  });

  test("upgrades to the same without a change, by anybody's measure", async () => {
    const rendered = await renderRelease();
    const settled = "{.metadata.generation} {.status.observedGeneration}";
    await eventually(async () => {
      const text = await cluster.kubectl(["get", "deployment", "heddle", "-n", namespace, "-o", `jsonpath=${settled}`]);
      return new Set(text.split(" ")).size;
    }).toBe(1);
    const before = await cluster.versionsOf(rendered);
    expect(before.size).toBe(objectsOf(rendered).length);
    await release("upgrade");
    expect(await cluster.versionsOf(rendered)).toEqual(before);
    // What Argo CD and Flux ask.
    const diff = await cluster.tryKubectl(["diff", "--server-side", "--field-manager=other", "-f", "-"], rendered);
    expect(diff).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test("takes another manager's apply of the same without a conflict, and the caBundle stays", async () => {
    const rendered = await renderRelease();
    await cluster.kubectl(["apply", "--server-side", "--field-manager=other", "-f", "-"], rendered);
    await release("upgrade");
    expect((await cluster.bundles()).every((bundle) => bundle.startsWith("LS0t"))).toBe(true);
  });

  test("upgrades to other values and rolls back; the caBundle stays through both", async () => {
    const argsOf = () =>
      cluster.kubectl([...["get", "deployment", "heddle", "-n", namespace], "-o", "jsonpath={..containers[0].args}"]);
    const inForce = await cluster.bundles();
    await release("upgrade", { settings: { "log-level": "debug" } });
    expect(await argsOf()).toBe('["--log-level=debug"]');
    expect(await cluster.bundles()).toEqual(inForce);
    await runHelm(["rollback", "heddle", "1"]);
    expect(await argsOf()).toBe("");
    expect(await cluster.bundles()).toEqual(inForce);
  });

  test("with a certificate of somebody else's, its root is in every caBundle, and then the operator's own is again", async () => {
    const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
    const root = await createRoot("corporate", validity);
    const issued = await (await openAuthority(root)).issue({ dns: [`heddle.${namespace}.svc`] }, validity);
    const folder = join(files, "certificate");
    mkdirSync(folder);
    writeFileSync(join(folder, "tls.crt"), issued.certificate);
    writeFileSync(join(folder, "tls.key"), issued.key);
    writeFileSync(join(folder, "ca.crt"), root.certificate);
    const before = await cluster.bundles();
    await stopOperator();
    operator = await startOperator({ "webhook-certificate": folder });
    const given = Buffer.from(root.certificate).toString("base64");
    await eventually(async () => new Set(await cluster.bundles()), 30_000).toEqual(new Set([given]));
    const { webhook: port } = operator;
    const trusted = await new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, servername: `heddle.${namespace}.svc`, ca: root.certificate });
      socket.once("secureConnect", () => resolve(socket.authorized)).once("error", reject);
      socket.once("secureConnect", () => socket.destroy());
    });
    expect(trusted).toBe(true);
    const expiration = Math.floor(validity.notAfter / 1000);
    expect(await (await operator.fetch("/metrics")).text()).toContain(`{certificate="webhook"} ${expiration}\n`);

    await stopOperator();
    operator = await startOperator();
    await eventually(cluster.bundles, 30_000).toEqual(before);
  });

  test("with rights in some namespaces only, identities are kept there, and another one that is enrolled is told of", async () => {
    const pod = (where: string): string => `apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: ${where}, labels: {app: cart}}
spec:
  automountServiceAccountToken: false
  containers: [{name: app, image: app}]
  initContainers: [{name: heddle-proxy, image: proxy, restartPolicy: Always}]
`;
    const enrol = (name: string) => cluster.kubectl(["label", "namespace", name, "heddle.dev/inject=enabled"]);
    const maySee = async (where: string): Promise<string> => {
      const as = `--as=system:serviceaccount:${namespace}:heddle`;
      return (await cluster.tryKubectl(["auth", "can-i", "list", "secrets", "-n", where, as])).stdout.trim();
    };
    await stopOperator();
    for (const each of ["shop", "rest", "gone"]) await createNamespace(each, "privileged");
    for (const each of ["shop", "rest"]) {
      await cluster.waitForServiceAccount(each);
      await cluster.kubectl(["apply", "-f", "-"], pod(each));
      await enrol(each);
    }
    // Another manager had applied the roles as well, and so holds the fields.
    await release("upgrade", { rbac: { namespaces: ["shop", "gone"] } }, "--force-conflicts");
    // Its Role goes with it, and nothing else waits for it.
    await cluster.kubectl(["delete", "namespace", "gone"]);
    await eventually(async () => Promise.all([namespace, "shop", "rest", "gone"].map(maySee)), 30_000).toEqual([
      ...["yes", "yes", "no", "no"],
    ]);
    operator = await startOperator({ namespaces: "shop,gone" });
    const identityIn = async (where: string) =>
      (await cluster.tryKubectl(["get", "secret", "heddle-identity-default", "-n", where])).status === 0;
    await eventually(() => identityIn("shop"), 30_000).toBe(true);
    const reason = "--field-selector=reason=NamespaceNotManaged";
    const told = () =>
      cluster.kubectl(["get", "events", "-n", "default", reason, "-o", "jsonpath={.items[*].involvedObject.name}"]);
    await eventually(told, 30_000).toBe("rest");
    expect(await identityIn("rest")).toBe(false);
    const records = (where: string) =>
      cluster.kubectl(["get", "configmaps", "-n", where, "-l", "app.kubernetes.io/managed-by=heddle", "-o", "name"]);
    await eventually(async () => (await records("shop")) !== "", 30_000).toBe(true);
    expect(await records("rest")).toBe("");

    await stopOperator();
    await cluster.kubectl(["delete", "namespace", "shop"]);
    await release("upgrade", {}, "--reset-values", "--force-conflicts");
    operator = await startOperator();
    await eventually(() => identityIn("rest"), 30_000).toBe(true);
    await cluster.kubectl(["delete", "namespace", "rest"]);
  });

  test("puts back what somebody has taken out of a definition", async () => {
    const columns = () =>
      cluster.kubectl([
        "get",
        "crd",
        "meshtls.heddle.dev",
        "-o",
        "jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}",
      ]);
    const before = await columns();
    const patch = '[{"op":"remove","path":"/spec/versions/0/additionalPrinterColumns/0"}]';
    await cluster.kubectl(["patch", "crd", "meshtls.heddle.dev", "--type=json", "--patch", patch]);
    expect(await columns()).not.toBe(before);
    // Another manager had applied it as well, and so holds the fields.
    await runHelm(["upgrade", "heddle", chart, "--force-conflicts"]);
    expect(await columns()).toBe(before);
  });

  test("uninstalls it: definitions and their objects stay, and one command removes what the operator has made", async () => {
    await stopOperator();
    await runHelm(["uninstall", "heddle"]);
    const kept = definitions.map((name) => `customresourcedefinition.apiextensions.k8s.io/${name}`);
    await eventually(
      async () => (await cluster.labelled("app.kubernetes.io/instance=heddle")).toSorted(),
      60_000,
    ).toEqual(kept);
    expect(await cluster.kubectl(["get", "meshtls.heddle.dev", "-n", namespace, "-o", "name"])).toBe(
      "meshtls.heddle.dev/kept\n",
    );
    const ours = "app.kubernetes.io/managed-by=heddle";
    expect(await cluster.labelled(ours)).toEqual(
      expect.arrayContaining(["secret/heddle-ca", "secret/heddle-webhook", "lease.coordination.k8s.io/heddle"]),
    );
    await cluster.kubectl(["delete", "configmaps,secrets,leases", "-A", "-l", ours]);
    expect(await cluster.labelled(ours)).toEqual([]);
    const left = await cluster.kubectl([
      "get",
      "configmaps,secrets,leases,serviceaccounts",
      "-n",
      namespace,
      "-o",
      "name",
    ]);
    expect(left.trim().split("\n")).toEqual(["configmap/kube-root-ca.crt", "serviceaccount/default"]);
  });

  test("adopts kept definitions when it is installed again, and removes them where they are not to stay", async () => {
    await release("install", { crds: { keep: false } });
    expect(await cluster.kubectl(["get", "meshtls.heddle.dev", "-n", namespace, "-o", "name"])).toContain("kept");
    await runHelm(["uninstall", "heddle"]);
    await eventually(() => cluster.labelled("app.kubernetes.io/instance=heddle"), 60_000).toEqual([]);
  });
});

test(
  "kubectl installs it by install.yaml, and removes all but definitions by the documented command",
  patient,
  async () => {
    await cluster.kubectl(["apply", "--server-side", "-f", install]);
    expect(await cluster.labelled("app.kubernetes.io/part-of=heddle,app.kubernetes.io/component=operator")).toContain(
      "deployment.apps/heddle",
    );
    await cluster.kubectl(["apply", "-f", install]);
    const bundle = Buffer.from("as the operator writes it").toString("base64");
    const configurations = objectsOf(readFileSync(install, "utf8")).filter(({ kind }) =>
      /WebhookConfiguration$/.test(kind),
    );
    for (const { apiVersion, kind, metadata, webhooks } of configurations) {
      const only = webhooks.map(({ name }: { name: string }) => ({ name, clientConfig: { caBundle: bundle } }));
      const text = stringify({ apiVersion, kind, metadata: { name: metadata.name }, webhooks: only });
      await cluster.kubectl(["apply", "--server-side", "--field-manager=heddle", "-f", "-"], text);
    }
    expect(await cluster.bundles()).toEqual(Array(5).fill(bundle));
    // What a person asks.
    expect(await cluster.tryKubectl(["diff", "-f", install])).toEqual({ status: 0, stdout: "", stderr: "" });
    const docs = readFileSync(resolve(chart, "../../docs/tasks/install.md"), "utf8");
    const [command = ""] = /kubectl delete -f install\.yaml [^`]*/.exec(docs) ?? [];
    const args = command.split(/\s+/).slice(1);
    expect(args).toContain("-l");
    await cluster.kubectl(args.map((argument) => (argument === "install.yaml" ? install : argument)));
    const kept = definitions.map((name) => `customresourcedefinition.apiextensions.k8s.io/${name}`);
    await eventually(
      async () => (await cluster.labelled("app.kubernetes.io/part-of=heddle")).toSorted(),
      60_000,
    ).toEqual(kept);
  },
);

describe("the cluster's roles", patient, () => {
  const kinds = ["trafficsplits", "authorizationpolicies", "meshtls"] as const;
  const can = async (role: string, verb: string, plural: string): Promise<string> => {
    const args = ["auth", "can-i", verb, `${plural}.heddle.dev`, "-n", "shop", `--as=${role}`];
    return (await cluster.tryKubectl(args)).stdout.trim();
  };

  beforeAll(async () => {
    await createNamespace("shop", "privileged");
    await cluster.kubectl(["apply", "--server-side", "-f", "-"], (await renderRelease()).replaceAll(namespace, "shop"));
    for (const role of ["view", "edit", "admin"])
      await cluster.kubectl(["create", "rolebinding", role, "-n", "shop", `--clusterrole=${role}`, `--user=${role}`]);
    const aggregated = async () => (await can("admin", "create", "meshtls")) === "yes";
    await until("the roles to be aggregated", aggregated, { timeout: 60_000, interval });
  });

  test.each([
    ["view", "list", ["yes", "yes", "yes"]],
    ["view", "update", ["no", "no", "no"]],
    ["edit", "list", ["yes", "yes", "yes"]],
    ["edit", "update", ["yes", "no", "no"]],
    ["edit", "deletecollection", ["yes", "no", "no"]],
    ["admin", "update", ["yes", "yes", "yes"]],
    ["admin", "delete", ["yes", "yes", "yes"]],
  ] as const)("%s: %s of splits, policies, MeshTLS", async (role, verb, allowed) => {
    expect(await Promise.all(kinds.map((plural) => can(role, verb, plural)))).toEqual(allowed);
  });
});
