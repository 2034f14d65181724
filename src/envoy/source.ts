/** Where Envoy gets a resource from. */
import { paths, secretNames } from "../model/sidecar.ts";
import type { ConfigSourceJson } from "./generated/envoy/config/core/v3/config_source_pb.js";
import type { SdsSecretConfigJson } from "./generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";

/**
 * The stream to the operator. Envoy's default of 15 s after which it goes on without the resource (an empty listener, an
 * unknown route: 404, an empty cluster: 503) would make half a configuration live, so it waits without limit: what is
 * there goes on serving, and the operator always sends what a resource refers to.
 */
export const adsSource: ConfigSourceJson = { ads: {}, initialFetchTimeout: "0s", resourceApiVersion: "V3" };

/**
 * The sidecar's certificate and trust bundle come from files, so that service resources are the same for every client.
 * The directory is watched because kubelet swaps a symbolic link in it, which a watch of the file would miss.
 */
export const secretSources: { readonly certificate: SdsSecretConfigJson; readonly trust: SdsSecretConfigJson } = {
  certificate: secretFile(secretNames.certificate, paths.certificate),
  trust: secretFile(secretNames.trust, paths.trust),
};

function secretFile(name: string, path: string): SdsSecretConfigJson {
  return {
    name,
    sdsConfig: {
      pathConfigSource: { path, watchedDirectory: { path: paths.configuration } },
      resourceApiVersion: "V3",
    },
  };
}
