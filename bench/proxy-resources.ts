/**
 * What simulated sidecars hold. Thousands of them are sent the same responses one after another, so what a response has, what
 * is held after it, and what is asked for because of it, are made once for all of them and shared.
 */
import { hash } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { decodeWire } from "../src/envoy/encode.ts";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  type Resource,
  ResourceSchema,
} from "../src/envoy/generated/envoy/service/discovery/v3/discovery_pb.js";
import { type EnvoyConfig, type ResourceType, typeUrls } from "../src/envoy/resource.ts";
import { walkObjects } from "../test/support/walk.ts";
import { framed } from "../test/xds/client.ts";

/** Types that are asked for by name. */
export const namedTypes = ["endpoint", "route", "extension"] as const;
/** One of {@link namedTypes}. */
type NamedType = (typeof namedTypes)[number];
type Names = ReadonlySet<string>;

interface KnownResource {
  readonly version: string;
  /** Names that Envoy asks for because it has this. */
  readonly references: Readonly<Record<NamedType, readonly string[]>>;
  readonly marks: readonly string[];
}

/** What a response has. Equal ones are one object. */
export interface Delta {
  readonly resources: ReadonlyMap<string, KnownResource>;
  readonly removed: readonly string[];
  /** Names of all of them. */
  readonly names: Names;
  /** Endpoints that its clusters wait for. */
  readonly endpoints: Names;
  /** Of the changes in it, see {@link markOf}. */
  readonly marks: readonly string[];
}

/** All that a proxy holds of one type. Equal ones that came about in the same way are one object. */
export interface Held {
  readonly resources: ReadonlyMap<string, KnownResource>;
  /** What Envoy asks for because of them. */
  readonly references: Readonly<Record<NamedType, Names>>;
}

/** What names a change where nothing else does: a path of a policy, or the address of an endpoint. */
export const markOf = (change: number): { readonly path: string; readonly address: string } => ({
  path: `/bench-${change}/`,
  address: `10.250.${change >> 8}.${change & 255}`,
});
const marks = /\/bench-\d+\/|10\.250\.\d+\.\d+/g;

const noNames: Names = new Set();
/** Nothing. */
export const nothingHeld: Held = {
  resources: new Map(),
  references: { endpoint: noNames, route: noNames, extension: noNames },
};

/** A function of two objects that is asked once for each two. */
function shared<A extends object, B extends object, R>(make: (a: A, b: B) => R): (a: A, b: B) => R {
  const known = new WeakMap<A, WeakMap<B, { readonly result: R }>>();
  return (a, b) => {
    const ofA = known.get(a) ?? new WeakMap<B, { readonly result: R }>();
    known.set(a, ofA);
    const found = ofA.get(b) ?? { result: make(a, b) };
    ofA.set(b, found);
    return found.result;
  };
}

/** What is held after a response. Envoy removes before it adds. */
export const after = shared((held: Held, { resources, removed }: Delta): Held => {
  const next = new Map(held.resources);
  for (const name of removed) next.delete(name);
  for (const [name, resource] of resources) next.set(name, resource);
  return holding(next);
});

/** What is left when only these names are asked for. */
export const only = shared((held: Held, names: Names): Held => {
  const left = [...held.resources].filter(([name]) => names.has(name));
  return left.length === held.resources.size ? held : holding(new Map(left));
});

/** The first set without the second. */
export const minus = shared(
  (names: Names, others: Names): Names => new Set([...names].filter((name) => !others.has(name))),
);

function holding(resources: Held["resources"]): Held {
  const referred = (type: NamedType): Names =>
    new Set([...resources.values()].flatMap(({ references }) => references[type]));
  const references = {
    endpoint: referred("endpoint"),
    route: referred("route"),
    extension: referred("extension"),
  };
  return { resources, references };
}

interface Reading {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly delta: Delta;
}

/** Reads responses; remembers all that have come. */
export function createResponseReader(): (message: Uint8Array) => Reading {
  const versions = new Map<string, KnownResource>();
  const deltas = new Map<string, Delta>();
  const read = (message: Uint8Array): Delta => {
    const response = fromBinary(DeltaDiscoveryResponseSchema, message, { readUnknownFields: false });
    const resources = new Map<string, KnownResource>();
    for (const resource of response.resources) {
      const key = `${response.typeUrl} ${resource.version} ${resource.name}`;
      const known = versions.get(key) ?? readResource(resource);
      versions.set(key, known);
      resources.set(resource.name, known);
    }
    const removed = response.removedResources;
    const all = [...resources.values()];
    return {
      resources,
      removed,
      names: new Set([...resources.keys(), ...removed]),
      endpoints: new Set(all.flatMap(({ references }) => references.endpoint)),
      marks: [...new Set(all.flatMap((resource) => resource.marks))],
    };
  };
  return (message) => {
    const { typeUrl, nonce, key } = frameOf(message);
    const delta = deltas.get(key) ?? read(message);
    deltas.set(key, delta);
    return { typeUrl, nonce, delta };
  };
}

