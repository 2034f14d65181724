/**
 * Changes of mode in steps, so that no mesh caller is refused meanwhile: servers accept both kinds of speech before clients
 * change theirs, and refuse the old one only once no client speaks it. Pure: what was acknowledged, and the time, are given.
 *
 *   Disabled -> Strict   clients: mutual TLS (servers accept both)  --acknowledged-->  servers: Strict
 *   Strict -> Disabled   servers: Permissive  --acknowledged-->  servers: Disabled, clients: plaintext
 *   all others           one step: one side accepts both before and after
 *
 * What is held is an input of the compile. It is kept in memory only: after a restart every port has its mode at once, so a
 * restart never widens access.
 */
import type { InboundPort, TLSMode } from "../model/mesh.ts";
import type { ModeHold, ModeHolds, Speech } from "../model/snapshot.ts";
import { compare } from "../model/workload.ts";
import { changedKeys } from "../reconcilers/derivation.ts";
import type { WorkloadTLS } from "../reconcilers/mesh-tls.ts";

/** How long a step waits for its acknowledgements, in milliseconds: a proxy that is gone must not keep a port open. */
export const stepBound = 30_000;

/** What a server accepts. */
type Acceptance = Speech | "both";

interface Position {
  readonly server: Acceptance;
  readonly clients: Speech;
}

/** One port on its way. Until a step is acknowledged, proxies may be at any of those before it. */
interface Journey {
  /** Where proxies are sent. */
  readonly step: Position;
  readonly servers: ReadonlySet<Acceptance>;
  readonly clients: ReadonlySet<Speech>;
  /** When the step was taken, in milliseconds of the monotonic clock. */
  readonly since: number;
}

type PortKey = number | "other";

/** All changes that are under way. */
export interface ModeTransitions {
  readonly journeys: ReadonlyMap<string, ReadonlyMap<PortKey, Journey>>;
  /** The input of the compile. */
  readonly holds: ModeHolds;
  /** When a step will have waited long enough, in milliseconds of the monotonic clock; undefined when none waits. */
  readonly deadline: number | undefined;
}

/** Nothing is under way. */
export const noTransitions: ModeTransitions = { journeys: new Map(), holds: new Map(), deadline: undefined };

/**
 * The next state. `before` and `after` are what the last compile and this one say of each class; `isTaken` tells whether
 * all proxies that a class concerns have acknowledged what was last published; `now` is of the monotonic clock.
 */
export function nextTransitions(
  transitions: ModeTransitions,
  before: ReadonlyMap<string, WorkloadTLS> | undefined,
  after: ReadonlyMap<string, WorkloadTLS>,
  isTaken: (classId: string) => boolean,
  now: number,
): ModeTransitions {
  const journeys = new Map<string, ReadonlyMap<PortKey, Journey>>();
  // Most classes are as they were, most of the time.
  const changed = before === undefined ? [] : changedKeys(before, after);
  for (const classId of [...new Set([...transitions.journeys.keys(), ...changed])].sort(compare)) {
    const tls = after.get(classId);
    if (tls === undefined) continue;
    const known = transitions.journeys.get(classId);
    const previous = before?.get(classId) ?? tls;
    if (known === undefined && sameModes(previous, tls)) continue;
    const taken = known !== undefined && isTaken(classId);
    const ports = new Map<PortKey, Journey>();
    for (const key of portsOf([previous, tls], known)) {
      const from = positionOf(previous, key);
      const journey = known?.get(key) ?? startingAt(from, now);
      const next = advance(taken || now - journey.since >= stepBound ? arrived(journey) : journey, tls, key, now);
      if (next !== undefined) ports.set(key, next);
    }
    if (ports.size > 0) journeys.set(classId, ports);
  }
  return { journeys, holds: holdsOf(journeys, after), deadline: deadlineOf(journeys) };
}

function advance(journey: Journey, tls: WorkloadTLS, key: PortKey, now: number): Journey | undefined {
  const target = positionOf(tls, key);
  const understood = [...journey.servers].every((server) => accepts(server, target.clients));
  const spoken = [...journey.clients].every((speech) => accepts(target.server, speech));
  const step: Position =
    understood && spoken ? target : { server: "both", clients: understood ? target.clients : journey.step.clients };
  if (samePosition(step, journey.step)) {
    const isThere = samePosition(step, target) && journey.servers.size === 1 && journey.clients.size === 1;
    return isThere ? undefined : journey;
  }
  const servers = new Set([...journey.servers, step.server]);
  return { step, servers, clients: new Set([...journey.clients, step.clients]), since: now };
}

const startingAt = (step: Position, now: number): Journey => ({
  step,
  servers: new Set([step.server]),
  clients: new Set([step.clients]),
  since: now,
});

/** Everyone has taken the step. */
const arrived = (journey: Journey): Journey => startingAt(journey.step, journey.since);

const accepts = (server: Acceptance, speech: Speech): boolean => server === "both" || server === speech;

const samePosition = (a: Position, b: Position): boolean => a.server === b.server && a.clients === b.clients;

const acceptances: Readonly<Record<TLSMode, Acceptance>> = {
  Strict: "mutualTLS",
  Permissive: "both",
  Disabled: "both",
};

function positionOf(tls: WorkloadTLS, key: PortKey): Position {
  const { mode }: Pick<InboundPort, "mode"> = tls.ports.find(({ port }) => port === key) ?? tls;
  return { server: acceptances[mode], clients: mode === "Disabled" ? "plaintext" : "mutualTLS" };
}

function portsOf(said: readonly WorkloadTLS[], known: ReadonlyMap<PortKey, Journey> | undefined): ReadonlySet<PortKey> {
  const ports = said.flatMap((tls) => tls.ports.map(({ port }) => port));
  return new Set<PortKey>(["other", ...ports, ...(known?.keys() ?? [])]);
}

function sameModes(a: WorkloadTLS, b: WorkloadTLS): boolean {
  if (a === b) return true;
  return [...portsOf([a, b], undefined)].every((key) => samePosition(positionOf(a, key), positionOf(b, key)));
}

const heldAs: Readonly<Record<Acceptance, TLSMode>> = {
  both: "Permissive",
  mutualTLS: "Strict",
  plaintext: "Disabled",
};

/** What is at its last step has its mode. */
function holdsOf(journeys: ModeTransitions["journeys"], after: ReadonlyMap<string, WorkloadTLS>): ModeHolds {
  const holds = new Map<string, ReadonlyMap<PortKey, ModeHold>>();
  for (const [classId, ports] of journeys) {
    const tls = after.get(classId);
    const held = [...ports].filter(([key, { step }]) => tls !== undefined && !samePosition(step, positionOf(tls, key)));
    if (held.length === 0) continue;
    holds.set(
      classId,
      new Map(held.map(([key, { step }]) => [key, { server: heldAs[step.server], clients: step.clients }])),
    );
  }
  return holds;
}

function deadlineOf(journeys: ModeTransitions["journeys"]): number | undefined {
  const times = [...journeys.values()].flatMap((ports) => [...ports.values()].map(({ since }) => since + stepBound));
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Whether two compiles with these would differ. */
export function sameHolds(a: ModeHolds, b: ModeHolds): boolean {
  const text = (holds: ModeHolds): string => JSON.stringify([...holds].map(([id, ports]) => [id, [...ports]]));
  return text(a) === text(b);
}
