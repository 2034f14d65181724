/**
 * The inbound side of a workload class. What the redirect captured is told apart by its original port, and by whether it
 * is the mesh's TLS (by ALPN), other TLS, or plaintext:
 *
 *   mode        the mesh's TLS     plaintext       the application's own TLS
 *   Strict      terminated         reset           reset
 *   Permissive  terminated         served          carried as it is
 *   Disabled    terminated         served          carried as it is
 *
 * Permissive and Disabled differ in what clients do, not in what is accepted here: so no client is refused while it
 * changes over (docs/adr/0012).
 * Whatever is served goes through the class's policies to the address that it was for.
 */
import type { DryRun, InboundPort, SpiffeID, TLSMode, WorkloadClass } from "../model/mesh.ts";
import type { PortScope } from "../model/port-scope.ts";
import { alpn, ports as sidecarPorts } from "../model/sidecar.ts";
import type { AccessLogSetting } from "../model/snapshot.ts";
import { accessLog, refusedConnectionLog } from "./access-log.ts";
import { socketAddress, wildcardAddresses } from "./address.ts";
import { isHTTP } from "./cluster.ts";
import { guardChain, originalDestinationFilter } from "./common.ts";
import { encodeResource } from "./encode.ts";
import { packed } from "./extension.ts";
import type {
  FilterChainJson,
  FilterChainMatchJson,
  FilterJson,
  ListenerFilterJson,
} from "./generated/envoy/config/listener/v3/listener_components_pb.js";
import type { ListenerJson } from "./generated/envoy/config/listener/v3/listener_pb.js";
import type { RouteJson } from "./generated/envoy/config/route/v3/route_components_pb.js";
import type { RouteConfigurationJson } from "./generated/envoy/config/route/v3/route_pb.js";
import { TlsInspectorSchema } from "./generated/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import type { UpstreamConnectModeJson } from "./generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { connectionManager, http2Windows, internalOnlyHeaders } from "./http.ts";
import { clusterNames, listenerNames } from "./names.ts";
import { forwardClusters } from "./probes.ts";
import { authorizationResources, dryRunFilters, requestFilters } from "./rbac.ts";
import { connectionFilters } from "./rbac-connection.ts";
import type { EnvoyResource } from "./resource.ts";
import { serverFirstCallers } from "./server-first.ts";
import { inboundStatistics } from "./statistics.ts";
import { tcpKeepalive, tcpProxy } from "./tcp.ts";
import { serverSocket, trustDomainOf } from "./tls.ts";

const statPrefix = "inbound";

/** Ports of the sidecar itself, which no container can have. */
const guardedPorts: readonly number[] = [sidecarPorts.outbound, sidecarPorts.inbound];

/** Makes resources, unless they are at hand: made of the same input before. */
export type Remember = (input: unknown, make: () => readonly EnvoyResource[]) => readonly EnvoyResource[];

/** All resources of a workload class. */
export function classResources(
  workload: WorkloadClass,
  logged: AccessLogSetting = "errors",
  remember: Remember = (_input, make) => make(),
): readonly EnvoyResource[] {
  const input = listenerInput(workload, logged);
  return [
    ...remember(["listener", input], () => [encodeResource("listener", listenerNames.inbound, inboundListener(input))]),
    ...forwardClusters(workload.probes ?? [], workload.families),
    ...authorizationResources(
      workload,
      declaredPorts(workload).some(({ protocol }) => isHTTP(protocol)) ? ["http", "tcp"] : ["tcp"],
    ),
  ];
}

function declaredPorts(workload: WorkloadClass): readonly InboundPort[] {
  return workload.ports.filter(({ port }) => !guardedPorts.includes(port));
}

/**
 * All that the inbound listener is made of. It is most of what there is of a class, and what policies say of requests is no
 * part of it.
 */
interface ListenerInput
  extends Pick<WorkloadClass, "namespace" | "serviceAccount" | "identity" | "mode" | "tls" | "families"> {
  readonly logged: AccessLogSetting;
  readonly dryRuns: readonly Pick<DryRun, "name">[];
  readonly declared: readonly (InboundPort & {
    /** Whom the handshake lets in, where it judges. */
    readonly callers: readonly SpiffeID[] | undefined;
    readonly judges: Judges;
  })[];
  /** Of all other ports. */
  readonly judges: Judges;
}

/** The filters that judge connections, by whether a certificate says who calls. */
interface Judges {
  readonly identified: readonly FilterJson[];
  readonly unidentified: readonly FilterJson[];
}

