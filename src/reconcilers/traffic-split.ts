/**
 * Pass 5: where requests to a Service go.
 *
 *   TrafficSplit --spec.service--> Service of its namespace: its routing
 *                --spec.backends-> Services of its namespace: their endpoints, never their splits
 *                --spec.mirror---> Service of its namespace: likewise
 */

import type { FindingCode } from "../api/conditions.ts";
import type { TrafficSplit } from "../api/generated/TrafficSplit.ts";
import type { Service } from "../api/kubernetes.ts";
import { validateTrafficSplit } from "../api/validate.ts";
import type { Finding, StatusDecision, Verdict } from "../model/finding.ts";
import type { Affinity, MeshRoute, ObjectReference, RouteMatch, Routing } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { quote } from "../model/quote.ts";
import type { MeshSettings } from "../model/snapshot.ts";
import type { Derivation, Lookup, Table } from "./derivation.ts";
import { sameJSON } from "./derivation.ts";
import {
  accepted,
  byAge,
  demandShape,
  InvalidObject,
  invalid,
  messageOf,
  namespaceOf,
  referenceTo,
} from "./objects.ts";
import type { ClientPort, ClientService } from "./services.ts";
import { readAffinity } from "./split-affinity.ts";
import type { Backend, GivenMirror } from "./split-backends.ts";
import { backendsForPort, mirrorForPort, readBackends, readMirror, summarise } from "./split-backends.ts";
import { compareMatches, demandMatches, matchKey, normaliseMatch } from "./split-matches.ts";
import { resolveReferences } from "./split-references.ts";

/** What the pass needs of the passes before it. */
export interface SplitInputs {
  readonly trafficSplits: Table<TrafficSplit>;
  readonly settings: MeshSettings;
  /** As they are stored. */
  readonly stored: Lookup<Service>;
  readonly services: Table<ClientService>;
  /** Ready pods of the clients that are sent a service, sorted. */
  readonly clientsOf: (service: ObjectKey) => readonly ObjectKey[];
}

/** The outcome of the pass. */
export interface SplitDecisions {
  /** The routing of a port of a service. */
  readonly routingOf: (service: ClientService, port: ClientPort) => Routing;
  /** Whether some route sends copies to a port. */
  readonly isMirrored: (service: ClientService, port: ClientPort) => boolean;
  /** By key of the object. */
  readonly decisions: Table<StatusDecision>;
}

/** A valid split. */
interface Split {
  readonly key: ObjectKey;
  readonly object: TrafficSplit;
  readonly reference: ObjectReference;
  readonly root: ObjectKey;
  readonly backends: readonly Backend[];
  /** Undefined without matches; an entry is undefined when it fits every request. */
  readonly matches: readonly (RouteMatch | undefined)[] | undefined;
  readonly affinity: Affinity | undefined;
  readonly mirror: GivenMirror | undefined;
}

/** An object that cannot be understood. */
interface Unreadable {
  readonly reference: ObjectReference;
  readonly fault: string;
}

/** The splits of one root. */
interface Claims {
  /** Those that have what they claim, the oldest first. */
  readonly winners: readonly Split[];
  /** What is said of the others, by key. */
  readonly conflicts: ReadonlyMap<ObjectKey, Verdict>;
}

/** Decides the routing of all services. */
export function deriveSplits(tables: Derivation, given: SplitInputs): SplitDecisions {
  // Of a headless Service clients dial one pod, and mean it: there is nothing to divide.
  const divisible = tables.each(given.services, (service) => (service.addresses.length > 0 ? service : undefined));
  const inputs: SplitInputs = { ...given, services: divisible };
  const readings = tables.each(inputs.trafficSplits, (object, key) => readSplit(object, key, inputs.settings));
  const valid = tables.each(readings, (reading) => ("fault" in reading ? undefined : reading));
  const ofRoot = tables.group(valid, ({ root }) => [root]);
  const ofMirror = tables.group(valid, ({ mirror, reference: { namespace } }) =>
    mirror === undefined ? [] : [`${namespace}/${mirror.service}`],
  );
  const claims = tables.query((root) => judgeClaims(ofRoot.get(root) ?? []));
  const winnersOf = (root: ObjectKey): readonly Split[] => claims.get(root)?.winners ?? [];
  // Endpoints come and go without any effect on routes.
  const services: PortsOfServices = tables.each(
    inputs.services,
    ({ ports }) => ({ ports: ports.map(({ port, protocol }) => ({ port, protocol })) }),
    sameJSON,
  );
  return {
    routingOf: (service, port) => routePort(service, port, winnersOf(service.key), services),
    isMirrored: ({ key }, port) =>
      (ofMirror.get(key) ?? []).some((split) => {
        if (services.get(key) === undefined || !winnersOf(split.root).includes(split)) return false;
        const root = services.get(split.root)?.ports.find((candidate) => candidate.port === port.port);
        return root !== undefined && root.protocol !== "tcp";
      }),
    decisions: tables.each(
      readings,
      (reading, key): StatusDecision => {
        if (!("fault" in reading)) {
          return judge(reading, claims.get(reading.root)?.conflicts.get(key) ?? accepted, inputs);
        }
        const { reference, fault } = reading;
        const need = { kind: "service", service: `${reference.namespace}/` } as const;
        return { object: reference, accepted: invalid(fault), resolvedRefs: unjudged, findings: [], pods: [], need };
      },
      sameDecision,
    ),
  };
}

