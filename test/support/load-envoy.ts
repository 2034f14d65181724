/**
 * Loads compiled resources into the real Envoy. Resources that a sidecar gets from the operator's stream are put into
 * files here, and everything else stays as it is, so what Envoy says of them is what a sidecar would say.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { runtimeSettings } from "../../src/envoy/bootstrap.ts";
import type { EnvoyConfig, EnvoyResource, ResourceType } from "../../src/envoy/resource.ts";
import { resourceTypes, typeUrls } from "../../src/envoy/resource.ts";
import { envoyYAML } from "../../src/envoy/yaml.ts";
import { paths, secretNames } from "../../src/model/sidecar.ts";
import { binary } from "../../tools/binaries.ts";
import type { TestIdentity } from "./test-identity.ts";
import { createTestAuthority } from "./test-identity.ts";

/** What Envoy made of a set of resources. */
export interface LoadResult {
  /** Every resource is active: accepted, and not waiting for anything. */
  readonly accepted: boolean;
  /** Envoy's own words, and names of resources that did not become active. */
  readonly errors: readonly string[];
  /** Envoy's warnings about what it accepted, such as deprecated fields. */
  readonly warnings: readonly string[];
}

/** How long a configuration may take to become active, in milliseconds. */
const deadline = 30_000;
const pollInterval = 25;

/** Path of the Envoy to test with. */
export const envoyBinary = (): Promise<string> => binary("envoy");

