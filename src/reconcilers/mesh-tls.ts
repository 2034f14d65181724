/**
 * Pass 3: which ports of which workloads demand mutual TLS.
 *
 *   MeshTLS --selector--> Workload: at each of three levels (mesh, namespace, workload) the oldest object counts; of the
 *   levels the narrowest one governs. What it leaves out (mode, tlsVersion, tlsCiphers) is inherited, each as a whole, from
 *   the next wider level that has it; its ports are never inherited.
 */
import type { MeshTLS } from "../api/generated/MeshTLS.ts";
import { validateMeshTLS } from "../api/validate.ts";
import type { Finding, StatusDecision, Verdict } from "../model/finding.ts";
import type { InboundPort, ObjectReference, TLSMode, TLSParameters } from "../model/mesh.ts";
import type { MeshSettings, ModeHolds, Snapshot } from "../model/snapshot.ts";
import { compare } from "../model/workload.ts";
import { validateIdentity } from "./identity.ts";
import { accepted, byAge, demandShape, InvalidObject, invalid, messageOf, referenceTo, resolved } from "./objects.ts";
import type { Scope, Selection } from "./selector.ts";
import { findNothing, select, selectAtLeast } from "./selector.ts";
import type { ServedPort } from "./services.ts";
import { sidecarPorts } from "./services.ts";
import type { Workload, Workloads } from "./workloads.ts";
import { readyPods } from "./workloads.ts";

/** How a workload speaks TLS. */
export interface WorkloadTLS {
  /** Mode of every port that is not in `ports`. */
  readonly mode: TLSMode;
  /** Served ports, and those that a MeshTLS names; sorted by number. */
  readonly ports: readonly InboundPort[];
  readonly parameters: TLSParameters;
  /** The MeshTLS that decided, sorted. */
  readonly origins: readonly ObjectReference[];
}

/** The outcome of the pass. */
export interface TLSDecisions {
  /** By class id. */
  readonly ofWorkload: ReadonlyMap<string, WorkloadTLS>;
  readonly decisions: readonly StatusDecision[];
}

/** The held ports of one workload. */
export type PortHolds = NonNullable<ReturnType<ModeHolds["get"]>>;

/** The mode of one container port. */
export function modeOf(tls: WorkloadTLS, port: number): TLSMode {
  return tls.ports.find((candidate) => candidate.port === port)?.mode ?? tls.mode;
}

/** Whether clients speak mutual TLS to a container port: while it is held, what its step says. */
export function clientsSpeakTLS(tls: WorkloadTLS, port: number, held: PortHolds | undefined): boolean {
  const hasMode = tls.ports.some((candidate) => candidate.port === port);
  const hold = held?.get(port) ?? (hasMode ? undefined : held?.get("other"));
  return hold === undefined ? modeOf(tls, port) !== "Disabled" : hold.clients === "mutualTLS";
}

/** The modes in which servers are to be while some ports are held. */
export function heldModes(tls: WorkloadTLS, held: PortHolds | undefined): Pick<WorkloadTLS, "mode" | "ports"> {
  if (held === undefined) return tls;
  const ports = new Map(tls.ports.map((port) => [port.port, port]));
  for (const [port, { server }] of held) {
    // A port that lost its own mode keeps a place of its own until its change is done.
    if (port !== "other") ports.set(port, { ...(ports.get(port) ?? { port, protocol: "tcp" }), mode: server });
  }
  const mode = held.get("other")?.server ?? tls.mode;
  return { mode, ports: [...ports.values()].sort((a, b) => a.port - b.port) };
}

/** A MeshTLS with what it selects and says. */
interface Claim {
  readonly object: MeshTLS;
  readonly reference: ObjectReference;
  readonly selection: Selection;
  readonly mode: TLSMode | undefined;
  readonly ports: NonNullable<MeshTLS["spec"]["ports"]>;
  readonly tlsVersion: MeshTLS["spec"]["tlsVersion"];
  readonly tlsCiphers: MeshTLS["spec"]["tlsCiphers"];
  /** Why the object is not valid: it then demands Strict of what it selects, which lets in the least. */
  readonly fault?: string;
}

/** What counts where nobody says anything. */
const defaultMode: TLSMode = "Permissive";

