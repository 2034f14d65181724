/** Who may write the operator's objects, and what pods may hold, as the API server keeps it among real controllers. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { keys, manager } from "../../src/model/sidecar.ts";
import { until } from "../../tools/processes.ts";
import { createIssuer, startCertManager } from "../support/cert-manager.ts";
import {
  asked,
  authority,
  certificate,
  configMap,
  identity,
  mine,
  ours,
  record,
  secret,
  type Target,
} from "./admission-owned-objects.ts";
import {
  certManager,
  collector,
  namespaceController,
  type OwnedWorld,
  operator,
  refused,
  startOwnedWorld,
  users,
} from "./admission-owned-world.ts";
import { as, kubeconfigWith } from "./kube-support.ts";

let client: OwnedWorld["client"];
let tries: OwnedWorld["tries"];
let kubectl: OwnedWorld["kubectl"];
let admin: OwnedWorld["admin"];
let world: OwnedWorld;

beforeAll(async () => {
  world = await startOwnedWorld();
  ({ client, tries, kubectl, admin } = world);
}, 600_000);

afterAll(() => world.stop());

/** The `data` of a record and an identity, the `spec` of a Certificate. */
const edit = ([kind]: Target) =>
  kind.startsWith("cert") ? { spec: { uris: ["x:y"] } } : { data: { key: "b3RoZXI=" } };

