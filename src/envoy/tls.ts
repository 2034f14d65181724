/** Mutual TLS between sidecars, and from a sidecar to the operator. */
import type { SpiffeID, TLSParameters, TLSVersion } from "../model/mesh.ts";
import { packed } from "./extension.ts";
import type { TransportSocketJson } from "./generated/envoy/config/core/v3/base_pb.js";
import { RawBufferSchema } from "./generated/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js";
import type {
  SubjectAltNameMatcherJson,
  TlsParameters_TlsProtocolJson,
  TlsParametersJson,
} from "./generated/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import type { CommonTlsContextJson } from "./generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "./generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { secretSources } from "./source.ts";

/**
 * No certificate carries it: `.invalid` is reserved (RFC 6761), and the path is none of ours. Envoy takes an empty list of
 * names for "any certificate of the CA", so a server whose identities are unknown is given this one.
 */
export const impossibleIdentity: SpiffeID = "spiffe://heddle.invalid/no-identity";

/** The trust domain of a SPIFFE ID (SPIFFE-ID section 2.1). Throws if it is none. */
export function trustDomainOf(identity: SpiffeID): string {
  const [scheme, empty, trustDomain] = identity.split("/");
  if (scheme !== "spiffe:" || empty !== "" || trustDomain === undefined || trustDomain === "") {
    throw new Error(`${identity} is not a SPIFFE ID`);
  }
  return trustDomain;
}

/** No encryption. */
export const plaintextSocket: TransportSocketJson = {
  name: "envoy.transport_sockets.raw_buffer",
  typedConfig: packed(RawBufferSchema, {}),
};

/** Dials with the sidecar's own certificate and accepts no server but these identities (secure naming). */
export function clientSocket(serverIdentities: readonly SpiffeID[], alpnProtocol: string): TransportSocketJson {
  const accepted = serverIdentities.length === 0 ? [impossibleIdentity] : serverIdentities;
  return {
    name: "envoy.transport_sockets.tls",
    typedConfig: packed(UpstreamTlsContextSchema, {
      commonTlsContext: {
        // Whatever a server's MeshTLS demands is among what clients offer.
        ...commonContext(
          accepted.map((identity) => ({ sanType: "URI", matcher: { exact: identity } })),
          {},
        ),
        alpnProtocols: [alpnProtocol],
      },
      // A resumed session skips the check of the server's certificate, so it would outlive a change of trust.
      maxSessionKeys: 0,
    }),
  };
}

/**
 * Demands a certificate with an identity of the trust domain, or with one of these where only they may call. It negotiates no ALPN protocol: the client's ALPN only says
 * that the TLS is the mesh's, and Envoy's codec would not know the names.
 */
export function serverSocket(
  trustDomain: string,
  parameters: TLSParameters,
  callers?: readonly SpiffeID[],
): TransportSocketJson {
  const exactly = callers?.length === 0 ? [impossibleIdentity] : callers;
  const matchers = exactly?.map((identity) => ({ exact: identity })) ?? [{ prefix: `spiffe://${trustDomain}/` }];
  return {
    name: "envoy.transport_sockets.tls",
    typedConfig: packed(DownstreamTlsContextSchema, {
      commonTlsContext: commonContext(
        matchers.map((matcher) => ({ sanType: "URI", matcher })),
        parameters,
      ),
      requireClientCertificate: true,
      disableStatelessSessionResumption: true,
      disableStatefulSessionResumption: true,
    }),
  };
}

const protocols: Readonly<Record<TLSVersion, TlsParameters_TlsProtocolJson>> = { TLS12: "TLSv1_2", TLS13: "TLSv1_3" };

function tlsParams({ minVersion, maxVersion, cipherSuites }: TLSParameters): TlsParametersJson {
  return {
    tlsMinimumProtocolVersion: protocols[minVersion ?? "TLS12"],
    tlsMaximumProtocolVersion: protocols[maxVersion ?? "TLS13"],
    ...(cipherSuites === undefined ? {} : { cipherSuites: [...cipherSuites] }),
  };
}

function commonContext(names: readonly SubjectAltNameMatcherJson[], parameters: TLSParameters): CommonTlsContextJson {
  return {
    tlsParams: tlsParams(parameters),
    tlsCertificateSdsSecretConfigs: [secretSources.certificate],
    combinedValidationContext: {
      defaultValidationContext: { matchTypedSubjectAltNames: [...names] },
      validationContextSdsSecretConfig: secretSources.trust,
    },
  };
}
