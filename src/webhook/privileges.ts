/**
 * What containers of a pod can do to their own sidecar. Policies are enforced by the sidecar of the pod that is called, so
 * this is about what a pod may do for itself: leave the mesh, or take the identity that it has anyway.
 */
import { containers } from "../model/sidecar.ts";
import type { AdmissionContainer, AdmissionPod, SecurityContext } from "./pod.ts";

/** A container with the path of its field. */
export interface Located {
  readonly path: string;
  readonly container: AdmissionContainer;
}

/** The containers of a list, with their paths. */
export function locate(field: string, list: readonly AdmissionContainer[] | undefined): readonly Located[] {
  return (list ?? []).map((container, index) => ({ path: `spec.${field}[${index}]`, container }));
}

/** Why these containers can take their connections past the sidecar. */
export function escapes(own: readonly Located[]): readonly string[] {
  return own.flatMap(({ path, container }) => {
    const power = powerOf(container, ["NET_ADMIN", "SYS_ADMIN"]);
    if (power === undefined) return [];
    return [`${path}.securityContext: ${power} can undo the redirect to the sidecar; drop it`];
  });
}

/** The field by which the containers of a pod see the processes of its sidecar; undefined if they do not. */
export function sharedProcesses({ spec }: AdmissionPod): "shareProcessNamespace" | "hostPID" | undefined {
  return (["shareProcessNamespace", "hostPID"] as const).find((field) => spec[field] === true);
}

/** Why these containers can read the sidecar's key, by `/proc/<pid>/root`: whoever is the proxy's user there can. */
export function keyReaders(pod: AdmissionPod, own: readonly Located[]): readonly string[] {
  const shared = sharedProcesses(pod);
  if (shared === undefined) return [];
  return own.flatMap(({ path, container }) => {
    const how = wayToTheKey(pod, container);
    return how === undefined
      ? []
      : [`${path}.securityContext: ${how}, so that it can read the sidecar's key by spec.${shared}`];
  });
}

function wayToTheKey(pod: AdmissionPod, container: AdmissionContainer): string | undefined {
  const power = powerOf(container, ["SYS_PTRACE", "SYS_ADMIN"]);
  if (power !== undefined) return `${power} can trace every process; drop it`;
  const user = container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser ?? undefined;
  // The image may name root, or the proxy's user itself.
  if (user === undefined) return "no runAsUser says that it is neither root nor the proxy's user; set it";
  if (user !== 0 || dropsSwitching(container)) return undefined;
  return "root can switch to the proxy's user; set another runAsUser, or drop SETUID";
}

/** Whether root in this container cannot become another user. */
function dropsSwitching({ securityContext }: AdmissionContainer): boolean {
  const { add, drop } = capabilitiesOf(securityContext);
  return (drop.includes("ALL") || drop.includes("SETUID")) && !add.includes("SETUID");
}

/** Why these ephemeral containers are refused: as root, which debuggers are, they could read the key of what they look at. */
export function targets(own: readonly Located[]): readonly string[] {
  const ours: ReadonlySet<string> = new Set(Object.values(containers));
  return own.flatMap(({ path, container: { targetContainerName = "" } }) =>
    ours.has(targetContainerName ?? "")
      ? [
          `${path}.targetContainerName is ${targetContainerName}: whoever sees its processes can read the sidecar's key; choose a container of the application`,
        ]
      : [],
  );
}

/** The first of the powers that a container is given. */
function powerOf({ securityContext }: AdmissionContainer, powers: readonly string[]): string | undefined {
  if (securityContext?.privileged === true) return "privileged";
  const { add } = capabilitiesOf(securityContext);
  return add.includes("ALL") ? "ALL" : powers.find((power) => add.includes(power));
}

/** The capabilities by which a container differs from others, as Linux spells them without `CAP_`. */
function capabilitiesOf(securityContext: SecurityContext | undefined) {
  const spell = (names: readonly string[] | null | undefined): readonly string[] =>
    (names ?? []).map((name) => name.toUpperCase().replace(/^CAP_/, ""));
  return { add: spell(securityContext?.capabilities?.add), drop: spell(securityContext?.capabilities?.drop) };
}