describe("the operator's objects", () => {
  const targets = [record, identity, authority, asked];

  test.each(targets.map((target) => [target.join(" "), target] as const))(
    "%s: the operator writes it",
    async (_, target) => {
      expect(await tries.patch(operator, target, edit(target))).toBe("taken");
      expect(await tries.delete(operator, target)).toBe("taken");
    },
  );

  test.each([
    ["the editor of the namespace", users.editor],
    ["its owner", users.owner],
    ["who is cluster-admin in that namespace", users.chiefOfShop],
    ["who may write all Secrets of the cluster", users.clerk],
    ["who may manage them in that namespace", users.wardenOfShop],
    ["a ServiceAccount called like the operator's", "system:serviceaccount:shop:heddle"],
    ["another ServiceAccount of the operator's namespace", "system:serviceaccount:heddle-system:default"],
  ])("%s does not", async (_, user) => {
    for (const target of user === users.editor ? [record, identity] : [record, identity, asked]) {
      expect(await tries.patch(user, target, edit(target))).toMatch(refused);
      expect(await tries.delete(user, target)).toMatch(refused);
    }
    expect(await tries.create(user, configMap("any", ours))).toMatch(refused);
    expect(await tries.create(user, secret("any", ours))).toMatch(refused);
  });

  test.each([
    ["cluster-admin", users.chief],
    ["who may manage outputs.heddle.dev", users.warden],
  ])("%s does", async (_, user) => {
    for (const target of targets) {
      expect(await tries.patch(user, target, edit(target))).toBe("taken");
      expect(await tries.delete(user, target)).toBe("taken");
    }
    expect(await tries.create(user, configMap("any", ours))).toBe("taken");
  });

  test("cert-manager writes Secrets, and nothing else", async () => {
    expect(await tries.create(certManager, secret("heddle-identity-new", ours))).toBe("taken");
    expect(await tries.patch(certManager, identity, edit(identity))).toBe("taken");
    expect(await tries.delete(certManager, identity)).toBe("taken");
    for (const target of [record, asked]) {
      expect(await tries.patch(certManager, target, edit(target))).toMatch(refused);
      expect(await tries.delete(certManager, target)).toMatch(refused);
    }
  });

  test.each([collector, namespaceController, "system:kube-controller-manager"])(
    "%s changes and deletes, and creates nothing",
    async (user) => {
      for (const target of targets) {
        expect(await tries.patch(user, target, { metadata: { finalizers: null } })).toBe("taken");
        expect(await tries.delete(user, target)).toBe("taken");
      }
      expect(await tries.create(user, configMap("any", ours))).toMatch(refused);
    },
  );

  test.each<readonly [string, object]>([
    ["its label", { metadata: { labels: { [keys.managedBy]: null } } }],
    ["another label", { metadata: { labels: { app: "x" } } }],
    ["an annotation", { metadata: { annotations: { note: "x" } } }],
    ["a finalizer, by which it could not be deleted", { metadata: { finalizers: ["example.com/x"] } }],
    [
      "an owner, with whom it would be deleted",
      { metadata: { ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "none", uid: "none" }] } },
    ],
    ["that it cannot be changed", { immutable: true }],
    ["bytes beside its text", { binaryData: { other: "eA==" } }],
  ])("an editor cannot change %s", async (_, patch) => {
    expect(await tries.patch(users.editor, record, patch)).toMatch(refused);
  });

  test("an editor asks by an annotation that an identity be issued anew, and changes nothing else by that", async () => {
    const asks = (target: Target, annotations: object, more: object = {}) =>
      tries.patch(users.editor, target, { metadata: { annotations, ...more } });
    const renew = { [keys.renew]: "now" };
    expect(await asks(identity, renew)).toBe("taken");
    expect(await asks(identity, { ...renew, note: "x" })).toMatch(refused);
    expect(await asks(identity, renew, { labels: { app: "x" } })).toMatch(refused);
    expect(await tries.patch(users.editor, identity, { metadata: { annotations: renew }, ...edit(identity) })).toMatch(
      refused,
    );
    expect(await asks(record, renew)).toMatch(refused);
    expect(await tries.patch(users.clerk, authority, { metadata: { annotations: renew } })).toMatch(refused);

    // Beside what others have written there; and it is taken back in the same way.
    const written = { ...secret("heddle-identity-annotated", ours) };
    const metadata = { ...written.metadata, annotations: { note: "x", [keys.renew]: "now" } };
    expect(await kubectl(operator, ["create", "-f", "-"], { ...written, metadata })).toBe("taken");
    const annotated: Target = ["secret", "heddle-identity-annotated", "-n", "shop"];
    expect(await asks(annotated, { [keys.renew]: null })).toBe("taken");
    expect(await asks(annotated, { [keys.renew]: "again" })).toBe("taken");
    expect(await asks(annotated, { [keys.renew]: null, note: null })).toMatch(refused);
    expect(await asks(annotated, { [keys.renew]: "again", note: "y" })).toMatch(refused);

    // cert-manager writes that one, and would not read it.
    const theirs = secret("heddle-identity-issued", ours);
    const issued = {
      ...theirs.metadata,
      annotations: { "cert-manager.io/certificate-name": "heddle-identity-issued" },
    };
    expect(await kubectl(operator, ["create", "-f", "-"], { ...theirs, metadata: issued })).toBe("taken");
    expect(await asks(["secret", "heddle-identity-issued", "-n", "shop"], renew)).toMatch(refused);
  });

  test("nobody is refused who writes again what is there, as a migration of storage does", async () => {
    for (const [kind, target] of [
      [kinds.ConfigMap, record],
      [kinds.Secret, identity],
    ] as const) {
      const [, name = "", , namespace = ""] = target;
      const found = await client.get(kind, { namespace, name });
      expect(await tries.replace(users.editor, found)).toBe("taken");
      expect(await tries.replace(users.editor, { ...found, data: { ...found.data, more: "eA==" } })).toMatch(refused);
    }
  });

  test.each([
    ["a ConfigMap by the name of a class", configMap("heddle-visitor-0123456789")],
    ["a ConfigMap by the name of a reach", configMap("heddle-reach-0123456789")],
    ["an identity", secret("heddle-identity-visitor")],
    ["a Certificate for one", certificate("heddle-identity-visitor")],
    [
      "a Certificate that has cert-manager write one",
      { ...mine, spec: { ...mine.spec, secretName: "heddle-identity-cart" } },
    ],
    [
      "a Certificate whose Secret is labelled as the operator's",
      { ...mine, spec: { ...mine.spec, secretTemplate: { labels: ours } } },
    ],
    ["the authority", secret("heddle-ca", {}, "heddle-system")],
    ["the webhook's certificate", secret("heddle-webhook", {}, "heddle-system")],
  ])("nobody is there first with %s", async (_, object) => {
    expect(await tries.create(users.clerk, object)).toMatch(refused);
  });

  test.each([
    ["a ConfigMap with another name", configMap("heddle-notes")],
    ["a ConfigMap that Kustomize has named", configMap("heddle-notes-7k2f9hg4mc")],
    ["a ConfigMap of Helm's", configMap("notes", { [keys.managedBy]: "Helm" })],
    ["a Secret with another name", secret("heddle-password")],
    ["a Secret by the name of the authority, elsewhere", secret("heddle-ca")],
    ["a Certificate of its own", mine],
  ])("everybody may have %s", async (_, object) => {
    expect(await tries.create(users.clerk, object)).toBe("taken");
  });

  test("what was there first is its owner's to delete, and not to change", async () => {
    await admin(["create", "-f", "-"], secret("heddle-identity-early"));
    const early: Target = ["secret", "heddle-identity-early", "-n", "shop"];
    expect(await tries.patch(users.editor, early, { data: { key: "b3RoZXI=" } })).toMatch(refused);
    expect(await kubectl(users.editor, ["delete", ...early])).toBe("taken");
  });

  test("who deletes all of a namespace's ConfigMaps is refused at the operator's", async () => {
    const path = "/api/v1/namespaces/shop/configmaps";
    expect(await kubectl(users.owner, ["delete", "--raw", path])).toMatch(refused);
    expect(await kubectl(users.chief, ["get", ...record])).toBe("taken");
  });
});

