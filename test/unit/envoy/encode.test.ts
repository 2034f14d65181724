import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { commonResources, readinessListener } from "../../../src/envoy/common.ts";
import type { ResourceBodies } from "../../../src/envoy/encode.ts";
import { decodeWire, encodeResource, resourceGroup } from "../../../src/envoy/encode.ts";
import { classResources } from "../../../src/envoy/inbound.ts";
import { serviceResources } from "../../../src/envoy/service.ts";
import { anyService, anyWorkload } from "../../support/mesh-arbitraries.ts";
import { meshEndpoint, meshService, servicePort } from "../../support/mesh-samples.ts";

const cluster = (parts: object = {}): ResourceBodies["cluster"] => ({ name: "c", type: "STATIC", ...parts });

describe("encodeResource", () => {
  test("the wire is the field `resources` of a DeltaDiscoveryResponse", () => {
    const resource = encodeResource("cluster", "c", cluster());
    expect(resource.wire[0]).toBe((2 << 3) | 2);
    expect(decodeWire(resource.wire)).toEqual({
      type: "cluster",
      name: "c",
      version: resource.version,
      config: resource.config,
    });
  });

  test("a large resource has a length of several bytes", () => {
    const endpoints = Array.from({ length: 2_000 }, (_, index) => meshEndpoint(`10.0.${index >> 8}.${index & 255}`));
    const assignment = serviceResources(meshService([servicePort(80, "http", { endpoints })])).find(
      ({ type }) => type === "endpoint",
    );
    expect(assignment?.wire.length).toBeGreaterThan(1 << 16);
    expect(decodeWire(assignment?.wire ?? new Uint8Array()).config).toEqual(assignment?.config);
  });

  test("records speak Envoy's field names, inside extensions too", () => {
    const text = JSON.stringify(serviceResources(meshService([servicePort(80, "http")])).map(({ config }) => config));
    expect(text).toContain('"route_config_name"');
    expect(text).toContain('"path_with_escaped_slashes_action"');
    expect(text).not.toMatch(/"[a-z]+[A-Z][A-Za-z]*":/);
  });

  test("refuses a field that Envoy does not know, inside extensions too", () => {
    expect(() => encodeResource("cluster", "c", cluster({ unheardOf: true }))).toThrow("unheardOf");
    const typedConfig = {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
      unheardOf: 1,
    };
    expect(() => encodeResource("extension", "e", { name: "e", typedConfig })).toThrow("unheardOf");
  });

  test("refuses an extension that is not in the registry", () => {
    const typedConfig = { "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua" };
    expect(() => encodeResource("extension", "e", { name: "e", typedConfig })).toThrow("Lua");
  });

  test("refuses a body that names itself differently", () => {
    expect(() => encodeResource("cluster", "other", cluster())).toThrow("the cluster other calls itself c");
    expect(() => encodeResource("endpoint", "e", { clusterName: "c" })).toThrow("the endpoint e calls itself c");
  });

  test("the version is the content's", () => {
    const version = (body: ResourceBodies["cluster"]): string => encodeResource("cluster", "c", body).version;
    expect(version(cluster())).toMatch(/^[0-9a-f]{16}$/);
    expect(version(cluster())).toBe(version(cluster()));
    expect(version(cluster({ connectTimeout: "1s" }))).not.toBe(version(cluster()));
  });

  test("whatever the model holds can be encoded, twice to the same, and read back", () => {
    fc.assert(
      fc.property(anyService, anyWorkload, (service, workload) => {
        const compile = () => [...serviceResources(service), ...classResources(workload)];
        const [first, second] = [compile(), compile()];
        expect(second).toEqual(first);
        for (const { wire, ...resource } of first) {
          expect(decodeWire(wire)).toEqual(resource);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe("resourceGroup", () => {
  const families = { ipv4: true, ipv6: false };
  const resources = [...commonResources(families), readinessListener(families)];

  test("holds every resource under its type and name", () => {
    const group = resourceGroup(resources);
    expect(Object.values(group.byType).reduce((count, map) => count + map.size, 0)).toBe(resources.length);
    expect(group.byType.listener.get("readiness")).toBe(resources.at(-1));
  });

  test("its hash depends on content, not on order", () => {
    expect(resourceGroup(resources).hash).toBe(resourceGroup([...resources].reverse()).hash);
    expect(resourceGroup(resources.slice(1)).hash).not.toBe(resourceGroup(resources).hash);
    expect(resourceGroup([]).hash).toMatch(/^[0-9a-f]{16}$/);
  });

  test("refuses two resources of one type and name", () => {
    expect(() => resourceGroup([...resources, ...resources.slice(0, 1)])).toThrow("two resources are the cluster");
  });

  test("a Service may be called like a property of every object", () => {
    const service = { ...meshService([servicePort(80, "http")]), name: "constructor", namespace: "no" };
    expect(resourceGroup(serviceResources(service)).byType.cluster.has("outbound/no/constructor/80")).toBe(true);
  });
});
