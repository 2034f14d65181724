import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EnvoyConfig, ResourceType } from "../../../src/envoy/resource.ts";
import { serviceResources } from "../../../src/envoy/service.ts";
import { impossibleIdentity } from "../../../src/envoy/tls.ts";
import type { MeshRoute, MeshService, RouteMatch } from "../../../src/model/mesh.ts";
import { anyService } from "../../support/mesh-arbitraries.ts";
import { identityOf, meshEndpoint, meshService, plainEndpoint, servicePort } from "../../support/mesh-samples.ts";
import { ofMessage, walkObjects } from "../../support/walk.ts";

const configOf = (service: MeshService, type: ResourceType): EnvoyConfig => {
  const config = serviceResources(service).find((resource) => resource.type === type)?.config;
  if (config === undefined) throw new Error(`there is no ${type}`);
  return config;
};
const namesOf = (service: MeshService): string[] =>
  serviceResources(service).map(({ type, name }) => `${type} ${name}`);
const routeOf = (route: MeshRoute): unknown => {
  const config = configOf(meshService([servicePort(80, "http", { routing: { routes: [route] } })]), "route");
  return (config["virtual_hosts"] as { routes: unknown[] }[])[0]?.routes[0];
};
const target = { kind: "service", namespace: "shop", service: "checkout-v1", port: 80 } as const;
const missing = { kind: "unavailable", reason: "missing-backend" } as const;

