/** Volumes of a pod: folders whose files are swapped all at once, by the same symbolic links as the kubelet's. */
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type {
  V1ConfigMapProjection,
  V1SecretVolumeSource,
  V1Volume,
  V1VolumeProjection,
} from "@kubernetes/client-node";
import { type Configuration, fieldOf } from "./environment.ts";
import type { NodePod } from "./types.ts";

interface File {
  readonly content: Buffer;
  readonly mode?: number | undefined;
}

type Files = Map<string, File>;

/** A ConfigMap or Secret, as a volume (where a Secret has a `secretName`) or as a part of a projected one. */
type Keyed = V1ConfigMapProjection & Pick<V1SecretVolumeSource, "secretName">;
/** Kinds of content that a volume has one of, and a projected volume many. */
type Projection = Omit<V1VolumeProjection, "secret"> & { readonly secret?: Keyed };

/** Gives a token of the pod's ServiceAccount. */
export type TokenSource = (pod: NodePod, audience: string | undefined, expirationSeconds: number) => Promise<string>;

/** The volumes of one pod. */
export interface PodVolumes {
  /** Folder of a volume, or the host's own path. */
  path(volume: string): string;
  /** Brings all files up to date; a volume whose content is as it was is not touched. Fails when something is missing. */
  refresh(pod: NodePod, address: string): Promise<void>;
}

/** What volumes are made from. */
export interface VolumeContext {
  readonly configuration: Configuration;
  readonly token: TokenSource;
}

/** The volumes of a pod below `directory`, which must be in memory: Secrets are among them. */
export function createVolumes(directory: string, volumes: readonly V1Volume[], context: VolumeContext): PodVolumes {
  /** What is published, by volume. */
  const published = new Map<string, string>();
  /** Tokens and until when they are used (milliseconds since the epoch), by volume, file and audience. */
  const tokens = new Map<string, { readonly token: string; readonly until: number }>();
  let generation = 0;

  const filesOf = async (volume: string, source: Projection, pod: NodePod, address: string): Promise<Files> => {
    const files: Files = new Map();
    const { namespace = "" } = pod.metadata;
    if (source.configMap !== undefined) {
      const name = source.configMap.name ?? "";
      const object = context.configuration.configMap(`${namespace}/${name}`);
      const data = object && new Map(Object.entries(object.data ?? {}).map(([key, text]) => [key, Buffer.from(text)]));
      select(files, `ConfigMap ${namespace}/${name}`, data, source.configMap);
    }
    if (source.secret !== undefined) {
      const name = source.secret.secretName ?? source.secret.name ?? "";
      const object = context.configuration.secret(`${namespace}/${name}`);
      const data =
        object && new Map(Object.entries(object.data ?? {}).map(([key, text]) => [key, Buffer.from(text, "base64")]));
      select(files, `Secret ${namespace}/${name}`, data, source.secret);
    }
    for (const { path, fieldRef, mode } of source.downwardAPI?.items ?? []) {
      files.set(path, { content: Buffer.from(fieldOf(pod, address, fieldRef?.fieldPath ?? "(resource)")), mode });
    }
    if (source.serviceAccountToken !== undefined) {
      const { path, audience, expirationSeconds = 3600 } = source.serviceAccountToken;
      const key = JSON.stringify([volume, path, audience]);
      let entry = tokens.get(key);
      if (entry === undefined || entry.until < Date.now()) {
        const token = await context.token(pod, audience, expirationSeconds);
        // As the kubelet: a new one after 80 % of its time.
        entry = { token, until: Date.now() + expirationSeconds * 800 };
        tokens.set(key, entry);
      }
      files.set(path, { content: Buffer.from(entry.token) });
    }
    return files;
  };

  const publish = (volume: string, files: Files, defaultMode: number, group: number | undefined): void => {
    const folder = join(directory, volume);
    const content = JSON.stringify(
      [...files].map(([path, file]) => [path, file.mode, file.content.toString("base64")]).sort(),
    );
    if (published.get(volume) === content) return;
    mkdirSync(folder, { recursive: true });
    generation += 1;
    const next = `..${generation}`;
    mkdirSync(join(folder, next));
    for (const [path, file] of files) {
      const target = join(folder, next, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, file.content);
      // A pod's group may read whatever it is given.
      chmodSync(target, (file.mode ?? defaultMode) | (group === undefined ? 0 : 0o440));
      if (group !== undefined) chownSync(target, 0, group);
      const [top = ""] = path.split("/");
      if (!published.has(volume) || !existsSync(join(folder, top))) {
        rmSync(join(folder, top), { force: true });
        symlinkSync(join("..data", top), join(folder, top));
      }
    }
    symlinkSync(next, join(folder, "..data_tmp"));
    renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
    const before = JSON.parse(published.get(volume) ?? "[]") as [string][];
    for (const [path] of before) {
      const [top = ""] = path.split("/");
      if (!existsSync(join(folder, next, top))) rmSync(join(folder, top), { force: true });
    }
    rmSync(join(folder, `..${lastGeneration.get(volume)}`), { recursive: true, force: true });
    lastGeneration.set(volume, generation);
    published.set(volume, content);
  };
  const lastGeneration = new Map<string, number>();

  return {
    path(name) {
      return volumes.find((each) => each.name === name)?.hostPath?.path ?? join(directory, name);
    },
    async refresh(pod, address) {
      const group = pod.spec.securityContext?.fsGroup;
      for (const volume of volumes) {
        if (volume.hostPath !== undefined) continue;
        if (volume.emptyDir !== undefined) {
          const folder = join(directory, volume.name);
          if (existsSync(folder)) continue;
          mkdirSync(folder, { recursive: true });
          chmodSync(folder, 0o777);
          continue;
        }
        const kind = volume.projected ?? volume.configMap ?? volume.secret ?? volume.downwardAPI;
        if (kind === undefined) throw new Error(`volume ${volume.name}: the local node knows no such kind`);
        const files: Files = new Map();
        for (const source of volume.projected?.sources ?? [volume]) {
          for (const [path, file] of await filesOf(volume.name, source, pod, address)) files.set(path, file);
        }
        publish(volume.name, files, kind.defaultMode ?? 0o644, group);
      }
    },
  };
}

function select(files: Files, what: string, data: ReadonlyMap<string, Buffer> | undefined, source: Keyed): void {
  if (data === undefined) {
    if (source.optional === true) return;
    throw new Error(`${what} does not exist`);
  }
  const items = source.items ?? [...data.keys()].map((key) => ({ key, path: key, mode: undefined }));
  for (const { key, path, mode } of items) {
    const content = data.get(key);
    if (content !== undefined) files.set(path, { content, mode });
    else if (source.optional !== true) throw new Error(`${what} has no key ${key}`);
  }
}
