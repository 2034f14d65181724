/** The operator as a whole against a real API server: what it writes, what it puts back, and what it leaves alone. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Condition } from "../../src/api/conditions.ts";
import { type Kind, kinds } from "../../src/api/kinds.ts";
import type { ConfigMap, KubernetesObject, Secret } from "../../src/api/kubernetes.ts";
import { type WebhookConfigurationKind, webhookConfigurationKinds } from "../../src/controllers/webhook-bundle.ts";
import { belongsTogether, isIssuedBy, readCertificate } from "../../src/identity/certificate.ts";
import { decode } from "../../src/identity/renewal.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";
import { isApiError } from "../../src/kube/error.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { configMapOfClass, containers, keys } from "../../src/model/sidecar.ts";
import { workloadClassId, workloadTraits } from "../../src/model/workload.ts";
import type { ControlPlane } from "../../tools/control-plane.ts";
import { freePorts, until } from "../../tools/processes.ts";
import { operatorProgram, startApiServer } from "../support/api-server.ts";
import { shippedObject } from "../support/manifests.ts";

interface ShippedConfiguration extends KubernetesObject {
  readonly kind: WebhookConfigurationKind;
  readonly webhooks: readonly { readonly name: string; readonly clientConfig: { readonly caBundle?: string } }[];
}

const repository = resolve(import.meta.dirname, "../..");
const other = (apiVersion: string, kind: string, plural: string, namespaced: boolean): Kind => ({
  apiVersion,
  kind,
  plural,
  namespaced,
});
const definition = kinds.CustomResourceDefinition;

let server: ControlPlane;
let client: KubeClient;
/** The same after a restart: the port of ADS is part of what is written. */
let ports: readonly number[] = [];
let operator: { process: ChildProcess; output: () => string; health: number };