/** What the routing of others needs to know of a service. */
type PortsOfServices = Lookup<{ readonly ports: readonly Pick<ClientPort, "port" | "protocol">[] }>;

/** Most changes of endpoints change nothing that is said of a split. Its clients are many. */
function sameDecision(before: StatusDecision, after: StatusDecision): boolean {
  return before.pods === after.pods && sameJSON({ ...before, pods: [] }, { ...after, pods: [] });
}

/** Of an object that cannot be understood nobody knows what it names. */
const unjudged: Verdict = {
  status: "Unknown",
  reason: "Invalid",
  message: "What it names is looked up once the object is valid.",
};

function readSplit(object: TrafficSplit, key: ObjectKey, settings: MeshSettings): Split | Unreadable {
  const reference = referenceTo("TrafficSplit", object);
  try {
    demandShape(object, validateTrafficSplit);
    const { spec } = object;
    const root = readRoot(spec.service, namespaceOf(object), settings);
    demandMatches(spec.matches);
    const matches = spec.matches?.map((match) => normaliseMatch(match));
    const [backends, affinity, mirror] = [readBackends(spec), readAffinity(spec.affinity), readMirror(spec)];
    return { key, object, reference, root, backends, matches, affinity, mirror };
  } catch (error) {
    return { reference, fault: messageOf(error) };
  }
}

/** `name`, `name.namespace`, `name.namespace.svc`, or that with the cluster's domain. */
function readRoot(given: string, namespace: string, settings: MeshSettings): ObjectKey {
  const [name = "", itsNamespace, ...rest] = given.split(".");
  const domain = rest.join(".");
  if (rest.length > 0 && domain !== "svc" && domain !== `svc.${settings.clusterDomain}`) {
    throw new InvalidObject(
      `spec.service: ${quote(given)} is no name of a Service of this cluster: write \`name\`, ` +
        `\`name.${namespace}\` or \`name.${namespace}.svc.${settings.clusterDomain}\``,
    );
  }
  if (itsNamespace !== undefined && itsNamespace !== namespace) {
    throw new InvalidObject(
      `spec.service: ${quote(given)} is a Service of namespace ${itsNamespace}; a split acts on Services of ` +
        `its own namespace, ${namespace}: create it there`,
    );
  }
  return `${namespace}/${name}`;
}

function judgeClaims(splits: readonly Split[]): Claims {
  const taken = new Map<string, Split>();
  const winners: Split[] = [];
  const conflicts = new Map<ObjectKey, Verdict>();
  for (const split of [...splits].sort((a, b) => byAge(a.object, b.object))) {
    const conflict = claim(split, taken);
    if (conflict === undefined) winners.push(split);
    else conflicts.set(split.key, conflict);
  }
  return { winners, conflicts };
}

/** Takes the split's matches for its root, unless an older split has one of them; then takes none, and says who has it. */
function claim(split: Split, taken: Map<string, Split>): Verdict | undefined {
  const wanted = (split.matches ?? [undefined]).map(matchKey);
  for (const [index, key] of wanted.entries()) {
    const winner = taken.get(key);
    if (winner === undefined) continue;
    const name = `TrafficSplit ${winner.reference.namespace}/${winner.reference.name}`;
    const what =
      key === ""
        ? `all other requests to ${split.object.spec.service}`
        : `the same requests to ${split.object.spec.service} as spec.matches[${index}]`;
    const message = `The older ${name} claims ${what}. Merge the two, or delete one.`;
    return { status: "False", reason: "Conflicted", message };
  }
  for (const key of wanted) taken.set(key, split);
  return undefined;
}

