/**
 * Addresses of another family that come and go at run time, under load: of a Service, of its endpoints, and of the first pod of
 * a workload that has one. Strict and a policy are in force, so that whoever answers a caller has seen its identity.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Family, familiesIn, familyOf } from "../../tools/local-node/network.ts";
import { inURL } from "./addresses.ts";
import { useMesh } from "./mesh.ts";

const mesh = useMesh();
/** The families of the cluster: that which everything has, and that which comes and goes. */
const [first = "IPv4", later] = familiesIn(process.env["HEDDLE_IP_FAMILIES"] ?? "IPv4,IPv6");
const both = `${first},${later}`;

const pod = (name: string, account: string, families: string): string => `apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: families, labels: { app: ${account} }, annotations: { local-node/ip-families: "${families}" } }
spec:
  serviceAccountName: ${account}
  terminationGracePeriodSeconds: 1
  containers:
    - name: app
      image: heddle-demo-app:dev
      args: [serve, "8080"]
      env: [{ name: APP_NAME, value: ${name} }]
      startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 60 }
---
`;

const service = (name: string, selector: string): string => `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: families }
spec: { ipFamilyPolicy: SingleStack, ipFamilies: [${first}], ${selector} ports: [{ name: http, port: 80, targetPort: 8080 }] }
---
`;

const slice = (family: Family, address: string): string => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: manual-${family.toLowerCase()}, namespace: families, labels: { kubernetes.io/service-name: manual } }
addressType: ${family}
endpoints: [{ addresses: ["${address}"] }]
ports: [{ name: http, port: 8080 }]
`;

const objects = `apiVersion: v1
kind: Namespace
metadata: { name: families, labels: { heddle.dev/inject: enabled } }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: server, namespace: families }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: caller, namespace: families }
---
apiVersion: heddle.dev/v1alpha1
kind: MeshTLS
metadata: { name: families, namespace: families }
spec: { mode: Strict }
---
apiVersion: heddle.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: families, namespace: families }
spec: { rules: [{ from: [{ source: { serviceAccounts: [caller] } }] }] }
---
${pod("old", "server", first)}${pod("caller", "caller", both)}${service("grow", "selector: { app: server },")}${service("manual", "")}`;

const ready = (name: string): Promise<void> => mesh().waitCondition("pod", "families", name, "Ready", "True", 90);
const podIPs = async (name: string): Promise<readonly string[]> =>
  (await mesh().get<{ status: { podIPs: readonly { ip: string }[] } }>("pod", "families", name)).status.podIPs.map(
    ({ ip }) => ip,
  );

/** Every call is answered, by these servers, which have seen who calls; a caller with another identity is denied. */
async function expectServed(host: string, servers: readonly string[], denied = "new"): Promise<void> {
  const url = `http://${host}/`;
  const { statuses, failures, peers, ...report } = await mesh().callFrom("families", "caller", url, { count: 20 });
  expect({ statuses, failures, peers }, url).toEqual({
    statuses: { 200: 20 },
    failures: 0,
    peers: { "spiffe://cluster.local/ns/families/sa/caller": 20 },
  });
  expect(Object.keys(report.servers), url).toEqual(servers);
  expect((await mesh().callFrom("families", denied, url, { count: 3 })).statuses, url).toEqual({ 403: 3 });
}

/** What is done while a Service is called by its name: no call is lost. */
async function underLoad(host: string, change: () => Promise<void>): Promise<void> {
  const load = await mesh().loadFrom("families", "caller", `http://${host}/`, { rate: 50 });
  await change();
  const { statuses, failures, errors, requests } = await load.finish();
  expect({ statuses, failures, errors }).toEqual({ statuses: { 200: requests }, failures: 0, errors: {} });
}

const patchService = (name: string, spec: object): Promise<string> =>
  mesh().kubectl("patch", "service", "-n", "families", name, "--patch", JSON.stringify({ spec }));

describe.runIf(later !== undefined)("another address family at run time", () => {
  let old = "";
  let added: readonly string[] = [];

  beforeAll(async () => {
    await mesh().apply(objects);
    await ready("old");
    await ready("caller");
    [old = ""] = await podIPs("old");
    await mesh().apply(slice(first, old));
    await mesh().settle();
    await expectServed("grow.families", ["old"], "old");
    await expectServed("manual.families", ["old"], "old");
  }, 180_000);

  afterAll(async () => {
    await mesh().removeNamespace("families");
    await mesh().settle();
  });

  test("the first pod of a workload that has one takes nothing from the others", async () => {
    await underLoad("grow.families", async () => {
      await mesh().apply(pod("new", "server", both));
      await ready("new");
      await mesh().settle();
    });
    added = await podIPs("new");
    expect(added.map(familyOf)).toEqual([first, later]);
    await expect
      .poll(async () =>
        Object.keys((await mesh().callFrom("families", "caller", "http://grow.families/", { count: 40 })).servers),
      )
      .toEqual(["new", "old"]);
  });

  test("a Service that gets a cluster IP of it is called there as by its other one, until it has lost it", async () => {
    let another = "";
    await underLoad("grow.families", async () => {
      await patchService("grow", { ipFamilyPolicy: "PreferDualStack" });
      const { clusterIPs } = (
        await mesh().get<{ spec: { clusterIPs: readonly string[] } }>("service", "families", "grow")
      ).spec;
      another = clusterIPs[1] ?? "";
      expect(familyOf(another)).toBe(later);
      await mesh().settle();
      await expectServed(inURL(another), ["new", "old"]);
      await patchService("grow", { ipFamilyPolicy: "SingleStack", ipFamilies: [first] });
      await mesh().settle();
    });
    await expectServed("grow.families", ["new", "old"]);
    const report = await mesh().callFrom("families", "caller", `http://${inURL(another)}/`, { count: 3, fresh: true });
    expect(report).toMatchObject({ statuses: {}, failures: 3 });
  });

  test("endpoints of it serve a Service that has no other ones, as long as that is so", async () => {
    await underLoad("manual.families", async () => {
      await mesh().apply(slice(familyOf(added[1] ?? ""), added[1] ?? ""));
      await mesh().settle();
      // Those of the Service's own family count.
      await expectServed("manual.families", ["old"]);
      await mesh().remove("endpointslice", "families", `manual-${first.toLowerCase()}`);
      await mesh().settle();
      await expectServed("manual.families", ["new"]);
      await mesh().apply(slice(first, old));
      await mesh().settle();
      await expectServed("manual.families", ["old"]);
      await mesh().remove("endpointslice", "families", `manual-${later?.toLowerCase()}`);
      await mesh().settle();
    });
    await expectServed("manual.families", ["old"]);
  });

  test("a workload whose last pod that had one is gone goes on without", async () => {
    await mesh().remove("pod", "families", "new");
    await mesh().settle();
    await expectServed("grow.families", ["old"], "old");
  });
});
