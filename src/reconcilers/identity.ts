/**
 * First pass: where identities come from.
 *
 *   MeshTLS default of the root namespace --wants--+
 *   the operator's settings ---------------wants--+--> plan; what is recorded with the authority comes before both
 *   the authority's record ------------------------+
 *
 * It is also all that is worked out while a kind of ours cannot be watched: admission and certificates do not wait for it.
 */
import type { MeshTLS, MeshTLSIdentity } from "../api/generated/MeshTLS.ts";
import { validateMeshTLS } from "../api/validate.ts";
import type { StatusDecision, Verdict } from "../model/finding.ts";
import {
  type AuthorityRecord,
  describeProvider,
  type IdentityFault,
  type IdentityPlan,
  type IdentityProvider,
} from "../model/identity.ts";
import type { ObjectReference, WorkloadIdentity } from "../model/mesh.ts";
import type { MeshSettings, Snapshot } from "../model/snapshot.ts";
import { demandShape, InvalidObject, namespaceOf } from "./objects.ts";
import { neededIdentities } from "./workloads.ts";

/** Name of the MeshTLS of the root namespace that speaks of identities. */
const meshWide = "default";

/** Bounds of a certificate's life, in milliseconds. */
const lifeBounds = { minimum: 10 * 60_000, minimumOfCertManager: 3_600_000, maximum: 720 * 3_600_000 } as const;

/** How many faults a condition tells of. */
const faultsLimit = 3;

/** The outcome of the pass. */
export interface IdentityDecision {
  readonly plan: IdentityPlan;
  /** Adds what the pass has to say of the mesh-wide object to what others said of it. */
  readonly judge: (decision: StatusDecision) => StatusDecision;
}

/** Decides how identities are issued. */
export function decideIdentity(
  snapshot: Pick<Snapshot, "meshTLS" | "authority" | "identityFaults">,
  settings: MeshSettings,
): IdentityDecision {
  const object = snapshot.meshTLS.get(`${settings.rootNamespace}/${meshWide}`);
  const isValid = object === undefined || isUsable(object, settings);
  const wanted = isValid ? object?.spec.identity : undefined;
  const { authority } = snapshot;
  const certificateTTL = wanted?.certificateTTL === undefined ? undefined : durationOf(wanted.certificateTTL);
  const plan: IdentityPlan = {
    trustDomain: authority?.trustDomain ?? wanted?.trustDomain ?? settings.trustDomain,
    provider: authority?.provider ?? providerOf(wanted),
    ...(certificateTTL === undefined ? {} : { certificateTTL }),
    mayCreate: isValid,
  };
  const fixed = authority === undefined || wanted === undefined ? undefined : fixedOf(wanted, authority);
  const unavailable = faultsOf(snapshot.identityFaults ?? []);
  const judge = (decision: StatusDecision): StatusDecision => {
    if ((fixed === undefined && unavailable === undefined) || !isMeshWide(decision.object, settings)) return decision;
    return {
      ...decision,
      ...(fixed === undefined || decision.accepted.status !== "True" ? {} : { accepted: fixed }),
      ...(unavailable === undefined ? {} : { resolvedRefs: unavailable }),
    };
  };
  return { plan, judge };
}

/** Whether an object is the one that speaks of identities, and of which it is said how they are. */
export function isMeshWide({ kind, namespace, name }: ObjectReference, settings: MeshSettings): boolean {
  return kind === "MeshTLS" && namespace === settings.rootNamespace && name === meshWide;
}

/**
 * What a compile says of identities, by less of a snapshot. Without `meshTLS`, since nobody knows what the mesh-wide object
 * says, what is recorded with the authority counts, and no authority is made: that would fix what the object might want.
 */
export function planIdentities(
  known: Pick<Snapshot, "pods" | "authority"> & { readonly meshTLS: Snapshot["meshTLS"] | undefined },
  settings: MeshSettings,
): { readonly plan: IdentityPlan; readonly identities: readonly WorkloadIdentity[] } {
  const { plan } = decideIdentity({ ...known, meshTLS: known.meshTLS ?? new Map() }, settings);
  const mayCreate = plan.mayCreate && known.meshTLS !== undefined;
  return {
    plan: { ...plan, mayCreate },
    identities: neededIdentities(known, { ...settings, trustDomain: plan.trustDomain }),
  };
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
  const { trustDomain, certificateTTL, provider, certManager } = identity;
  if (trustDomain !== undefined && !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(trustDomain)) {
    throw new InvalidObject("spec.identity.trustDomain: give a DNS name in lower case, such as cluster.local");
  }
  if ((provider === "CertManager") !== (certManager !== undefined)) {
    throw new InvalidObject(
      "spec.identity: give certManager with an issuerRef together with the provider CertManager, and only then",
    );
  }
  const life = certificateTTL === undefined ? undefined : durationOf(certificateTTL);
  if (life !== undefined && !(life >= lifeBounds.minimum && life <= lifeBounds.maximum)) {
    throw new InvalidObject("spec.identity.certificateTTL: give a duration between 10m and 720h, such as 24h or 1h30m");
  }
  if (life !== undefined && life < lifeBounds.minimumOfCertManager && provider === "CertManager") {
    throw new InvalidObject(
      "spec.identity.certificateTTL: give at least 1h: cert-manager issues none of a shorter life",
    );
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

function providerOf(wanted: MeshTLSIdentity | undefined): IdentityProvider {
  const issuer = wanted?.certManager?.issuerRef;
  if (issuer === undefined) return { kind: "BuiltIn" };
  const { name, kind, group = "cert-manager.io" } = issuer;
  return { kind: "CertManager", issuer: { name, kind, group } };
}

/** What the object wants and cannot have any more. An absent provider means BuiltIn wherever it stands. */
function fixedOf(wanted: MeshTLSIdentity, recorded: AuthorityRecord): Verdict | undefined {
  const { trustDomain = recorded.trustDomain } = wanted;
  const given = describeProvider(providerOf(wanted));
  const provider = describeProvider(recorded.provider);
  const changes = [
    ...(trustDomain === recorded.trustDomain ? [] : [`the trust domain ${recorded.trustDomain}, not ${trustDomain}`]),
    ...(given === provider ? [] : [`the provider ${provider}, not ${given}`]),
  ];
  if (changes.length === 0) return undefined;
  const message =
    `What is recorded with the authority stays in force: ${changes.join(", and ")}. All else that the object says ` +
    "counts. Set spec.identity back, or begin anew with a new authority as the task on identities describes.";
  return { status: "False", reason: "IdentityFixed", message };
}

function faultsOf(faults: readonly IdentityFault[]): Verdict | undefined {
  if (faults.length === 0) return undefined;
  const [waiting, broken] = [faults.filter(isWaiting), faults.filter((fault) => !isWaiting(fault))];
  // What somebody must look after comes before what may come by itself.
  const told = [...broken, ...waiting]
    .slice(0, faultsLimit)
    .map(({ kind, key, message }) => `${kind} ${key}: ${message}`);
  const more = faults.length > faultsLimit ? [`And ${faults.length - faultsLimit} more.`] : [];
  const count = waiting.length === 0 ? [] : [`${waiting.length} identities wait for cert-manager.`];
  const reason = broken.length > 0 ? "IdentityUnavailable" : "IdentityPending";
  return { status: "False", reason, message: [...count, ...told, ...more].join(" ") };
}

const isWaiting = ({ kind }: IdentityFault): boolean => kind === "Certificate";

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
