/** What becomes of Secrets that somebody has made under the operator's names before it came. */
import { expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { Secret } from "../../src/api/kubernetes.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { until } from "../../tools/processes.ts";
import { base64, eventually, root, startIdentityWorld } from "./identity-support.ts";

test("somebody else's Secrets, from before the operator: left alone and said; nothing is served until they are gone", async () => {
  const lonely = await startIdentityWorld();
  const createTheirs = (name: string) => {
    const body = { metadata: { name, namespace: root }, type: "Opaque", data: { own: base64("data") } };
    return lonely.client.create(kinds.Secret, body as ObjectToWrite);
  };
  const expectLeftAlone = async (name: string, theirs: Secret) => {
    await eventually(async () => (await lonely.eventsOf(name, root)).join()).toContain("ForeignSecret");
    expect((await lonely.secret(name, root)).metadata.resourceVersion).toBe(theirs.metadata.resourceVersion);
  };
  try {
    // That of the authority.
    const authority = await createTheirs("heddle-ca");
    await lonely.startOperator(false);
    await expectLeftAlone("heddle-ca", authority);
    await lonely.stopOperator();
    await lonely.client.delete(kinds.Secret, { namespace: root, name: "heddle-ca" });

    // That of the webhook.
    const certificate = await createTheirs("heddle-webhook");
    await lonely.startOperator(false);
    await expectLeftAlone("heddle-webhook", certificate);
    // Without a certificate nothing is answered: pods of the mesh are refused, never admitted without a sidecar.
    expect(await lonely.served("webhook")).toBeUndefined();
    await lonely.client.delete(kinds.Secret, { namespace: root, name: "heddle-webhook" });
    await until("the webhook to be served", async () => (await lonely.served("webhook")) !== undefined, {
      timeout: 60_000,
    });
  } finally {
    await lonely.stop();
  }
}, 150_000);