describe("a Service's resources", () => {
  test("HTTP has routes, TCP has none, and every address has a listener", () => {
    expect(
      namesOf(meshService([servicePort(80, "grpc"), servicePort(3306, "tcp")], ["10.96.0.10", "fd00::10"])),
    ).toEqual([
      "cluster outbound/shop/checkout/80",
      "endpoint outbound/shop/checkout/80",
      "route outbound/shop/checkout/80",
      "listener outbound/shop/checkout/80/10.96.0.10",
      "listener outbound/shop/checkout/80/fd00::10",
      "cluster outbound/shop/checkout/3306",
      "endpoint outbound/shop/checkout/3306",
      "listener outbound/shop/checkout/3306/10.96.0.10",
      "listener outbound/shop/checkout/3306/fd00::10",
    ]);
  });

  test("listeners are bound to no port", () => {
    fc.assert(
      fc.property(anyService, (service) => {
        for (const { type, config } of serviceResources(service)) {
          if (type === "listener") expect(config).toMatchObject({ bind_to_port: false, traffic_direction: "OUTBOUND" });
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("transport", () => {
  const transport = (parts: Parameters<typeof servicePort>[2], protocol: "http" | "grpc" = "http") =>
    configOf(meshService([servicePort(80, protocol, parts)]), "cluster");

  test("is mutual TLS alone where every endpoint speaks it", () => {
    const config = transport({});
    expect(config).not.toHaveProperty("transport_socket_matches");
    expect(JSON.stringify(config)).not.toContain("raw_buffer");
    expect(ofMessage(config, "UpstreamTlsContext")).toMatchObject([
      {
        max_session_keys: 0,
        common_tls_context: {
          alpn_protocols: ["heddle"],
          tls_params: { tls_minimum_protocol_version: "TLSv1_2" },
          combined_validation_context: {
            default_validation_context: {
              match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: identityOf("shop", "checkout") } }],
            },
          },
        },
      },
    ]);
    expect(JSON.stringify(transport({}, "grpc"))).toContain('"alpn_protocols":["heddle-h2"]');
  });

  test("is plaintext for marked endpoints only, and mutual TLS for what has lost its mark", () => {
    const parts = { endpoints: [meshEndpoint("10.0.0.1"), plainEndpoint("10.0.0.2")] };
    expect(transport(parts)).toMatchObject({
      transport_socket: { name: "envoy.transport_sockets.tls" },
      transport_socket_matches: [
        { match: { heddle: "mtls" }, transport_socket: { name: "envoy.transport_sockets.tls" } },
        { match: { heddle: "plaintext" }, transport_socket: { name: "envoy.transport_sockets.raw_buffer" } },
      ],
    });
    const endpoints = configOf(meshService([servicePort(80, "http", parts)]), "endpoint");
    const marks: unknown[] = [];
    walkObjects(endpoints, (object) => "heddle" in object && marks.push(object["heddle"]));
    expect(marks).toEqual(["mtls", "plaintext"]);
  });

  test("never accepts just any certificate", () => {
    fc.assert(
      fc.property(anyService, (service) => {
        for (const context of ofMessage(
          serviceResources(service).map(({ config }) => config),
          "UpstreamTlsContext",
        )) {
          let names: unknown;
          walkObjects(context, (object) => {
            names = object["match_typed_subject_alt_names"] ?? names;
          });
          expect(names).not.toHaveLength(0);
        }
      }),
      { numRuns: 30 },
    );
    const nobody = transport({ endpoints: [plainEndpoint("10.0.0.1")], serverIdentities: [] });
    expect(JSON.stringify(nobody)).toContain(`"exact":"${impossibleIdentity}"`);
  });

  test("a change of the accepted names is a change of the cluster", () => {
    const version = (serverIdentities: string[]) =>
      serviceResources(meshService([servicePort(80, "http", { serverIdentities })]))[0]?.version;
    expect(version([identityOf("shop", "a")])).not.toBe(version([identityOf("shop", "b")]));
  });

  test("HTTP/2 is spoken to ports that declare it, else what the caller speaks", () => {
    expect(ofMessage(transport({}, "grpc"), "HttpProtocolOptions")[0]).toHaveProperty(
      "explicit_http_config.http2_protocol_options",
    );
    expect(ofMessage(transport({}), "HttpProtocolOptions")[0]).toHaveProperty("use_downstream_protocol_config");
    expect(ofMessage(configOf(meshService([servicePort(80, "tcp")]), "cluster"), "HttpProtocolOptions")).toEqual([]);
  });
});

describe("routes", () => {
  test("one backend is a cluster, several are weights", () => {
    expect(routeOf({ backends: [{ weight: 7, target }] })).toEqual({
      match: { prefix: "/" },
      route: { cluster: "outbound/shop/checkout-v1/80", timeout: "0s" },
    });
    expect(
      routeOf({
        backends: [
          { weight: 90, target },
          { weight: 10, target: missing },
        ],
      }),
    ).toMatchObject({
      route: {
        weighted_clusters: {
          clusters: [
            { name: "outbound/shop/checkout-v1/80", weight: 90 },
            { name: "unavailable-missing-backend", weight: 10 },
          ],
        },
      },
    });
  });

  test("no backend, and none with a weight, is said to be so", () => {
    expect(routeOf({ backends: [] })).toMatchObject({ route: { cluster: "unavailable-no-weight" } });
    expect(routeOf({ backends: [{ weight: 0, target }] })).toMatchObject({
      route: { cluster: "unavailable-no-weight" },
    });
  });

  test("an unknown cluster is that route's problem; only what reached no server is tried again", () => {
    const config = configOf(meshService([servicePort(80, "http")]), "route");
    expect(config).toMatchObject({
      validate_clusters: false,
      virtual_hosts: [{ domains: ["*"], retry_policy: { retry_on: "connect-failure,refused-stream", num_retries: 2 } }],
    });
  });

  const matchOf = (match: Partial<RouteMatch>): unknown =>
    (routeOf({ match: { headers: [], ...match }, backends: [] }) as { match: unknown }).match;

  test.each([
    ["/", { prefix: "/" }],
    ["//", { prefix: "/" }],
    ["/api", { path_separated_prefix: "/api" }],
    ["/api/", { path_separated_prefix: "/api" }],
    ["/a.b/c", { path_separated_prefix: "/a.b/c" }],
  ])("the prefix %s ends at a slash", (value, expected) => {
    expect(matchOf({ path: { type: "PathPrefix", value } })).toEqual(expected);
  });

  test("all fields of a match are demanded", () => {
    expect(
      matchOf({
        path: { type: "Exact", value: "/a" },
        method: "POST",
        headers: [
          { type: "Exact", name: "x-beta", value: "1" },
          { type: "RegularExpression", name: "x-user", value: "a.*" },
        ],
      }),
    ).toEqual({
      path: "/a",
      headers: [
        { name: ":method", string_match: { exact: "POST" } },
        { name: "x-beta", string_match: { exact: "1" } },
        { name: "x-user", string_match: { safe_regex: { regex: "a.*" } } },
      ],
    });
    expect(matchOf({ path: { type: "RegularExpression", value: "/v[0-9]" } })).toEqual({
      safe_regex: { regex: "/v[0-9]" },
    });
  });

  test("keep their order", () => {
    const routes: MeshRoute[] = ["b", "a"].map((value) => ({
      match: { path: { type: "Exact", value: `/${value}` }, headers: [] },
      backends: [{ weight: 1, target }],
    }));
    const config = configOf(meshService([servicePort(80, "http", { routing: { routes } })]), "route");
    expect(config).toMatchObject({
      virtual_hosts: [{ routes: [{ match: { path: "/b" } }, { match: { path: "/a" } }] }],
    });
  });

  test("a mirror is sent copies with the Host of the original", () => {
    const mirror = { namespace: "shop", service: "checkout-v3", port: 80, percent: 5 };
    expect(routeOf({ backends: [{ weight: 1, target }], mirror })).toMatchObject({
      route: {
        cluster: "outbound/shop/checkout-v1/80",
        request_mirror_policies: [
          {
            cluster: "mirror/shop/checkout-v3/80",
            runtime_fraction: { default_value: { numerator: 5 } },
            disable_shadow_host_suffix_append: true,
          },
        ],
      },
    });
  });

  test("a mirrored port has a cluster for copies, which do not pile up", () => {
    const resources = serviceResources(meshService([servicePort(80, "http", { mirrored: true })]));
    const [own, copies] = ["outbound/shop/checkout/80", "mirror/shop/checkout/80"].map(
      (cluster) => resources.find(({ type, name }) => type === "cluster" && name === cluster)?.config,
    );
    expect(copies).toMatchObject({ eds_cluster_config: { service_name: "outbound/shop/checkout/80" } });
    expect(copies).not.toHaveProperty("circuit_breakers");
    expect(ofMessage(copies, "HttpProtocolOptions")).toMatchObject([
      { common_http_protocol_options: { max_stream_duration: "15s" } },
    ]);
    expect(copies?.["transport_socket"]).toEqual(own?.["transport_socket"]);
    expect(JSON.stringify(own)).not.toContain("max_stream_duration");
  });

  test("TCP connections are shared by weight", () => {
    const routing = {
      routes: [
        {
          backends: [
            { weight: 3, target },
            { weight: 1, target: missing },
          ],
        },
      ],
    };
    const listener = configOf(meshService([servicePort(3306, "tcp", { routing })]), "listener");
    expect(ofMessage(listener, "TcpProxy")).toMatchObject([
      {
        idle_timeout: "0s",
        weighted_clusters: {
          clusters: [
            { name: "outbound/shop/checkout-v1/80", weight: 3 },
            { name: "unavailable-missing-backend", weight: 1 },
          ],
        },
      },
    ]);
  });
});
