/** Certificates are replaced under load: those of sidecars, and the webhook's. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../../src/api/kinds.ts";
import type { Pod, Secret } from "../../../src/api/kubernetes.ts";
import { decode } from "../../../src/identity/renewal.ts";
import { createKubeClient, type KubeClient } from "../../../src/kube/client.ts";
import type { ObjectToWrite } from "../../../src/kube/objects.ts";
import { containers } from "../../../src/model/sidecar.ts";
import { restartOperator, runScript, serialsInUse, shownCertificate } from "../../../tools/demo/rotation.ts";
import { until } from "../../../tools/processes.ts";
import { useMesh } from "../mesh.ts";

const mesh = useMesh();
const url = "http://cart.shop/";
const root = "heddle-system";
let client: KubeClient;

const restart = (...flags: readonly string[]): Promise<void> => restartOperator(mesh(), ...flags);

beforeAll(() => {
  client = createKubeClient({ kubeconfig: mesh().cluster.kubeconfig });
});

afterAll(async () => {
  client.close();
  await restart();
  await mesh().settle();
});

/** How many servers of `cart` a sidecar has connected to. */
const serversOfCart = async (deployment: string): Promise<number> =>
  Number(
    await runScript(
      mesh(),
      "shop",
      deployment,
      `fetch("http://127.0.0.1:15000/clusters").then((r) => r.text()).then((text) => {
         const lines = text.matchAll(/^.*cart.*::([^:]+:[0-9]+)::cx_total::[1-9]/gm);
         console.log(new Set([...lines].map(([, address]) => address)).size);
       });`,
    ),
  );

const scaleCart = (replicas: number) =>
  mesh().cluster.kubectl(["scale", "deployment", "-n", "shop", "cart", `--replicas=${replicas}`]);

describe("rotation", () => {
  test("certificates of sidecars are replaced under load, and no request fails", async () => {
    await restart("--certificate-ttl=10s");
    const loads = [
      await mesh().load("shop", "frontend", url, { rate: 50 }),
      await mesh().load("shop", "frontend", url, { rate: 20, fresh: true }),
    ];
    const shown = new Set<string>();
    const used = new Set<string>();
    await until(
      "two rotations of the client and of the server",
      async () => {
        shown.add((await shownCertificate(mesh(), "cart")).serial);
        used.add(await serialsInUse(mesh(), "shop", "frontend"));
        // The first of each may be one of a day, from before.
        return shown.size >= 4 && used.size >= 4;
      },
      { timeout: 150_000, interval: 1000 },
    );
    // Connections outlive certificates: a new server makes the client show the one that it has now.
    expect(await serversOfCart("frontend")).toBe(1);
    await scaleCart(2);
    await until("a connection to the new server", async () => (await serversOfCart("frontend")) === 2, {
      timeout: 60_000,
      interval: 500,
    });
    const reports = await Promise.all(loads.map((load) => load.finish()));
    // After the load: its application does not wait for requests when it is told to end.
    await scaleCart(1);
    for (const { requests, failures, statuses, peers } of reports) {
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
    await restart("--certificate-ttl=10s");
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
    await restart();
    const { asked, lost } = await load.end();
    expect(lost).toEqual([]);
    expect(asked).toBeGreaterThan(40);
  }, 240_000);

  test("a caBundle that is emptied, or foreign, is put back, and admission goes on", async () => {
    const [good] = await bundles();
    const other = Buffer.from(await certificate()).toString("base64");
    const edit = async (value: string): Promise<void> => {
      const patch = JSON.stringify(
        [0, 1].map((index) => ({ op: "replace", path: `/webhooks/${index}/clientConfig/caBundle`, value })),
      );
      const command = ["patch", "mutatingwebhookconfiguration", "heddle", "--type=json", "-p", patch];
      expect((await mesh().cluster.kubectl(command)).stderr).toBe("");
    };
    const isGood = async () => (await bundles()).every((bundle) => bundle === good);
    const isSaid = async () => {
      const { items } = await client.list(kinds.Event);
      return items.some(
        ({ reason, regarding }) => reason === "ForeignEdit" && regarding.kind === "MutatingWebhookConfiguration",
      );
    };
    await edit("");
    await until("the bundles", isGood, { timeout: 30_000 });
    // One that has just begun to lead cannot know whose the first edit was.
    const isSaidOfAnother = async () => {
      if (await isGood()) await edit(other);
      return isSaid();
    };
    await until("an event", isSaidOfAnother, { timeout: 30_000, interval: 500 });
    await until("the bundles, again", isGood, { timeout: 60_000 });
    await until(
      "a pod to be admitted",
      async () => {
        const load = admissions();
        await new Promise((resolve) => setTimeout(resolve, 200));
        return (await load.end()).lost.length === 0;
      },
      { timeout: 30_000 },
    );
  }, 240_000);
});
