/** Whose identity a pod can hold, as the API server keeps it, with and without a sidecar. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import { containers, keys } from "../../src/model/sidecar.ts";
import { until } from "../../tools/processes.ts";
import { serviceAccount } from "../support/kinds.ts";
import { type Admission, type PodChanges, startAdmission } from "./webhook-support.ts";

let admission: Admission;
beforeAll(async () => {
  admission = await startAdmission();
});
afterAll(() => admission.stop());

const outcome = (namespace: string, changes: PodChanges) => admission.judge(namespace, "holder", changes);

/** Pods that the webhook is not asked about. */
const places: readonly (readonly [string, string, PodChanges])[] = [
  ["outside of the mesh", "outside", {}],
  ["opted out of it", "shop", { labels: { [keys.inject]: "disabled" } }],
  ["on the node's network, where no pod may leave it", "strict", { spec: { hostNetwork: true } }],
];

const app = { name: "app", image: "app" };
const volume = (source: object) => ({ volumes: [{ name: "v", ...source }] });
/** Every way by which a Secret's content gets into a pod. */
const ways: readonly (readonly [string, (secretName: string) => object])[] = [
  ["a volume", (secretName) => volume({ secret: { secretName } })],
  ["an optional volume", (secretName) => volume({ secret: { secretName, optional: true } })],
  [
    "the second source of a projected volume",
    (name) =>
      volume({
        projected: {
          sources: [{ configMap: { name: "x" } }, { secret: { name, items: [{ key: "tls.key", path: "k" }] } }],
        },
      }),
  ],
  ["a CSI volume", (name) => volume({ csi: { driver: "x.example.com", nodePublishSecretRef: { name } } })],
  [
    "a variable",
    (name) => ({
      containers: [
        app,
        {
          ...app,
          name: "b",
          env: [
            { name: "A", value: "x" },
            { name: "K", valueFrom: { secretKeyRef: { name, key: "tls.key" } } },
          ],
        },
      ],
    }),
  ],
  [
    "all variables",
    (name) => ({ containers: [{ ...app, envFrom: [{ configMapRef: { name: "x" } }, { secretRef: { name } }] }] }),
  ],
  [
    "a variable of an init container",
    (name) => ({
      initContainers: [
        { ...app, name: "init", env: [{ name: "K", valueFrom: { secretKeyRef: { name, key: "tls.key" } } }] },
      ],
    }),
  ],
  [
    "all variables of an init container",
    (name) => ({ initContainers: [{ ...app, name: "init", envFrom: [{ secretRef: { name } }] }] }),
  ],
];

describe.each(places)("a pod %s", (_, namespace, place) => {
  const holding = (spec: object): PodChanges => ({ ...place, spec: { ...place.spec, ...spec } });

  test.each(ways)("does not hold another's identity by %s", async (__, way) => {
    const said = await outcome(namespace, holding(way("heddle-identity-cart")));
    expect(said).toContain("heddle-identities");
    expect(said).toMatch(/the identity of another ServiceAccount than its own/);
  });

  test.each(ways)("may hold its own, and other Secrets, by %s", async (__, way) => {
    expect(await outcome(namespace, holding(way("heddle-identity-default")))).toBe("taken");
    expect(await outcome(namespace, holding(way("password")))).toBe("taken");
  });

  test("without any of it is taken", async () => {
    expect(await outcome(namespace, place)).toBe("taken");
  });
});

test("its own is that of the ServiceAccount that it names", async () => {
  await admission.client.create(serviceAccount, { metadata: { name: "cart", namespace: "outside" } });
  const spec = { ...volume({ secret: { secretName: "heddle-identity-cart" } }), serviceAccountName: "cart" };
  expect(await outcome("outside", { spec })).toBe("taken");
  const other = { ...volume({ secret: { secretName: "heddle-identity-default" } }), serviceAccountName: "cart" };
  expect(await outcome("outside", { spec: other })).toContain("heddle-identity-default");
});

test("a pod that the API server can hardly store is judged too", async () => {
  const env = Array.from({ length: 10_000 }, (_, index) => ({ name: `VARIABLE_${index}`, value: "x" }));
  expect(await outcome("outside", { spec: { containers: [{ ...app, env }] } })).toBe("taken");
  const key = { name: "K", valueFrom: { secretKeyRef: { name: "heddle-identity-cart", key: "tls.key" } } };
  const said = await outcome("outside", { spec: { containers: [{ ...app, env: [...env, key] }] } });
  expect(said).toContain("the identity of another ServiceAccount");
});

test("the operator's namespace and kube-system are left alone", async () => {
  await admission.client.create(kinds.Namespace, { metadata: { name: "heddle-system" } });
  const spec = volume({ secret: { secretName: "heddle-identity-cart" } });
  for (const namespace of ["heddle-system", "kube-system"])
    await expect.poll(() => outcome(namespace, { spec }), { timeout: 60_000 }).toBe("taken");
});

describe("an ephemeral container", () => {
  const add = (namespace: string, name: string, container: object) =>
    admission.debug(namespace, name, container, { dryRun: true });
  const variable = (name: string) => ({ env: [{ name: "K", valueFrom: { secretKeyRef: { name, key: "tls.key" } } }] });
  const allOf = (name: string) => ({ envFrom: [{ secretRef: { name } }] });

  test.each([
    ["a variable", variable],
    ["all variables", allOf],
  ])("of a pod without a sidecar does not hold another's identity by %s", async (what, way) => {
    const name = `plain-${what.replaceAll(" ", "-")}`;
    await admission.create("outside", name);
    expect(await add("outside", name, way("heddle-identity-cart"))).toContain("the identity of another ServiceAccount");
    expect(await add("outside", name, way("heddle-identity-default"))).toBe("taken");
    expect(await add("outside", name, {})).toBe("taken");
  });

  test("of an injected pod does not, while the webhook is gone", async () => {
    const pod = await admission.create("shop", "debugged");
    expect(pod.spec.initContainers?.map(({ name }) => name)).toContain(containers.proxy);
    await admission.client.delete(kinds.MutatingWebhookConfiguration, { name: "heddle" });
    const isAlone = () =>
      add("shop", "debugged", { securityContext: { runAsUser: 1337 } }).then((said) => said === "taken");
    await until("the webhook to be asked no more", isAlone, { timeout: 60_000 });
    expect(await add("shop", "debugged", variable("heddle-identity-cart"))).toContain("heddle-identities");
  });
});
