/** Connections that are carried as they are. */
import { packed } from "./extension.ts";
import type { TcpKeepaliveJson } from "./generated/envoy/config/core/v3/address_pb.js";
import type { FilterJson } from "./generated/envoy/config/listener/v3/listener_components_pb.js";
import type { TcpProxyJson } from "./generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { TcpProxySchema } from "./generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";

/** A peer that vanished is noticed after 60 s + 3 * 15 s of silence. */
export const tcpKeepalive: TcpKeepaliveJson = { keepaliveTime: 60, keepaliveInterval: 15, keepaliveProbes: 3 };

/**
 * Carries a connection to a cluster. It has no idle timeout, as without a mesh: pools of database connections stay silent
 * for hours; the keep-alives notice dead peers.
 */
export function tcpProxy(parts: TcpProxyJson & Required<Pick<TcpProxyJson, "statPrefix">>): FilterJson {
  return {
    name: "envoy.filters.network.tcp_proxy",
    typedConfig: packed(TcpProxySchema, { idleTimeout: "0s", ...parts }),
  };
}