/** Decides the modes of all workloads. `served` has the ports that Services declare, by class id. */
export function decideTLS(
  snapshot: Snapshot,
  settings: MeshSettings,
  workloads: Workloads,
  served: ReadonlyMap<string, readonly ServedPort[]>,
): TLSDecisions {
  const claims = [...snapshot.meshTLS.values()].sort(byAge).map((object) => claimOf(object, settings, workloads));
  const ofWorkload = new Map(
    workloads.all.map((workload) => {
      return [workload.id, tlsOf(workload, winnersFor(workload, claims), served.get(workload.id) ?? [])] as const;
    }),
  );
  const decisions = claims.map((claim): StatusDecision => {
    const shaped = claim.selection.workloads.filter((workload) => {
      return ofWorkload.get(workload.id)?.origins.some(({ uid, name, namespace }) => {
        const { reference } = claim;
        return uid === reference.uid && name === reference.name && namespace === reference.namespace;
      });
    });
    const verdict = claim.fault === undefined ? conflictOf(claim, claims) : invalid(claim.fault);
    return {
      object: claim.reference,
      accepted: verdict,
      resolvedRefs: resolved,
      findings: [...findNothing(claim.selection, claim.object), ...findUnknownPorts(claim, served)],
      pods: readyPods(verdict.reason === "Conflicted" ? claim.selection.workloads : shaped),
      need: { kind: "class" },
    };
  });
  return { ofWorkload, decisions };
}

function claimOf(object: MeshTLS, settings: MeshSettings, workloads: Workloads): Claim {
  const reference = referenceTo("MeshTLS", object);
  try {
    validate(object, settings);
    const { mode, ports = [], tlsVersion, tlsCiphers } = object.spec;
    return { object, reference, selection: select(object, workloads, settings), mode, ports, tlsVersion, tlsCiphers };
  } catch (error) {
    const fault = `${messageOf(error)}. Until then, what it selects accepts nothing but mutual TLS, of version 1.3.`;
    const selection = selectAtLeast(object, workloads, settings);
    const tlsVersion = { min: "TLS13" } as const;
    return { object, reference, selection, mode: "Strict", ports: [], tlsVersion, tlsCiphers: undefined, fault };
  }
}

/** What the API server checks by CEL is checked again, since a stored object may be older than the rule. */
function validate(object: MeshTLS, settings: MeshSettings): void {
  demandShape(object, validateMeshTLS);
  validateIdentity(object, settings);
  const { mode, ports, tlsVersion, tlsCiphers, identity } = object.spec;
  if ([mode, ports, tlsVersion, tlsCiphers, identity].every((field) => field === undefined)) {
    throw new InvalidObject(
      "spec: give a mode, ports with modes, tlsVersion, tlsCiphers or identity: without any of them the object says nothing",
    );
  }
  if (tlsVersion?.min === "TLS13" && tlsVersion.max === "TLS12") {
    throw new InvalidObject("spec.tlsVersion: give a min that is not above max");
  }
  if (tlsVersion?.min === "TLS13" && tlsCiphers !== undefined) {
    throw new InvalidObject("spec.tlsCiphers: remove it, or give a tlsVersion.min of TLS12: it restricts TLS 1.2 only");
  }
  for (const [index, { port }] of (ports ?? []).entries()) {
    if (typeof port === "number" && !(port >= 1 && port <= 65_535)) {
      throw new InvalidObject(`spec.ports[${index}].port: give a port between 1 and 65535`);
    }
  }
}

type Winners = Readonly<Partial<Record<Scope, Claim>>>;

/** `claims` are sorted by age, so the first of each level is the oldest. */
function winnersFor(workload: Workload, claims: readonly Claim[]): Winners {
  const winners: Partial<Record<Scope, Claim>> = {};
  for (const claim of claims) {
    if (claim.selection.has(workload)) winners[claim.selection.scope] ??= claim;
  }
  return winners;
}

