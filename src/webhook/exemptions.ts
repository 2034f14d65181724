/**
 * Which pods get no sidecar although their namespace asks for it. The one list of them: the API server judges them by
 * the expressions before it calls the webhook, the webhook judges them again, and a test holds the manifests to it.
 */
import { keys } from "../model/sidecar.ts";
import type { AdmissionPod } from "./pod.ts";

/** One reason for which a pod is left alone. */
export interface Exemption {
  /** Name of the match condition. */
  readonly name: string;
  /** CEL over `object`: true for pods that are NOT exempt, as match conditions want it. */
  readonly expression: string;
  readonly reason: string;
  applies(pod: AdmissionPod): boolean;
}

const mirrorAnnotation = "kubernetes.io/config.mirror";
const osLabel = "kubernetes.io/os";

/** Pods that cannot have a sidecar, whatever their namespace says. */
export const exemptions: readonly Exemption[] = [
  {
    name: "not-host-network",
    expression: "!object.spec.?hostNetwork.orValue(false)",
    reason: "it uses the node's network, whose connections must not be redirected",
    applies: (pod) => pod.spec.hostNetwork === true,
  },
  {
    name: "not-mirror",
    expression: `!('${mirrorAnnotation}' in object.metadata.?annotations.orValue({}))`,
    reason: "it mirrors a static pod, which runs on its node as it is",
    applies: (pod) => Object.hasOwn(pod.metadata.annotations ?? {}, mirrorAnnotation),
  },
  {
    name: "not-windows",
    expression: `object.spec.?os.?name.orValue('') != 'windows' && object.spec.?nodeSelector['${osLabel}'].orValue('') != 'windows'`,
    reason: "it runs on Windows",
    applies: (pod) => pod.spec.os?.name === "windows" || pod.spec.nodeSelector?.[osLabel] === "windows",
  },
];

/** Whether the pod asks for no sidecar. Only namespaces with `heddle.dev/inject: enabled` grant it. */
export function optsOut(pod: AdmissionPod): boolean {
  return pod.metadata.labels?.[keys.inject] === "disabled";
}
