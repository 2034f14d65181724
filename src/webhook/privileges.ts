/**
 * What containers of a pod can do to their own sidecar. Policies are enforced by the sidecar of the pod that is called, so
 * this is about what a pod may do for itself: leave the mesh, or take the identity that it has anyway.
 */
import { containers } from "../model/sidecar.ts";
import type { AdmissionContainer, AdmissionPod } from "./pod.ts";

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

/** Why these containers can read the sidecar's key. */
export function keyReaders(pod: AdmissionPod, own: readonly Located[]): readonly string[] {
  return own.flatMap(({ path, container }) => {
    const power = powerOf(container, ["SYS_PTRACE", "SYS_ADMIN"]);
    const sees = pod.spec.shareProcessNamespace === true || container.targetContainerName === containers.proxy;
    if (power === undefined || !sees) return [];
    return [`${path}.securityContext: ${power}, where it sees the sidecar's processes, can read its key; drop it`];
  });
}

/** The first of the powers that a container is given. */
function powerOf({ securityContext }: AdmissionContainer, powers: readonly string[]): string | undefined {
  if (securityContext?.privileged === true) return "privileged";
  const added = (securityContext?.capabilities?.add ?? []).map((name) => name.toUpperCase().replace(/^CAP_/, ""));
  return added.includes("ALL") ? "ALL" : powers.find((power) => added.includes(power));
}
