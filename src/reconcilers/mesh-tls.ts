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
import type { MeshSettings, ModeHolds } from "../model/snapshot.ts";
import { compare, sortedEntries } from "../model/workload.ts";
import type { Derivation, Lookup, Table } from "./derivation.ts";
import { sameElements, sameJSON } from "./derivation.ts";
import { validateIdentity } from "./identity.ts";
import { accepted, byAge, demandShape, InvalidObject, invalid, messageOf, referenceTo, resolved } from "./objects.ts";
import type { Scope, Selector } from "./selector.ts";
import { findNothing, readSelector, readSelectorAtLeast, select, selects, wordOfSelector } from "./selector.ts";
import type { ServedPort } from "./services.ts";
import { sidecarPorts } from "./services.ts";
import type { Workload, Workloads } from "./workloads.ts";
import { readyPods, wordsOfWorkload } from "./workloads.ts";

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
  readonly ofWorkload: Table<WorkloadTLS>;
  /** By key of the object. */
  readonly decisions: Table<StatusDecision>;
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
  readonly selector: Selector;
  readonly mode: MeshTLS["spec"]["mode"];
  readonly ports: NonNullable<MeshTLS["spec"]["ports"]>;
  readonly tlsVersion: MeshTLS["spec"]["tlsVersion"];
  readonly tlsCiphers: MeshTLS["spec"]["tlsCiphers"];
  /** Why the object is not valid: it then demands Strict of what it selects, which lets in the least. */
  readonly fault?: string;
}

/** What counts where nobody says anything. */
const defaultMode: TLSMode = "Permissive";

/** What the pass needs of those before it. */
export interface TLSInputs {
  readonly meshTLS: Table<MeshTLS>;
  readonly settings: MeshSettings;
  readonly workloads: Workloads;
  /** The ports that Services declare, by class id. */
  readonly served: Lookup<readonly ServedPort[]>;
}

/** Decides the modes of all workloads. */
export function deriveTLS(tables: Derivation, { meshTLS, settings, workloads, served }: TLSInputs): TLSDecisions {
  const claims = tables.each(meshTLS, (object) => claimOf(object, settings));
  const ofWord = tables.group(claims, ({ selector }) => [wordOfSelector(selector)]);
  const ofSelector = tables.group(claims, (claim) => [selectorText(claim)]);
  /** The oldest first. */
  const claimsOf = tables.each(
    workloads.byId,
    (workload) =>
      wordsOfWorkload(workload)
        .flatMap((word) => ofWord.get(word) ?? [])
        .filter(({ selector }) => selects(selector, workload))
        .sort(olderFirst),
    sameElements,
  );
  const ofWorkload = tables.each(
    workloads.byId,
    (workload, id) => tlsOf(workload, winnersOf(claimsOf.get(id) ?? []), served.get(id) ?? []),
    sameJSON,
  );
  const decisions = tables.each(claims, (claim): StatusDecision => {
    const selected = select(claim.selector, workloads);
    const { reference, fault, object, selector } = claim;
    const shaped = selected.filter(({ id }) => {
      return ofWorkload.get(id)?.origins.some(({ uid, name, namespace }) => {
        return uid === reference.uid && name === reference.name && namespace === reference.namespace;
      });
    });
    const same = ofSelector.get(selectorText(claim)) ?? [];
    const rivals = (workload: Workload) => claimsOf.get(workload.id) ?? [];
    const verdict = fault === undefined ? conflictOf(claim, same, selected, rivals) : invalid(fault);
    return {
      object: reference,
      accepted: verdict,
      resolvedRefs: resolved,
      findings: [...findNothing(selector, selected, object), ...findUnknownPorts(claim, selected, served)],
      pods: readyPods(verdict.reason === "Conflicted" ? selected : shaped),
      need: { kind: "class" },
    };
  });
  return { ofWorkload, decisions };
}

const olderFirst = (a: Claim, b: Claim): number => byAge(a.object, b.object);

function claimOf(object: MeshTLS, settings: MeshSettings): Claim {
  const reference = referenceTo("MeshTLS", object);
  try {
    validate(object, settings);
    const { mode, ports = [], tlsVersion, tlsCiphers } = object.spec;
    return { object, reference, selector: readSelector(object, settings), mode, ports, tlsVersion, tlsCiphers };
  } catch (error) {
    const fault = `${messageOf(error)}. Until then, what it selects accepts nothing but mutual TLS, of version 1.3.`;
    const selector = readSelectorAtLeast(object, settings);
    const tlsVersion = { min: "TLS13" } as const;
    return { object, reference, selector, mode: "Strict", ports: [], tlsVersion, tlsCiphers: undefined, fault };
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

/** `claims` of one workload are sorted by age, so the first of each level is the oldest. */
function winnersOf(claims: readonly Claim[]): Winners {
  const winners: Partial<Record<Scope, Claim>> = {};
  for (const claim of claims) winners[claim.selector.scope] ??= claim;
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
function findUnknownPorts(
  claim: Claim,
  workloads: readonly Workload[],
  served: Lookup<readonly ServedPort[]>,
): readonly Finding[] {
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

/**
 * Whether older objects of the same level have taken what this one selects. `same` have its selector, `claimsOf` are those of
 * one workload, the oldest first.
 */
function conflictOf(
  claim: Claim,
  same: readonly Claim[],
  workloads: readonly Workload[],
  claimsOf: (workload: Workload) => readonly Claim[],
): Verdict {
  const isRival = (other: Claim) => other.selector.scope === claim.selector.scope && olderFirst(other, claim) < 0;
  const [twin] = same.filter(isRival).sort(olderFirst);
  const takers = new Map(workloads.map((workload) => [workload, claimsOf(workload).filter(isRival)]));
  const left = workloads.filter((workload) => takers.get(workload)?.length === 0);
  const [oldest] = [...new Set([...takers.values()].flat())].sort(olderFirst);
  const winner = twin ?? oldest;
  if (winner === undefined) return accepted;
  const name = `MeshTLS ${winner.reference.namespace}/${winner.reference.name}`;
  if (twin !== undefined || left.length === 0) {
    const message = `The older ${name} selects the same workloads; delete one of the two, or narrow this one.`;
    return { status: "False", reason: "Conflicted", message };
  }
  const message =
    `The older ${name} selects ${workloads.length - left.length} of the ${workloads.length} workloads that this one ` +
    "selects, and counts for them; this one counts for the rest. Make the two selectors exclude each other.";
  return { status: "False", reason: "PartiallyConflicted", message };
}

/** Objects of one namespace whose selectors say the same have the same. */
const selectorText = ({ object, reference: { namespace } }: Claim): string =>
  JSON.stringify([namespace, sortedEntries(object.spec?.selector?.matchLabels ?? {})]);