/** An Envoy that is given one set of resources after another. */
export interface EnvoyLoader {
  /**
   * Takes away what it has, gives it exactly these resources, and asks it whether all are active. One that refused
   * something is ended, and another one takes its place.
   */
  load(resources: readonly EnvoyResource[]): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** Starts an Envoy with exactly these resources, in a network namespace of its own, and asks it whether all are active. */
export async function loadInEnvoy(resources: readonly EnvoyResource[]): Promise<LoadResult> {
  const loader = createEnvoyLoader();
  try {
    return await loader.load(resources);
  } finally {
    await loader.stop();
  }
}

/** A loader without an Envoy: that starts with the first set. One set at a time. */
export function createEnvoyLoader(): EnvoyLoader {
  let authority: Promise<TestIdentity> | undefined;
  let envoy: RunningEnvoy | undefined;
  const issue = (): Promise<TestIdentity> => {
    authority ??= createTestAuthority().then((made) => made.issue("spiffe://cluster.local/ns/default/sa/default"));
    return authority;
  };
  const stop = async (): Promise<void> => {
    const ended = envoy;
    envoy = undefined;
    await ended?.stop();
  };
  return {
    load: async (resources) => {
      envoy ??= await prepareEnvoy();
      const result = await envoy.load(resources, await issue());
      if (!result.accepted) await stop();
      return result;
    },
    stop,
  };
}

/** Writes the files of a static sidecar: `bootstrap.yaml`, and a file of each subscription beside it. */
export async function writeResources(
  directory: string,
  resources: readonly EnvoyResource[],
  bootstrap: EnvoyConfig = {},
): Promise<void> {
  const files = new Map<string, string>();
  for (const type of resourceTypes) {
    const ofType = resources.filter((resource) => resource.type === type);
    for (const [index, resource] of ofType.entries()) {
      files.set(`${type} ${resource.name}`, join(directory, `${type}-${index}.yaml`));
    }
  }
  const write = async (path: string, type: ResourceType, contained: readonly EnvoyResource[]): Promise<void> => {
    const bodies = contained.map(({ config }) => ({
      "@type": typeUrls[type],
      ...localConfig(config, directory, files),
    }));
    await writeFile(path, envoyYAML({ version_info: "1", type_url: typeUrls[type], resources: bodies }));
  };
  for (const type of resourceTypes) {
    const ofType = resources.filter((resource) => resource.type === type);
    if (type === "cluster" || type === "listener") {
      await write(join(directory, `${type}s.yaml`), type, ofType);
    } else {
      for (const resource of ofType) {
        await write(files.get(`${type} ${resource.name}`) ?? "", type, [resource]);
      }
    }
  }
  const fileSource = (name: string): EnvoyConfig => ({
    path_config_source: { path: join(directory, name) },
    resource_api_version: "V3",
  });
  const content = {
    node: { id: "test", cluster: "test" },
    admin: { address: { pipe: { path: join(directory, "admin") } } },
    layered_runtime: { layers: [{ name: "heddle", static_layer: runtimeSettings }] },
    dynamic_resources: { lds_config: fileSource("listeners.yaml"), cds_config: fileSource("clusters.yaml") },
    ...bootstrap,
  };
  await writeFile(join(directory, "bootstrap.yaml"), envoyYAML(content));
}

/** Writes an identity as the sidecar's volumes have it: the Secret's files, and the SDS files that name them. */
export async function writeIdentity(directory: string, { certificate, key, authority }: TestIdentity): Promise<void> {
  const secret = join(directory, "identity");
  await mkdir(secret, { recursive: true });
  await writeFile(join(secret, "tls.crt"), certificate);
  await writeFile(join(secret, "tls.key"), key);
  await writeFile(join(secret, "ca.crt"), authority);
  const type = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
  await writeFile(
    localPath(directory, paths.certificate),
    envoyYAML({
      resources: [
        {
          "@type": type,
          name: secretNames.certificate,
          tls_certificate: {
            certificate_chain: { filename: join(secret, "tls.crt") },
            private_key: { filename: join(secret, "tls.key") },
          },
        },
      ],
    }),
  );
  await writeFile(
    localPath(directory, paths.trust),
    envoyYAML({
      resources: [
        {
          "@type": type,
          name: secretNames.trust,
          validation_context: { trusted_ca: { filename: join(secret, "ca.crt") } },
        },
      ],
    }),
  );
}

const localPath = (directory: string, path: string): string =>
  path === paths.configuration || path.startsWith(`${paths.configuration}/`)
    ? join(directory, path.slice(paths.configuration.length))
    : path.startsWith(paths.identity)
      ? join(directory, "identity", path.slice(paths.identity.length))
      : path;

/** The same configuration with files instead of the operator's stream, and with the sidecar's files in the directory. */
export function localConfig(config: EnvoyConfig, directory: string, files: ReadonlyMap<string, string>): EnvoyConfig {
  const source = (type: ResourceType, name: unknown): EnvoyConfig => ({
    path_config_source: { path: files.get(`${type} ${String(name)}`) ?? join(directory, `no-${type}`) },
    resource_api_version: "V3",
  });
  const walk = (value: unknown, name: unknown): unknown => {
    if (typeof value === "string") {
      return localPath(directory, value);
    }
    if (Array.isArray(value)) {
      return value.map((item) => walk(item, undefined));
    }
    if (typeof value !== "object" || value === null) {
      return value;
    }
    const object = value as EnvoyConfig;
    return Object.fromEntries(
      Object.entries(object).map(([field, inner]) => {
        switch (field) {
          case "eds_config":
            return [field, source("endpoint", object["service_name"] ?? config["name"])];
          case "rds":
            return [
              field,
              {
                ...(inner as EnvoyConfig),
                config_source: source("route", (inner as EnvoyConfig)["route_config_name"]),
              },
            ];
          case "config_discovery":
            return [field, { ...(inner as EnvoyConfig), config_source: source("extension", object["name"]) }];
          default:
            return [field, walk(inner, name)];
        }
      }),
    );
  };
  return walk(config, undefined) as EnvoyConfig;
}

interface RunningEnvoy {
  load(resources: readonly EnvoyResource[], identity: TestIdentity): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** The files that name a sidecar's resources, in the order that Envoy is to see them in. */
const lists = ["clusters.yaml", "listeners.yaml"] as const;

async function prepareEnvoy(): Promise<RunningEnvoy> {
  const program = await envoyBinary();
  const directory = await mkdtemp(join(tmpdir(), "heddle-envoy-"));
  let envoy: ChildProcess | undefined;
  let log = "";
  const start = (): ChildProcess => {
    const namespace = process.getuid?.() === 0 ? ["--net"] : ["--user", "--map-root-user", "--net"];
    const files = ["-c", join(directory, "bootstrap.yaml"), "--log-format", "%v"];
    const options = ["--concurrency", "1", "-l", "warning", "--disable-hot-restart", "--drain-time-s", "0"];
    const child = spawn("unshare", [...namespace, "--", program, ...files, ...options], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    return child;
  };
  /** Asks until nothing is missing or something was refused. */
  const ask = async (
    find: (dump: Dump) => readonly string[],
  ): Promise<readonly [refused: string[], missing: string[]]> => {
    const end = Date.now() + deadline;
    let missing: readonly string[];
    let refused: readonly string[] = [];
    do {
      await delay(pollInterval);
      const [dump, stats] = await Promise.all([
        admin(directory, "/config_dump?include_eds"),
        admin(directory, "/stats?format=json&filter=(update_rejected|update_failure|config_fail|config_conflict)$"),
      ]);
      if (dump !== undefined && stats !== undefined) {
        missing = find(JSON.parse(dump) as Dump);
        refused = counted(stats);
      } else {
        missing = ["Envoy does not answer"];
      }
    } while (missing.length > 0 && refused.length === 0 && envoy?.exitCode === null && Date.now() < end);
    return [[...refused], [...missing]];
  };
  /** Envoy looks at what is moved into its place. */
  const give = async (folder: string): Promise<void> => {
    for (const list of lists) {
      await copyFile(join(folder, list), join(directory, "next"));
      await rename(join(directory, "next"), join(directory, list));
    }
  };
  const nothing = join(directory, "nothing");
  await mkdir(nothing);
  await writeResources(nothing, []);
  let loads = 0;
  return {
    load: async (resources, identity) => {
      loads += 1;
      // All that they refer to is at paths of their own, so that nothing is taken for what was there before.
      const folder = join(directory, `load-${loads}`);
      await mkdir(folder);
      await writeResources(folder, resources);
      await writeIdentity(folder, identity);
      if (envoy === undefined) {
        await writeResources(directory, []);
        await give(folder);
        envoy = start();
      } else {
        await give(nothing);
        const [, left] = await ask(({ configs }) => activeNames(configs).map((name) => `not taken away: ${name}`));
        if (left.length > 0) return { accepted: false, errors: left, warnings: [] };
        log = "";
        await give(folder);
      }
      const [refused, missing] = await ask((dump) => notActive(dump, resources));
      const lines = log.split("\n").filter((line) => line !== "");
      const accepted = missing.length === 0 && refused.length === 0;
      return { accepted, errors: accepted ? [] : [...refused, ...missing, ...lines], warnings: accepted ? lines : [] };
    },
    stop: async () => {
      if (envoy !== undefined) {
        const ended = once(envoy, "close");
        envoy.kill("SIGKILL");
        await ended;
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Asks the admin interface; undefined while there is no answer. */
async function admin(directory: string, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request({ socketPath: join(directory, "admin"), path, timeout: 2_000 }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve(response.statusCode === 200 ? body : undefined));
      response.on("error", () => resolve(undefined));
    });
    call.on("error", () => resolve(undefined));
    call.on("timeout", () => call.destroy());
    call.end();
  });
}

interface Dump {
  readonly configs?: readonly {
    readonly dynamic_active_clusters?: readonly { readonly cluster?: { readonly name?: string } }[];
    readonly dynamic_listeners?: readonly { readonly name?: string; readonly active_state?: unknown }[];
    readonly dynamic_route_configs?: readonly { readonly route_config?: { readonly name?: string } }[];
    readonly dynamic_endpoint_configs?: readonly { readonly endpoint_config?: { readonly cluster_name?: string } }[];
    readonly ecds_filters?: readonly { readonly ecds_filter?: { readonly name?: string } }[];
  }[];
}

function activeNames(sections: Dump["configs"]): readonly string[] {
  return (sections ?? []).flatMap((section) => [
    ...(section.dynamic_active_clusters ?? []).map(({ cluster }) => `cluster ${cluster?.name}`),
    ...(section.dynamic_listeners ?? []).flatMap(({ name, active_state: state }) =>
      state === undefined ? [] : [`listener ${name}`],
    ),
    ...(section.dynamic_route_configs ?? []).map(({ route_config: route }) => `route ${route?.name}`),
    ...(section.dynamic_endpoint_configs ?? []).map(({ endpoint_config: endpoint }) => {
      return `endpoint ${endpoint?.cluster_name}`;
    }),
    ...(section.ecds_filters ?? []).map(({ ecds_filter: filter }) => `extension ${filter?.name}`),
  ]);
}

function notActive({ configs }: Dump, resources: readonly EnvoyResource[]): readonly string[] {
  const active = new Set(activeNames(configs));
  return resources
    .map(({ type, name }) => `${type} ${name}`)
    .filter((name) => !active.has(name))
    .map((name) => `not active: ${name}`);
}

function counted(text: string): readonly string[] {
  const { stats } = JSON.parse(text) as { stats: readonly { readonly name?: string; readonly value?: number }[] };
  return stats.filter(({ value }) => (value ?? 0) > 0).map(({ name, value }) => `${name}: ${value}`);
}