async function startOperator(): Promise<typeof operator> {
  const [xds = 0, webhook = 0, health = 0] = ports;
  const flags = {
    kubeconfig: server.kubeconfig,
    "xds-port": xds,
    "webhook-port": webhook,
    "health-port": health,
    replica: `test-${health}`,
    "drain-grace": "0s",
  };
  const child = spawn(
    process.execPath,
    [operatorProgram(), ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  const started = { process: child, output: () => output, health };
  await until(`the operator to be ready`, async () => (await fetch(`http://127.0.0.1:${health}/readyz`)).ok, {
    timeout: 60_000,
  });
  return started;
}

async function stopOperator(): Promise<void> {
  const ended = new Promise((resolve) => operator.process.once("exit", resolve));
  operator.process.kill("SIGTERM");
  await ended;
}

beforeAll(async () => {
  server = await startApiServer();
  ports = await freePorts(3);
  client = createKubeClient({ kubeconfig: server.kubeconfig });
  for (const file of readdirSync(join(repository, "crds"))) {
    const [document] = parseAllDocuments(readFileSync(join(repository, "crds", file), "utf8"));
    await client.apply(definition, document?.toJS() as KubernetesObject);
  }
  await client.create(kinds.Namespace, { metadata: { name: "heddle-system" } });
  await client.create(kinds.Namespace, { metadata: { name: "shop", labels: { [keys.inject]: "enabled" } } });
  for (const kind of webhookConfigurationKinds) {
    const shipped: ShippedConfiguration = shippedObject(kind);
    // No Service leads to the operator here, so that pods would be refused.
    const webhooks = shipped.webhooks.map((webhook) => ({ ...webhook, failurePolicy: "Ignore" }));
    const body = { ...shipped, webhooks } as ObjectToWrite;
    await client.apply(kinds[shipped.kind], body, { fieldManager: "kubectl" });
  }
  await until("the CRDs to be served", () => client.list(kinds.MeshTLS), { timeout: 60_000 });
  operator = await startOperator();
});

afterAll(async () => {
  await stopOperator();
  await server.stop();
});

/** A pod as the webhook would have left it, of the workload `app`, with an address and Ready. */
async function createInjectedPod(name: string, app: string, address: string): Promise<string> {
  const spec = {
    serviceAccountName: app,
    containers: [{ name: "app", image: "app", ports: [{ name: "http", containerPort: 8080 }] }],
    initContainers: [{ name: containers.proxy, image: "proxy", restartPolicy: "Always" }],
  };
  const labels = { app };
  const classId = workloadClassId(workloadTraits({ metadata: { name, labels }, spec }, "shop"));
  await client
    .create(other("v1", "ServiceAccount", "serviceaccounts", true), { metadata: { name: app, namespace: "shop" } })
    .catch((error: unknown) => {
      if (!isApiError(error, "conflict")) throw error;
    });
  await client.create(kinds.Pod, {
    metadata: { name, namespace: "shop", labels, annotations: { [keys.class]: classId } },
    spec,
  } as ObjectToWrite);
  await client.applyStatus(kinds.Pod, {
    metadata: { name, namespace: "shop" },
    status: {
      phase: "Running",
      podIP: address,
      podIPs: [{ ip: address }],
      conditions: [{ type: "Ready", status: "True" }],
    },
  } as ObjectToWrite);
  return classId;
}

const configMap = (name: string): Promise<ConfigMap> => client.get(kinds.ConfigMap, { namespace: "shop", name });
const secret = (name: string, namespace = "shop"): Promise<Secret> => client.get(kinds.Secret, { namespace, name });
const eventually = <T>(read: () => Promise<T>) =>
  expect.poll(() => read().catch((error: unknown) => error), { timeout: 10_000 });
const conditionsOf = (object: unknown): readonly Condition[] =>
  (object as { status?: { conditions?: Condition[] } }).status?.conditions ?? [];

describe("the operator", () => {
  test("makes its authority, its webhook's certificate and every caBundle, and says nothing secret in its log", async () => {
    const authority = await secret("heddle-ca", "heddle-system");
    const webhook = await secret("heddle-webhook", "heddle-system");
    expect(belongsTogether(decode(authority, "tls.crt"), decode(authority, "tls.key"))).toBe(true);
    expect(isIssuedBy(decode(webhook, "tls.crt"), decode(authority, "tls.crt"))).toBe(true);
    expect(readCertificate(decode(webhook, "tls.crt"))?.dnsNames).toContain("heddle.heddle-system.svc");
    await eventually(async () => {
      const configurations = (await Promise.all(
        webhookConfigurationKinds.map((kind) => client.get(kinds[kind], { name: "heddle" })),
      )) as unknown as readonly ShippedConfiguration[];
      const webhooks = configurations.flatMap((configuration) => configuration.webhooks);
      return webhooks.map(({ name, clientConfig }) => [name, clientConfig.caBundle === authority.data?.["tls.crt"]]);
    }).toEqual([
      ["inject.heddle.dev", true],
      ["enforce.heddle.dev", true],
      ["ephemeral.heddle.dev", true],
      ["warn.heddle.dev", true],
      ["namespaces.warn.heddle.dev", true],
    ]);
    expect(operator.output()).not.toMatch(/PRIVATE KEY|LS0tLS1/);
  });

  test("an injected pod gets its class's ConfigMap, its reach's, and its identity", async () => {
    const classId = await createInjectedPod("cart-1", "cart", "10.1.0.1");
    await eventually(async () => Object.keys((await configMap(configMapOfClass(classId))).data ?? {}).sort()).toEqual([
      "bootstrap.yaml",
      "certificate.yaml",
      "inbound.yaml",
      "trust.yaml",
    ]);
    await eventually(
      async () => readCertificate(decode(await secret("heddle-identity-cart"), "tls.crt"))?.uris,
    ).toEqual(["spiffe://cluster.local/ns/shop/sa/cart"]);
    const reaches = (await client.list(kinds.ConfigMap, { namespace: "shop" })).items.filter(({ metadata }) =>
      metadata.name.startsWith("heddle-reach-"),
    );
    expect(reaches.length).toBe(1);
  });

  test("a ConfigMap that somebody edits or deletes is put back", async () => {
    const classId = await createInjectedPod("edited-1", "edited", "10.1.0.2");
    const name = configMapOfClass(classId);
    await eventually(() => configMap(name)).toMatchObject({ kind: "ConfigMap" });
    const good = await configMap(name);
    await client.apply(
      kinds.ConfigMap,
      { metadata: { name, namespace: "shop" }, data: { "bootstrap.yaml": "evil" } } as ObjectToWrite,
      { fieldManager: "somebody" },
    );
    await eventually(async () => (await configMap(name)).data?.["bootstrap.yaml"]).toBe(good.data?.["bootstrap.yaml"]);
    await client.delete(kinds.ConfigMap, { namespace: "shop", name });
    await eventually(async () => (await configMap(name)).data).toEqual(good.data);
  });

  test("a Secret that is emptied, swapped or of another type is issued anew", async () => {
    await createInjectedPod("keys-1", "keys", "10.1.0.3");
    const name = "heddle-identity-keys";
    const isGood = async () => {
      const current = await secret(name);
      return (
        current.type === "kubernetes.io/tls" && belongsTogether(decode(current, "tls.crt"), decode(current, "tls.key"))
      );
    };
    await eventually(isGood).toBe(true);
    const foreign = await secret("heddle-identity-cart");
    await client.apply(kinds.Secret, { metadata: { name, namespace: "shop" }, data: foreign.data } as ObjectToWrite, {
      fieldManager: "somebody",
    });
    await eventually(async () => readCertificate(decode(await secret(name), "tls.crt"))?.uris).toEqual([
      "spiffe://cluster.local/ns/shop/sa/keys",
    ]);
    await client.apply(
      kinds.Secret,
      { metadata: { name, namespace: "shop" }, data: { "tls.crt": "", "tls.key": "" } } as ObjectToWrite,
      { fieldManager: "somebody" },
    );
    await eventually(isGood).toBe(true);
    await client.delete(kinds.Secret, { namespace: "shop", name });
    await client
      .create(kinds.Secret, {
        metadata: { name, namespace: "shop", labels: { [keys.managedBy]: "heddle" } },
        type: "Opaque",
      } as ObjectToWrite)
      .catch(() => undefined);
    await eventually(isGood).toBe(true);
  });

  test("statuses: a valid policy waits for its proxy; one that concerns nobody is programmed; a split in conflict names the winner", async () => {
    await createInjectedPod("status-1", "status", "10.1.0.4");
    const policy = (name: string, app: string) =>
      client.create(kinds.AuthorizationPolicy, {
        metadata: { name, namespace: "shop" },
        spec: { selector: { matchLabels: { app } }, rules: [{}] },
      } as ObjectToWrite);
    await policy("waits", "status");
    await policy("nobody", "nothing");
    const split = (name: string) =>
      client.create(kinds.TrafficSplit, {
        metadata: { name, namespace: "shop" },
        spec: { service: "web", backends: [{ service: "v1", weight: 1 }] },
      } as ObjectToWrite);
    await split("a-first");
    await split("b-second");
    const status = (kind: Kind, name: string, type: string) => async () => {
      const found = conditionsOf(await client.get(kind, { namespace: "shop", name })).find(
        (condition) => condition.type === type,
      );
      return [found?.status, found?.reason];
    };
    await eventually(status(kinds.AuthorizationPolicy, "nobody", "Ready")).toEqual(["True", "Ready"]);
    await eventually(status(kinds.AuthorizationPolicy, "waits", "Accepted")).toEqual(["True", "Accepted"]);
    await eventually(async () => (await status(kinds.AuthorizationPolicy, "waits", "Programmed")())[0]).not.toBe(
      "True",
    );
    await eventually(status(kinds.TrafficSplit, "b-second", "Accepted")).toEqual(["False", "Conflicted"]);
    const loser = conditionsOf(await client.get(kinds.TrafficSplit, { namespace: "shop", name: "b-second" }));
    expect(loser.find(({ type }) => type === "Accepted")?.message).toContain("shop/a-first");
  });

  test("nothing is written where nothing changed: labels of a Service, annotations of a policy, a restart of the operator", async () => {
    await client.create(kinds.AuthorizationPolicy, {
      metadata: { name: "quiet", namespace: "shop" },
      spec: { selector: { matchLabels: { app: "none" } } },
    } as ObjectToWrite);
    await eventually(
      async () =>
        conditionsOf(await client.get(kinds.AuthorizationPolicy, { namespace: "shop", name: "quiet" })).find(
          ({ type }) => type === "Ready",
        )?.status,
    ).toBe("True");
    const versions = async () => {
      const listed = await Promise.all([kinds.ConfigMap, kinds.Secret].map((kind) => client.list(kind)));
      const owned = listed.flatMap(({ items }) =>
        items.filter(({ metadata }) => metadata.labels?.[keys.managedBy] === "heddle"),
      );
      const policies = (await client.list(kinds.AuthorizationPolicy)).items;
      return [
        ...owned.map(({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.resourceVersion}`),
        ...policies.map((policy) => JSON.stringify(conditionsOf(policy))),
      ].sort();
    };
    // Two readings that agree: everything that was under way has ended.
    let before = await versions();
    await expect
      .poll(
        async () => {
          const previous = before;
          before = await versions();
          return JSON.stringify(previous) === JSON.stringify(before);
        },
        { interval: 300, timeout: 10_000 },
      )
      .toBe(true);
    await client.apply(
      kinds.AuthorizationPolicy,
      { metadata: { name: "quiet", namespace: "shop", annotations: { note: "changed" } } } as ObjectToWrite,
      { fieldManager: "gitops" },
    );
    await stopOperator();
    operator = await startOperator();
    // A marker that the operator answers proves that it has been through everything since.
    await client.create(kinds.AuthorizationPolicy, {
      metadata: { name: "marker", namespace: "shop" },
      spec: { selector: { matchLabels: { app: "none" } } },
    } as ObjectToWrite);
    await eventually(
      async () =>
        conditionsOf(await client.get(kinds.AuthorizationPolicy, { namespace: "shop", name: "marker" })).find(
          ({ type }) => type === "Ready",
        )?.status,
    ).toBe("True");
    const marker = JSON.stringify(
      conditionsOf(await client.get(kinds.AuthorizationPolicy, { namespace: "shop", name: "marker" })),
    );
    expect((await versions()).filter((line) => line !== marker)).toEqual(before.filter((line) => line !== marker));
  });

  test("an authority that is there is never overwritten, not even when it cannot be read", async () => {
    const good = await secret("heddle-ca", "heddle-system");
    await client.apply(
      kinds.Secret,
      {
        metadata: { name: "heddle-ca", namespace: "heddle-system" },
        data: { "tls.key": Buffer.from("broken").toString("base64") },
      } as ObjectToWrite,
      { fieldManager: "somebody" },
    );
    await expect.poll(() => operator.output(), { timeout: 10_000 }).toContain("The authority cannot be used");
    expect(decode(await secret("heddle-ca", "heddle-system"), "tls.key")).toBe("broken");
    await client.apply(
      kinds.Secret,
      { metadata: { name: "heddle-ca", namespace: "heddle-system" }, data: good.data } as ObjectToWrite,
      { fieldManager: "somebody" },
    );
    await createInjectedPod("after-1", "after", "10.1.0.9");
    await eventually(async () =>
      isIssuedBy(decode(await secret("heddle-identity-after"), "tls.crt"), decode(good, "tls.crt")),
    ).toBe(true);
  });
});
