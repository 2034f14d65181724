/**
 * Poison: random sets of whatever the schemas of our kinds let in, as far as the API server takes them, beside a namespace
 * that must not notice. HEDDLE_SOAK=1 makes a thousand sets of them.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { kinds } from "../../src/api/kinds.ts";
import type { KubernetesObject } from "../../src/api/kubernetes.ts";
import { isApiError } from "../../src/kube/error.ts";
import type { ObjectToWrite } from "../../src/kube/objects.ts";
import { configMapOfClass } from "../../src/model/sidecar.ts";
import { specsOf } from "../support/schema-arbitraries.ts";
import {
  conditionOf,
  conditionsOf,
  eventually,
  type OperatorWorld,
  type Replica,
  startOperatorWorld,
} from "./operator-world.ts";

const sets = process.env["HEDDLE_SOAK"] === "1" ? 1000 : 40;
/** Sets that are there at one time. */
const together = 10;

const ownKinds = [kinds.AuthorizationPolicy, kinds.TrafficSplit, kinds.MeshTLS] as const;
type OwnKind = (typeof ownKinds)[number];

const anySet: fc.Arbitrary<readonly (readonly [OwnKind, object])[]> = fc.array(
  fc.oneof(
    specsOf("authorizationpolicies").map((spec) => [kinds.AuthorizationPolicy, spec] as const),
    specsOf("trafficsplits").map((spec) => [kinds.TrafficSplit, spec] as const),
    specsOf("meshtls").map((spec) => [kinds.MeshTLS, spec] as const),
  ),
  { minLength: 1, maxLength: 4 },
);

let world: OperatorWorld;
let replica: Replica;
let healthyRecord = "";

beforeAll(async () => {
  world = await startOperatorWorld();
  for (const name of ["shop", "junk"]) await world.createNamespace(name);
  const workloads = [
    ["shop", "cart"],
    ["junk", "a"],
    ["junk", "b"],
  ] as const;
  for (const [index, [namespace, app]] of workloads.entries()) {
    const address = `10.1.0.${index + 1}`;
    const classId = await world.createPod(`${namespace}/${app}-1`, { app, address, ready: false });
    if (namespace === "shop") healthyRecord = configMapOfClass(classId);
    const ports = [
      { name: "http", port: 80, targetPort: 8080 },
      { name: "lines", port: 9000 },
    ];
    const metadata = { name: app, namespace };
    await world.client.create(kinds.Service, { metadata, spec: { selector: { app }, ports } } as ObjectToWrite);
    await world.client.create(kinds.EndpointSlice, {
      metadata: { ...metadata, labels: { "kubernetes.io/service-name": app } },
      addressType: "IPv4",
      endpoints: [{ addresses: [address], targetRef: { kind: "Pod", name: `${app}-1`, namespace } }],
      ports: [
        { name: "http", port: 8080 },
        { name: "lines", port: 9000 },
      ],
    } as ObjectToWrite);
  }
  replica = await world.startReplica();
}, 120_000);

afterAll(() => world.stop());

/** Writes a new generation of the neighbour's policy, and waits until it is ready and recorded as it says. */
async function expectNeighbourProgrammed(round: number): Promise<void> {
  const metadata = { name: "healthy", namespace: "shop" };
  const path = `/round-${round}`;
  const spec = { selector: { matchLabels: { app: "cart" } }, rules: [{ to: [{ operation: { paths: [path] } }] }] };
  const body = { metadata, spec } as ObjectToWrite;
  const { generation } = (await world.client.apply(kinds.AuthorizationPolicy, body, { fieldManager: "gitops" }))
    .metadata;
  await eventually(async () => {
    const now = await world.client.get(kinds.AuthorizationPolicy, metadata);
    const { observedGeneration } = (now as { status?: { observedGeneration?: number } }).status ?? {};
    return [conditionOf(now, "Ready"), observedGeneration];
  }, 60_000).toEqual(["True Ready", generation]);
  const inbound = async () =>
    (await world.client.get(kinds.ConfigMap, { name: healthyRecord, namespace: "shop" })).data?.["inbound.yaml"] ?? "";
  await eventually(inbound, 60_000).toContain(`"${path}"`);
  // What others say is not in it.
  expect(new Set((await inbound()).match(/"(?:shop|junk)\/[^"/]*\/\d+"/g))).toEqual(new Set(['"shop/healthy/0"']));
}

test(`${sets} sets of poison: each object says how it is, and the neighbour does not notice`, {
  timeout: 3_600_000,
}, async () => {
  const seed = Date.now() % 2 ** 31;
  const samples = fc.sample(anySet, { numRuns: sets, seed });
  let taken = 0;
  let refused = 0;
  for (let from = 0; from < sets; from += together) {
    const written: (readonly [OwnKind, KubernetesObject])[] = [];
    for (const [index, [kind, spec]] of samples
      .slice(from, from + together)
      .flat()
      .entries()) {
      const body = { metadata: { name: `poison-${from + index}`, namespace: "junk" }, spec } as ObjectToWrite;
      try {
        written.push([kind, await world.client.create(kind, body)]);
      } catch (error) {
        if (!isApiError(error, "terminal")) throw error;
        refused += 1;
      }
    }
    taken += written.length;
    await expectNeighbourProgrammed(from);
    for (const [kind, { metadata, ...rest }] of written) {
      const name = { name: metadata.name, namespace: "junk" };
      const about = `seed ${seed}: ${kind.kind} ${JSON.stringify(rest)}`;
      const read = async () => {
        const now = await world.client.get(kind, name);
        const accepted = conditionsOf(now).find(({ type }) => type === "Accepted");
        return { generation: accepted?.observedGeneration, status: accepted?.status, message: accepted?.message };
      };
      await eventually(read, 60_000).toMatchObject({ generation: metadata.generation });
      const { status, message } = await read();
      // Who is at fault reads in which field.
      if (status !== "True") expect(message, about).toMatch(/^spec\b|^The older |^There is no room/);
    }
    for (const [kind, { metadata }] of written) {
      await world.client.delete(kind, { name: metadata.name, namespace: "junk" });
    }
  }
  // Enough comes through the rules between fields to mean something, and they do refuse.
  expect(taken, `seed ${seed}`).toBeGreaterThan(sets / 2);
  expect(refused, `seed ${seed}`).toBeGreaterThan(0);
  expect(replica.output()).not.toMatch(/failed; what was served before stays|uncaught|unhandled/i);
});
