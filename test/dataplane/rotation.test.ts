/** Certificates are replaced under load: those of sidecars, and the webhook's. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { Pod, Secret } from "../../src/api/kubernetes.ts";
import { decode } from "../../src/identity/renewal.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/client.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { containers } from "../../src/model/sidecar.ts";
import { until } from "../../tools/processes.ts";
import { useMesh } from "./mesh.ts";

const mesh = useMesh();
const url = "http://cart.shop/";
const root = "heddle-system";
let client: KubeClient;

/** Restarts the operator with these flags besides its own. */
async function restartOperator(...flags: readonly string[]): Promise<void> {
  const args = ["--proxy-image=heddle-proxy:dev", ...flags];
  // The annotation makes it a restart in any case.
  const template = {
    metadata: { annotations: { restarted: randomUUID() } },
    spec: { containers: [{ name: "operator", args }] },
  };
  const patch = JSON.stringify({ spec: { template } });
  for (const command of [
    ["patch", "deployment", "-n", root, "heddle", "-p", patch],
    ["rollout", "status", "deployment", "-n", root, "heddle", "--timeout=90s"],
  ]) {
    const result = await mesh().cluster.kubectl(command);
    if (result.status !== 0) throw new Error(result.stderr);
  }
}

beforeAll(() => {
  client = createKubeClient({ kubeconfig: mesh().cluster.kubeconfig });
});

afterAll(async () => {
  client.close();
  await restartOperator();
  await mesh().settle();
});

/** Runs a script by Node in a pod's application container. */
async function run(namespace: string, deployment: string, script: string): Promise<string> {
  const pod = await mesh().podOf(namespace, deployment);
  const result = await mesh().cluster.exec(namespace, pod, "app", ["node", "-e", script]);
  if (result.status !== 0) throw new Error(result.stderr);
  return result.stdout.trim();
}

/** The serial number of the certificate that a server's sidecar shows to a new connection. */
async function shownBy(deployment: string): Promise<string> {
  const host = await mesh().addressOf("shop", deployment);
  const options = JSON.stringify({ host, port: 8080, ALPNProtocols: ["heddle"], rejectUnauthorized: false });
  return run(
    "outside",
    "visitor",
    `const s = require("node:tls").connect(${options}, () => { console.log(s.getPeerCertificate().serialNumber); s.destroy(); });
     s.on("error", (error) => { console.error(String(error)); process.exit(1); });`,
  );
}

/** The serial numbers that a sidecar has in use as a client. */
const usedBy = (deployment: string): Promise<string> =>
  run(
    "shop",
    deployment,
    `fetch("http://127.0.0.1:15000/certs").then((r) => r.json()).then(({ certificates }) => {
       const chains = certificates.flatMap((c) => c.cert_chain.map((x) => x.serial_number));
       console.log([...new Set(chains)].sort().join());
     });`,
  );

describe("rotation", () => {
  test("certificates of sidecars are replaced under load, and no request fails", async () => {
    await restartOperator("--certificate-ttl=30s");
    const loads = [
      await mesh().load("shop", "frontend", url, { rate: 50 }),
      await mesh().load("shop", "frontend", url, { rate: 20, fresh: true }),
    ];
    const shown = new Set<string>();
    const used = new Set<string>();
    await until(
      "two rotations of the client and of the server",
      async () => {
        shown.add(await shownBy("cart"));
        used.add(await usedBy("frontend"));
        // The first of each may be one of a day, from before.
        return shown.size >= 4 && used.size >= 4;
      },
      { timeout: 150_000, interval: 1000 },
    );
    for (const load of loads) {
      const { requests, failures, statuses, peers } = await load.finish();
      expect({ failures, statuses, peers }).toEqual({
        failures: 0,
        statuses: { 200: requests },
        peers: { "spiffe://cluster.local/ns/shop/sa/frontend": requests },
      });
      expect(requests).toBeGreaterThan(100);
    }
  }, 240_000);
});

describe("the webhook's certificate", () => {
  /** Asks for pods twenty times a second until told to end; tells what was refused or not injected. */
  function admissions(): { end(): Promise<{ asked: number; lost: readonly string[] }> } {
    let ended = false;
    let asked = 0;
    const lost: string[] = [];
    const open = new Set<Promise<void>>();
    const ask = async (name: string): Promise<void> => {
      const body = { metadata: { name, namespace: "shop" }, spec: { containers: [{ name: "app", image: "app" }] } };
      try {
        const pod = (await client.apply(kinds.Pod, body as ObjectToWrite, { dryRun: true })) as Pod;
        if (!pod.spec.initContainers?.some((container) => container.name === containers.proxy))
          lost.push("not injected");
      } catch (error) {
        lost.push(String(error));
      }
    };
    const loop = (async () => {
      while (!ended) {
        asked += 1;
        const asking: Promise<void> = ask(`asked-${asked}`).finally(() => open.delete(asking));
        open.add(asking);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await Promise.all(open);
    })();
    return {
      end: async () => {
        ended = true;
        await loop;
        return { asked, lost };
      },
    };
  }

  const serving = (): Promise<Secret> => client.get(kinds.Secret, { namespace: root, name: "heddle-webhook" });
  const certificate = async (): Promise<string> => decode(await serving(), "tls.crt");
  const bundles = async (): Promise<readonly (string | undefined)[]> => {
    const { webhooks } = (await client.get(kinds.MutatingWebhookConfiguration, { name: "heddle" })) as unknown as {
      webhooks: readonly { clientConfig: { caBundle?: string } }[];
    };
    return webhooks.map(({ clientConfig }) => clientConfig.caBundle);
  };
  const changed = (before: string) =>
    until("another certificate", async () => (await certificate()) !== before, { timeout: 60_000 });

  test("is rotated, emptied and deleted, and the operator restarts, while pods are admitted", async () => {
    await restartOperator("--certificate-ttl=30s");
    const load = admissions();
    await changed(await certificate());
    const beforeEmpty = await certificate();
    await client.apply(
      kinds.Secret,
      {
        metadata: { name: "heddle-webhook", namespace: root },
        data: { "tls.crt": "", "tls.key": "" },
      } as ObjectToWrite,
      { fieldManager: "somebody" },
    );
    await until("a certificate", async () => ![beforeEmpty, ""].includes(await certificate()), { timeout: 30_000 });
    const beforeDeletion = await certificate();
    await client.delete(kinds.Secret, { namespace: root, name: "heddle-webhook" });
    await until("a new Secret", () => changed(beforeDeletion).then(() => true), { timeout: 30_000 });
    await restartOperator();
    const { asked, lost } = await load.end();
    expect(lost).toEqual([]);
    expect(asked).toBeGreaterThan(100);
  }, 240_000);

  test("a foreign caBundle is put back, and admission goes on", async () => {
    const [good] = await bundles();
    const other = Buffer.from(await certificate()).toString("base64");
    const patch = JSON.stringify(
      [0, 1].map((index) => ({ op: "replace", path: `/webhooks/${index}/clientConfig/caBundle`, value: other })),
    );
    const result = await mesh().cluster.kubectl([
      "patch",
      "mutatingwebhookconfiguration",
      "heddle",
      "--type=json",
      "-p",
      patch,
    ]);
    expect(result.stderr).toBe("");
    await until("the bundles", async () => (await bundles()).every((bundle) => bundle === good), { timeout: 30_000 });
    await until(
      "a pod to be admitted",
      async () => {
        const load = admissions();
        await new Promise((resolve) => setTimeout(resolve, 200));
        return (await load.end()).lost.length === 0;
      },
      { timeout: 30_000 },
    );
  });
});
