/** From protobuf JSON to what is sent: a resource is checked, encoded and hashed once, whoever receives it. */
import { createHash, hash } from "node:crypto";
import type { DescMessage, JsonValue, Message } from "@bufbuild/protobuf";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { compare } from "../model/workload.ts";
import { extensionRegistry } from "./extension.ts";
import type { ClusterJson } from "./generated/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterSchema } from "./generated/envoy/config/cluster/v3/cluster_pb.js";
import type { TypedExtensionConfigJson } from "./generated/envoy/config/core/v3/extension_pb.js";
import { TypedExtensionConfigSchema } from "./generated/envoy/config/core/v3/extension_pb.js";
import type { ClusterLoadAssignmentJson } from "./generated/envoy/config/endpoint/v3/endpoint_pb.js";
import { ClusterLoadAssignmentSchema } from "./generated/envoy/config/endpoint/v3/endpoint_pb.js";
import type { ListenerJson } from "./generated/envoy/config/listener/v3/listener_pb.js";
import { ListenerSchema } from "./generated/envoy/config/listener/v3/listener_pb.js";
import type { RouteConfigurationJson } from "./generated/envoy/config/route/v3/route_pb.js";
import { RouteConfigurationSchema } from "./generated/envoy/config/route/v3/route_pb.js";
import { DeltaDiscoveryResponseSchema, ResourceSchema } from "./generated/envoy/service/discovery/v3/discovery_pb.js";
import { AnySchema } from "./generated/google/protobuf/any_pb.js";
import { writeMessage } from "./message.ts";
import type { EnvoyConfig, EnvoyResource, ResourceGroup, ResourceType } from "./resource.ts";
import { resourceTypes, typeUrls } from "./resource.ts";
import { createReverseWriter } from "./reverse-writer.ts";

/** The protobuf JSON (lowerCamelCase) of each type of resource. */
export interface ResourceBodies {
  readonly cluster: ClusterJson;
  readonly endpoint: ClusterLoadAssignmentJson;
  readonly listener: ListenerJson;
  readonly route: RouteConfigurationJson;
  readonly extension: TypedExtensionConfigJson;
}

/** The message of each type of resource. */
export const resourceSchemas = {
  cluster: ClusterSchema,
  endpoint: ClusterLoadAssignmentSchema,
  listener: ListenerSchema,
  route: RouteConfigurationSchema,
  extension: TypedExtensionConfigSchema,
} as const satisfies Record<ResourceType, DescMessage>;

const versionLength = 16;

/**
 * Encodes one resource. Throws if the body has a field, or holds an extension, that Envoy's definitions do not know, or
 * if it names itself differently: any of these is a defect of the caller, never of a user.
 */
export function encodeResource<Type extends ResourceType>(
  type: Type,
  name: string,
  body: ResourceBodies[Type],
): EnvoyResource {
  const { resources } = DeltaDiscoveryResponseSchema.field;
  const fields = ResourceSchema.field;
  writer.reset();
  // From the last field to the first.
  writer.text(name);
  writer.delimit(fields.name.number, 0);
  const beforeAny = writer.length;
  const config = writeMessage(resourceSchemas[type], body as JsonValue, writer);
  const ownName = config[type === "endpoint" ? "cluster_name" : "name"];
  if (ownName !== name) throw new Error(`the ${type} ${name} calls itself ${String(ownName)}`);
  const version = hash("sha256", writer.since(beforeAny)).slice(0, versionLength);
  writer.delimit(AnySchema.field.value.number, beforeAny);
  const beforeType = writer.length;
  writer.text(typeUrls[type]);
  writer.delimit(AnySchema.field.typeUrl.number, beforeType);
  writer.delimit(fields.resource.number, beforeAny);
  const beforeVersion = writer.length;
  writer.text(version);
  writer.delimit(fields.version.number, beforeVersion);
  writer.delimit(resources.number, 0);
  return { type, name, version, wire: writer.since(0).slice(), config };
}

/** Room to write in; nothing stays in it. */
const writer = createReverseWriter();

/** Checks a message against Envoy's definitions and puts it into Envoy's own words (snake_case). */
export function envoyConfig(schema: DescMessage, body: JsonValue): EnvoyConfig {
  writer.reset();
  return writeMessage(schema, body, writer);
}

/** Puts resources together. Throws if two share a type and a name. */
export function resourceGroup(resources: readonly EnvoyResource[]): ResourceGroup {
  const byType: Record<ResourceType, Map<string, EnvoyResource>> = {
    cluster: new Map(),
    endpoint: new Map(),
    listener: new Map(),
    route: new Map(),
    extension: new Map(),
  };
  for (const resource of resources) {
    if (byType[resource.type].has(resource.name)) {
      throw new Error(`two resources are the ${resource.type} ${resource.name}`);
    }
    byType[resource.type].set(resource.name, resource);
  }
  const hash = createHash("sha256");
  for (const type of resourceTypes) {
    // Names cannot contain a line feed: they are made of DNS names, ports and addresses.
    for (const name of [...byType[type].keys()].sort(compare)) {
      hash.update(`${type} ${name} ${byType[type].get(name)?.version}\n`);
    }
  }
  return { hash: hash.digest("hex").slice(0, versionLength), byType };
}

/** What a proxy reads from {@link EnvoyResource.wire}. For tests and tools. */
export function decodeWire(wire: Uint8Array): {
  readonly name: string;
  readonly version: string;
  readonly type: ResourceType;
  readonly config: EnvoyConfig;
} {
  const reader = new BinaryReader(wire);
  const [field, wireType] = reader.tag();
  if (field !== DeltaDiscoveryResponseSchema.field.resources.number || wireType !== WireType.LengthDelimited) {
    throw new Error(`field ${field} is not the resources of a DeltaDiscoveryResponse`);
  }
  const { name, version, resource } = fromBinary(ResourceSchema, reader.bytes());
  if (reader.pos !== reader.len) {
    throw new Error("there are bytes behind the resource");
  }
  const type = resourceTypes.find((candidate) => typeUrls[candidate] === resource?.typeUrl);
  if (type === undefined || resource === undefined) {
    throw new Error(`the resource ${name} has the unknown type ${resource?.typeUrl}`);
  }
  return {
    name,
    version,
    type,
    config: configOf(resourceSchemas[type], fromBinary(resourceSchemas[type] as DescMessage, resource.value)),
  };
}

function configOf(schema: DescMessage, message: Message): EnvoyConfig {
  const config = toJson(schema, message, { registry: extensionRegistry, useProtoFieldName: true });
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new Error(`a ${schema.typeName} is not an object in JSON`);
  }
  return config;
}
