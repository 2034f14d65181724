/**
 * Injection: a pod in, the pod with its sidecar out. Pure, and idempotent as a set: it may run before or after other
 * admission plugins, and again after them, and the result is the same.
 */
import { containers } from "../model/sidecar.ts";
import { exemptions, optsOut } from "./exemptions.ts";
import { reassert } from "./merge.ts";
import { classOf, serviceAccountOf, stampClass } from "./metadata.ts";
import type { AdmissionContainer, AdmissionPod, AdmissionPodSpec } from "./pod.ts";
import { proxyContainer } from "./proxy-container.ts";
import { redirectContainer } from "./redirect-container.ts";
import { refusal, warnings } from "./reserved.ts";
import type { InjectionSettings } from "./settings.ts";
import { mergeVolumes, proxyVolumes } from "./volumes.ts";

/** The namespace that a pod is created in. */
export interface InjectionNamespace {
  readonly name: string;
  /** Whether it is labelled `heddle.dev/inject: enforced`: its pods may not opt out. */
  readonly enforced: boolean;
}

/** What becomes of a pod. */
export type Injection =
  /** Everything that was not changed is the same object as before. */
  | { readonly kind: "injected"; readonly pod: AdmissionPod; readonly warnings: readonly string[] }
  | { readonly kind: "skipped"; readonly reason: string }
  | { readonly kind: "refused"; readonly message: string };

/** The pod with sidecar, redirect, volumes and class; or why it has none; or why it may not run. */
export function injectPod(pod: AdmissionPod, namespace: InjectionNamespace, settings: InjectionSettings): Injection {
  const exemption = exemptions.find((candidate) => candidate.applies(pod));
  if (exemption !== undefined) return { kind: "skipped", reason: exemption.reason };
  if (optsOut(pod) && !namespace.enforced)
    return { kind: "skipped", reason: "its label heddle.dev/inject is 'disabled'" };
  if (pod.spec.containers.length === 0)
    return { kind: "skipped", reason: "it has no containers, which the API server refuses" };

  const message = refusal(pod);
  if (message !== undefined) return { kind: "refused", message };

  const classId = classOf(pod, namespace.name);
  return {
    kind: "injected",
    pod: {
      ...pod,
      metadata: stampClass(pod.metadata, classId),
      spec: injectSpec(pod.spec, classId, serviceAccountOf(pod), settings),
    },
    warnings: [
      ...(optsOut(pod)
        ? [`label heddle.dev/inject: disabled has no effect, since namespace ${namespace.name} is 'enforced'`]
        : []),
      ...warnings(pod),
    ],
  };
}

function injectSpec(
  spec: AdmissionPodSpec,
  classId: string,
  serviceAccount: string,
  settings: InjectionSettings,
): AdmissionPodSpec {
  return {
    ...spec,
    initContainers: placeFirst(spec.initContainers ?? [], [redirectContainer(settings), proxyContainer(settings)]),
    volumes: mergeVolumes(spec.volumes ?? [], proxyVolumes(classId, serviceAccount)),
  };
}

/** Ours before all others, in our order: what runs before the redirect would bypass the mesh. */
function placeFirst(
  existing: readonly AdmissionContainer[],
  ours: readonly AdmissionContainer[],
): readonly AdmissionContainer[] {
  const names: ReadonlySet<string> = new Set(Object.values(containers));
  const present = new Map(
    existing.filter(({ name }) => names.has(name)).map((container) => [container.name, container]),
  );
  return [
    ...ours.map((container) => reassert(present.get(container.name), container)),
    ...existing.filter(({ name }) => !names.has(name)),
  ];
}
