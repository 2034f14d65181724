/**
 * All kinds of traffic: every protocol by every way to a workload, in four states of its namespace, by a caller that the
 * policy allows, one of the mesh that it does not, one without a sidecar, and the workload itself.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repository } from "../../tools/demo/mesh.ts";
import { familyOf } from "../../tools/local-node/network.ts";
import { createTestAuthority } from "../support/test-identity.ts";
import type { Dial, Speech } from "./kinds-app.ts";
import { useMesh } from "./mesh.ts";

const mesh = useMesh();

/** Port of each protocol where a Service has other numbers than its containers, and where they are dialed as they are. */
const servicePorts: Readonly<Record<Speech, number>> = {
  http: 80,
  websocket: 80,
  upload: 80,
  grpc: 50051,
  lines: 9000,
  greeting: 3306,
  tls: 443,
};
const containerPorts: Readonly<Record<Speech, number>> = {
  ...servicePorts,
  http: 8080,
  websocket: 8080,
  upload: 8080,
  grpc: 8081,
  tls: 8443,
};
const all: readonly Speech[] = ["http", "websocket", "upload", "grpc", "lines", "greeting", "tls"];
const some: readonly Speech[] = ["http", "lines"];

interface Way {
  /** `%name` stands for an address that is known once the pods run. Where the cluster has none such, nobody calls this way. */
  readonly host: string;
  readonly speeches: readonly Speech[];
  readonly ports: Readonly<Record<Speech, number>>;
  /** Who answers; any of the two pods unless one is meant. */
  readonly server?: string;
  /** Whether sidecars carry it in mutual TLS; else it passes through as it is. */
  readonly mutualTLS: boolean;
}

const ways: Readonly<Record<string, Way>> = {
  "a cluster IP": { host: "%db", speeches: all, ports: servicePorts, mutualTLS: true },
  "a cluster IP of IPv6": { host: "%db6", speeches: all, ports: servicePorts, mutualTLS: true },
  "a Service of IPv6 alone": { host: "db6.kinds", speeches: some, ports: servicePorts, mutualTLS: true },
  "a Service of IPv6 first": { host: "six.kinds", speeches: some, ports: servicePorts, server: "six", mutualTLS: true },
  "a Service of one pod": { host: "first.kinds", speeches: some, ports: servicePorts, server: "db-0", mutualTLS: true },
  "a Service without selector": {
    host: "manual.kinds",
    speeches: some,
    ports: servicePorts,
    server: "db-1",
    mutualTLS: true,
  },
  "an ExternalName": { host: "alias.kinds", speeches: some, ports: servicePorts, mutualTLS: true },
  "a headless Service": { host: "peers.kinds", speeches: some, ports: containerPorts, mutualTLS: true },
  "a pod of a StatefulSet by its name": {
    host: "db-1.peers.kinds.svc.cluster.local",
    speeches: all,
    ports: containerPorts,
    server: "db-1",
    mutualTLS: true,
  },
  "a pod of a headless Service by its address": {
    host: "%pod",
    speeches: all,
    ports: containerPorts,
    server: "db-0",
    mutualTLS: true,
  },
  "the same in IPv6": { host: "%pod6", speeches: all, ports: containerPorts, server: "db-0", mutualTLS: true },
  "a port that no Service declares": {
    host: "%pod",
    speeches: ["lines"],
    ports: { ...containerPorts, lines: 7070 },
    server: "db-0",
    mutualTLS: false,
  },
  "a pod of no headless Service by its address": {
    host: "%six",
    speeches: some,
    ports: containerPorts,
    server: "six",
    mutualTLS: false,
  },
};

const callers = {
  friend: ["callers", "friend"],
  stranger: ["callers", "stranger"],
  outsider: ["callers", "outsider"],
  itself: ["kinds", "db-0"],
} as const;
type Caller = keyof typeof callers;

const addresses = new Map<string, string>();
const dials: Record<string, Dial> = {};

interface State {
  readonly mode: "Permissive" | "Strict";
  readonly hasPolicy: boolean;
}

/**
 * The fixture, in a cluster that may have but one family: Services that want both are of that one, and so is the one that wants
 * IPv6 alone.
 */
function fixture(pem: string): string {
  const text = readFileSync(join(repository, "test/dataplane/kinds-fixture.yaml"), "utf8");
  const given = text.replaceAll("value: PEM", `value: ${JSON.stringify(pem)}`);
  if (mesh().cluster.families.length > 1) return given;
  return given.replaceAll("RequireDualStack", "SingleStack").replaceAll(/^ *ipFamilies: .*\n/gm, "");
}

/** What must come back. */
function expected(caller: Caller, key: string, state: State): string {
  const [name = "", speech] = key.split(": ") as [string, Speech];
  const { server = "db", mutualTLS, host } = ways[name] as Way;
  const isHTTP = !["lines", "greeting", "tls"].includes(speech);
  // A pod that dials itself is not seen by its sidecar.
  const within = caller === "itself" && host.startsWith("%pod");
  const identified = mutualTLS && caller !== "outsider";
  const account = caller === "itself" ? "db" : caller;
  if (
    within ||
    ((state.mode === "Permissive" || identified) && (!state.hasPolicy || (identified && caller === "friend")))
  ) {
    const told = identified && !within && isHTTP ? account : "-";
    return `${server} ${told}${speech === "upload" ? ` ${8 << 20}` : ""}`;
  }
  const judged = identified || state.mode === "Permissive";
  if (!isHTTP) return "closed after 0 bytes";
  if (speech === "upload") return "refused";
  if (speech === "websocket" || !judged) return "closed";
  return speech === "grpc" ? "grpc 7" : "403";
}

