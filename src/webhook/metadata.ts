import { keys, ports } from "../model/sidecar.ts";
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

/** Tells Prometheus where the sidecar's statistics are, as many of its configurations read it. */
const scrapeAnnotations: Readonly<Record<string, string>> = {
  "prometheus.io/scrape": "true",
  "prometheus.io/port": String(ports.status),
  "prometheus.io/path": "/stats/prometheus",
};

/**
 * The pod's metadata with the class stamped on it, and where to scrape it; the same object if all is there already. A pod
 * that says anything about being scraped keeps what it says: one pod has room for one endpoint, and the application's own
 * metrics must not vanish.
 */
export function stampMetadata(metadata: AdmissionPod["metadata"], classId: string): AdmissionPod["metadata"] {
  const present = metadata.annotations ?? {};
  const scraped = Object.keys(present).some((name) => name.startsWith("prometheus.io/"));
  if (scraped && present[keys.class] === classId) return metadata;
  return { ...metadata, annotations: { ...(scraped ? {} : scrapeAnnotations), ...present, [keys.class]: classId } };
}

/** How messages call the pod. */
export function nameOf(pod: AdmissionPod): string {
  return pod.metadata.name || `${pod.metadata.generateName ?? ""}*`;
}
