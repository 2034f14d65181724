/**
 * Which pods get no sidecar although their namespace asks for it. The one list of them: the API server judges them by
 * the expressions before it calls the webhook and before it refuses a pod without a sidecar (webhook.yaml and
 * admission.yaml of the chart, both generated from it); the webhook judges them again, and so does whoever counts the pods
 * that have none.
 */
import { containers, keys } from "./sidecar.ts";

/** What of a pod the exemptions look at. */
export interface ExemptiblePod {
  readonly metadata: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly hostNetwork?: boolean;
    readonly nodeSelector?: Readonly<Record<string, string>>;
    readonly os?: { readonly name?: string };
  };
}

/** One reason for which a pod is left alone. */
export interface Exemption {
  /** Name of the match condition. */
  readonly name: string;
  /** CEL over `object`: true for pods that are NOT exempt, as match conditions want it. */
  readonly expression: string;
  readonly reason: string;
  /** Whether it counts in namespaces labelled `heddle.dev/inject: enforced` too. */
  readonly isAbsolute: boolean;
  applies(pod: ExemptiblePod): boolean;
}

const mirrorAnnotation = "kubernetes.io/config.mirror";
const osLabel = "kubernetes.io/os";
const windows = "windows";
const optedOut = "disabled";

const isOfWindows = ({ os, nodeSelector }: ExemptiblePod["spec"]): boolean =>
  os?.name === windows || nodeSelector?.[osLabel] === windows;

/** Pods that cannot have a sidecar, and pods that ask for none. */
const all: readonly Exemption[] = [
  {
    name: "not-host-network",
    expression: "!object.spec.?hostNetwork.orValue(false)",
    reason: "it uses the node's network, whose connections must not be redirected",
    isAbsolute: true,
    applies: (pod) => pod.spec.hostNetwork === true,
  },
  {
    name: "not-mirror",
    expression: `!('${mirrorAnnotation}' in object.metadata.?annotations.orValue({}))`,
    reason: "it mirrors a static pod, which runs on its node as it is",
    isAbsolute: true,
    applies: (pod) => Object.hasOwn(pod.metadata.annotations ?? {}, mirrorAnnotation),
  },
  {
    name: "not-windows",
    expression: `object.spec.?os.?name.orValue('') != '${windows}' && object.spec.?nodeSelector['${osLabel}'].orValue('') != '${windows}'`,
    reason: "it runs on Windows",
    isAbsolute: true,
    applies: ({ spec }) => isOfWindows(spec),
  },
  {
    name: "not-opted-out",
    expression: `object.metadata.?labels['${keys.inject}'].orValue('') != '${optedOut}'`,
    reason: `its label ${keys.inject} is '${optedOut}'`,
    isAbsolute: false,
    applies: optsOut,
  },
];

/** The match condition of what concerns pods that run with a sidecar: their labels may have changed since. */
export const injected = {
  name: "injected",
  expression: `object.spec.?initContainers.orValue([]).exists(c, c.name == '${containers.proxy}')`,
} as const;

/** The exemptions in a namespace: where injection is enforced, no pod may opt out. */
export function exemptionsOf(namespace: { readonly enforced: boolean }): readonly Exemption[] {
  return all.filter(({ isAbsolute }) => isAbsolute || !namespace.enforced);
}

/**
 * What of a pod the exemptions look at besides its labels and whether it uses the node's network, in as few words as say it:
 * for whoever keeps many pods.
 */
export function exemptingParts({ metadata, spec }: ExemptiblePod): {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Pick<ExemptiblePod["spec"], "os">;
} {
  const mirror = metadata.annotations?.[mirrorAnnotation];
  return {
    annotations: mirror === undefined ? {} : { [mirrorAnnotation]: mirror },
    spec: isOfWindows(spec) ? { os: { name: windows } } : {},
  };
}

/** Whether a namespace with these labels puts its pods into the mesh. */
export function isEnrolled(labels: Readonly<Record<string, string>> | undefined): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, keys.inject) ? labels[keys.inject] : undefined;
  return value === "enabled" || value === "enforced";
}

/** Whether no pod of this namespace is ever injected, whatever its labels: the cluster's own parts, and the operator. */
export const isNeverInjected = (namespace: string, rootNamespace: string): boolean =>
  namespace === rootNamespace || namespace === "kube-system";

/** Whether the pod asks for no sidecar. */
export function optsOut(pod: ExemptiblePod): boolean {
  return pod.metadata.labels?.[keys.inject] === optedOut;
}
