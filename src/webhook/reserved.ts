/**
 * What a pod may not do for itself: use Heddle's names, run as the proxy's user, or hold an identity. Each check returns
 * a message for whoever wrote the pod: which field, what is wrong, what to do.
 */
import { quote } from "../model/quote.ts";
import { containers, isApplicationPort, keys, proxyUser, secretOfServiceAccount, volumes } from "../model/sidecar.ts";
import { serviceAccountOf } from "./metadata.ts";
import type { AdmissionPod, Volume } from "./pod.ts";
import { escapes, keyReaders, type Located, locate, sharedProcesses, targets } from "./privileges.ts";
import { isProxyVolume } from "./volumes.ts";

const containerNames: ReadonlySet<string> = new Set(Object.values(containers));
const volumeNames: ReadonlySet<string> = new Set(Object.values(volumes));
const identityPrefix = secretOfServiceAccount("");

/** Longest name of an object (RFC 1123 subdomain, as the API server checks it). */
const longestName = 253;

/** Why the pod is refused; undefined when it is not. */
export function refusal(pod: AdmissionPod): string | undefined {
  const own = applicationContainers(pod);
  return (
    reservedContainer(pod, own) ??
    firstOf(pod.spec.volumes ?? [], reservedVolume) ??
    firstOf(own, reservedMount) ??
    firstOf(own, (located) => reservedUser(located, pod)) ??
    firstOf(own, identityInEnvironment) ??
    longServiceAccount(serviceAccountOf(pod))
  );
}

/** What the author of the pod should know although it is admitted. */
export function warnings(pod: AdmissionPod): readonly string[] {
  const shared = sharedProcesses(pod);
  const shares =
    shared === undefined
      ? []
      : [`spec.${shared}: the pod's containers see the sidecar's processes, and root among them can end them`];
  const taken = applicationContainers(pod).flatMap(({ path, container }) =>
    (container.ports ?? []).flatMap((port, index) =>
      !isApplicationPort(port.containerPort) && (port.protocol ?? "TCP") === "TCP"
        ? [
            `${path}.ports[${index}]: port ${port.containerPort} belongs to Heddle's sidecar; the container cannot listen on it`,
          ]
        : [],
    ),
  );
  return [...shares, ...taken];
}

/** Why an ephemeral container is refused: it is added to a pod that runs, and can have no sidecar of its own. */
export function ephemeralRefusal(pod: AdmissionPod): string | undefined {
  const own = locate("ephemeralContainers", pod.spec.ephemeralContainers);
  return (
    misusedName(own) ??
    firstOf(own, reservedMount) ??
    firstOf(own, (located) => reservedUser(located, pod)) ??
    firstOf(own, identityInEnvironment) ??
    targets(own)[0] ??
    keyReaders(pod, own)[0]
  );
}

/** What the author of an ephemeral container should know. */
export function ephemeralWarnings(pod: AdmissionPod): readonly string[] {
  return escapes(locate("ephemeralContainers", pod.spec.ephemeralContainers));
}

/** What containers can do to their own sidecar, the gravest first. */
export function privileges(pod: AdmissionPod): readonly string[] {
  const own = applicationContainers(pod);
  return [...escapes(own), ...keyReaders(pod, own)];
}

/**
 * Every container but our own two. Among the init containers injection puts its own in the place of those names: their
 * security context is always ours, and in an enforced namespace so is everything else (`overwrite`), so that what the pod
 * brings there has no power.
 */
function applicationContainers(pod: AdmissionPod): readonly Located[] {
  return [
    ...locate("containers", pod.spec.containers),
    ...locate("initContainers", pod.spec.initContainers).filter(({ container }) => !containerNames.has(container.name)),
    ...locate("ephemeralContainers", pod.spec.ephemeralContainers),
  ];
}

const nameAdvice = "that name is for the container that Heddle injects; rename it";

function misusedName(own: readonly Located[]): string | undefined {
  const misused = own.find(({ container }) => containerNames.has(container.name));
  return misused && `${misused.path}.name is ${quote(misused.container.name)}: ${nameAdvice}`;
}

function reservedContainer(pod: AdmissionPod, own: readonly Located[]): string | undefined {
  const misused = misusedName(own);
  if (misused !== undefined) return misused;
  const injected = (pod.spec.initContainers ?? []).filter((container) => containerNames.has(container.name));
  // Where the class is stamped on the pod, an earlier injection put them there, or someone copied an injected pod.
  const [first] = injected;
  if (first !== undefined && pod.metadata.annotations?.[keys.class] === undefined) {
    return `spec.initContainers: ${quote(first.name)}: ${nameAdvice}, or remove it, since Heddle adds its own`;
  }
  if (new Set(injected.map(({ name }) => name)).size < injected.length) {
    return `spec.initContainers has a container of Heddle's twice; remove both, since Heddle adds its own`;
  }
  return undefined;
}

function reservedVolume(volume: Volume, index: number): string | undefined {
  const path = `spec.volumes[${index}]`;
  if (volumeNames.has(volume.name)) {
    if (isProxyVolume(volume)) return undefined;
    return `${path}.name is ${quote(volume.name)}: that name is for the volume that Heddle injects; rename it`;
  }
  const secrets = [
    volume.secret?.secretName,
    volume.csi?.nodePublishSecretRef?.name,
    ...(volume.projected?.sources ?? []).map((source) => source.secret?.name),
  ];
  return holdsIdentity(path, secrets);
}

// The volume exists only after injection, but a container could ask for it before.
function reservedMount({ path, container }: Located): string | undefined {
  const index = (container.volumeMounts ?? []).findIndex((mount) => volumeNames.has(mount.name));
  if (index < 0) return undefined;
  return `${path}.volumeMounts[${index}]: Heddle's volumes are for its sidecar only; remove the mount`;
}

function reservedUser({ path, container }: Located, pod: AdmissionPod): string | undefined {
  const found = (["runAsUser", "runAsGroup"] as const).find(
    (field) => (container.securityContext?.[field] ?? pod.spec.securityContext?.[field]) === proxyUser,
  );
  if (found === undefined) return undefined;
  const where = container.securityContext?.[found] === proxyUser ? `${path}.securityContext` : "spec.securityContext";
  return `${where}.${found} is ${proxyUser}: that is Heddle's proxy, whose connections are not captured; choose another`;
}

function identityInEnvironment({ path, container }: Located): string | undefined {
  return (
    holdsIdentity(
      `${path}.env`,
      (container.env ?? []).map((variable) => variable.valueFrom?.secretKeyRef?.name),
    ) ??
    holdsIdentity(
      `${path}.envFrom`,
      (container.envFrom ?? []).map((source) => source.secretRef?.name),
    )
  );
}

function holdsIdentity(path: string, secrets: readonly (string | undefined)[]): string | undefined {
  const secret = secrets.find((name) => name?.startsWith(identityPrefix));
  if (secret === undefined) return undefined;
  return `${path} refers to Secret ${quote(secret)}: identities are for Heddle's sidecars only; remove the reference`;
}

function longServiceAccount(name: string): string | undefined {
  if (secretOfServiceAccount(name).length <= longestName) return undefined;
  return `spec.serviceAccountName ${quote(name)} is longer than ${longestName - identityPrefix.length} characters, so that its identity cannot have a Secret; use a shorter name`;
}

function firstOf<T>(list: readonly T[], check: (element: T, index: number) => string | undefined): string | undefined {
  for (const [index, element] of list.entries()) {
    const message = check(element, index);
    if (message !== undefined) return message;
  }
  return undefined;
}
