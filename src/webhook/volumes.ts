import { configMapOfClass, secretOfServiceAccount, volumes } from "../model/sidecar.ts";
import { covers } from "./merge.ts";
import type { Volume } from "./pod.ts";

/**
 * Mode of the mounted files. They belong to root, the proxy is another user, and the pod's `fsGroup` is the
 * application's to set; no other container mounts these volumes, so that reading them needs no group.
 */
const readableByAll = 0o444;

/** The ConfigMap of the pod's class and the identity of its ServiceAccount. */
export function proxyVolumes(classId: string, serviceAccount: string): readonly Volume[] {
  return [
    { name: volumes.configuration, configMap: { name: configMapOfClass(classId), defaultMode: readableByAll } },
    {
      name: volumes.identity,
      secret: { secretName: secretOfServiceAccount(serviceAccount), defaultMode: readableByAll },
    },
  ];
}

/** Whether a volume of one of our names is one that was injected before, for whatever class or ServiceAccount. */
export function isProxyVolume(volume: Volume): boolean {
  if (volume.name === volumes.configuration) return volume.configMap?.name?.startsWith(configMapOfClass("")) ?? false;
  if (volume.name === volumes.identity)
    return volume.secret?.secretName?.startsWith(secretOfServiceAccount("")) ?? false;
  return false;
}

/** The pod's volumes with ours: each in its old place, if it has one, else at the end. */
export function mergeVolumes(existing: readonly Volume[], wanted: readonly Volume[]): readonly Volume[] {
  const byName = new Map(wanted.map((volume) => [volume.name, volume]));
  const kept = existing.map((volume) => {
    const ours = byName.get(volume.name);
    byName.delete(volume.name);
    // Neither less nor more: which files of a record a sidecar starts from is not the pod's to choose (`items`).
    return ours === undefined || (covers(volume, ours) && covers(ours, volume)) ? volume : ours;
  });
  return [...kept, ...byName.values()];
}
