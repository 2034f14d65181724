import { describe, expect, test } from "vitest";
import { bootstrapFiles } from "../../../src/envoy/bootstrap.ts";
import { ofMessage, walkObjects } from "../../support/walk.ts";

const files = bootstrapFiles({
  rootNamespace: "heddle-system",
  trustDomain: "example.org",
  clusterDomain: "cluster.local",
  xdsAddress: { host: "heddle.heddle-system.svc.cluster.local", port: 15010 },
  operatorServiceAccount: "heddle",
  accessLog: "errors",
});

describe("the bootstrap", () => {
  test("listens on loopback only", () => {
    expect(files.bootstrap["admin"]).toMatchObject({
      address: { socket_address: { address: "127.0.0.1", port_value: 15000 } },
    });
    expect(files.bootstrap).not.toHaveProperty("static_resources.listeners");
  });

  test("takes its configuration from the operator by delta ADS, and no other identity's", () => {
    expect(files.bootstrap["dynamic_resources"]).toMatchObject({
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        grpc_services: [{ envoy_grpc: { cluster_name: "xds" } }],
      },
      cds_config: { ads: {}, initial_fetch_timeout: "0s" },
      lds_config: { ads: {}, initial_fetch_timeout: "0s" },
    });
    expect(ofMessage(files.bootstrap, "UpstreamTlsContext")).toMatchObject([
      {
        common_tls_context: {
          alpn_protocols: ["h2"],
          combined_validation_context: {
            default_validation_context: {
              match_typed_subject_alt_names: [
                { san_type: "URI", matcher: { exact: "spiffe://example.org/ns/heddle-system/sa/heddle" } },
              ],
            },
          },
        },
      },
    ]);
  });

  test("does not say who the pod is", () => {
    expect(files.bootstrap).not.toHaveProperty("node");
  });

  test("names files only, never a key", () => {
    const found: unknown[] = [];
    walkObjects(files, (object) => {
      for (const field of ["inline_string", "inline_bytes"]) expect(object).not.toHaveProperty(field);
      if (object["filename"] !== undefined) found.push(object["filename"]);
    });
    expect(found).toEqual([
      "/var/run/secrets/heddle.dev/identity/tls.crt",
      "/var/run/secrets/heddle.dev/identity/tls.key",
      "/var/run/secrets/heddle.dev/identity/ca.crt",
    ]);
  });

  test("watches the directories in which kubelet swaps files", () => {
    const identity = { watched_directory: { path: "/var/run/secrets/heddle.dev/identity" } };
    expect(files.certificate).toMatchObject({ resources: [{ name: "identity", tls_certificate: identity }] });
    expect(files.trust).toMatchObject({ resources: [{ name: "trust", validation_context: identity }] });
    expect(JSON.stringify(files.bootstrap)).toContain(
      '{"path":"/etc/heddle/trust.yaml","watched_directory":{"path":"/etc/heddle"}}',
    );
  });
});