function listenerInput(workload: WorkloadClass, logged: AccessLogSetting): ListenerInput {
  const { namespace, serviceAccount, identity, mode, tls, families, dryRuns = [] } = workload;
  const judgesOf = (scope: PortScope): Judges => ({
    identified: connectionFilters(workload, scope, "identified"),
    unidentified: connectionFilters(workload, scope, "unidentified"),
  });
  const declared = declaredPorts(workload).map((port) => ({
    ...port,
    callers: port.serverFirst === true ? serverFirstCallers(workload, port.port) : undefined,
    judges: judgesOf(port.port),
  }));
  return {
    ...{ namespace, serviceAccount, identity, mode, tls, families, logged, declared },
    dryRuns: dryRuns.map(({ name }) => ({ name })),
    judges: judgesOf({ otherThan: new Set(declared.map(({ port }) => port)) }),
  };
}

function inboundListener(workload: ListenerInput): ListenerJson {
  const { logged, declared } = workload;
  const [address, ...additional] = wildcardAddresses(workload.families).map((wildcard) =>
    socketAddress(wildcard, sidecarPorts.inbound),
  );
  if (address === undefined) {
    throw new Error("there is no address family to listen on");
  }
  const http = httpFilters(workload);
  const socket = serverSocket(trustDomainOf(workload.identity), workload.tls);
  const others = carriers(workload, workload.judges);
  return {
    name: listenerNames.inbound,
    address,
    // One listener for both families: what is said of each port is there once.
    ...(additional.length === 0 ? {} : { additionalAddresses: additional.map((other) => ({ address: other })) }),
    trafficDirection: "INBOUND",
    statPrefix,
    tcpKeepalive,
    accessLog: refusedConnectionLog(logged),
    listenerFilters: [originalDestinationFilter, tlsInspector],
    ...inspectionTimeout,
    filterChains: [
      ...guardedPorts.map(guardChain),
      ...declared.flatMap(({ port, protocol, mode, callers, judges }) => {
        if (callers !== undefined) return [identifiedChain(workload, port, callers)];
        const carried = carriers(workload, judges);
        const served = isHTTP(protocol) ? { mutualTLS: http, plaintext: http } : carried;
        return chains(String(port), { destinationPort: port }, mode, { served, carried: carried.plaintext, socket });
      }),
      ...chains("other", {}, workload.mode, { served: others, carried: others.plaintext, socket }),
    ],
  };
}

/** What is done with what arrives, by whether the mesh's TLS was terminated. */
interface Filters {
  readonly mutualTLS: FilterJson[];
  readonly plaintext: FilterJson[];
}

interface ChainParts {
  readonly served: Filters;
  /** For TLS that is not the mesh's. */
  readonly carried: FilterJson[];
  readonly socket: NonNullable<FilterChainJson["transportSocket"]>;
}

/**
 * The one chain of a port whose server speaks first, where policies apply. The handshake judges: a filter would wait for the
 * caller's first bytes, which come after the server's.
 */
function identifiedChain(workload: ListenerInput, port: number, callers: readonly SpiffeID[]): FilterChainJson {
  return {
    name: `${port}/mutual-tls`,
    filterChainMatch: {
      destinationPort: port,
      transportProtocol: "tls",
      applicationProtocols: [alpn.http1, alpn.http2],
    },
    transportSocket: serverSocket(trustDomainOf(workload.identity), workload.tls, callers),
    filters: carrier(workload, [], "ON_DOWNSTREAM_TLS_HANDSHAKE"),
  };
}

/** The chains of a port, or of all other ports. */
function chains(name: string, match: FilterChainMatchJson, mode: TLSMode, parts: ChainParts): FilterChainJson[] {
  const mutualTLS: FilterChainJson = {
    name: `${name}/mutual-tls`,
    filterChainMatch: { ...match, transportProtocol: "tls", applicationProtocols: [alpn.http1, alpn.http2] },
    transportSocket: parts.socket,
    filters: parts.served.mutualTLS,
  };
  if (mode === "Strict") {
    return [mutualTLS];
  }
  return [
    mutualTLS,
    { name: `${name}/tls`, filterChainMatch: { ...match, transportProtocol: "tls" }, filters: parts.carried },
    { name: `${name}/plaintext`, filterChainMatch: match, filters: parts.served.plaintext },
  ];
}

