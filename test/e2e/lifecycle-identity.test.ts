/** Identities are issued anew because somebody asks for it, under load, and come to sidecars by a real kubelet. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { serialsInUse } from "../../tools/demo/rotation.ts";
import { until } from "../../tools/processes.ts";
import { useMesh } from "./cluster.ts";
import { deploymentYaml, namespaceYaml, serverYaml, serviceAccountYaml, serviceYaml } from "./workloads.ts";

const mesh = useMesh();
const namespace = "identities";
const url = "http://server/";

const kubectl = (...args: readonly string[]): Promise<string> => mesh().kubectl("-n", namespace, ...args);

afterAll(() => mesh().removeNamespace(namespace));

beforeAll(async () => {
  const parts = ["client", "server"].map(
    (name) => serviceAccountYaml(namespace, name) + deploymentYaml(namespace, name, serverYaml(), 1, name),
  );
  await mesh().apply(namespaceYaml(namespace, true) + parts.join("") + serviceYaml(namespace, "server"));
  await mesh().waitDeployments(namespace);
});

/** Asks for a new identity as the documentation says; resolves when the sidecar has it in use. */
async function renew(name: "client" | "server"): Promise<void> {
  const secret = `heddle-identity-${name}`;
  const inUse = () => serialsInUse(mesh(), namespace, name);
  const [before, issued] = [await inUse(), await kubectl("get", "secret", secret, "-o", "jsonpath={.data.tls\\.crt}")];
  await kubectl("annotate", "secret", secret, "heddle.dev/renew=now");
  const isIssued = async () => {
    const { metadata, data } = JSON.parse(await kubectl("get", "secret", secret, "-o", "json"));
    return metadata.annotations?.["heddle.dev/renew"] === undefined && data["tls.crt"] !== issued;
  };
  await until("another certificate, and the annotation gone", isIssued, { timeout: 60_000, interval: 250 });
  let looks = 0;
  const isUsed = async () => {
    // Or the kubelet looks at what the pod mounts once a minute.
    looks += 1;
    await kubectl("annotate", "pods", "-l", `app=${name}`, `looks=${looks}`, "--overwrite");
    return (await inUse()) !== before;
  };
  await until(`the sidecar of ${name} to use it`, isUsed, { timeout: 150_000, interval: 1000 });
}

test("identities of client and server are issued anew by an annotation, and no request is lost", async () => {
  const loads = [
    await mesh().load(namespace, "client", url, { rate: 100 }),
    await mesh().load(namespace, "client", url, { rate: 20, fresh: true }),
  ];
  await renew("server");
  await renew("client");
  // A server that is new is only reached by a handshake with the new ones.
  await kubectl("scale", "deployment", "server", "--replicas=2");
  await kubectl("rollout", "status", "deployment/server", "--timeout=120s");
  await mesh().settle();
  for (const load of loads) {
    const { requests, failures, statuses, peers } = await load.finish();
    expect({ failures, statuses, peers }).toEqual({
      failures: 0,
      statuses: { 200: requests },
      peers: { [`spiffe://cluster.local/ns/${namespace}/sa/client`]: requests },
    });
  }
  const events = await kubectl("get", "events", "-o", "jsonpath={.items[*].reason}");
  expect(events).not.toMatch(/ForeignEdit|IdentityReplaced/);
});