function judge(split: Split, verdict: Verdict, inputs: SplitInputs): StatusDecision {
  const { stored, services } = inputs;
  const { resolvedRefs, findings } = resolveReferences({ ...split, stored, services });
  const root = services.get(split.root);
  return {
    object: split.reference,
    accepted: verdict,
    resolvedRefs,
    findings: [...findings, ...findHTTPFieldsOnTCP(split, root), ...findUnderscores(split.object.spec)],
    summary: summarise(split.backends),
    pods: root === undefined ? [] : inputs.clientsOf(split.root),
    need: { kind: "service", service: split.root },
  };
}

/** Sidecars cannot see requests on a TCP port, so that what speaks of requests has no effect there. */
function findHTTPFieldsOnTCP(split: Split, root: ClientService | undefined): readonly Finding[] {
  const service = split.object.spec.service;
  const ports = (root?.ports ?? []).filter(({ protocol }) => protocol === "tcp").map(({ port }) => port);
  const found = (code: FindingCode, field: string, effect: string): readonly Finding[] =>
    ports.map((port) => {
      const message = `Port ${port} of ${service} is TCP to sidecars, which cannot see requests there: ${effect}. If it speaks HTTP, say so in the Service (appProtocol, or the port's name).`;
      return { code, field, message };
    });
  // A split with matches has no effect there at all.
  if (split.matches !== undefined) return found("MatchesOnTCPPort", "spec.matches", "the split does not apply to it");
  return [
    ...(split.affinity === undefined
      ? []
      : found("AffinityOnTCPPort", "spec.affinity", "each connection is divided anew")),
    ...(split.mirror === undefined ? [] : found("MirrorOnTCPPort", "spec.mirror", "nothing of it is mirrored")),
  ];
}

/** Callers may send such a header, and no sidecar that is called takes it (`headers_with_underscores_action`). */
function findUnderscores({ matches, affinity }: TrafficSplit["spec"]): readonly Finding[] {
  const named = (matches ?? []).flatMap(({ headers }, index) =>
    (headers ?? []).map(({ name }, at) => ({ name, field: `spec.matches[${index}].headers[${at}].name` })),
  );
  const all =
    affinity?.header === undefined ? named : [...named, { name: affinity.header, field: "spec.affinity.header" }];
  return all
    .filter(({ name }) => name.includes("_"))
    .map(({ name, field }) => {
      const message = `Sidecars that are called answer requests with the header ${quote(name)} with 400, for its underscore. Let callers send it with \`-\`, and name that.`;
      return { code: "HeaderWithUnderscore", field, message };
    });
}

function routePort(
  service: ClientService,
  port: ClientPort,
  splits: readonly Split[],
  services: PortsOfServices,
): Routing {
  const target = { kind: "service", namespace: service.namespace, service: service.name, port: port.port } as const;
  const itself: MeshRoute = { backends: [{ weight: 1, target }] };
  const routes = splits.flatMap((split) => {
    if (split.matches !== undefined && port.protocol === "tcp") return [];
    const backends = backendsForPort(port.port, service.namespace, split.backends, services);
    const extras = port.protocol === "tcp" ? {} : extrasForPort(split, service, port, services);
    return (split.matches ?? [undefined]).map((match): MeshRoute => {
      return { ...(match === undefined ? {} : { match }), backends, ...extras, origin: split.reference };
    });
  });
  // Stable: of equal rank the oldest split's match stays first, and within a split the first of its list.
  const ordered = routes.sort((a, b) => compareMatches(a.match, b.match));
  return { routes: ordered.some(({ match }) => match === undefined) ? ordered : [...ordered, itself] };
}

/** What a split says of requests besides where they go. */
function extrasForPort(
  { affinity, mirror }: Split,
  service: ClientService,
  port: ClientPort,
  services: PortsOfServices,
): Pick<MeshRoute, "affinity" | "mirror"> {
  const copies = mirror === undefined ? undefined : mirrorForPort(port.port, service.namespace, mirror, services);
  return { ...(affinity === undefined ? {} : { affinity }), ...(copies === undefined ? {} : { mirror: copies }) };
}
