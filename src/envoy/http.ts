/** What every HTTP connection manager of a sidecar has in common, and what its HTTP/2 connections may use up. */
import { packed } from "./extension.ts";
import type { Http2ProtocolOptionsJson } from "./generated/envoy/config/core/v3/protocol_pb.js";
import type { FilterJson } from "./generated/envoy/config/listener/v3/listener_components_pb.js";
import { RouterSchema } from "./generated/envoy/extensions/filters/http/router/v3/router_pb.js";
import type {
  HttpConnectionManagerJson,
  HttpFilterJson,
} from "./generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { HttpConnectionManagerSchema } from "./generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";

/** How long a stream may be without a byte in either direction: server-sent events and long polls stay silent for long. */
export const streamIdleTimeout = "3600s";

/** Windows of Envoy's edge best practices: what one stream and one connection may make the proxy buffer. */
export const http2Windows: Http2ProtocolOptionsJson = {
  initialStreamWindowSize: 65_536,
  initialConnectionWindowSize: 1_048_576,
};

/**
 * Headers by which a caller could speak for the proxy before it. Envoy itself removes more from requests that are not
 * internal (retries, timeouts); these it would remove at an edge only.
 */
export const internalOnlyHeaders = [
  "x-envoy-decorator-operation",
  "x-envoy-downstream-service-cluster",
  "x-envoy-downstream-service-node",
  "x-envoy-original-host",
  "x-envoy-original-path",
];

/** Sends the request on. Adds no `x-envoy-*` headers: the application sees what its peer sent. */
export const routerFilter: HttpFilterJson = {
  name: "envoy.filters.http.router",
  typedConfig: packed(RouterSchema, { suppressEnvoyHeaders: true }),
};

/** The parts in which connection managers differ. */
export type ConnectionManagerParts = HttpConnectionManagerJson &
  Required<Pick<HttpConnectionManagerJson, "statPrefix">>;

/**
 * An HTTP connection manager. Paths are normalised before anything matches them, and forwarded so, because a policy that
 * sees another path than the application can be evaded (CVE-2019-9901, CVE-2021-29492).
 */
export function connectionManager(parts: ConnectionManagerParts): FilterJson {
  return {
    name: "envoy.filters.network.http_connection_manager",
    typedConfig: packed(HttpConnectionManagerSchema, {
      codecType: "AUTO",
      normalizePath: true,
      mergeSlashes: true,
      pathWithEscapedSlashesAction: "UNESCAPE_AND_FORWARD",
      // No address makes a request internal, so `x-envoy-*` headers of a caller are removed; X-Forwarded-For stays as it is.
      useRemoteAddress: false,
      internalAddressConfig: {},
      generateRequestId: true,
      serverHeaderTransformation: "PASS_THROUGH",
      streamIdleTimeout,
      httpProtocolOptions: {
        acceptHttp10: true,
        // Some clients offer TLS within HTTP/1.1 (RFC 2817) on every request; a server may ignore the offer.
        ignoreHttp11Upgrade: [{ prefix: "TLS/", ignoreCase: true }],
      },
      upgradeConfigs: [{ upgradeType: "websocket" }],
      ...parts,
      httpFilters: [...(parts.httpFilters ?? []), routerFilter],
    }),
  };
}
