import { keys } from "../model/sidecar.ts";
import { workloadClassId, workloadTraits } from "../model/workload.ts";
import type { AdmissionPod } from "./pod.ts";

/** The ServiceAccount that the pod will run as. */
export function serviceAccountOf(pod: AdmissionPod): string {
  const name = pod.spec.serviceAccountName;
  return name === undefined || name === null || name === "" ? "default" : name;
}

/** The class of a pod that may not have a name yet. */
export function classOf(pod: AdmissionPod, namespace: string): string {
  const { name = "", labels, annotations } = pod.metadata;
  return workloadClassId(
    workloadTraits(
      {
        metadata: { name, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
        spec: { ...pod.spec, serviceAccountName: serviceAccountOf(pod) },
      },
      namespace,
    ),
  );
}

/** The pod's metadata with the class stamped on it; the same object if it is there already. */
export function stampClass(metadata: AdmissionPod["metadata"], classId: string): AdmissionPod["metadata"] {
  if (metadata.annotations?.[keys.class] === classId) return metadata;
  return { ...metadata, annotations: { ...metadata.annotations, [keys.class]: classId } };
}

/** How messages call the pod. */
export function nameOf(pod: AdmissionPod): string {
  return pod.metadata.name || `${pod.metadata.generateName ?? ""}*`;
}
