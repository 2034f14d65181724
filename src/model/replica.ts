import type { Pod } from "../api/kubernetes.ts";
import type { ObjectKey } from "./object-key.ts";
import type { MeshSettings } from "./snapshot.ts";

/** Another replica of the operator. */
export interface Replica {
  /** Name of its pod. */
  readonly name: string;
  /** Where it serves ADS. */
  readonly address: string;
}

/**
 * The other replicas among all pods: those that run as the operator's ServiceAccount, whose certificate they show each
 * other. One that is about to end counts until it is gone, for as long has it proxies.
 *
 * @param self name of this replica's pod
 */
export function replicasOf(
  pods: ReadonlyMap<ObjectKey, Pod>,
  settings: Pick<MeshSettings, "rootNamespace" | "operatorServiceAccount">,
  self: string,
): readonly Replica[] {
  const { rootNamespace, operatorServiceAccount } = settings;
  return [...pods.values()].flatMap(({ metadata, spec, status }) => {
    const address = status?.podIPs?.[0]?.ip;
    const isOther =
      metadata.namespace === rootNamespace &&
      spec.serviceAccountName === operatorServiceAccount &&
      metadata.name !== self;
    return isOther && status?.phase === "Running" && address !== undefined ? [{ name: metadata.name, address }] : [];
  });
}
