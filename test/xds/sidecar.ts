/**
 * A sidecar's side of delta ADS, without a sidecar: takes and acknowledges whatever it is sent, asks for what that refers to,
 * and when its stream ends opens another one with all that it has, as Envoy does. For tests that judge what a proxy holds.
 */

import { toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { decodeWire } from "../../src/envoy/encode.ts";
import {
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  type Resource,
  ResourceSchema,
} from "../../src/envoy/generated/envoy/service/discovery/v3/discovery_pb.js";
import { type EnvoyConfig, type ResourceType, resourceTypes, typeUrls } from "../../src/envoy/resource.ts";
import { typeOfUrl } from "../../src/xds/session.ts";
import { walkObjects } from "../support/walk.ts";
import { encodeRequest, nodeOf, TestClient } from "./client.ts";

/** A resource that the proxy has acknowledged. */
export interface HeldResource {
  readonly version: string;
  readonly config: EnvoyConfig;
}

/** All of them, by type and name. */
export type Held = Readonly<Record<ResourceType, ReadonlyMap<string, HeldResource>>>;

/** See above. */
export interface Sidecar {
  readonly held: Held;
  /** Whether it has been sent everything once: readiness comes last. */
  readonly ready: boolean;
  /** How many streams the server has taken. */
  readonly streams: number;
  readonly isClosed: boolean;
  close(): void;
}

/** What a stream is opened with. */
export interface SidecarCredentials {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** Starts one, which tries to connect until it is closed. */
export function startSidecar(options: {
  readonly port: number;
  /** `namespace/pod/uid`. */
  readonly node: string;
  readonly localAddress: string;
  /** Asked before each stream; what it throws means that there are none yet. */
  readonly credentials: () => Promise<SidecarCredentials>;
  /** Told after each response, once it is taken and before it is acknowledged. */
  readonly onHeld: (held: Held) => void;
}): Sidecar {
  const held: Record<ResourceType, Map<string, HeldResource>> = {
    cluster: new Map(),
    endpoint: new Map(),
    listener: new Map(),
    route: new Map(),
    extension: new Map(),
  };
  let client: TestClient | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let streams = 0;
  /** By type, what this stream has asked for by name. */
  let subscribed: Record<"endpoint" | "route" | "extension", Set<string>>;

  const request = (type: ResourceType, fields: Parameters<typeof encodeRequest>[0]): void => {
    client?.stream.write(encodeRequest({ typeUrl: typeUrls[type], ...fields }));
  };
  const versionsOf = (type: ResourceType): Record<string, string> =>
    Object.fromEntries([...held[type]].map(([name, { version }]) => [name, version]));

  /** Asks for what is referred to, and for nothing else any more. */
  const follow = (): void => {
    for (const [type, names] of Object.entries(referencesOf(held)) as [keyof typeof subscribed, Set<string>][]) {
      const known = subscribed[type];
      const more = [...names].filter((name) => !known.has(name));
      const less = [...known].filter((name) => !names.has(name));
      for (const name of less) held[type].delete(name);
      if (more.length > 0 || less.length > 0)
        request(type, { resourceNamesSubscribe: more, resourceNamesUnsubscribe: less });
      subscribed[type] = names;
    }
  };

  const take = (response: DeltaDiscoveryResponse): void => {
    const type = typeOfUrl(response.typeUrl);
    if (type === undefined || client === undefined) return;
    // Envoy removes before it adds.
    for (const name of response.removedResources) held[type].delete(name);
    for (const resource of response.resources) {
      const { name, version, config } = decoded(resource);
      held[type].set(name, { version, config });
    }
    options.onHeld(held);
    client.answer(response);
    follow();
  };

  const open = async (): Promise<void> => {
    const { cert, key, ca } = await options.credentials();
    if (closed) return;
    const { port, localAddress } = options;
    const opened = new TestClient({ port, localAddress, credentials: { cert, key }, ca, onResponse: take });
    client = opened;
    subscribed = referencesOf(held);
    for (const type of resourceTypes) {
      const names = type === "cluster" || type === "listener" ? [] : [...subscribed[type]];
      // Nothing is asked for of types that nothing refers to yet.
      if (type !== "cluster" && type !== "listener" && names.length === 0) continue;
      const node = type === "cluster" ? { node: nodeOf(options.node) } : {};
      request(type, { resourceNamesSubscribe: names, initialResourceVersions: versionsOf(type), ...node });
    }
    opened.stream.once("response", () => {
      streams += 1;
    });
    opened.stream.once("close", () => {
      opened.close();
      if (client === opened) later();
    });
    opened.session.once("close", () => opened.stream.destroy());
  };

  const later = (): void => {
    client = undefined;
    if (!closed) timer = setTimeout(() => void open().catch(later), 50);
  };
  void open().catch(later);

  return {
    held,
    get ready() {
      return held.listener.has("readiness");
    },
    get streams() {
      return streams;
    },
    get isClosed() {
      return closed;
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      client?.close();
      client = undefined;
    },
  };
}

function decoded(resource: Resource): ReturnType<typeof decodeWire> {
  const field = DeltaDiscoveryResponseSchema.field.resources.number;
  const bytes = toBinary(ResourceSchema, resource);
  return decodeWire(new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(bytes).finish());
}

/** Names that Envoy asks for because of the clusters and listeners that it has. */
function referencesOf(held: Held): Record<"endpoint" | "route" | "extension", Set<string>> {
  const names = { endpoint: new Set<string>(), route: new Set<string>(), extension: new Set<string>() };
  for (const [cluster, { config }] of held.cluster) {
    const source = config["eds_cluster_config"] as { readonly service_name?: string } | undefined;
    if (source !== undefined) names.endpoint.add(source.service_name ?? cluster);
  }
  for (const { config } of held.listener.values())
    walkObjects(config, (object) => {
      const {
        rds,
        config_discovery: discovery,
        name,
      } = object as {
        rds?: { route_config_name: string };
        config_discovery?: unknown;
        name?: string;
      };
      if (rds !== undefined) names.route.add(rds.route_config_name);
      if (discovery !== undefined && name !== undefined) names.extension.add(name);
    });
  return names;
}