const httpFilters = (workload: ListenerInput): FilterJson[] => [
  connectionManager({
    statPrefix,
    accessLog: [...accessLog(workload.logged, "http", "inbound"), inboundStatistics("http", workload)],
    routeConfig: inboundRoutes(),
    httpFilters: [...requestFilters(workload)],
    // Hosts are compared without a port and without a trailing dot, and forwarded so: `secret.local.:80` is `secret.local`.
    stripAnyHostPort: true,
    stripTrailingHostDot: true,
    commonHttpProtocolOptions: {
      idleTimeout: "3600s",
      // Applications that read `x_role` as `x-role` would see a header that no policy saw.
      headersWithUnderscoresAction: "REJECT_REQUEST",
    },
    requestHeadersTimeout: "30s",
    http2ProtocolOptions: { ...http2Windows, maxConcurrentStreams: 100 },
    // What a caller claims is replaced by what its certificate says.
    forwardClientCertDetails: "SANITIZE_SET",
    setCurrentClientCertDetails: { uri: true },
  }),
];

/** A registered name without what applications read differently (`%`, `,`, `;`), or an address in brackets (RFC 3986, section 3.2.2). */
const hostLabel = "[A-Za-z0-9!$&'()*+=_~-]+";
const hostRE2 = `(\\[[0-9A-Fa-f:.]+\\]|${hostLabel}(\\.${hostLabel})*)?`;

/**
 * What normalisation leaves and an application may read as another host or path than policies see: that is served to nobody.
 *
 *   host   two Host headers, which arrive as one with a comma (RFC 9112, section 3.2, demands 400); `x:80:80`, of which one
 *          port is stripped; `x:`, `user@x`, `%78`
 *   path   `//`, since slashes are not merged where there is nothing else; `%2e%2e;`, which is decoded after `..;` was resolved
 */
const unjudged: readonly RouteJson[] = [
  {
    match: {
      prefix: "/",
      headers: [{ name: ":authority", stringMatch: { safeRegex: { regex: hostRE2 } }, invertMatch: true }],
    },
  },
  { match: { safeRegex: { regex: "//.*|.*/\\.\\.?(;|%3[bB]).*" } } },
].map(({ match }) => ({
  match,
  directResponse: { status: 400, body: { inlineString: "host or path not understood\n" } },
}));

function inboundRoutes(): RouteConfigurationJson {
  return {
    name: "inbound",
    validateClusters: false,
    internalOnlyHeaders,
    virtualHosts: [
      {
        name: "inbound",
        domains: ["*"],
        routes: [...unjudged, { match: { prefix: "/" }, route: { cluster: clusterNames.inbound, timeout: "0s" } }],
      },
    ],
  };
}

/**
 * Where a connection is judged, the application is dialed once the caller has sent something and was let in: else a denied
 * caller who stays silent could read a server's greeting. Elsewhere servers that speak first are heard at once, after the
 * handshake if there is one: a caller whose certificate is refused must not connect to the application either.
 */
function carriers(workload: ListenerInput, { identified, unidentified }: Judges): Filters {
  const carried = (judges: readonly FilterJson[], unjudged: ConnectMode | undefined) =>
    carrier(workload, judges, judges.length > 0 ? "ON_DOWNSTREAM_DATA" : unjudged);
  return {
    mutualTLS: carried(identified, "ON_DOWNSTREAM_TLS_HANDSHAKE"),
    plaintext: carried(unidentified, undefined),
  };
}

type ConnectMode = Exclude<UpstreamConnectModeJson, "IMMEDIATE">;

function carrier(
  workload: ListenerInput,
  judges: readonly FilterJson[],
  dialed: ConnectMode | undefined,
): FilterJson[] {
  return [
    // Dry runs judge nothing, and the rules of each are in a resource of its own: to edit one ends no connection. To begin or
    // end one changes the chain, which ends those that it has.
    ...dryRunFilters("tcp", workload),
    ...judges,
    tcpProxy({
      statPrefix,
      accessLog: [...accessLog(workload.logged, "tcp", "inbound"), inboundStatistics("tcp", workload)],
      cluster: clusterNames.inbound,
      ...(dialed === undefined ? {} : { upstreamConnectMode: dialed, maxEarlyDataBytes: 65_536 }),
    }),
  ];
}

const tlsInspector: ListenerFilterJson = {
  name: "envoy.filters.listener.tls_inspector",
  typedConfig: packed(TlsInspectorSchema, {}),
};

/**
 * How long to wait for the first bytes. A client of a server that speaks first sends none, and after this is taken for one
 * in plaintext: served, or refused where only the mesh's TLS is. Clients of the mesh speak first. It is the same in every
 * mode: a listener in which more than chains changes closes all its connections, those of the mesh too.
 */
const inspectionTimeout: Pick<ListenerJson, "listenerFiltersTimeout" | "continueOnListenerFiltersTimeout"> = {
  listenerFiltersTimeout: "1s",
  continueOnListenerFiltersTimeout: true,
};