/** Type and nonce, and a key that two responses share which differ in nothing but nonce and version. */
function frameOf(message: Uint8Array): { readonly typeUrl: string; readonly nonce: string; readonly key: string } {
  const { field } = DeltaDiscoveryResponseSchema;
  const reader = new BinaryReader(message);
  let typeUrl = "";
  let nonce = "";
  // What is hashed begins behind both, which come first.
  let content = 0;
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (number === field.typeUrl.number) typeUrl = reader.string();
    else if (number === field.nonce.number) nonce = reader.string();
    else {
      reader.skip(type, number);
      if (number !== field.systemVersionInfo.number) continue;
    }
    content = reader.pos;
  }
  return { typeUrl, nonce, key: `${typeUrl} ${hash("sha1", message.subarray(content))}` };
}

function readResource(resource: Resource): KnownResource {
  const field = DeltaDiscoveryResponseSchema.field.resources.number;
  const bytes = toBinary(ResourceSchema, resource);
  const wire = new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(bytes).finish();
  const { name, version, type, config } = decodeWire(wire);
  const found = JSON.stringify(config).match(marks) ?? [];
  return { version, references: referencesOf(type, name, config), marks: [...new Set(found)] };
}

function referencesOf(type: ResourceType, name: string, config: EnvoyConfig): KnownResource["references"] {
  const names = { endpoint: new Set<string>(), route: new Set<string>(), extension: new Set<string>() };
  if (type === "cluster") {
    const source = config["eds_cluster_config"] as { readonly service_name?: string } | undefined;
    if (source !== undefined) names.endpoint.add(source.service_name ?? name);
  }
  if (type === "listener")
    walkObjects(config, (object) => {
      const found = object as {
        readonly rds?: { readonly route_config_name: string };
        readonly config_discovery?: unknown;
        readonly name?: string;
      };
      if (found.rds !== undefined) names.route.add(found.rds.route_config_name);
      if (found.config_discovery !== undefined && found.name !== undefined) names.extension.add(found.name);
    });
  return { endpoint: [...names.endpoint], route: [...names.route], extension: [...names.extension] };
}

/** A request in its frame. */
export const requestOf = (
  type: ResourceType,
  fields: Parameters<typeof create<typeof DeltaDiscoveryRequestSchema>>[1],
): Buffer =>
  framed(
    toBinary(
      DeltaDiscoveryRequestSchema,
      create(DeltaDiscoveryRequestSchema, { typeUrl: typeUrls[type], ...(fields as object) }),
    ),
  );

/** The change of a subscription; undefined when there is none. */
export const subscription = {
  endpoint: shared((before: Names, now: Names) => change("endpoint", before, now)),
  route: shared((before: Names, now: Names) => change("route", before, now)),
  extension: shared((before: Names, now: Names) => change("extension", before, now)),
} as const;

function change(type: NamedType, before: Names, now: Names): Buffer | undefined {
  const [more, less] = [minus(now, before), minus(before, now)];
  if (more.size === 0 && less.size === 0) return undefined;
  return requestOf(type, { resourceNamesSubscribe: [...more], resourceNamesUnsubscribe: [...less] });
}

const firstRequests = new WeakMap<Held, Map<string, Buffer>>();

/** The first request of a type on a new stream, without the node: what is asked for by name, and what is held already. */
export function firstRequest(type: ResourceType, held: Held, subscribed: Names): Buffer {
  const known = firstRequests.get(held) ?? new Map<string, Buffer>();
  firstRequests.set(held, known);
  const key = `${type} ${subscribed.size}`;
  const versions = [...held.resources].map(([name, { version }]) => [name, version] as const);
  const found =
    known.get(key) ??
    requestOf(type, {
      resourceNamesSubscribe: [...subscribed],
      initialResourceVersions: Object.fromEntries(versions),
    });
  known.set(key, found);
  return found;
}
