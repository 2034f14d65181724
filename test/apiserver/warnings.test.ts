/** What kubectl shows to the authors of policies and namespaces, by the configuration that is shipped. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { compile } from "../../src/reconcilers/compile.ts";
import type { AdmissionHandler } from "../../src/webhook/handler.ts";
import { createWarningsHandlers } from "../../src/webhook/warn.ts";
import { kubectlOf } from "../../tools/kubectl.ts";
import { until } from "../../tools/processes.ts";
import { type BorrowedApiServer, borrowApiServer } from "../support/api-server.ts";
import { clusterOf, pod, service, testSettings } from "../support/objects.ts";
import { serveWebhook, shippedConfiguration } from "./webhook-support.ts";

let server: BorrowedApiServer;
let client: KubeClient;
let webhook: Awaited<ReturnType<typeof serveWebhook>>;
/** What the webhook does when it is asked, and how often it was. */
let failure: Error | undefined;
let asked = 0;

const kubectl = (args: readonly string[], input?: object) =>
  kubectlOf(server.kubeconfig)(["-n", "shop", ...args], input === undefined ? undefined : stringify(input));

const policy = (name: string, spec: object, labels?: object) => ({
  apiVersion: "heddle.dev/v1alpha1",
  kind: "AuthorizationPolicy",
  metadata: { name, ...(labels ? { labels } : {}) },
  spec,
});
const apply = (...args: Parameters<typeof policy>) => kubectl(["apply", "-f", "-"], policy(...args));
const warningsOf = (stderr: string) => stderr.split("\n").filter((line) => line.startsWith("Warning: "));

beforeAll(async () => {
  server = await borrowApiServer();
  client = createKubeClient({ kubeconfig: server.kubeconfig });
  const definition = readFileSync(resolve(import.meta.dirname, "../../crds/authorizationpolicies.yaml"), "utf8");
  await client.apply(kinds.CustomResourceDefinition, parse(definition) as KubernetesObject);
  await client.create(kinds.Namespace, { metadata: { name: "shop" } });
  await until("the CRD to be served", () => client.list(kinds.AuthorizationPolicy), { timeout: 60_000 });
  const labels = { app: "cart" };
  const mesh = clusterOf([
    pod("shop/cart-0", { labels, addresses: ["10.1.0.1"], ports: [{ containerPort: 8080 }] }),
    service("shop/cart", { selector: labels }),
  ]);
  const { warningsOf } = compile(mesh, testSettings);
  const handlers = createWarningsHandlers(warningsOf);
  const counting = [...handlers].map(([path, handler]): [string, AdmissionHandler] => [
    path,
    (request) => {
      asked += 1;
      if (failure !== undefined) throw failure;
      return handler(request);
    },
  ]);
  webhook = await serveWebhook(new Map(counting));
  await client.create(
    kinds.ValidatingWebhookConfiguration,
    shippedConfiguration("ValidatingWebhookConfiguration", webhook.clientConfig) as ObjectToWrite,
  );
  // The API server takes a new configuration within a second or so.
  let attempt = 0;
  const isAsked = async () => {
    attempt += 1;
    await apply(`first-${attempt}`, { action: "DENY", rules: [{}] });
    return asked > 0;
  };
  await until("the webhook to be asked", isAsked, { timeout: 60_000 });
});

afterAll(async () => {
  await webhook.close();
  client.close();
  await server.stop();
});

const fromFrontend = [{ from: [{ source: { serviceAccounts: ["frontend"] } }] }];

