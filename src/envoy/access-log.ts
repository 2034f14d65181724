/**
 * Access logs: one JSON object per line on standard output; a field without a value is left out. Envoy escapes what users
 * wrote (methods, hosts, paths, request ids), so a line stays one line and valid JSON whatever they wrote.
 *
 * Left out on purpose: queries, and headers but for the request's id, since secrets travel in them.
 */
import type { AccessLogSetting } from "../model/snapshot.ts";
import { packed } from "./extension.ts";
import type { AccessLogFilterJson, AccessLogJson } from "./generated/envoy/config/accesslog/v3/accesslog_pb.js";
import { ExpressionFilterSchema } from "./generated/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js";
import { StdoutAccessLogSchema } from "./generated/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import type { StructJson } from "./generated/google/protobuf/struct_pb.js";
import { rbacStatPrefixes } from "./names.ts";

/** Which side of the sidecar a connection is on. */
export type LogDirection = "inbound" | "outbound";

/** What is logged: a request, or a connection whose requests cannot be seen. */
export type LogLayer = "http" | "tcp";

/** Sizes are in bytes, times in milliseconds. Names as in Istio's access log, so that what reads that one reads this one. */
const ofAll: StructJson = {
  start_time: "%START_TIME%",
  duration: "%DURATION%",
  bytes_received: "%BYTES_RECEIVED%",
  bytes_sent: "%BYTES_SENT%",
  response_flags: "%RESPONSE_FLAGS%",
  downstream_remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
  downstream_local_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
};

const ofLayer: Readonly<Record<LogLayer, StructJson>> = {
  http: {
    request_id: "%REQ(X-REQUEST-ID):128%",
    method: "%REQ(:METHOD):32%",
    authority: "%REQ(:AUTHORITY):256%",
    path: "%PATH(NQ:PATH):1024%",
    protocol: "%PROTOCOL%",
    response_code: "%RESPONSE_CODE%",
    // Names the policy of a denial too.
    response_code_details: "%RESPONSE_CODE_DETAILS%",
    grpc_status: "%GRPC_STATUS_NUMBER%",
  },
  tcp: { connection_termination_details: "%CONNECTION_TERMINATION_DETAILS%" },
};

const ofUpstream: StructJson = {
  upstream_cluster: "%UPSTREAM_CLUSTER%",
  upstream_host: "%UPSTREAM_HOST%",
  upstream_transport_failure_reason: "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
};

const decidingPolicy = (action: keyof typeof rbacStatPrefixes): string =>
  `%DYNAMIC_METADATA(envoy.filters.http.rbac:${rbacStatPrefixes[action]}enforced_effective_policy_id)%`;

/** The verified identity of the peer, and which rule of which policy (`namespace/name/index`) let the request pass or not. */
const ofDirection: Readonly<Record<LogDirection, Readonly<Record<LogLayer, StructJson>>>> = {
  inbound: {
    http: {
      source_principal: "%DOWNSTREAM_PEER_URI_SAN%",
      allow_policy: decidingPolicy("ALLOW"),
      deny_policy: decidingPolicy("DENY"),
    },
    tcp: { source_principal: "%DOWNSTREAM_PEER_URI_SAN%" },
  },
  outbound: {
    http: { destination_principal: "%UPSTREAM_PEER_URI_SAN%" },
    tcp: { destination_principal: "%UPSTREAM_PEER_URI_SAN%" },
  },
};

/** A network filter that closes a connection leaves no response flag, but says why. */
const errors: Readonly<Record<LogLayer, AccessLogFilterJson>> = {
  http: anyOf(
    {
      statusCodeFilter: {
        comparison: { op: "GE", value: { defaultValue: 400, runtimeKey: "heddle.access_log.status" } },
      },
    },
    // gRPC says its errors in a trailer, under the status 200.
    allOf(
      { headerFilter: { header: { name: "content-type", stringMatch: { prefix: "application/grpc" } } } },
      { grpcStatusFilter: { statuses: ["OK"], exclude: true } },
    ),
    { responseFlagFilter: {} },
  ),
  tcp: anyOf({ responseFlagFilter: {} }, expression("connection.termination_details != ''")),
};

/** The access logs of a connection manager or a TCP proxy. */
export function accessLog(setting: AccessLogSetting, layer: LogLayer, direction: LogDirection): AccessLogJson[] {
  const fields = { direction, ...ofAll, ...ofLayer[layer], ...ofUpstream, ...ofDirection[direction][layer] };
  return lines(setting, fields, setting === "all" ? undefined : errors[layer]);
}

/**
 * The access logs of the inbound listener: connections that no filter chain took, such as plaintext under Strict, and
 * those whose TLS handshake failed. They reach no connection manager and no TCP proxy, so that no other log has them.
 */
export function refusedConnectionLog(setting: AccessLogSetting): AccessLogJson[] {
  const fields = {
    direction: "inbound",
    ...ofAll,
    // No identity: what a certificate says that was not verified is worth nothing.
    response_code_details: "%RESPONSE_CODE_DETAILS%",
    downstream_transport_failure_reason: "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
    requested_server_name: "%REQUESTED_SERVER_NAME%",
  };
  // The inspector, too, leaves a reason with every plaintext connection; that of a handshake has a colon there.
  const handshake = expression("connection.transport_failure_reason.startsWith('TLS_error:')");
  return lines(setting, fields, anyOf({ responseFlagFilter: { flags: ["NR"] } }, handshake));
}

function lines(
  setting: AccessLogSetting,
  fields: StructJson,
  filter: AccessLogFilterJson | undefined,
): AccessLogJson[] {
  if (setting === "off") return [];
  return [
    {
      // Not the file logger on /dev/stdout, which fails where the proxy is not the owner of that file.
      name: "envoy.access_loggers.stdout",
      ...(filter === undefined ? {} : { filter }),
      typedConfig: packed(StdoutAccessLogSchema, { logFormat: { jsonFormat: fields, omitEmptyValues: true } }),
    },
  ];
}

function anyOf(...filters: AccessLogFilterJson[]): AccessLogFilterJson {
  return { orFilter: { filters } };
}

function allOf(...filters: AccessLogFilterJson[]): AccessLogFilterJson {
  return { andFilter: { filters } };
}

/** A filter in CEL over Envoy's attributes; false where an attribute is missing. */
function expression(text: string): AccessLogFilterJson {
  const typedConfig = packed(ExpressionFilterSchema, { expression: text });
  return { extensionFilter: { name: "envoy.access_loggers.extension_filters.cel", typedConfig } };
}
