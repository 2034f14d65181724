/** Volumes of a pod: folders whose files are swapped all at once, by the same symbolic links as the kubelet's. */
import * as fs from "node:fs";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { V1ConfigMapProjection, V1SecretVolumeSource, V1VolumeProjection } from "@kubernetes/client-node";
import type { ConfigMap, Secret } from "../../src/api/kubernetes.ts";
import type { Store } from "../../src/kube/store.ts";
import type { Api } from "./api.ts";
import { fieldOf } from "./environment.ts";
import type { NodePod } from "./types.ts";

/** A name and its content. */
type File = [string, Buffer];
/** A ConfigMap or Secret, as a volume (where a Secret has a `secretName`) or as a part of a projected one. */
type Keyed = V1ConfigMapProjection & Pick<V1SecretVolumeSource, "secretName">;
/** Kinds of content that a volume has one of, and a projected volume many. */
type Source = Omit<V1VolumeProjection, "secret"> & { readonly secret?: Keyed };

/**
 * The volumes of one pod, each a folder by its name below `directory`, which must be in memory: Secrets are among them.
 *
 * @returns brings all files up to date, and fails when something is missing; files that are as they were are not touched
 */
export function createVolumes(directory: string, api: Api) {
  /** Tokens and until when they are used (milliseconds since the epoch), by audience and lifetime. */
  const tokens = new Map<string, { readonly token: string; readonly until: number }>();
  /** What each folder holds. */
  const published = new Map<string, ReadonlyMap<string, Buffer>>();

  const filesOf = async (source: Source, pod: NodePod, address: string): Promise<File[]> => {
    const { configMap, secret, downwardAPI, serviceAccountToken } = source;
    const object = `${pod.metadata.namespace}/${secret?.secretName ?? secret?.name ?? configMap?.name}`;
    if (configMap !== undefined) return select(object, configMap, api.configMaps, "utf8");
    if (secret !== undefined) return select(object, secret, api.secrets, "base64");
    if (serviceAccountToken !== undefined) {
      const { path, audience, expirationSeconds = 3600 } = serviceAccountToken;
      const key = JSON.stringify([audience, expirationSeconds]);
      const { token, until } = tokens.get(key) ?? { token: "", until: 0 };
      if (until > Date.now()) return [[path, Buffer.from(token)]];
      const next = await api.token(pod, audience, expirationSeconds);
      // As the kubelet: a new one after 80 % of its time.
      tokens.set(key, { token: next, until: Date.now() + expirationSeconds * 800 });
      return [[path, Buffer.from(next)]];
    }
    const { items } = downwardAPI ?? {};
    if (items === undefined) throw new Error("the local node does not know the kind of a volume");
    return items.map(({ path, fieldRef }) => [path, Buffer.from(fieldOf(pod, address, fieldRef?.fieldPath))]);
  };

  return async (pod: NodePod, address: string): Promise<void> => {
    for (const volume of pod.spec.volumes ?? []) {
      const folder = join(directory, volume.name);
      if (!published.has(folder)) fs.mkdirSync(folder, { recursive: true });
      if (volume.emptyDir !== undefined) {
        fs.chmodSync(folder, 0o777);
      } else {
        const sources: readonly Source[] = volume.projected?.sources ?? [volume];
        const files = await Promise.all(sources.map((source) => filesOf(source, pod, address)));
        const next = new Map(files.flat());
        if (isDeepStrictEqual(next, published.get(folder))) continue;
        publish(folder, next);
        published.set(folder, next);
      }
    }
  };
}

/** The chosen keys of a ConfigMap or Secret, or all of them. */
function select(key: string, { items }: Keyed, store: Store<ConfigMap | Secret>, encoding: BufferEncoding): File[] {
  const object = store.get(key);
  if (object === undefined) throw new Error(`${encoding === "utf8" ? "ConfigMap" : "Secret"} ${key} does not exist`);
  const data = new Map(Object.entries(object.data ?? {}));
  return (items ?? [...data.keys()].map((name) => ({ key: name, path: name }))).map((item) => {
    const text = data.get(item.key);
    if (text === undefined) throw new Error(`${key} has no key ${item.key}`);
    return [item.path, Buffer.from(text, encoding)];
  });
}

/** Makes a folder hold these files: `name -> ..data/name`, and `..data` leads to all of one time. */
function publish(folder: string, files: ReadonlyMap<string, Buffer>): void {
  const data = join(folder, "..data");
  const old = fs.existsSync(data) ? fs.realpathSync(data) : undefined;
  const names = old === undefined ? [] : fs.readdirSync(old);
  const next = fs.mkdtempSync(`${folder}/..`);
  fs.chmodSync(next, 0o755);
  for (const [name, content] of files) fs.writeFileSync(join(next, name), content, { mode: 0o644 });
  fs.symlinkSync(basename(next), `${data}_tmp`);
  fs.renameSync(`${data}_tmp`, data);
  for (const name of files.keys()) {
    if (!names.includes(name)) fs.symlinkSync(join("..data", name), join(folder, name));
  }
  for (const name of names) if (!files.has(name)) fs.rmSync(join(folder, name));
  if (old !== undefined) fs.rmSync(old, { recursive: true });
}
