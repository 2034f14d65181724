import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { commonResources, readinessListener } from "../../../src/envoy/common.ts";
import { classResources } from "../../../src/envoy/inbound.ts";
import { serviceResources } from "../../../src/envoy/service.ts";
import { anyService, anyWorkload } from "../../support/mesh-arbitraries.ts";
import { meshService, servicePort, workloadClass } from "../../support/mesh-samples.ts";
import { ofMessage, walkObjects } from "../../support/walk.ts";

const families = { ipv4: true, ipv6: true };
const managers = (value: unknown): Readonly<Record<string, unknown>>[] => ofMessage(value, "HttpConnectionManager");

describe("every HTTP connection manager", () => {
  test("normalises paths, trusts no address and no header of a caller", () => {
    let seen = 0;
    fc.assert(
      fc.property(anyService, anyWorkload, (service, workload) => {
        const resources = [
          ...serviceResources(service),
          ...classResources(workload),
          ...commonResources(families),
          readinessListener(families),
        ];
        for (const manager of managers(resources.map(({ config }) => config))) {
          seen++;
          expect(manager).toMatchObject({
            normalize_path: true,
            merge_slashes: true,
            path_with_escaped_slashes_action: "UNESCAPE_AND_FORWARD",
            internal_address_config: {},
            use_remote_address: false,
            server_header_transformation: "PASS_THROUGH",
          });
          // SANITIZE is the default and so is not written down.
          expect([undefined, "SANITIZE_SET"]).toContain(manager["forward_client_cert_details"]);
          expect(manager["generate_request_id"]).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
    expect(seen).toBeGreaterThan(40);
  });

  test("of the inbound side strips hosts, refuses underscores, sets the peer's identity, and authorizes before it routes", () => {
    let seen = 0;
    fc.assert(
      fc.property(anyWorkload, (workload) => {
        for (const manager of managers(classResources(workload).map(({ config }) => config))) {
          seen++;
          expect(manager).toMatchObject({
            strip_any_host_port: true,
            strip_trailing_host_dot: true,
            common_http_protocol_options: { headers_with_underscores_action: "REJECT_REQUEST" },
            forward_client_cert_details: "SANITIZE_SET",
            set_current_client_cert_details: { uri: true },
            http2_protocol_options: {
              max_concurrent_streams: 100,
              initial_stream_window_size: 65_536,
              initial_connection_window_size: 1_048_576,
            },
          });
          const filters = manager["http_filters"] as { name: string }[];
          expect(filters.map(({ name }) => name)).toEqual([
            ...(workload.dryRuns ?? []).map(({ name }) => `dry-run-http/${name}`),
            "authorization-http-deny",
            "authorization-http-allow",
            "envoy.filters.http.router",
          ]);
        }
      }),
      { numRuns: 40 },
    );
    expect(seen).toBeGreaterThan(10);
  });

  test("of one side shares its statistics, however many services there are", () => {
    const prefixes = new Set<unknown>();
    for (const namespace of ["a", "b"]) {
      const service = { ...meshService([servicePort(80, "http"), servicePort(81, "tcp")]), namespace };
      for (const { config } of serviceResources(service)) {
        walkObjects(config, (object) => "stat_prefix" in object && prefixes.add(object["stat_prefix"]));
      }
    }
    expect([...prefixes]).toEqual(["outbound"]);
  });

  test("waits for its routes and policies without limit", () => {
    const configs = [
      ...serviceResources(meshService([servicePort(80, "http")])),
      ...classResources(workloadClass()),
    ].map(({ config }) => config);
    let seen = 0;
    walkObjects(configs, (object) => {
      if (object["ads"] !== undefined) {
        seen++;
        expect(object).toEqual({ ads: {}, initial_fetch_timeout: "0s", resource_api_version: "V3" });
      }
    });
    expect(seen).toBeGreaterThan(4);
  });
});