describe("among real controllers", () => {
  test("cert-manager issues for a Certificate of the operator's, and gives the Secret its label", async () => {
    await createIssuer(client);
    // Its own role, as far as it is used here: not one by which it could write what it is not to.
    await admin(["create", "-f", "-"], {
      ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "cert-manager" } },
      rules: [
        { apiGroups: ["cert-manager.io", "acme.cert-manager.io"], resources: ["*"], verbs: ["*"] },
        { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
      ],
    });
    await world.bind("cert-manager", "cert-manager", certManager);
    expect(await kubectl(operator, ["delete", ...identity])).toBe("taken");
    const path = join(world.directory, "cert-manager.kubeconfig");
    const kubeconfig = kubeconfigWith(world.server.kubeconfig, as(certManager), path);
    const controller = await startCertManager(kubeconfig, world.directory);
    try {
      const issued = async () => {
        const found = await client.get(kinds.Secret, { namespace: "shop", name: "heddle-identity-cart" });
        return found.metadata.labels?.[keys.managedBy] === manager && found.data?.["tls.crt"] !== undefined;
      };
      await until("cert-manager to issue", issued, { timeout: 60_000, process: controller });
    } finally {
      await controller.stop();
    }
  }, 120_000);

  test("a kubelet makes mirrors of its static pods, and writes and ends its pods", async () => {
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: "node" } };
    await admin(["create", "-f", "-"], node);
    const asNode = (args: readonly string[], input?: object) =>
      kubectl("system:node:node", ["--as-group=system:nodes", ...args], input);
    const pod = (name: string, annotations: object) => ({
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "shop", annotations } },
      spec: { nodeName: "node", hostNetwork: true, containers: [{ name: "app", image: "app" }] },
    });
    const mirror = pod("mirror", { "kubernetes.io/config.mirror": "x", "kubernetes.io/config.hash": "x" });
    const spec = { ...mirror.spec, hostNetwork: false };
    expect(await asNode(["create", "-f", "-"], { ...mirror, spec })).toBe("taken");
    const made = await client.get(kinds.Pod, { namespace: "shop", name: "mirror" });
    const running = { ...made, status: { phase: "Running" } };
    const path = "/api/v1/namespaces/shop/pods/mirror/status";
    expect(await asNode(["replace", "--raw", path, "-f", "-"], running)).toBe("taken");
    const target = ["pod", "mirror", "-n", "shop"];
    expect(await asNode(["delete", ...target, "--grace-period=0", "--force"])).toBe("taken");
    // Any other pod that it made would have to have a sidecar.
    const own = { ...pod("own", {}), spec };
    expect(await asNode(["create", "-f", "-"], own)).toContain("Pod own has no sidecar");
  });

  test("the garbage collector deletes what belongs to an object that is gone", async () => {
    const owner = await client.create(kinds.ConfigMap, configMap("owner", {}, "gone") as ObjectToWrite);
    const { uid = "" } = owner.metadata;
    const owned = configMap("heddle-owned-0123456789", ours, "gone");
    const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid }];
    const object = { ...owned, metadata: { ...owned.metadata, ownerReferences } } as ObjectToWrite;
    await client.create(kinds.ConfigMap, object);
    await client.delete(kinds.ConfigMap, { namespace: "gone", name: "owner" });
    const isGone = () =>
      client.get(kinds.ConfigMap, { namespace: "gone", name: owned.metadata.name }).then(
        () => false,
        () => true,
      );
    await until("the garbage collector", isGone, { timeout: 60_000 });
    expect(world.deleters("gone")).toContain(collector);
  }, 90_000);

  test("a namespace with them can be deleted", async () => {
    for (const object of [
      configMap("heddle-last-0123456789", ours, "gone"),
      secret("heddle-identity-last", ours, "gone"),
    ])
      expect(await kubectl(operator, ["create", "-f", "-"], object)).toBe("taken");
    await client.delete(kinds.Namespace, { name: "gone" });
    const isGone = () =>
      client.get(kinds.Namespace, { name: "gone" }).then(
        () => false,
        () => true,
      );
    await until("the end of the namespace", isGone, { timeout: 60_000 });
    expect(world.deleters("gone")).toContain(namespaceController);
  }, 90_000);

  test("a cluster admin removes all of them by their label", async () => {
    const all = "configmaps,secrets,certificates.cert-manager.io";
    const args = ["delete", all, "-A", "-l", `${keys.managedBy}=${manager}`];
    expect(await kubectl(users.clerk, args)).toMatch(refused);
    expect(await kubectl(users.chief, args)).toBe("taken");
    const left = await Promise.all(
      [kinds.ConfigMap, kinds.Secret, kinds.Certificate].map((kind) =>
        client.list(kind, { labelSelector: `${keys.managedBy}=${manager}` }),
      ),
    );
    expect(left.flatMap(({ items }) => items)).toEqual([]);
  });
});
