/**
 * What a second injection does with the result of the first. Between the two, the API server filled in defaults and other
 * admission plugins may have added to our containers (a proxy variable, a mount), moved their image to a mirror or changed
 * their resources: that is theirs to do and stays. Everything else of ours is put back.
 */
import type { AdmissionContainer } from "./pod.ts";

/** Fields of our containers that mirrors of images change. */
export const imageFields: ReadonlySet<string> = new Set(["image", "imagePullPolicy"]);

/** Fields of our containers that others may change: mirrors of images, autoscalers of resources. */
export const changeableFields: ReadonlySet<string> = new Set([...imageFields, "resources"]);

/** Lists of our containers to which others may add, and what names an element. */
const extensible: ReadonlyMap<string, string> = new Map([
  ["env", "name"],
  ["volumeMounts", "mountPath"],
]);

/**
 * Where the API server mounts the ServiceAccount's token in every container, also in ours once they are there. They do not
 * call the API server, and what the network can reach shall not hold a token for it.
 */
const tokenMountPath = "/var/run/secrets/kubernetes.io/serviceaccount";

type Fields = Readonly<Record<string, unknown>>;

/**
 * Our container where pods may not leave the mesh: nothing of it is anybody else's. What is already there may as well have
 * come with the pod: its own image, a library to preload, a file over ours. Only what cannot be turned against the sidecar
 * stays: to pull the image always (the plugin AlwaysPullImages refuses the pod otherwise), and amounts of resources, which
 * LimitRanges and autoscalers set, of those that are not asked for by annotations.
 */
export function overwrite(
  existing: AdmissionContainer | undefined,
  wanted: AdmissionContainer,
  resourcesAreAsked: boolean,
): AdmissionContainer {
  if (existing === undefined) return wanted;
  const amounts = (of: "requests" | "limits") =>
    resourcesAreAsked
      ? { ...existing.resources?.[of], ...wanted.resources?.[of] }
      : { ...wanted.resources?.[of], ...existing.resources?.[of] };
  const whole = {
    ...wanted,
    ...("imagePullPolicy" in existing && existing.imagePullPolicy === "Always" ? { imagePullPolicy: "Always" } : {}),
    resources: { requests: amounts("requests"), limits: amounts("limits") },
  };
  return covers(existing, whole) && covers(whole, existing) ? existing : whole;
}

/** Our container with what others did to it, in the changeable fields whatever it is, or as it was first if it is not there yet. */
export function reassert(
  existing: AdmissionContainer | undefined,
  wanted: AdmissionContainer,
  changeable: ReadonlySet<string> = changeableFields,
): AdmissionContainer {
  if (existing === undefined) return wanted;
  const current: Fields = { ...existing };
  const mounts = existing.volumeMounts?.filter(({ mountPath }) => mountPath !== tokenMountPath);
  const withoutToken: Fields =
    mounts?.length === existing.volumeMounts?.length ? current : { ...current, volumeMounts: mounts };
  const merged = new Map<string, unknown>(Object.entries(withoutToken));
  for (const [field, value] of Object.entries(wanted)) {
    const found = withoutToken[field] ?? undefined;
    merged.set(field, found !== undefined && changeable.has(field) ? found : mergeField(field, found, value));
  }
  const changed = [...merged].some(([field, value]) => value !== current[field]);
  return changed ? { ...wanted, ...Object.fromEntries(merged) } : existing;
}

function mergeField(field: string, existing: unknown, wanted: unknown): unknown {
  if (existing === undefined) return wanted;
  const key = extensible.get(field);
  if (key !== undefined && Array.isArray(existing) && Array.isArray(wanted)) return mergeList(existing, wanted, key);
  if (field === "securityContext") return grantsNoMore(existing, wanted) ? existing : wanted;
  return covers(existing, wanted) ? existing : wanted;
}

function mergeList(existing: readonly unknown[], wanted: readonly unknown[], key: string): readonly unknown[] {
  const left = new Map(wanted.map((element) => [keyOf(element, key), element]));
  const ours = new Set(left.keys());
  const kept = existing.flatMap((element) => {
    const name = keyOf(element, key);
    if (!ours.has(name)) return [element];
    const replacement = left.get(name);
    // Of several elements with one name the last would count, so that ours must be the only one.
    if (!left.delete(name)) return [];
    return [covers(element, replacement) ? element : replacement];
  });
  const merged = [...kept, ...left.values()];
  return merged.length === existing.length && merged.every((element, index) => element === existing[index])
    ? existing
    : merged;
}

function keyOf(element: unknown, key: string): unknown {
  return isObject(element) ? element[key] : undefined;
}

/** Whether a security context says what ours says and nothing beyond it but the default that the API server adds. */
function grantsNoMore(existing: unknown, wanted: unknown): boolean {
  if (!isObject(existing) || !isObject(wanted)) return false;
  const { procMount, ...rest } = existing;
  return (procMount === undefined || procMount === "Default") && covers(rest, wanted) && covers(wanted, rest);
}

/**
 * Whether `existing` has everything that `wanted` has. Objects may have more fields (defaults of the API server); lists
 * must be as long as wanted, with elements that cover the wanted ones in order.
 */
export function covers(existing: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(existing) &&
      existing.length === wanted.length &&
      wanted.every((element, index) => covers(existing[index], element))
    );
  }
  if (isObject(wanted)) {
    return (
      isObject(existing) &&
      Object.entries(wanted).every(([field, value]) => Object.hasOwn(existing, field) && covers(existing[field], value))
    );
  }
  return existing === wanted;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
