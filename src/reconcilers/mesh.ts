/** Pass 7: what the passes before have found, put together as the typed middle. */
import type { MeshEndpoint, MeshService, WorkloadClass } from "../model/mesh.ts";
import { objectKey } from "../model/object-key.ts";
import { compare } from "../model/workload.ts";
import type { WorkloadPolicies } from "./authorization-policy.ts";
import type { Lookup } from "./derivation.ts";
import type { ServiceEndpoint } from "./endpoints.ts";
import type { PortHolds, WorkloadTLS } from "./mesh-tls.ts";
import { clientsSpeakTLS, heldModes } from "./mesh-tls.ts";
import { distinctReferences } from "./objects.ts";
import type { ClientService } from "./services.ts";
import { sidecarPorts } from "./services.ts";
import type { SplitDecisions } from "./traffic-split.ts";
import type { Workload } from "./workloads.ts";

/** How endpoints are spoken to. */
interface Speaking {
  /** By class id, as the other. */
  readonly tls: Lookup<WorkloadTLS>;
  readonly holds: Lookup<PortHolds>;
}

/** A service as any client sees it. */
export function meshService(
  service: ClientService,
  given: Speaking & { readonly splits: SplitDecisions },
): MeshService {
  const { key, namespace, name, addresses } = service;
  const ports = service.ports.map((port) => {
    const endpoints = port.endpoints.map((endpoint): MeshEndpoint => {
      return { address: endpoint.address, port: endpoint.port, mutualTLS: speaksMutualTLS(endpoint, given) };
    });
    const identities = port.endpoints.flatMap((endpoint) =>
      endpoint.workload !== undefined && speaksMutualTLS(endpoint, given) ? [endpoint.workload.identity] : [],
    );
    const serverIdentities = [...new Set(identities)].sort(compare);
    const { port: number, name: portName, protocol } = port;
    const routing = given.splits.routingOf(service, port);
    const mirrored = given.splits.isMirrored(service, port) ? ({ mirrored: true } as const) : {};
    return { port: number, name: portName, protocol, endpoints, serverIdentities, routing, ...mirrored };
  });
  return { key, namespace, name, addresses, ports };
}

function speaksMutualTLS({ workload, port }: ServiceEndpoint, { tls, holds }: Speaking): boolean {
  const modes = workload === undefined ? undefined : tls.get(workload.id);
  const isCaptured = !sidecarPorts.has(port) && workload?.record.excludedPorts.includes(port) !== true;
  if (workload === undefined || modes === undefined || !isCaptured) return false;
  return clientsSpeakTLS(modes, port, holds.get(workload.id));
}

const closedTLS: WorkloadTLS = { mode: "Strict", ports: [], parameters: {}, origins: [] };

/** A workload with what services and policies have made of it. */
export function workloadClass(
  workload: Workload,
  { tls, holds }: Speaking,
  authorization: Lookup<WorkloadPolicies>,
): WorkloadClass {
  const { id, namespace, serviceAccount, identity, labels, families } = workload;
  // Both passes decide for every workload; if one did not, the workload is closed rather than open.
  const decided = tls.get(id) ?? closedTLS;
  const { mode, ports } = heldModes(decided, holds.get(id));
  const { deny, allow, dryRuns } = authorization.get(id) ?? { deny: [], allow: [], dryRuns: [] };
  const policies = [...deny, ...(allow ?? []), ...dryRuns].map(({ origin }) => origin);
  return {
    id,
    namespace,
    serviceAccount,
    identity,
    labels,
    pods: workload.pods.map(objectKey),
    ports,
    mode,
    tls: decided.parameters,
    deny,
    allow,
    ...(workload.record.probes.length === 0 ? {} : { probes: workload.record.probes }),
    ...(dryRuns.length === 0 ? {} : { dryRuns }),
    families,
    origins: distinctReferences([...policies, ...decided.origins]),
  };
}
