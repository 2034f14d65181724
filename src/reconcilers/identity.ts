/**
 * First pass: where identities come from.
 *
 *   MeshTLS default of the root namespace --wants--+
 *   the operator's settings ---------------wants--+--> plan; what is recorded with the authority comes before both
 *   the authority's record ------------------------+
 */
import type { MeshTLS } from "../api/generated/MeshTLS.ts";
import { validateMeshTLS } from "../api/validate.ts";
import type { StatusDecision, Verdict } from "../model/finding.ts";
import type { IdentityFault, IdentityPlan } from "../model/identity.ts";
import type { MeshSettings, Snapshot } from "../model/snapshot.ts";
import { demandShape, InvalidObject, namespaceOf } from "./objects.ts";

/** Name of the MeshTLS of the root namespace that speaks of identities. */
const meshWide = "default";

/** Bounds of a certificate's life, in milliseconds. */
const lifeBounds = { minimum: 10 * 60_000, maximum: 720 * 3_600_000 } as const;

/** How many faults a condition tells of. */
const faultsLimit = 3;

/** The outcome of the pass. */
export interface IdentityDecision {
  readonly plan: IdentityPlan;
  /** Adds what the pass has to say of the mesh-wide object to what others said of it. */
  readonly judge: (decision: StatusDecision) => StatusDecision;
}

/** Decides how identities are issued. */
export function decideIdentity(snapshot: Snapshot, settings: MeshSettings): IdentityDecision {
  const object = snapshot.meshTLS.get(`${settings.rootNamespace}/${meshWide}`);
  const isValid = object === undefined || isUsable(object, settings);
  const wanted = isValid ? object?.spec.identity : undefined;
  const { authority } = snapshot;
  const trustDomain = authority?.trustDomain ?? wanted?.trustDomain ?? settings.trustDomain;
  const certificateTTL = wanted?.certificateTTL === undefined ? undefined : durationOf(wanted.certificateTTL);
  const plan: IdentityPlan = {
    trustDomain,
    ...(certificateTTL === undefined ? {} : { certificateTTL }),
    mayCreate: isValid,
  };
  const fixed =
    wanted?.trustDomain === undefined || wanted.trustDomain === trustDomain
      ? undefined
      : isFixed(wanted.trustDomain, trustDomain);
  const unavailable = faultsOf(snapshot.identityFaults ?? []);
  const judge = (decision: StatusDecision): StatusDecision => {
    const { kind, namespace, name } = decision.object;
    if (kind !== "MeshTLS" || namespace !== settings.rootNamespace || name !== meshWide) return decision;
    return {
      ...decision,
      ...(fixed === undefined || decision.accepted.status !== "True" ? {} : { accepted: fixed }),
      ...(unavailable === undefined ? {} : { resolvedRefs: unavailable }),
    };
  };
  return { plan, judge };
}

/** Throws InvalidObject where an object speaks of identities and may not, or cannot be understood. */
export function validateIdentity(object: MeshTLS, settings: MeshSettings): void {
  const { identity, selector } = object.spec;
  if (identity === undefined) return;
  if (object.metadata.name !== meshWide || namespaceOf(object) !== settings.rootNamespace || selector !== undefined) {
    throw new InvalidObject(
      `spec.identity: it is of the whole mesh: give it in the object ${meshWide} of the namespace ${settings.rootNamespace}, without a selector`,
    );
  }
  const { trustDomain, certificateTTL } = identity;
  if (trustDomain !== undefined && !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(trustDomain)) {
    throw new InvalidObject("spec.identity.trustDomain: give a DNS name in lower case, such as cluster.local");
  }
  const life = certificateTTL === undefined ? undefined : durationOf(certificateTTL);
  if (life !== undefined && !(life >= lifeBounds.minimum && life <= lifeBounds.maximum)) {
    throw new InvalidObject("spec.identity.certificateTTL: give a duration between 10m and 720h, such as 24h or 1h30m");
  }
}

function isUsable(object: MeshTLS, settings: MeshSettings): boolean {
  try {
    demandShape(object, validateMeshTLS);
    validateIdentity(object, settings);
    return true;
  } catch (error) {
    if (error instanceof InvalidObject) return false;
    throw error;
  }
}

const isFixed = (wanted: string, recorded: string): Verdict => ({
  status: "False",
  reason: "IdentityFixed",
  message:
    `The trust domain ${recorded} is recorded with the authority and stays in force; ${wanted} is not used. All else ` +
    `that the object says counts. Set spec.identity.trustDomain to ${recorded}, or begin anew with a new authority as ` +
    "the task on identities describes.",
});

function faultsOf(faults: readonly IdentityFault[]): Verdict | undefined {
  if (faults.length === 0) return undefined;
  const told = faults.slice(0, faultsLimit).map(({ key, message }) => `Secret ${key}: ${message}`);
  const more = faults.length > faultsLimit ? [`And ${faults.length - faultsLimit} more.`] : [];
  return { status: "False", reason: "IdentityUnavailable", message: [...told, ...more].join(" ") };
}

const units: ReadonlyMap<string, number> = new Map([
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
]);

/** Milliseconds of a duration such as `1h30m`; NaN if it is none. */
function durationOf(text: string): number {
  if (!/^([0-9]{1,5}[hms]){1,3}$/.test(text)) return Number.NaN;
  const parts = [...text.matchAll(/([0-9]+)([hms])/g)];
  return parts.reduce((sum, [, count = "", unit = ""]) => sum + Number(count) * (units.get(unit) ?? Number.NaN), 0);
}
