import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import { fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { resourceSchemas } from "../../../src/envoy/encode.ts";
import { extensionRegistry } from "../../../src/envoy/extension.ts";
import { ClusterSchema } from "../../../src/envoy/generated/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "../../../src/envoy/generated/envoy/config/core/v3/extension_pb.js";
import { ListenerSchema } from "../../../src/envoy/generated/envoy/config/listener/v3/listener_pb.js";
import { SecretSchema } from "../../../src/envoy/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { TypedStructSchema } from "../../../src/envoy/generated/xds/type/v3/typed_struct_pb.js";
import { classResources } from "../../../src/envoy/inbound.ts";
import { writeMessage } from "../../../src/envoy/message.ts";
import { createReverseWriter } from "../../../src/envoy/reverse-writer.ts";
import { serviceResources } from "../../../src/envoy/service.ts";
import { anyService, anyWorkload } from "../../support/mesh-arbitraries.ts";

const writer = createReverseWriter();
function written(schema: DescMessage, body: JsonValue) {
  writer.reset();
  const config = writeMessage(schema, body, writer);
  return { bytes: Buffer.from(writer.since(0)).toString("hex"), config };
}
function byLibrary(schema: DescMessage, body: JsonValue) {
  const message = fromJson(schema, body, { registry: extensionRegistry });
  const config = toJson(schema, message, { registry: extensionRegistry, useProtoFieldName: true });
  return { bytes: Buffer.from(toBinary(schema, message)).toString("hex"), config };
}

const stats = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";

describe("writeMessage", () => {
  test("gives the bytes and the JSON of the library, of whatever the model holds", () => {
    fc.assert(
      fc.property(anyService, anyWorkload, (service, workload) => {
        for (const { type, config } of [...serviceResources(service), ...classResources(workload)]) {
          const body = config as JsonValue;
          expect(written(resourceSchemas[type], body)).toEqual(byLibrary(resourceSchemas[type], body));
        }
      }),
      { numRuns: 20 },
    );
  });

  test.each<[string, DescMessage, JsonValue]>([
    ["nothing", ClusterSchema, {}],
    [
      "what is zero, with presence and without",
      ClusterSchema,
      { name: "", connectTimeout: "0s", maxRequestsPerConnection: 0 },
    ],
    [
      "a wrapper, and a Duration with a fraction",
      ClusterSchema,
      { perConnectionBufferLimitBytes: 4294967295, connectTimeout: "1.500s" },
    ],
    ["lists and maps without anything in them", ClusterSchema, { filters: [], typedExtensionProtocolOptions: {} }],
    ["text beyond ASCII", ClusterSchema, { name: "zürich-東京-😀", altStatName: "é".repeat(300) }],
    ["a long text", ClusterSchema, { name: "n".repeat(200_000) }],
    [
      "negative numbers and zero in a oneof",
      ListenerSchema,
      { address: { socketAddress: { address: "::", portValue: 0 } }, tcpFastOpenQueueLength: 0 },
    ],
    ["a name of the definitions instead of one of JSON", ClusterSchema, { alt_stat_name: "a" }],
    [
      "an Any",
      TypedExtensionConfigSchema,
      { name: "a", typedConfig: { "@type": stats, statPrefix: "s", cluster: "c" } },
    ],
    ["an Any without content", TypedExtensionConfigSchema, { name: "a", typedConfig: { "@type": stats } }],
    [
      "a Struct with everything",
      TypedStructSchema,
      { typeUrl: "t", value: { a: null, b: [1.5, true, "x", {}], "": {} } },
    ],
    [
      "keys that objects have",
      ClusterSchema,
      { metadata: { filterMetadata: JSON.parse('{"__proto__":{"a":1},"constructor":{}}') } },
    ],
    [
      "64 bits as text",
      ClusterSchema,
      { ringHashLbConfig: { minimumRingSize: "1024", maximumRingSize: "18446744073709551615" } },
    ],
    ["bytes", SecretSchema, { genericSecret: { secret: { inlineBytes: "AP8=" } } }],
  ])("writes as the library: %s", (_name, schema, body) => {
    expect(written(schema, body)).toEqual(byLibrary(schema, body));
  });

  test.each<[string, DescMessage, JsonValue, string]>([
    ["an unknown field", ClusterSchema, { unheardOf: 1 }, "envoy.config.cluster.v3.Cluster has no field unheardOf"],
    ["a field twice", ClusterSchema, { altStatName: "a", alt_stat_name: "b" }, "has alt_stat_name twice"],
    ["two of a oneof", ClusterSchema, { type: "EDS", clusterType: { name: "c" } }, "has both type and cluster_type"],
    ["a number as text", ClusterSchema, { perConnectionBufferLimitBytes: "1" }, "must be a whole number of 32 bits"],
    [
      "a negative number without sign",
      ClusterSchema,
      { perConnectionBufferLimitBytes: -1 },
      "that is not negative, and is -1",
    ],
    ["text as a number", ClusterSchema, { name: 1 }, "envoy.config.cluster.v3.Cluster.name must be text, and is 1"],
    [
      "an enum of another name",
      ClusterSchema,
      { type: "NONE" },
      "must be a name of envoy.config.cluster.v3.Cluster.DiscoveryType",
    ],
    ["a list as an object", ClusterSchema, { filters: {} }, "envoy.config.cluster.v3.Cluster.filters must be a list"],
    ["an object as a list", ClusterSchema, { loadAssignment: [] }, "must be an object"],
    ["half a character", ClusterSchema, { name: "\ud83d" }, "is not Unicode"],
    ["null", ClusterSchema, { name: null }, "must be text, and is null"],
    [
      "an extension that is not known",
      TypedExtensionConfigSchema,
      { typedConfig: { "@type": "x/Lua" } },
      "x/Lua is no message",
    ],
    ["an extension without its type", TypedExtensionConfigSchema, { typedConfig: {} }, "undefined is no message"],
    ["a bad Duration", ClusterSchema, { connectTimeout: "1 second" }, "Duration"],
  ])("refuses %s", (_name, schema, body, message) => {
    expect(() => written(schema, body)).toThrow(message);
  });

  test("refuses what readers of protobuf refuse: messages nested deeper than 100", () => {
    const nested = (depth: number): JsonValue => (depth === 0 ? { matchPattern: {} } : { notMatch: nested(depth - 1) });
    const listener = (depth: number): JsonValue => ({
      name: "l",
      listenerFilters: [{ filterDisabled: nested(depth) }],
    });
    expect(() => written(ListenerSchema, listener(150))).toThrow("nested deeper than 100 messages");
  });
});
