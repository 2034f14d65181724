/**
 * What it costs two replicas to tell each other of their proxies. Half of a mesh has its streams to the one, and all of them
 * have acknowledged a change: it puts the pages together, and the other reads them. No network between them.
 *
 *   make bench-replicas [PODS=2000]
 */
import type { KubernetesObject } from "../src/api/kubernetes.ts";
import type { ProxyTarget, ResourceType } from "../src/envoy/resource.ts";
import { reachOf, resourceTypes, typeUrls, withReach } from "../src/envoy/resource.ts";
import { objectKey } from "../src/model/object-key.ts";
import type { Snapshot } from "../src/model/snapshot.ts";
import { parseSettings } from "../src/ops/settings.ts";
import { type Compilation, compile, createCompileCache } from "../src/reconcilers/compile.ts";
import { createLedger } from "../src/xds/ledger.ts";
import { createResourceIndex } from "../src/xds/references.ts";
import { createReplicaFeed } from "../src/xds/replica-feed.ts";
import { createPageReader, parsePage, replicaPath } from "../src/xds/replica-page.ts";
import { Session } from "../src/xds/session.ts";
import type { DiscoveryRequest, DiscoveryResponse } from "../src/xds/types.ts";
import { askFeed } from "../test/support/replica-feed.ts";
import { machine, quantile, short, spent } from "./figures.ts";
import { type MeshSize, meshObjects, placeOf, podsOf, policyOf, sliceOf } from "./mesh-objects.ts";

const size: MeshSize = {
  ...{ namespaces: 50, services: 1000, pods: Number(process.argv[2] ?? 2000) },
  ...{ policies: 200, splits: 100, meshTLS: 50 },
};
const rounds = 10;

const settings = parseSettings([], {}).mesh;
const cache = createCompileCache();
const objects = {
  Namespace: new Map<string, KubernetesObject>(),
  Service: new Map<string, KubernetesObject>(),
  EndpointSlice: new Map<string, KubernetesObject>(),
  Pod: new Map<string, KubernetesObject>(),
  TrafficSplit: new Map<string, KubernetesObject>(),
  AuthorizationPolicy: new Map<string, KubernetesObject>(),
  MeshTLS: new Map<string, KubernetesObject>(),
};
const put = (object: KubernetesObject): void => {
  const map = objects[object.kind as keyof typeof objects];
  map.set(objectKey(object), Object.freeze(object));
};
/** The maps are copied: a snapshot stays as it is. */
function compiled(): Compilation {
  const { Namespace, Service, EndpointSlice, Pod, TrafficSplit, AuthorizationPolicy, MeshTLS } = objects;
  const snapshot = {
    ...{ namespaces: new Map(Namespace), services: new Map(Service), endpointSlices: new Map(EndpointSlice) },
    ...{ pods: new Map(Pod), trafficSplits: new Map(TrafficSplit), meshTLS: new Map(MeshTLS) },
    authorizationPolicies: new Map(AuthorizationPolicy),
  } as unknown as Snapshot;
  return compile(snapshot, settings, cache);
}

const wholeOf = (own: ProxyTarget, { reachGroups }: Compilation): ProxyTarget =>
  withReach(own, reachOf(own, reachGroups));
const request = (typeUrl: string, fields: Partial<DiscoveryRequest>): DiscoveryRequest => ({
  ...{ typeUrl, resourceNamesSubscribe: [], resourceNamesUnsubscribe: [], initialResourceVersions: new Map() },
  ...{ responseNonce: "", ...fields },
});
/** Acknowledges all that comes. */
function acknowledge(session: Session, responses: readonly DiscoveryResponse[]): void {
  const due = [...responses];
  for (let next = due.shift(); next !== undefined; next = due.shift())
    due.push(...session.onRequest(request(next.typeUrl, { responseNonce: next.nonce })));
}
/** A proxy that has everything. */
function connected(target: ProxyTarget): Session {
  const session = new Session(target, index);
  const names = (type: ResourceType): readonly string[] =>
    type === "cluster" || type === "listener" ? [] : target.groups.flatMap(({ byType }) => [...byType[type].keys()]);
  for (const type of resourceTypes)
    acknowledge(session, session.onRequest(request(typeUrls[type], { resourceNamesSubscribe: names(type) })));
  return session;
}

const index = createResourceIndex();
const deferred: (() => void)[] = [];
const ledger = createLedger(Date.now, (run) => deferred.push(run));
const feed = createReplicaFeed(ledger, "bench", Date.now);
const sessions = new Map<string, Session>();
const reader = createPageReader();
const connection = {};
let cursor = 0;

interface Told {
  /** Milliseconds. */
  readonly told: number;
  readonly read: number;
  readonly longest: number;
  readonly kilobytes: number;
}

/** All that has changed is told and read. */
async function tell(): Promise<Told> {
  for (const run of deferred.splice(0)) run();
  const sum = { told: 0, read: 0, longest: 0, kilobytes: 0 };
  for (let more = true; more; ) {
    const start = spent();
    const body = await askFeed(feed, connection, `${replicaPath}?epoch=bench&cursor=${cursor}`);
    const middle = spent();
    const page = parsePage(body);
    reader.read(page, 0);
    const end = spent();
    ({ cursor, more } = page);
    sum.told += middle - start;
    sum.read += end - middle;
    sum.longest = Math.max(sum.longest, middle - start, end - middle);
    sum.kilobytes += body.length / 1024;
  }
  return sum;
}

const columns = ["told", "read", "longest", "kilobytes"] as const;
const show = (what: string, all: readonly Told[]): void => {
  const cells = columns.map((column) =>
    short(
      quantile(
        all.map((each) => each[column]),
        0.5,
      ),
    ),
  );
  console.log(what.padEnd(30) + cells.map((cell) => cell.padStart(12)).join(""));
};

for (const object of meshObjects(size)) if (Object.hasOwn(objects, object.kind ?? "")) put(object);
const first = compiled();
for (const [at, [pod, own]] of [...first.targets].entries()) {
  if (at % 2 === 1) continue;
  const session = connected(wholeOf(own, first));
  sessions.set(pod, session);
  ledger.connected(pod, session);
}
console.log(`${machine()}; ${sessions.size} of ${size.pods} proxies at the one that tells; milliseconds, medians`);
console.log("".padEnd(30) + columns.map((column) => column.padStart(12)).join(""));
show("all of them, at first", [await tell()]);
const { namespace, name } = placeOf(size, 7);
const ofService = podsOf(size, 7);
const changes: readonly (readonly [string, (round: number) => KubernetesObject])[] = [
  ["an endpoint", (round) => sliceOf(size, 7, ofService.slice(round % 2))],
  ["a policy of one workload", (round) => policyOf(namespace, "one", name, [`${namespace}/app-${round}`])],
  ["a policy of the mesh", (round) => policyOf("heddle-system", "all", undefined, [`ns-0/app-${round}`])],
];
for (const [what, change] of changes) {
  const all: Told[] = [];
  for (let round = 0; round < rounds + 2; round++) {
    put(change(round));
    const next = compiled();
    for (const [pod, session] of sessions) {
      const before = session.changes;
      const own = next.targets.get(pod);
      if (own !== undefined) acknowledge(session, session.setTarget(wholeOf(own, next)));
      if (session.changes !== before) ledger.changed(pod);
    }
    all.push(await tell());
  }
  show(what, all.slice(2));
}
process.exit(0);