describe("kubectl apply", () => {
  test("shows that a workload becomes closed, once", async () => {
    const result = await apply("first", { rules: fromFrontend });
    expect(result).toMatchObject({ status: 0, stdout: expect.stringContaining("first created") });
    expect(warningsOf(result.stderr)).toEqual([
      "Warning: No other ALLOW policy applies to the workload of pod shop/cart-0: what no rule of this one matches is " +
        "denied from now on. `enforcement: DryRun` counts it beforehand.",
    ]);
  });

  test("shows that a DENY by identity does not stop callers in plaintext, and what gets past a path", async () => {
    const rules = [{ ...fromFrontend[0], to: [{ operation: { paths: ["/admin"] } }] }];
    const result = await apply("deny", { action: "DENY", rules });
    expect(result.status).toBe(0);
    expect(warningsOf(result.stderr)).toEqual([
      expect.stringMatching(/^Warning: spec\.rules\[0\]\.to\[0\]\.operation\.paths\[0\]: .* upper case/),
      expect.stringMatching(/^Warning: spec\.rules\[0\]\.from\[0\]\.source\.serviceAccounts: Callers in plaintext/),
    ]);
  });

  test("of a dry run on the server shows the same and stores nothing", async () => {
    const result = await kubectl(["apply", "--dry-run=server", "-f", "-"], policy("dry", { rules: fromFrontend }));
    expect(warningsOf(result.stderr)).toHaveLength(1);
    const read = client.get(kinds.AuthorizationPolicy, { namespace: "shop", name: "dry" });
    await expect(read).rejects.toMatchObject({ class: "notFound" });
  });
});

test("whoever does not change the spec is told nothing: labels, status", async () => {
  const spec = { action: "DENY", rules: fromFrontend };
  expect(warningsOf((await apply("labelled", spec)).stderr)).toHaveLength(1);
  const before = asked;
  const labelled = await apply("labelled", spec, { team: "blue" });
  expect(labelled).toMatchObject({ stdout: expect.stringContaining("configured"), stderr: "" });
  await client.applyStatus(kinds.AuthorizationPolicy, {
    metadata: { namespace: "shop", name: "labelled" },
    status: { observedGeneration: 1 },
  } as ObjectToWrite);
  expect(asked).toBe(before);
  expect(warningsOf((await apply("labelled", { ...spec, enforcement: "DryRun" })).stderr)).toHaveLength(1);
  expect(asked).toBe(before + 1);
});

test("what the schema refuses is refused by it, and the webhook is not asked", async () => {
  const before = asked;
  const result = await apply("invalid", { action: "DENY" });
  expect(result.status).toBe(1);
  expect(result.stderr).toContain("spec");
  expect(asked).toBe(before);
});

describe("kubectl label and annotate of a namespace", () => {
  const change = (verb: string, ...changes: readonly string[]) =>
    kubectl([verb, "--overwrite", "namespace", "shop", ...changes]);

  test("show what has no effect, and what refuses its pods", async () => {
    const mistaken = await change("label", "heddle.dev/inject=true");
    expect(mistaken.status).toBe(0);
    expect(warningsOf(mistaken.stderr)).toEqual([
      expect.stringContaining('label heddle.dev/inject is "true", which has no effect'),
    ]);
    const refusing = await change("label", "heddle.dev/inject=enabled", "pod-security.kubernetes.io/enforce=baseline");
    expect(refusing.stderr).toContain("enforce is baseline, which refuses pods of the mesh");
    const bound = await change("annotate", "heddle.dev/bound-proxy-cpu-limit=lots");
    expect(bound.stderr).toContain("heddle.dev/bound-proxy-cpu-limit must be the largest value");
  });

  test("are silent when all is well, and not asked about when neither changes or nothing is the mesh's", async () => {
    const good = await change("label", "heddle.dev/inject=enabled", "pod-security.kubernetes.io/enforce=privileged");
    expect(good.stderr).toContain("bound-proxy-cpu-limit");
    expect(await change("annotate", "heddle.dev/bound-proxy-cpu-limit=2")).toMatchObject({ status: 0, stderr: "" });
    const before = asked;
    const other = { metadata: { name: "other", annotations: { team: "blue" } } };
    await client.create(kinds.Namespace, other as ObjectToWrite);
    await client.applyStatus(kinds.Namespace, {
      metadata: { name: "shop" },
      status: { phase: "Active" },
    } as ObjectToWrite);
    expect(asked).toBe(before);
  });
});

describe("policies are applied all the same", () => {
  test("while the webhook fails", async () => {
    failure = new Error("a defect");
    const result = await apply("during-a-defect", { rules: fromFrontend });
    failure = undefined;
    expect(result).toMatchObject({ status: 0, stdout: expect.stringContaining("created"), stderr: "" });
  });

  test("while there is no webhook", async () => {
    await webhook.close();
    const result = await apply("alone", { rules: fromFrontend });
    expect(result).toMatchObject({ status: 0, stdout: expect.stringContaining("created"), stderr: "" });
  });
});
