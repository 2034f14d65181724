/**
 * Pass 5: where requests to a Service go.
 *
 *   TrafficSplit --spec.service--> Service of its namespace: its routing
 *                --spec.backends-> Services of its namespace: their endpoints, never their splits
 *                --spec.mirror---> Service of its namespace: likewise
 */

import type { FindingCode } from "../api/conditions.ts";
import type { TrafficSplit } from "../api/generated/TrafficSplit.ts";
import { validateTrafficSplit } from "../api/validate.ts";
import type { Finding, StatusDecision, Verdict } from "../model/finding.ts";
import type { Affinity, MeshRoute, ObjectReference, RouteMatch, Routing } from "../model/mesh.ts";
import type { ObjectKey } from "../model/object-key.ts";
import { quote } from "../model/quote.ts";
import type { MeshSettings, Snapshot } from "../model/snapshot.ts";
import {
  accepted,
  byAge,
  demandShape,
  InvalidObject,
  invalid,
  messageOf,
  namespaceOf,
  pushTo,
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
  readonly snapshot: Snapshot;
  readonly settings: MeshSettings;
  readonly services: ReadonlyMap<ObjectKey, ClientService>;
  /** Ready pods of the clients that are sent a service, sorted. */
  readonly clientsOf: (service: ObjectKey) => readonly ObjectKey[];
}

/** The outcome of the pass. */
export interface SplitDecisions {
  /** The routing of every port of every service. */
  readonly routingOf: (service: ClientService, port: ClientPort) => Routing;
  /** Whether some route sends copies to a port. */
  readonly isMirrored: (service: ClientService, port: ClientPort) => boolean;
  readonly decisions: readonly StatusDecision[];
}

/** A valid split. */
interface Split {
  readonly object: TrafficSplit;
  readonly reference: ObjectReference;
  readonly root: ObjectKey;
  readonly backends: readonly Backend[];
  /** Undefined without matches; an entry is undefined when it fits every request. */
  readonly matches: readonly (RouteMatch | undefined)[] | undefined;
  readonly affinity: Affinity | undefined;
  readonly mirror: GivenMirror | undefined;
}

/** Decides the routing of all services. */
export function decideSplits(given: SplitInputs): SplitDecisions {
  // Of a headless Service clients dial one pod, and mean it: there is nothing to divide.
  const services = new Map([...given.services].filter(([, { addresses }]) => addresses.length > 0));
  const inputs: SplitInputs = { ...given, services };
  const decisions: StatusDecision[] = [];
  const splitsOfRoot = new Map<ObjectKey, Split[]>();
  const claims = new Map<ObjectKey, Map<string, Split>>();
  for (const object of [...inputs.snapshot.trafficSplits.values()].sort(byAge)) {
    const reference = referenceTo("TrafficSplit", object);
    const need = { kind: "service", service: `${reference.namespace}/` } as const;
    let split: Split;
    try {
      split = readSplit(object, reference, inputs.settings);
    } catch (error) {
      const verdict = invalid(messageOf(error));
      decisions.push({ object: reference, accepted: verdict, resolvedRefs: unjudged, findings: [], pods: [], need });
      continue;
    }
    const conflict = claim(split, claims);
    if (conflict === undefined) pushTo(splitsOfRoot, split.root, split);
    decisions.push(judge(split, conflict ?? accepted, inputs));
  }
  const routingOf = (service: ClientService, port: ClientPort): Routing => {
    return routePort(service, port, splitsOfRoot.get(service.key) ?? [], inputs.services);
  };
  const mirrored = findMirrored(splitsOfRoot, inputs.services);
  const isMirrored = ({ key }: ClientService, { port }: ClientPort): boolean => mirrored.has(`${key}/${port}`);
  return { routingOf, isMirrored, decisions };
}

/** Of an object that cannot be understood nobody knows what it names. */
const unjudged: Verdict = {
  status: "Unknown",
  reason: "Invalid",
  message: "What it names is looked up once the object is valid.",
};

function readSplit(object: TrafficSplit, reference: ObjectReference, settings: MeshSettings): Split {
  demandShape(object, validateTrafficSplit);
  const { spec } = object;
  const root = readRoot(spec.service, namespaceOf(object), settings);
  demandMatches(spec.matches);
  const matches = spec.matches?.map((match) => normaliseMatch(match));
  const [backends, affinity, mirror] = [readBackends(spec), readAffinity(spec.affinity), readMirror(spec)];
  return { object, reference, root, backends, matches, affinity, mirror };
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

/** Takes the split's matches for its root, unless an older split has one of them; then takes none, and says who has it. */
function claim(split: Split, claims: Map<ObjectKey, Map<string, Split>>): Verdict | undefined {
  const taken = claims.get(split.root) ?? new Map<string, Split>();
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
  claims.set(split.root, taken);
  return undefined;
}

function judge(split: Split, verdict: Verdict, inputs: SplitInputs): StatusDecision {
  const { snapshot, services } = inputs;
  const { resolvedRefs, findings } = resolveReferences({ ...split, snapshot, services });
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
  services: ReadonlyMap<ObjectKey, ClientService>,
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

/** The ports that are sent copies, as `namespace/name/port`. */
function findMirrored(
  splitsOfRoot: ReadonlyMap<ObjectKey, readonly Split[]>,
  services: ReadonlyMap<ObjectKey, ClientService>,
): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [key, splits] of splitsOfRoot) {
    const root = services.get(key);
    if (root === undefined) continue;
    for (const port of root.ports.filter(({ protocol }) => protocol !== "tcp")) {
      for (const split of splits) {
        const { mirror } = extrasForPort(split, root, port, services);
        if (mirror !== undefined) found.add(`${mirror.namespace}/${mirror.service}/${mirror.port}`);
      }
    }
  }
  return found;
}

/** What a split says of requests besides where they go. */
function extrasForPort(
  { affinity, mirror }: Split,
  service: ClientService,
  port: ClientPort,
  services: ReadonlyMap<ObjectKey, ClientService>,
): Pick<MeshRoute, "affinity" | "mirror"> {
  const copies = mirror === undefined ? undefined : mirrorForPort(port.port, service.namespace, mirror, services);
  return { ...(affinity === undefined ? {} : { affinity }), ...(copies === undefined ? {} : { mirror: copies }) };
}
