/**
 * Injection: a pod in, the pod with its sidecar out. Pure, and idempotent as a set: it may run before or after other
 * admission plugins, and again after them, and the result is the same.
 */
import type { PodAnnotation } from "../model/annotations.ts";
import { readAnnotations } from "../model/annotations.ts";
import { exemptionsOf, optsOut } from "../model/exemptions.ts";
import type { InjectionRecord } from "../model/injection-record.ts";
import { readRecord } from "../model/injection-record.ts";
import { quote } from "../model/quote.ts";
import { containers, keys } from "../model/sidecar.ts";
import { changeableFields, imageFields, overwrite, reassert } from "./merge.ts";
import { classOf, serviceAccountOf, stampMetadata } from "./metadata.ts";
import { unmanagedNamespace } from "./namespace-warnings.ts";
import type { AdmissionContainer, AdmissionPod, AdmissionPodSpec } from "./pod.ts";
import { rewriteProbes } from "./probes.ts";
import { proxyContainer } from "./proxy-container.ts";
import { contradiction } from "./quantities.ts";
import { redirectContainer } from "./redirect-container.ts";
import { privileges, refusal, warnings } from "./reserved.ts";
import type { InjectionSettings, SidecarSettings } from "./settings.ts";
import { withAnnotations, withinGracePeriod } from "./settings.ts";
import { mergeVolumes, proxyVolumes } from "./volumes.ts";

/** The namespace that a pod is created in. */
export interface InjectionNamespace {
  readonly name: string;
  /** Whether it is labelled `heddle.dev/inject: enforced`: its pods may not opt out. */
  readonly enforced: boolean;
  /** Undefined while the namespace is not known. */
  readonly annotations: Readonly<Record<string, string>> | undefined;
  /** Whether the operator may not write there what its pods need. */
  readonly isUnmanaged?: boolean;
}

/** What becomes of a pod. */
export type Injection =
  /** Everything that was not changed is the same object as before. */
  | { readonly kind: "injected"; readonly pod: AdmissionPod; readonly warnings: readonly string[] }
  | { readonly kind: "skipped"; readonly reason: string }
  | { readonly kind: "refused"; readonly message: string };

/** The pod with sidecar, redirect, volumes and class; or why it has none; or why it may not run. */
export function injectPod(pod: AdmissionPod, namespace: InjectionNamespace, settings: InjectionSettings): Injection {
  const exemption = exemptionsOf(namespace).find((candidate) => candidate.applies(pod));
  if (exemption !== undefined) return { kind: "skipped", reason: exemption.reason };
  if (pod.spec.containers.length === 0)
    return { kind: "skipped", reason: "it has no containers, which the API server refuses" };

  if (namespace.isUnmanaged) return { kind: "refused", message: unmanagedNamespace };
  const asked = readAnnotations(pod.metadata.annotations ?? {}, namespace, settings.bounds);
  const own = withinGracePeriod(withAnnotations(settings, asked.values), pod.spec.terminationGracePeriodSeconds);
  const rewritten = rewriteProbes(pod.spec, readRecord(pod.spec.initContainers));
  const powers = privileges(pod);
  const refusedPower =
    namespace.enforced && powers[0] !== undefined
      ? `${powers[0]}, since namespace ${namespace.name} is 'enforced'`
      : undefined;
  const message = refusal(pod) ?? refusedPower ?? asked.problems[0] ?? contradiction(own) ?? rewritten.problems[0];
  if (message !== undefined) return { kind: "refused", message };

  const record: InjectionRecord = {
    excludedPorts: numbersOf(own.exclusions.inboundPorts),
    serverFirstPorts: numbersOf(asked.values.get("server-first-ports") ?? ""),
    probes: rewritten.probes,
  };
  const withContainers = { ...pod, spec: addContainers(rewritten.spec, own, asked.values, record, namespace) };
  // The class is of what the compile will see: the record in the sidecar is part of it.
  const classId = classOf(withContainers, namespace.name);
  const volumes = mergeVolumes(pod.spec.volumes ?? [], proxyVolumes(classId, serviceAccountOf(pod)));
  return {
    kind: "injected",
    pod: {
      ...withContainers,
      metadata: stampMetadata(pod.metadata, classId),
      spec: { ...withContainers.spec, volumes },
    },
    warnings: [
      ...unknownLabel(pod),
      ...(optsOut(pod)
        ? [`label heddle.dev/inject: disabled has no effect, since namespace ${namespace.name} is 'enforced'`]
        : []),
      ...asked.warnings,
      ...rewritten.warnings,
      ...powers,
      ...warnings(pod),
    ],
  };
}

function addContainers(
  spec: AdmissionPodSpec,
  settings: SidecarSettings,
  asked: ReadonlyMap<PodAnnotation, string>,
  record: InjectionRecord,
  { enforced }: InjectionNamespace,
): AdmissionPodSpec {
  const proxy = proxyContainer(settings, record);
  return {
    ...spec,
    initContainers: placeFirst(
      spec.initContainers ?? [],
      [
        { container: redirectContainer(settings), resourcesAreAsked: false },
        { container: proxy, resourcesAreAsked: resourceAnnotations.some((name) => asked.has(name)) },
      ],
      enforced,
    ),
  };
}

/** A value that looks as if it kept the pod out, and does not. */
function unknownLabel({ metadata }: AdmissionPod): readonly string[] {
  const value = metadata.labels?.[keys.inject];
  if (value === undefined || value === "disabled" || value === "enabled") return [];
  return [`label ${keys.inject} is ${quote(value)}, which has no effect: only "disabled" keeps a pod out of the mesh`];
}

const numbersOf = (ports: string): readonly number[] =>
  ports === ""
    ? []
    : ports
        .split(",")
        .map(Number)
        .sort((a, b) => a - b);

const resourceAnnotations: readonly PodAnnotation[] = [
  "proxy-cpu-request",
  "proxy-cpu-limit",
  "proxy-memory-request",
  "proxy-memory-limit",
];

interface OwnContainer {
  readonly container: AdmissionContainer;
  /** Its resources were asked for by annotations, so that nobody else's count. */
  readonly resourcesAreAsked: boolean;
}

/** Ours before all others, in our order: what runs before the redirect would bypass the mesh. */
function placeFirst(
  existing: readonly AdmissionContainer[],
  ours: readonly OwnContainer[],
  enforced: boolean,
): readonly AdmissionContainer[] {
  const names: ReadonlySet<string> = new Set(Object.values(containers));
  const present = new Map(
    existing.filter(({ name }) => names.has(name)).map((container) => [container.name, container]),
  );
  return [
    ...ours.map(({ container, resourcesAreAsked }) => {
      const found = present.get(container.name);
      return enforced
        ? overwrite(found, container, resourcesAreAsked)
        : reassert(found, container, resourcesAreAsked ? imageFields : changeableFields);
    }),
    ...existing.filter(({ name }) => !names.has(name)),
  ];
}
