/**
 * Envoy's extensions that Heddle uses, and the one way to put one into a `typed_config`. An extension that is not in the
 * registry cannot be encoded, so nothing reaches a proxy whose fields were not checked.
 */
import type { DescMessage, MessageJsonType, Registry } from "@bufbuild/protobuf";
import { createRegistry } from "@bufbuild/protobuf";
import { ExpressionFilterSchema } from "./generated/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js";
import { ConfigSchema as StatsAccessLogSchema } from "./generated/envoy/extensions/access_loggers/stats/v3/stats_pb.js";
import { StdoutAccessLogSchema } from "./generated/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import { BufferSchema } from "./generated/envoy/extensions/filters/http/buffer/v3/buffer_pb.js";
import { CustomResponseSchema } from "./generated/envoy/extensions/filters/http/custom_response/v3/custom_response_pb.js";
import { HealthCheckSchema } from "./generated/envoy/extensions/filters/http/health_check/v3/health_check_pb.js";
import { RBACSchema as HttpRBACSchema } from "./generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { RouterSchema } from "./generated/envoy/extensions/filters/http/router/v3/router_pb.js";
import { OriginalDstSchema } from "./generated/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js";
import { TlsInspectorSchema } from "./generated/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { ConnectionLimitSchema } from "./generated/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.js";
import { HttpConnectionManagerSchema } from "./generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { RBACSchema as NetworkRBACSchema } from "./generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import { TcpProxySchema } from "./generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { LocalResponsePolicySchema } from "./generated/envoy/extensions/http/custom_response/local_response_policy/v3/local_response_policy_pb.js";
import { PreviousHostsPredicateSchema } from "./generated/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import { RawBufferSchema } from "./generated/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js";
import { SecretSchema } from "./generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "./generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { TcpConnectionPoolProtoSchema } from "./generated/envoy/extensions/upstreams/http/tcp/v3/tcp_connection_pool_pb.js";
import { HttpProtocolOptionsSchema } from "./generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import { HttpResponseLocalReplyMatchInputSchema } from "./generated/envoy/type/matcher/v3/status_code_input_pb.js";
import type { AnyJson } from "./generated/google/protobuf/any_pb.js";
import { TypedStructSchema } from "./generated/xds/type/v3/typed_struct_pb.js";

/** Every message that may be in an `Any`. */
export const extensionRegistry: Registry = createRegistry(
  ExpressionFilterSchema,
  StatsAccessLogSchema,
  StdoutAccessLogSchema,
  HttpConnectionManagerSchema,
  HttpRBACSchema,
  BufferSchema,
  CustomResponseSchema,
  HealthCheckSchema,
  HttpResponseLocalReplyMatchInputSchema,
  LocalResponsePolicySchema,
  TcpConnectionPoolProtoSchema,
  RouterSchema,
  OriginalDstSchema,
  TlsInspectorSchema,
  NetworkRBACSchema,
  ConnectionLimitSchema,
  TcpProxySchema,
  PreviousHostsPredicateSchema,
  RawBufferSchema,
  SecretSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
  HttpProtocolOptionsSchema,
  TypedStructSchema,
);

/** The type URL of a message. */
export const typeUrlOf = (schema: DescMessage): string => `type.googleapis.com/${schema.typeName}`;

/** The JSON form of an `Any` that holds this message. */
export function packed<Schema extends DescMessage>(schema: Schema, body: MessageJsonType<Schema> & object): AnyJson {
  return { "@type": typeUrlOf(schema), ...body };
}