function tlsOf(workload: Workload, winners: Winners, served: readonly ServedPort[]): WorkloadTLS {
  const narrowestFirst = [winners.workload, winners.namespace, winners.mesh].filter((claim) => claim !== undefined);
  const governing = narrowestFirst[0];
  const ofMode = narrowestFirst.find((claim) => claim.mode !== undefined);
  const mode = ofMode?.mode ?? defaultMode;
  const explicit = new Map<number, TLSMode>();
  for (const { port, mode: modeOfPort } of governing?.ports ?? []) {
    const number = resolvePort(port, workload);
    if (number !== undefined && !sidecarPorts.has(number)) explicit.set(number, modeOfPort);
  }
  const ports = new Map<number, InboundPort>();
  for (const [port, modeOfPort] of explicit) ports.set(port, { port, protocol: "tcp", mode: modeOfPort });
  for (const port of served) ports.set(port.port, { ...port, mode: explicit.get(port.port) ?? mode });
  // The pod's own word about its server counts more than a Service's.
  for (const port of workload.record.serverFirstPorts) {
    ports.set(port, { port, protocol: "tcp", serverFirst: true, mode: explicit.get(port) ?? mode });
  }
  const ofVersion = narrowestFirst.find((claim) => claim.tlsVersion !== undefined);
  const ofCiphers = narrowestFirst.find((claim) => claim.tlsCiphers !== undefined);
  const origins = [...new Set([governing, ofMode, ofVersion, ofCiphers])].filter((claim) => claim !== undefined);
  return {
    mode,
    ports: [...ports.values()].sort((a, b) => a.port - b.port),
    parameters: parametersOf(ofVersion?.tlsVersion, ofCiphers?.tlsCiphers),
    origins: origins.map(({ reference }) => reference),
  };
}

function parametersOf(version: Claim["tlsVersion"], ciphers: Claim["tlsCiphers"]): TLSParameters {
  return {
    ...(version?.min === undefined ? {} : { minVersion: version.min }),
    ...(version?.max === undefined ? {} : { maxVersion: version.max }),
    // The order has no meaning to users, and must have none for proxies.
    ...(ciphers === undefined ? {} : { cipherSuites: [...ciphers].sort(compare) }),
  };
}

function resolvePort(port: number | string, workload: Workload): number | undefined {
  if (typeof port === "number") return port;
  return workload.containerPorts.find(({ name }) => name === port)?.port;
}

/** Ports that none of the selected workloads declares, in a container or through a Service. */
function findUnknownPorts(claim: Claim, served: ReadonlyMap<string, readonly ServedPort[]>): readonly Finding[] {
  const { workloads } = claim.selection;
  if (workloads.length === 0) return [];
  const declares = (workload: Workload, port: number | string) =>
    workload.containerPorts.some((declared) => declared.name === port || declared.port === port) ||
    (served.get(workload.id) ?? []).some((declared) => declared.port === port);
  return claim.ports.flatMap(({ port }, index): Finding[] => {
    if (typeof port === "number" && sidecarPorts.has(port)) {
      const message = `Port ${port} is the sidecar's own, never the application's. The mode has no effect there.`;
      return [{ code: "UnknownPort", field: `spec.ports[${index}].port`, message }];
    }
    if (workloads.some((workload) => declares(workload, port))) return [];
    const effect = typeof port === "number" ? "The mode applies to it all the same." : "It has no effect.";
    const message = `No container of the selected workloads declares port ${port}. ${effect}`;
    return [{ code: "UnknownPort", field: `spec.ports[${index}].port`, message }];
  });
}

/** Whether older objects of the same level have taken what this one selects. */
function conflictOf(claim: Claim, claims: readonly Claim[]): Verdict {
  const { scope, workloads } = claim.selection;
  const rivals = claims.slice(0, claims.indexOf(claim)).filter((rival) => rival.selection.scope === scope);
  const isSame = (rival: Claim) =>
    rival.reference.namespace === claim.reference.namespace && sameSelector(rival.object, claim.object);
  const same = rivals.find(isSame);
  const takers = rivals.filter((rival) => workloads.some((workload) => rival.selection.has(workload)));
  const left = workloads.filter((workload) => !takers.some((taker) => taker.selection.has(workload)));
  const winner = same ?? takers[0];
  if (winner === undefined) return accepted;
  const name = `MeshTLS ${winner.reference.namespace}/${winner.reference.name}`;
  if (same !== undefined || left.length === 0) {
    const message = `The older ${name} selects the same workloads; delete one of the two, or narrow this one.`;
    return { status: "False", reason: "Conflicted", message };
  }
  const message =
    `The older ${name} selects ${workloads.length - left.length} of the ${workloads.length} workloads that this one ` +
    "selects, and counts for them; this one counts for the rest. Make the two selectors exclude each other.";
  return { status: "False", reason: "PartiallyConflicted", message };
}

function sameSelector(a: MeshTLS, b: MeshTLS): boolean {
  const left: Readonly<Record<string, string>> = a.spec?.selector?.matchLabels ?? {};
  const right: Readonly<Record<string, string>> = b.spec?.selector?.matchLabels ?? {};
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && left[name] === right[name])
  );
}