const dialsOf = (isWanted: (way: string) => boolean): Readonly<Record<string, Dial>> =>
  Object.fromEntries(Object.entries(dials).filter(([key]) => isWanted(key.split(": ")[0] ?? "")));

/** Makes every call from a pod, all at once. */
async function callAll(caller: Caller): Promise<Readonly<Record<string, string>>> {
  const [namespace, pod] = callers[caller];
  // Its own address and the other pod's are equally good answers to the name of a headless Service.
  const own = caller === "itself" ? dialsOf((name) => name !== "a headless Service") : dials;
  const running = mesh().cluster.start(namespace, pod, "app", ["node", "/app/test/dataplane/kinds-app.ts", "call"]);
  running.endInput(JSON.stringify(own));
  const { stdout, stderr } = await running.result;
  expect(stdout, stderr).not.toBe("");
  return Object.fromEntries(
    Object.entries(JSON.parse(stdout) as Readonly<Record<string, string>>).map(([key, answer]) => {
      const anyPod = ways[key.split(": ")[0] ?? ""]?.server === undefined;
      // An upload may end before its refusal is read.
      const refused = key.endsWith("upload") && (answer === "403" || answer === "closed");
      return [key, refused ? "refused" : anyPod ? answer.replace(/^db-[01] /, "db ") : answer];
    }),
  );
}

const strict = `apiVersion: heddle.dev/v1alpha1
kind: MeshTLS
metadata: { name: kinds, namespace: kinds }
spec: { mode: Strict }
`;
const policy = `apiVersion: heddle.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: kinds, namespace: kinds }
spec: { rules: [{ from: [{ source: { serviceAccounts: [callers/friend] } }] }] }
`;

interface Addressed {
  readonly spec: { readonly clusterIPs?: readonly string[] };
  readonly status: { readonly podIPs?: readonly { readonly ip: string }[] };
}

beforeAll(async () => {
  const { certificate, key } = await createTestAuthority().then((authority) =>
    authority.issue("spiffe://own.example/db"),
  );
  await mesh().apply(fixture(`${certificate}\n${key}`));
  const ready = "--for=condition=Ready";
  await mesh().kubectl("wait", "pod", "-n", "callers", "--all", ready, "--timeout=120s");
  await mesh().kubectl("rollout", "status", "-n", "kinds", "statefulset/db", "--timeout=120s");
  await mesh().kubectl("wait", "pod", "-n", "kinds", "six", ready, "--timeout=60s");
  const { clusterIPs = [] } = (await mesh().get<Addressed>("service", "kinds", "db")).spec;
  const podIPs = async (pod: string) =>
    ((await mesh().get<Addressed>("pod", "kinds", pod)).status.podIPs ?? []).map(({ ip }) => ip);
  const [first, second, six] = [await podIPs("db-0"), await podIPs("db-1"), await podIPs("six")];
  const found = { db: clusterIPs[0], db6: clusterIPs[1], pod: first[0], pod6: first[1], six: six[0] };
  for (const [name, address] of Object.entries(found)) if (address !== undefined) addresses.set(`%${name}`, address);
  const { families } = mesh().cluster;
  expect(Object.values(found).map((address) => address && familyOf(address))).toEqual(
    families.length > 1
      ? ["IPv4", "IPv6", "IPv4", "IPv6", "IPv6"]
      : [...families, undefined, ...families, undefined, ...families],
  );
  for (const [name, { host, speeches, ports }] of Object.entries(ways)) {
    if (host.startsWith("%") && !addresses.has(host)) continue;
    for (const speech of speeches) {
      dials[`${name}: ${speech}`] = { speech, host: addresses.get(host) ?? host, port: ports[speech] };
    }
  }
  await mesh().apply(`apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: manual-1, namespace: kinds, labels: { kubernetes.io/service-name: manual } }
addressType: ${families[0]}
endpoints: [{ addresses: ["${second.find((address) => familyOf(address) === families[0])}"] }]
ports: [{ name: http, port: 8080 }, { name: lines, port: 9000 }]
`);
  await mesh().settle();
});

afterAll(async () => {
  await mesh().removeNamespace("kinds", "callers");
  await mesh().settle();
});

describe.each<State & { readonly change: () => Promise<unknown> }>([
  { mode: "Permissive", hasPolicy: false, change: async () => {} },
  { mode: "Strict", hasPolicy: false, change: () => mesh().applyAndWait(strict) },
  { mode: "Strict", hasPolicy: true, change: () => mesh().applyAndWait(policy) },
  { mode: "Permissive", hasPolicy: true, change: () => mesh().remove("meshtls.heddle.dev", "kinds", "kinds") },
])("$mode, with a policy: $hasPolicy", ({ change, ...state }) => {
  const answers = new Map<Caller, Readonly<Record<string, string>>>();
  beforeAll(async () => {
    await change();
    await mesh().settle();
    const names = Object.keys(callers) as Caller[];
    await Promise.all(names.map(async (caller) => answers.set(caller, await callAll(caller))));
  });

  test.each(Object.keys(callers) as Caller[])("what %s is answered", (caller) => {
    const got = answers.get(caller) ?? {};
    const keys = Object.keys(got);
    expect(keys.length).toBeGreaterThan(mesh().cluster.families.length > 1 ? 45 : 30);
    expect(got).toEqual(Object.fromEntries(keys.map((key) => [key, expected(caller, key, state)])));
  });
});
