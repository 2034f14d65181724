/**
 * Pass 5: where requests to a Service go.
 *
 *   TrafficSplit --spec.service--> Service of its namespace: its routing
 *                --spec.backends-> Services of its namespace: their endpoints, never their splits
 */
import type { TrafficSplit } from "../api/generated/TrafficSplit.ts";
import { validateTrafficSplit } from "../api/validate.ts";
import type { Finding, StatusDecision, Verdict } from "../model/finding.ts";
import type { MeshRoute, ObjectReference, RouteMatch, Routing } from "../model/mesh.ts";
import type { MeshSettings, ObjectKey, Snapshot } from "../model/snapshot.ts";
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
import type { Backend } from "./split-backends.ts";
import { backendsForPort, readBackends, resolveBackends, summarise } from "./split-backends.ts";
import { compareMatches, matchKey, normaliseMatch } from "./split-matches.ts";

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
}

/** Decides the routing of all services. */
export function decideSplits(inputs: SplitInputs): SplitDecisions {
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
  return { routingOf, decisions };
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
  const matches = spec.matches?.map((match) => normaliseMatch(match));
  return { object, reference, root, backends: readBackends(spec), matches };
}

/** `name`, `name.namespace`, `name.namespace.svc`, or that with the cluster's domain. */
function readRoot(given: string, namespace: string, settings: MeshSettings): ObjectKey {
  const [name = "", itsNamespace, ...rest] = given.split(".");
  const domain = rest.join(".");
  if (rest.length > 0 && domain !== "svc" && domain !== `svc.${settings.clusterDomain}`) {
    throw new InvalidObject(
      `spec.service: ${JSON.stringify(given)} is no name of a Service of this cluster: write \`name\`, ` +
        `\`name.${namespace}\` or \`name.${namespace}.svc.${settings.clusterDomain}\``,
    );
  }
  if (itsNamespace !== undefined && itsNamespace !== namespace) {
    throw new InvalidObject(
      `spec.service: ${JSON.stringify(given)} is a Service of namespace ${itsNamespace}; a split acts on Services of ` +
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
  const { resolvedRefs, findings } = resolveBackends(split.root, split.backends, snapshot, services);
  const root = services.get(split.root);
  return {
    object: split.reference,
    accepted: verdict,
    resolvedRefs,
    findings: [...findings, ...findMatchesOnTCP(split, root)],
    summary: summarise(split.backends),
    pods: root === undefined ? [] : inputs.clientsOf(split.root),
    need: { kind: "service", service: split.root },
  };
}

function findMatchesOnTCP(split: Split, root: ClientService | undefined): readonly Finding[] {
  if (split.matches === undefined) return [];
  const ports = (root?.ports ?? []).filter(({ protocol }) => protocol === "tcp").map(({ port }) => port);
  return ports.map((port) => {
    const message = `Port ${port} of ${split.object.spec.service} is TCP to sidecars, which cannot see requests there: the split does not apply to it. If it speaks HTTP, say so in the Service (appProtocol, or the port's name).`;
    return { code: "MatchesOnTCPPort", field: "spec.matches", message };
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
    return (split.matches ?? [undefined]).map((match): MeshRoute => {
      return { ...(match === undefined ? {} : { match }), backends, origin: split.reference };
    });
  });
  // Stable: of equal rank the oldest split's match stays first, and within a split the first of its list.
  const ordered = routes.sort((a, b) => compareMatches(a.match, b.match));
  return { routes: ordered.some(({ match }) => match === undefined) ? ordered : [...ordered, itself] };
}
